package fabric

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// Port is a port that a switch has.
type Port struct {
	Number uint32 // OpenFlow 1.3 port number
	Name   string
	MAC    packet.MAC
	Up     bool // neither administratively down nor without link
}

// Switch is a datapath and its ports, by number.
type Switch struct {
	ID    uint64 // datapath id
	Ports map[uint32]Port
}

// FormatID prints a datapath id as its 16 hexadecimal digits.
func FormatID(id uint64) string { return fmt.Sprintf("%016x", id) }

// portMax16 is where the reserved port numbers begin in the 16-bit form, in
// which registers and port keys hold them. Open vSwitch numbers its ports below.
const portMax16 = 0xff00

// Usable says whether a port number stands for a place where hosts can be: a
// numbered port, or the bridge's own local port.
func Usable(number uint32) bool {
	return number != 0 && number < portMax16 || number == openflow.PortLocal
}

// Name is the bridge's name, which Open vSwitch gives to the local port.
func (s *Switch) Name() string { return s.Ports[openflow.PortLocal].Name }

// PortByKey finds the port of a port key.
func (s *Switch) PortByKey(key binding.PortKey) (Port, bool) {
	number := key.Number()
	if number >= 0xff00 {
		number |= 0xffff0000
	}
	p, ok := s.Ports[number]
	return p, ok
}

// Attachment is the membership of a port in a network.
type Attachment struct {
	Network uint32
	Key     binding.PortKey
	Port    uint32 // OpenFlow 1.3 port number
	Name    string // the port's, with the VLAN that carries the network on a trunk: p4@10
	Uplink  bool   // a network that is not ours is behind it
	// Whom the port believes, and whether DHCP servers and routers may be behind it.
	Security intent.Security
	Trusted  bool
	// Allow lists who may send, if only listed addresses may. It points into the
	// intent, so that attachments can be compared.
	Allow *[]intent.Allowed
}

func newAttachment(network uint32, p Port, vlan uint16) Attachment {
	a := Attachment{Network: network, Key: binding.NewPortKey(p.Number, vlan), Port: p.Number, Name: p.Name}
	if vlan != 0 {
		a.Name = fmt.Sprintf("%s@%d", p.Name, vlan)
	}
	return a
}

// Attachments works out which networks the ports of the switch belong to, in
// the order of port number and VLAN. A port that the intent does not name
// belongs to the default network.
func (s *Switch) Attachments(in *intent.Intent) []Attachment {
	var out []Attachment
	named := make(map[uint32]bool)
	for i := range in.Networks {
		network := &in.Networks[i]
		for j := range network.Ports {
			member := &network.Ports[j]
			if !member.Switch.Matches(s.Name(), s.ID) {
				continue
			}
			for _, p := range s.Ports {
				if Usable(p.Number) && member.Port.Matches(p.Name, p.Number) {
					named[p.Number] = true
					a := newAttachment(network.Number, p, member.VLAN)
					a.Uplink = member.Role == intent.Uplink
					a.Security, a.Trusted = member.Security, member.Trusted
					if a.Security == intent.SecurityStrict {
						a.Allow = &member.Allow
					}
					out = append(out, a)
				}
			}
		}
	}
	for _, p := range s.Ports {
		if Usable(p.Number) && !named[p.Number] {
			out = append(out, newAttachment(intent.DefaultNumber, p, 0))
		}
	}
	slices.SortFunc(out, func(a, b Attachment) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Network, b.Network))
	})
	// A name and a number may mean the same port; the first network keeps it.
	out = slices.CompactFunc(out, func(a, b Attachment) bool { return a.Key == b.Key })
	nameApart(out)
	return out
}

// nameApart gives every attachment a name of its own, as Open vSwitch does with
// ports, and other switches need not.
func nameApart(list []Attachment) {
	taken := make(map[string]bool, len(list))
	for i := range list {
		a := &list[i]
		for a.Name == "" || taken[a.Name] {
			a.Name += fmt.Sprintf("#%d", a.Port)
		}
		taken[a.Name] = true
	}
}

// Absent returns the ports that the intent names and none of the switches has.
func Absent(in *intent.Intent, switches []*Switch) []AbsentPort {
	var out []AbsentPort
	for i := range in.Networks {
		for _, member := range in.Networks[i].Ports {
			if !present(member, switches) {
				out = append(out, AbsentPort{in.Networks[i].Name, member})
			}
		}
	}
	return out
}

// AbsentPort is a membership whose port does not exist now.
type AbsentPort struct {
	Network string
	Member  intent.Port
}

func present(member intent.Port, switches []*Switch) bool {
	for _, s := range switches {
		if !member.Switch.Matches(s.Name(), s.ID) {
			continue
		}
		for _, p := range s.Ports {
			if member.Port.Matches(p.Name, p.Number) {
				return true
			}
		}
	}
	return false
}
