package resolve

import (
	"net/netip"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/packet"
)

// Kind is what a frame is to the resolver.
type Kind uint8

// Kinds of frames.
const (
	Other        Kind = iota
	ARPRequest        // somebody asks for an IPv4 address, or announces his own
	ARPReply          // an answer, or an announcement in the form of one
	Solicitation      // ND: somebody asks for an IPv6 address
	Advertisement
)

// Subject is a reusable view of a punted frame. Its slices point into the
// frame.
type Subject struct {
	Kind  Kind
	Frame packet.Frame
	ARP   packet.ARP
	ND    packet.ND
}

// Parse looks at a frame. The error is a *packet.Malformed; the Ethernet header
// is valid all the same unless packet.ReasonFrameTruncated.
func (s *Subject) Parse(frame []byte) error {
	s.Kind = Other
	if err := s.Frame.Parse(frame); err != nil {
		return err
	}
	switch s.Frame.EtherType {
	case packet.EtherTypeARP:
		if err := s.ARP.Parse(s.Frame.Payload); err != nil {
			return err
		}
		switch s.ARP.Op {
		case packet.ARPRequest:
			s.Kind = ARPRequest
		case packet.ARPReply:
			s.Kind = ARPReply
		}
	case packet.EtherTypeIPv6:
		err := s.ND.Parse(s.Frame.Payload)
		if err == packet.ErrNotND {
			return nil
		}
		if err != nil {
			return err
		}
		s.Kind = Solicitation
		if s.ND.Type == packet.NDAdvertisement {
			s.Kind = Advertisement
		}
	}
	return nil
}

// mapped is the form in which keys hold an IPv4 address.
func mapped(v4 [4]byte) (addr [16]byte) {
	addr[10], addr[11] = 0xff, 0xff
	copy(addr[12:], v4[:])
	return addr
}

// Target is the address that the subject asks for. Announcements ask for
// nothing.
func (s *Subject) Target(in binding.Segment) (binding.Key, bool) {
	switch s.Kind {
	case ARPRequest:
		return binding.Key{Segment: in, Addr: mapped(s.ARP.TPA)}, !s.ARP.IsAnnouncement() && isHost4(s.ARP.TPA)
	case Solicitation:
		return binding.Key{Segment: in, Addr: s.ND.Target}, isHost6(s.ND.Target)
	}
	return binding.Key{}, false
}

// Claim is what the subject says of its sender, or of who it is about: an address
// and its MAC.
func (s *Subject) Claim(in binding.Segment) (key binding.Key, mac packet.MAC, ok bool) {
	switch s.Kind {
	case ARPRequest, ARPReply:
		return binding.Key{Segment: in, Addr: mapped(s.ARP.SPA)}, s.ARP.SHA, isHost4(s.ARP.SPA)
	case Solicitation:
		return binding.Key{Segment: in, Addr: s.ND.Src}, s.ND.SLL, s.ND.HasSLL && isHost6(s.ND.Src)
	case Advertisement:
		mac = s.Frame.Src
		if s.ND.HasTLL {
			mac = s.ND.TLL
		}
		return binding.Key{Segment: in, Addr: s.ND.Target}, mac, isHost6(s.ND.Target)
	}
	return key, mac, false
}

// IsProbe says whether the asker has no address yet: an ARP probe (RFC 5227
// §1.1) or a solicitation for duplicate address detection (RFC 4862 §5.4.2).
func (s *Subject) IsProbe() bool {
	return s.Kind == ARPRequest && s.ARP.IsProbe() || s.Kind == Solicitation && s.ND.IsDAD()
}

// isHost4 says whether an address can belong to one host (conformance A6).
func isHost4(a [4]byte) bool { return a[0] != 0 && a[0] != 127 && a[0] < 224 }

// CanBeHost says whether an address can belong to one host.
func CanBeHost(ip netip.Addr) bool {
	if ip.Is4() {
		return isHost4(ip.As4())
	}
	return isHost6(ip.As16())
}

// isHost6 leaves out IPv4 addresses in their mapped form, too, which are on no
// wire (RFC 4291 §2.5.5.2): keys of IPv4 addresses have that form.
func isHost6(a [16]byte) bool {
	return a[0] != 0xff && a != [16]byte{} && a != [16]byte{15: 1} && !netip.AddrFrom16(a).Is4In6()
}

// Teaching is why a frame does or does not teach a binding.
type Teaching uint8

// What a frame can teach.
const (
	TeachesBinding    Teaching = iota + 1
	TeachesNothing             // no address of the sender in it
	TeachesProbe               // the sender has no address yet (conformance P1, N8)
	TeachesMismatch            // the hardware address is not the frame's source (conformance A11)
	TeachesBadAddress          // nobody can have that address
)

var teachingNames = [...]string{
	TeachesBinding: "binding", TeachesNothing: "nothing", TeachesProbe: "probe",
	TeachesMismatch: "mismatch", TeachesBadAddress: "bad-address",
}

func (t Teaching) String() string { return teachingNames[t] }

// Evidence is what the subject says of its sender's address.
func (s *Subject) Evidence(in binding.Segment, onSwitch uint64) (binding.Evidence, Teaching) {
	e := binding.Evidence{Key: binding.Key{Segment: in}, MAC: s.Frame.Src, Switch: onSwitch}
	switch s.Kind {
	case ARPRequest, ARPReply:
		return s.arpEvidence(e)
	case Solicitation:
		return s.solicitationEvidence(e)
	case Advertisement:
		return s.advertisementEvidence(e)
	}
	// An opcode other than request and reply teaches too (conformance A2).
	if s.Frame.EtherType == packet.EtherTypeARP {
		return s.arpEvidence(e)
	}
	return e, TeachesNothing
}

func (s *Subject) arpEvidence(e binding.Evidence) (binding.Evidence, Teaching) {
	switch {
	case s.ARP.SPA == [4]byte{}:
		return e, TeachesProbe
	case s.ARP.SHA != s.Frame.Src:
		return e, TeachesMismatch
	case !isHost4(s.ARP.SPA):
		return e, TeachesBadAddress
	}
	e.Key.Addr, e.Source = mapped(s.ARP.SPA), binding.FromARP
	return e, TeachesBinding
}

func (s *Subject) solicitationEvidence(e binding.Evidence) (binding.Evidence, Teaching) {
	switch {
	case s.ND.IsDAD():
		return e, TeachesProbe
	case !s.ND.HasSLL:
		return e, TeachesNothing
	case s.ND.SLL != s.Frame.Src:
		return e, TeachesMismatch
	case !isHost6(s.ND.Src):
		return e, TeachesBadAddress
	}
	e.Key.Addr, e.Source = s.ND.Src, binding.FromSolicit
	return e, TeachesBinding
}

func (s *Subject) advertisementEvidence(e binding.Evidence) (binding.Evidence, Teaching) {
	switch {
	case s.ND.HasTLL && s.ND.TLL != s.Frame.Src:
		return e, TeachesMismatch
	case !isHost6(s.ND.Target):
		return e, TeachesBadAddress
	}
	e.Key.Addr, e.Router = s.ND.Target, s.ND.Router
	switch {
	case s.ND.Override:
		e.Source = binding.FromNA
	case s.ND.Solicited:
		e.Source = binding.FromNAKeepOther
	default:
		e.Source = binding.FromUnverified
	}
	return e, TeachesBinding
}
