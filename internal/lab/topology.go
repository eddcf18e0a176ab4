package lab

import (
	"embed"
	"fmt"
	"io/fs"
	"net/netip"
	"path"
	"sort"
	"strings"

	"github.com/isat-sdn/isat/packet"
)

//go:embed topologies/*.yaml
var builtinFiles embed.FS

// SwitchNamespace is the name that the switch's side of a lab has among its namespaces
// (isat-NAME-sw). No host may bear it.
const SwitchNamespace = "sw"

// DefaultProtocols are the OpenFlow versions a switch offers unless its topology says otherwise.
// isat speaks 1.3; the newer ones are there so that version negotiation is exercised.
var DefaultProtocols = []string{"OpenFlow13", "OpenFlow14", "OpenFlow15"}

// Topology says which switches and hosts a lab has, and how they are connected.
type Topology struct {
	Name        string   // names the lab: lower-case letters, digits and dashes, at most 31
	Description string   // one line for people
	Controller  string   // tcp:HOST:PORT; empty for none
	Switches    []Switch // at least one
	Hosts       []Host
	Links       []Link
}

// Switch is one Open vSwitch bridge.
type Switch struct {
	Name      string
	Dpid      uint64   // datapath id; 0 takes the switch's place in the list, from 1
	Protocols []string // OpenFlow versions; empty for DefaultProtocols
}

// Host is one network namespace with a veth to a switch.
type Host struct {
	Name      string
	Switch    string         // may be empty when the lab has one switch
	Port      uint16         // OpenFlow port number; 0 takes the next free one
	MAC       packet.MAC     // zero takes 02:00:00:00:00:NN, NN being the host's place in the list
	Addresses []netip.Prefix // on eth0, or on eth0.VLAN if VLAN is set
	VLAN      uint16         // 802.1Q tag of the host's own traffic, 0 for none
	VLANs     []TaggedLink   // further tagged interfaces (a trunk host)
	Gateways  []netip.Addr   // default routes, at most one per family
	Down      bool           // eth0 is left down
	NoDAD     bool           // IPv6 addresses skip duplicate address detection (RFC 4862 §5.4)
}

// TaggedLink is one tagged interface, eth0.ID, of a trunk host.
type TaggedLink struct {
	ID        uint16
	Addresses []netip.Prefix
}

// Link is a patch cable between two switches.
type Link struct{ A, B string }

// PortNames returns the names of the patch ports on A and on B.
func (l Link) PortNames() (a, b string) { return l.A + "-" + l.B, l.B + "-" + l.A }

// Interfaces returns the host's interfaces that carry addresses, by name, eth0 first.
func (h Host) Interfaces() []Interface {
	var out []Interface
	base := Interface{Name: "eth0"}
	if h.VLAN == 0 {
		base.Addresses = h.Addresses
	}
	out = append(out, base)
	if h.VLAN != 0 {
		out = append(out, Interface{Name: vlanName(h.VLAN), VLAN: h.VLAN, Addresses: h.Addresses})
	}
	for _, v := range h.VLANs {
		out = append(out, Interface{Name: vlanName(v.ID), VLAN: v.ID, Addresses: v.Addresses})
	}
	return out
}

// vlanIDs returns the tags of the host's interfaces.
func (h Host) vlanIDs() []uint16 {
	var ids []uint16
	for _, i := range h.Interfaces() {
		if i.VLAN != 0 {
			ids = append(ids, i.VLAN)
		}
	}
	return ids
}

// Interface is one interface inside a host.
type Interface struct {
	Name      string
	VLAN      uint16 // 0 for untagged
	Addresses []netip.Prefix
}

func vlanName(id uint16) string { return fmt.Sprintf("eth0.%d", id) }

// Builtin returns the names of the built-in topologies, sorted.
func Builtin() []string {
	var names []string
	entries, err := fs.ReadDir(builtinFiles, "topologies")
	if err != nil {
		return nil // the directory is embedded; it is always there
	}
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	sort.Strings(names)
	return names
}

// LoadBuiltin returns the built-in topology of that name.
func LoadBuiltin(name string) (Topology, error) {
	file := path.Join("topologies", name+".yaml")
	text, err := builtinFiles.ReadFile(file)
	if err != nil {
		return Topology{}, fmt.Errorf("no built-in topology %q: there are %s", name, strings.Join(Builtin(), ", "))
	}
	return Parse(name+".yaml", text)
}

// FormatDpid formats a datapath id as Open vSwitch prints it: 16 hexadecimal digits.
func FormatDpid(dpid uint64) string { return fmt.Sprintf("%016x", dpid) }

// complete fills in what the topology left to us: datapath ids, port numbers, MACs, the only switch.
// It expects a valid topology.
func (t Topology) complete() Topology {
	t.Switches = append([]Switch(nil), t.Switches...)
	t.Hosts = append([]Host(nil), t.Hosts...)
	for i := range t.Switches {
		s := &t.Switches[i]
		if s.Dpid == 0 {
			s.Dpid = uint64(i + 1)
		}
		if len(s.Protocols) == 0 {
			s.Protocols = DefaultProtocols
		}
	}
	for i := range t.Hosts {
		t.completeHost(i)
	}
	return t
}

func (t *Topology) completeHost(i int) {
	h := &t.Hosts[i]
	if h.Switch == "" {
		h.Switch = t.Switches[0].Name
	}
	if h.MAC == (packet.MAC{}) {
		h.MAC = t.freeMAC(i + 1)
	}
	if h.Port == 0 {
		h.Port = t.freePort(h.Switch)
	}
}

// freePort returns the lowest OpenFlow port number that no host of the switch asks for.
func (t *Topology) freePort(sw string) uint16 {
	used := map[uint16]bool{}
	for _, h := range t.Hosts {
		if h.Switch == sw || h.Switch == "" {
			used[h.Port] = true
		}
	}
	port := uint16(1)
	for used[port] {
		port++
	}
	return port
}

// freeMAC returns 02:00:00:00:NN:NN for the first number from n on that nobody has.
func (t *Topology) freeMAC(n int) packet.MAC {
	used := map[packet.MAC]bool{}
	for _, h := range t.Hosts {
		used[h.MAC] = true
	}
	for ; ; n++ {
		mac := packet.MAC{0x02, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)}
		if !used[mac] {
			return mac
		}
	}
}

// host returns the place of the host of that name, or -1.
func (t *Topology) host(name string) int {
	for i, h := range t.Hosts {
		if h.Name == name {
			return i
		}
	}
	return -1
}

// switchNamed returns the place of the switch of that name, or -1.
func (t *Topology) switchNamed(name string) int {
	for i, s := range t.Switches {
		if s.Name == name {
			return i
		}
	}
	return -1
}
