package core

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

func (e Question) apply(c *Core) {
	key := e.Key
	if at, ok := c.probed[key]; ok && c.now-at < probedSpan {
		wait := time.Duration(probedSpan - (c.now - at)).Round(time.Second)
		c.done(e.ID, key, 0, c.now, fmt.Sprintf("a host is claiming the address right now, and a question would look like a rival's: ask again in %s", wait))
		return
	}
	b := c.table.Lookup(key)
	if b != nil && b.Origin == binding.Gateway {
		c.done(e.ID, key, 0, c.now, "")
		return
	}
	if e.Unicast {
		c.probe(e.ID, key, b)
		return
	}
	c.waiting[key] = append(c.waiting[key], e.ID)
	frame := ownRequest(key, packet.Broadcast)
	if c.searches.Insist(c.now, key, frame) == resolve.Started {
		c.solicit(key, resolve.Asker{Frame: frame}, 1)
	}
}

func (c *Core) searchFound(key binding.Key, f resolve.Found) {
	for _, id := range c.waiting[key] {
		c.done(id, key, f.Sent, f.Began, "")
	}
	delete(c.waiting, key)
}

func (c *Core) searchFailed(e resolve.End) {
	c.counters.unanswered++
	c.askedInVain(e.Key)
	if e.Everywhere {
		c.nextHopSilent(e.Key)
	}
	for _, id := range c.waiting[e.Key] {
		c.finish(id, e.Key, e.Sent, e.Began, false, "")
	}
	delete(c.waiting, e.Key)
}

// done answers a question: found if nothing speaks against it. Whoever did not
// answer what was sent needs no further reason.
func (c *Core) done(id uint64, key binding.Key, sent int, began int64, why string) {
	c.finish(id, key, sent, began, why == "", why)
}

func (c *Core) finish(id uint64, key binding.Key, sent int, began int64, found bool, why string) {
	r := view.Resolution{
		Network: c.names[key.Network], VLAN: key.VLAN, IP: key.IP().String(),
		Found: found, Sent: sent, Took: time.Duration(c.now - began).String(), Why: why,
	}
	if b := c.table.Lookup(key); b != nil {
		v := c.ViewBinding(b)
		r.Binding = &v
	}
	c.effects.Done = append(c.effects.Done, Done{id, r})
}

// ownRequest is a question of isat's own, to everybody or to one MAC. It has
// no IPv4 source, so that it can't disturb anybody's cache (conformance D2);
// its IPv6 source is the link-local address of isat's MAC.
func ownRequest(key binding.Key, to packet.MAC) []byte { return appendOwnRequest(nil, key, to) }

func appendOwnRequest(b []byte, key binding.Key, to packet.MAC) []byte {
	source := netip.IPv4Unspecified()
	if !key.Is4() {
		source = netip.AddrFrom16(packet.LinkLocal(pipeline.MAC))
	}
	return appendRequestFrom(b, pipeline.MAC, source, key, to)
}

// appendRequestFrom appends a question for an address, to everybody or to one MAC (RFC 826;
// RFC 4861 §7.2.2). The source is of the same family.
func appendRequestFrom(b []byte, mac packet.MAC, source netip.Addr, key binding.Key, to packet.MAC) []byte {
	tagged := key.VLAN != 0
	if key.Is4() {
		request := packet.ARP{Op: packet.ARPRequest, SHA: mac, SPA: source.As4(), TPA: [4]byte(key.Addr[12:])}
		return packet.AppendARP(b, to, mac, tagged, key.VLAN, &request)
	}
	group, destination := packet.SolicitedNode(key.Addr), key.Addr
	if to == packet.Broadcast {
		destination, to = group, packet.MulticastMAC(group)
	}
	return packet.AppendNS(b, to, mac, tagged, key.VLAN, source.As16(), destination, key.Addr, &mac, nil)
}
