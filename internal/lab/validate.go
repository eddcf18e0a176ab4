package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"

	"github.com/isat-sdn/isat/packet"
)

// Problem is one thing that is wrong with a topology.
type Problem struct {
	Path string // where, as in hosts[2].switch
	Msg  string // what, and what was expected
}

func (p Problem) Error() string { return p.Path + ": " + p.Msg }

const (
	maxPortName = 15     // IFNAMSIZ-1: a host's name is also a kernel interface and an OpenFlow port name
	maxVLAN     = 4094   // IEEE 802.1Q §9.6: 0 and 4095 are reserved
	maxPort     = 0xfeff // what Open vSwitch takes as ofport_request: 1 to 65279 (ovs-vswitchd.conf.db(5))
)

var (
	labName    = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,30}$`)
	memberName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,14}$`)
	protocol   = regexp.MustCompile(`^OpenFlow1[0-5]$`)
)

// Validate returns everything that is wrong with the topology as one joined error of Problems.
func (t Topology) Validate() error {
	var v validator
	t.validate(&v)
	return errors.Join(v.errs...)
}

type validator struct{ errs []error }

func (v *validator) addf(path, format string, args ...any) {
	v.errs = append(v.errs, Problem{Path: path, Msg: fmt.Sprintf(format, args...)})
}

func (t Topology) validate(v *validator) {
	if !labName.MatchString(t.Name) {
		v.addf("name", "%q is not a lab name: lower-case letters, digits and dashes, at most 31", t.Name)
	}
	if t.Controller != "" {
		if _, err := parseTarget(t.Controller); err != nil {
			v.addf("controller", "%v", err)
		}
	}
	if len(t.Switches) == 0 {
		v.addf("switches", "a lab needs at least one switch")
	}
	names := map[string]string{SwitchNamespace: "the switches' namespace", "lo": "the loopback interface",
		"ovs_netdev": "the datapath's own interface"}
	t.validateSwitches(v, names)
	t.validateHosts(v, names)
	t.validateLinks(v)
}

// claim notes that path uses a name, which hosts and switches share: both become interfaces of the
// switch's namespace.
func claim(v *validator, names map[string]string, path, what, name string) {
	if !memberName.MatchString(name) {
		v.addf(path+".name", "%q is not a %s name: lower-case letters, digits and underscores, a letter first, at most %d",
			name, what, maxPortName)
		return
	}
	if owner, taken := names[name]; taken {
		v.addf(path+".name", "%q is already the name of %s", name, owner)
		return
	}
	names[name] = path
}

func (t Topology) validateSwitches(v *validator, names map[string]string) {
	dpids := map[uint64]string{}
	for i, s := range t.Switches {
		path := fmt.Sprintf("switches[%d]", i)
		claim(v, names, path, "switch", s.Name)
		dpid := s.Dpid
		if dpid == 0 {
			dpid = uint64(i + 1)
		}
		if owner, taken := dpids[dpid]; taken {
			v.addf(path+".dpid", "datapath id %s is already that of %s", FormatDpid(dpid), owner)
		}
		dpids[dpid] = path
		for j, p := range s.Protocols {
			if !protocol.MatchString(p) {
				v.addf(fmt.Sprintf("%s.protocols[%d]", path, j), "%q is not an OpenFlow version: one of OpenFlow10 to OpenFlow15", p)
			}
		}
	}
}

func (t Topology) validateHosts(v *validator, names map[string]string) {
	macs := map[packet.MAC]string{}
	ports := map[string]string{}
	for i, h := range t.Hosts {
		path := fmt.Sprintf("hosts[%d]", i)
		claim(v, names, path, "host", h.Name)
		t.validatePlace(v, path, h, ports)
		if h.MAC != (packet.MAC{}) {
			if h.MAC.IsMulticast() {
				v.addf(path+".mac", "%v is a multicast address: a host's address has an even first byte", h.MAC)
			}
			if owner, taken := macs[h.MAC]; taken {
				v.addf(path+".mac", "%v is already the address of %s", h.MAC, owner)
			}
			macs[h.MAC] = path
		}
		validateAddressing(v, path, h)
	}
}

func (t Topology) validatePlace(v *validator, path string, h Host, ports map[string]string) {
	sw := h.Switch
	switch {
	case sw == "" && len(t.Switches) == 1:
		sw = t.Switches[0].Name
	case sw == "":
		v.addf(path+".switch", "missing: the lab has %d switches", len(t.Switches))
	case t.switchNamed(sw) < 0:
		v.addf(path+".switch", "there is no switch %q", sw)
	}
	if h.Port == 0 {
		return
	}
	if h.Port > maxPort {
		v.addf(path+".port", "%d is not a port number: 1 to %d", h.Port, maxPort)
	}
	key := fmt.Sprintf("%s:%d", sw, h.Port)
	if owner, taken := ports[key]; taken {
		v.addf(path+".port", "port %d of %s is already that of %s", h.Port, sw, owner)
	}
	ports[key] = path
}

func validateAddressing(v *validator, path string, h Host) {
	checkPrefixes(v, path+".addresses", h.Addresses)
	vlans := map[uint16]bool{}
	if h.VLAN != 0 {
		checkVLAN(v, path+".vlan", h.VLAN)
		vlans[h.VLAN] = true
	}
	for i, tagged := range h.VLANs {
		p := fmt.Sprintf("%s.vlans[%d]", path, i)
		checkVLAN(v, p+".id", tagged.ID)
		if vlans[tagged.ID] {
			v.addf(p+".id", "VLAN %d is already an interface of this host", tagged.ID)
		}
		vlans[tagged.ID] = true
		checkPrefixes(v, p+".addresses", tagged.Addresses)
	}
	families := map[bool]bool{}
	for i, gw := range h.Gateways {
		p := fmt.Sprintf("%s.gateways[%d]", path, i)
		if families[gw.Is4()] {
			v.addf(p, "a second default route of the same family")
		}
		families[gw.Is4()] = true
		if !onLink(h, gw) {
			v.addf(p, "%v is in none of the host's prefixes", gw)
		}
	}
}

func onLink(h Host, gw netip.Addr) bool {
	for _, i := range h.Interfaces() {
		for _, p := range i.Addresses {
			if p.Contains(gw) {
				return true
			}
		}
	}
	return false
}

func checkVLAN(v *validator, path string, id uint16) {
	if id < 1 || id > maxVLAN {
		v.addf(path, "%d is not a VLAN: 1 to %d", id, maxVLAN)
	}
}

func checkPrefixes(v *validator, path string, prefixes []netip.Prefix) {
	seen := map[netip.Addr]bool{}
	for i, p := range prefixes {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch a := p.Addr(); {
		case !p.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || a.Is4In6():
			v.addf(at, "%v is not an address a host can have", p)
		case seen[a]:
			v.addf(at, "%v is there twice", a)
		default:
			seen[a] = true
		}
	}
}

func (t Topology) validateLinks(v *validator) {
	seen := map[string]bool{}
	for i, l := range t.Links {
		path := fmt.Sprintf("links[%d]", i)
		for _, end := range []struct{ key, name string }{{".a", l.A}, {".b", l.B}} {
			switch {
			case end.name == "":
				v.addf(path+end.key, "missing: a link has the switches a and b")
			case t.switchNamed(end.name) < 0:
				v.addf(path+end.key, "there is no switch %q", end.name)
			}
		}
		a, b := l.PortNames()
		switch {
		case l.A == l.B:
			v.addf(path, "both ends are %q", l.A)
		case seen[a]:
			v.addf(path, "%s and %s are already linked", l.A, l.B)
		case len(a) > maxPortName:
			v.addf(path, "the port name %q is longer than %d characters: use shorter switch names", a, maxPortName)
		}
		seen[a], seen[b] = true, true
	}
}

// target is where a controller listens.
type target struct{ network, address string }

// parseTarget takes an Open vSwitch controller target, tcp:HOST:PORT with [HOST] for IPv6. The
// port may be left out and is then 6653 (IANA, OpenFlow).
func parseTarget(s string) (target, error) {
	rest, ok := strings.CutPrefix(s, "tcp:")
	if !ok {
		return target{}, fmt.Errorf("%q is not a controller: expected tcp:HOST:PORT", s)
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil {
		host, port = strings.Trim(rest, "[]"), "6653"
		if strings.Contains(host, ":") && !strings.HasPrefix(rest, "[") {
			return target{}, fmt.Errorf("%q is not a controller: write an IPv6 address as tcp:[ADDRESS]:PORT", s)
		}
	}
	if host == "" {
		return target{}, fmt.Errorf("%q is not a controller: the host is missing", s)
	}
	if n, err := net.LookupPort("tcp", port); err != nil || n == 0 {
		return target{}, fmt.Errorf("%q is not a controller: %q is not a port", s, port)
	}
	return target{network: "tcp", address: net.JoinHostPort(host, port)}, nil
}
