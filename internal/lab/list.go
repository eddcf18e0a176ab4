package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Summary describes a lab to people and programs.
type Summary struct {
	Name       string          `json:"name"`
	State      string          `json:"state"`            // up or broken
	Reason     string          `json:"reason,omitempty"` // why it is broken
	Dir        string          `json:"dir"`
	Controller string          `json:"controller,omitempty"`
	Switches   []SwitchSummary `json:"switches"`
	Hosts      []HostSummary   `json:"hosts"`
}

// SwitchSummary describes a switch of a lab.
type SwitchSummary struct {
	Name string `json:"name"`
	Dpid string `json:"dpid"`
}

// HostSummary describes a host of a lab.
type HostSummary struct {
	Name       string         `json:"name"`
	Namespace  string         `json:"namespace"`
	Switch     string         `json:"switch"`
	Port       uint16         `json:"port"`
	MAC        string         `json:"mac"`
	Up         bool           `json:"up"`
	Interfaces []AddressGroup `json:"interfaces"`
}

// AddressGroup is one interface of a host and the addresses the topology gave it.
type AddressGroup struct {
	Name      string         `json:"name"`
	VLAN      uint16         `json:"vlan,omitempty"`
	Addresses []netip.Prefix `json:"addresses"`
}

// List describes the labs under base, by name. An empty base is DefaultBase.
func List(base string) ([]Summary, error) {
	opts := Options{Base: base}.withDefaults()
	names, err := labNames(opts.Base)
	if err != nil {
		return nil, err
	}
	list := []Summary{}
	for _, name := range names {
		s, err := loadState(runDir(opts.Base, name))
		if err != nil {
			list = append(list, Summary{Name: name, State: "broken", Reason: err.Error(), Dir: runDir(opts.Base, name)})
			continue
		}
		list = append(list, summarise(opts.Base, s))
	}
	return list, nil
}

func summarise(base string, s *state) Summary {
	out := Summary{
		Name: s.Name, State: "up", Dir: runDir(base, s.Name), Controller: s.Controller,
		Switches: []SwitchSummary{}, Hosts: []HostSummary{},
	}
	if fault := s.fault(); fault != "" {
		out.State, out.Reason = "broken", fault
	}
	for _, sw := range s.Topology.Switches {
		out.Switches = append(out.Switches, SwitchSummary{Name: sw.Name, Dpid: FormatDpid(sw.Dpid)})
	}
	for _, h := range s.Topology.Hosts {
		host := HostSummary{
			Name: h.Name, Namespace: namespaceName(s.Name, h.Name), Switch: h.Switch, Port: h.Port,
			MAC: h.MAC.String(), Up: !h.Down, Interfaces: []AddressGroup{},
		}
		for _, i := range h.Interfaces() {
			host.Interfaces = append(host.Interfaces, AddressGroup(i))
		}
		out.Hosts = append(out.Hosts, host)
	}
	return out
}

// Find returns the lab under base that has this host or switch. The member may be written
// LAB/MEMBER; otherwise only one lab may have it, or be named by lab.
func Find(base, lab, member string) (*Lab, string, error) {
	if prefix, rest, ok := strings.Cut(member, "/"); ok {
		lab, member = prefix, rest
	}
	if lab != "" {
		l, err := Open(base, lab)
		return l, member, err
	}
	names, err := labNames(Options{Base: base}.withDefaults().Base)
	if err != nil {
		return nil, "", err
	}
	var found []*Lab
	var errs []error
	for _, name := range names {
		l, err := Open(base, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if slices.Contains(l.Topology().members(), member) {
			found = append(found, l)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], member, nil
	case len(found) > 1:
		return nil, "", fmt.Errorf("several labs have %q: say which as %s/%s", member, found[0].Name(), member)
	case len(names) == 0:
		return nil, "", fmt.Errorf("%w: start one with isat lab up", ErrNoLab)
	}
	return nil, "", errors.Join(append(errs, fmt.Errorf("no host or switch %q in %s", member, strings.Join(names, ", ")))...)
}

// ErrNoLab is the cause when no lab is up at all.
var ErrNoLab = errors.New("no lab is up")
