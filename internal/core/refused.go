package core

import (
	"log/slog"
	"net/netip"
	"slices"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/packet"
)

// Ports and types that only DHCP servers send to, and routers send (RFC 2131
// §4.1, RFC 8415 §7.2, RFC 4861 §4.2, §4.5).
const (
	dhcp4ClientPort  = 68
	dhcp6ClientPort  = 546
	icmpRouterAdvert = 134
	icmpRedirect     = 137
	protocolICMPv6   = 58
	vlanTagLen       = 4
	remedyTrusted    = "if it belongs there, mark its port trusted: true in the intent"
	remedyTags       = "if it may send frames with two VLAN tags, its port must be trusted and not strict"
	remedyStrict     = "if it may send, add it to the port's allow list in the intent"
)

// attachment is what is known of a place of the switch, nil if that is none.
func (sw *switchState) attachment(at binding.PortKey) *fabric.Attachment {
	i := slices.IndexFunc(sw.attachments, func(a fabric.Attachment) bool { return a.Key == at })
	if i < 0 {
		return nil
	}
	return &sw.attachments[i]
}

// refused tells of a frame that the switch did not let in. Nothing is learned
// from it.
func (c *Core) refused(sw *switchState, e *Punt) {
	s := &c.subject
	if err := s.Parse(e.Frame); err != nil {
		if reason, _ := packet.ReasonOf(err); reason == packet.ReasonFrameTruncated {
			return
		}
	}
	at := sw.attachment(e.Port)
	var glance packet.Glance
	glance.Parse(&s.Frame)
	why, remedy := refusal(at, s, &glance)
	if why == numDecisions {
		c.counters.stray++ // the port was told otherwise meanwhile
		return
	}
	key := binding.Key{Segment: e.Segment}
	if ip := claimed(at, s, &glance); ip.IsValid() {
		key.Addr = ip.As16()
	}
	mac := s.Frame.Src
	// Of a host that tries many addresses one line is enough.
	c.noteHost(slog.LevelWarn, topic{"frame refused: " + decisions[why].text, binding.Key{Segment: e.Segment}, mac},
		slog.String("mac", mac.String()), slog.String("network", c.names[e.Segment.Network]),
		slog.String("switch", sw.label()), slog.String("port", c.portName(sw, e.Port)), slog.String("remedy", remedy))
	c.decide(why, key, who{mac, place{Switch: sw.ID, Port: e.Port}}, who{})
}

// refusal is why a frame was refused, numDecisions if it would not be, and what
// to do if it should not be.
func refusal(at *fabric.Attachment, s *resolve.Subject, g *packet.Glance) (decision, string) {
	strict := at.Security == intent.SecurityStrict
	// A trunk's own tag was taken off before.
	if nested := s.Frame.Tagged && (at.Key.VLAN() != 0 || len(s.Frame.Tags) > vlanTagLen); nested && (strict || !at.Trusted) {
		return refusedHidden, remedyTags
	}
	if !at.Trusted {
		switch {
		case !g.V6 && g.UDPTo == dhcp4ClientPort, g.V6 && g.UDPTo == dhcp6ClientPort:
			return refusedServer, remedyTrusted
		case g.ICMPType == icmpRouterAdvert || g.ICMPType == icmpRedirect:
			return refusedRouter, remedyTrusted
		case g.Hidden, g.First && g.Protocol == protocolICMPv6 && !strict:
			return refusedHidden, remedyTrusted
		}
	}
	switch {
	case !strict:
		return numDecisions, ""
	case intent.AllowedOf(*at.Allow, s.Frame.Src) == nil:
		return refusedMAC, remedyStrict
	}
	return refusedAddress, remedyStrict
}

// claimed is the address that a frame is about: what its sender has, or wants to
// have. An NA is about its target, unless that is listed and its source is not.
func claimed(at *fabric.Attachment, s *resolve.Subject, g *packet.Glance) netip.Addr {
	switch {
	case s.Kind == resolve.Advertisement && at.Allow != nil && lists(*at.Allow, s.Frame.Src, s.ND.Target) && !lists(*at.Allow, s.Frame.Src, s.ND.Src):
		return netip.AddrFrom16(s.ND.Src)
	case (s.Kind == resolve.ARPRequest || s.Kind == resolve.ARPReply) && s.ARP.SPA == [4]byte{}:
		return netip.AddrFrom4(s.ARP.TPA)
	case s.Kind == resolve.ARPRequest || s.Kind == resolve.ARPReply:
		return netip.AddrFrom4(s.ARP.SPA)
	case s.Kind == resolve.Advertisement, s.Kind == resolve.Solicitation && s.ND.IsDAD():
		return netip.AddrFrom16(s.ND.Target)
	case g.Src != [16]byte{}:
		return netip.AddrFrom16(g.Src)
	}
	return netip.Addr{}
}

func lists(list []intent.Allowed, mac packet.MAC, address [16]byte) bool {
	allowed := intent.AllowedOf(list, mac)
	return allowed != nil && allowed.Has(netip.AddrFrom16(address))
}
