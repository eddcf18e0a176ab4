package cli

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/view"
)

// networkDocument is a network in the form of the intent file.
type networkDocument struct {
	Kind     string            `yaml:"kind"`
	Name     string            `yaml:"name"`
	Number   uint32            `yaml:"number"`
	Unknown  string            `yaml:"unknown,omitempty"`
	Subnets  []subnetDocument  `yaml:"subnets,omitempty"`
	Ports    []portDocument    `yaml:"ports,omitempty"`
	Bindings []bindingDocument `yaml:"bindings,omitempty"`
}

type subnetDocument struct {
	Prefix     string `yaml:"prefix"`
	Gateway    string `yaml:"gateway,omitempty"`
	GatewayMAC string `yaml:"gatewayMAC,omitempty"`
}

type portDocument struct {
	Switch string `yaml:"switch"`
	Port   string `yaml:"port"`
	VLAN   uint16 `yaml:"vlan,omitempty"`
}

type bindingDocument struct {
	IP   string   `yaml:"ip"`
	MAC  string   `yaml:"mac,omitempty"`
	MACs []string `yaml:"macs,omitempty"`
}

// defaultNetwork has every port that no other network has, so its ports are
// not part of what was asked for.
const defaultNetwork = "default"

// printIntent prints networks so that "isat run --intent" can read them again.
func printIntent(ctx context.Context, c *client.Client, networks []view.Network, w io.Writer) error {
	ports, err := c.Ports(ctx, api.Filter{})
	if err != nil {
		return err
	}
	e := yaml.NewEncoder(w, yaml.IndentSequence(true))
	for _, n := range networks {
		bindings, err := c.Bindings(ctx, api.Filter{Network: n.Name})
		if err != nil {
			return err
		}
		if err := e.Encode(documentOf(n, ports, bindings)); err != nil {
			return err
		}
	}
	return e.Close()
}

func documentOf(n view.Network, ports []view.Port, bindings []view.Binding) networkDocument {
	d := networkDocument{Kind: "network", Name: n.Name, Number: n.Number, Unknown: n.Unknown}
	for _, s := range n.Subnets {
		d.Subnets = append(d.Subnets, subnetDocument(s))
	}
	for _, p := range ports {
		for _, m := range p.Networks {
			if name, vlan := splitVLAN(m); name == n.Name && (name != defaultNetwork || vlan != 0) {
				d.Ports = append(d.Ports, portDocument{Switch: p.Switch, Port: p.Name, VLAN: vlan})
			}
		}
	}
	for _, b := range bindings {
		if b.Origin != "static" {
			continue
		}
		doc := bindingDocument{IP: b.IP, MAC: b.MAC}
		if len(b.Permitted) > 1 {
			doc.MAC, doc.MACs = "", b.Permitted
		}
		d.Bindings = append(d.Bindings, doc)
	}
	return d
}

// splitVLAN takes a membership such as blue@10 apart.
func splitVLAN(s string) (name string, vlan uint16) {
	name, text, tagged := strings.Cut(s, "@")
	if !tagged {
		return name, 0
	}
	v, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return s, 0
	}
	return name, uint16(v)
}
