package core

import (
	"maps"
	"net/netip"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// holdPacket keeps a packet until its next hop is known, and has that searched:
// once a second, whoever asks.
func (c *Core) holdPacket(sw *switchState, e *Paused) {
	key := e.Waiting.Key
	c.counters.held++
	if b := c.table.Lookup(key); b != nil && b.Answered() {
		// The packet met a flow that was on its way, or one that is missing.
		if c.now-b.Learned >= settled {
			sw.sendBinding(binding.Change{New: b})
		}
		c.counters.resumed++
		sw.out = append(sw.out, e.Resume...)
		return
	}
	at, ok := c.routers.find(e.Waiting.Router, key.Network)
	var source netip.Addr
	if ok {
		source = pipeline.SourceFor(at, key.IP())
	}
	if !source.IsValid() {
		c.counters.heldLost++ // the router, or its address there, is gone in the meantime
		return
	}
	c.countDrops(c.holds.Hold(c.now, key, resolve.Held{
		Switch: sw.ID, Router: e.Waiting.Router, From: e.Waiting.From, Resume: e.Resume, Frame: e.Frame}))
	asker := resolve.Asker{At: binding.Location{Switch: sw.ID, Port: e.Port}, MAC: at.MAC,
		Frame: appendRequestFrom(nil, at.MAC, source, key, packet.Broadcast), Everywhere: true}
	switch c.askedFor(key, asker) {
	case resolve.Started:
		c.solicit(key, asker, 1)
	case resolve.Silent:
		c.silence(key)
		c.counters.heldUnanswered += uint64(len(c.holds.Take(key)))
	case resolve.RefusedPort, resolve.RefusedNet:
		c.counters.heldRefused += uint64(len(c.holds.Take(key)))
		sw.add(pipeline.RefusedFlow(key, e.Port))
	}
}

func (c *Core) countDrops(d resolve.Drops) {
	c.counters.heldDropped[0] += uint64(d.PerNextHop)
	c.counters.heldDropped[1] += uint64(d.Bytes)
}

// resume lets go on what waits for an address that is known now. The flows that
// say so are among the messages before.
func (c *Core) resume(key binding.Key) {
	for _, h := range c.holds.Take(key) {
		sw := c.switches[h.Switch]
		if sw == nil || sw.state == away {
			c.counters.heldLost++
			continue
		}
		c.counters.resumed++
		sw.out = append(sw.out, h.Resume...)
	}
}

// nextHopSilent ends the wait for a next hop that nobody answered for: the
// senders are told, and as long as it is silent the switches drop.
func (c *Core) nextHopSilent(key binding.Key) {
	c.silence(key)
	held := c.holds.Take(key)
	c.counters.heldUnanswered += uint64(len(held))
	c.tellUnreachable(held)
}

// heldTooLong gives up packets whose time is over before the search is.
func (c *Core) heldTooLong(held []resolve.Held) {
	c.counters.heldExpired += uint64(len(held))
	c.tellUnreachable(held)
}

// maxSilenced bounds the next hops for which switches have a flow that drops.
const maxSilenced = 16384

// silence has the switches drop what they route to a next hop that is not
// searched for a while.
func (c *Core) silence(key binding.Key) {
	left := c.searches.SilentFor(c.now, key)
	if left == 0 {
		return
	}
	if len(c.silenced) >= maxSilenced {
		maps.DeleteFunc(c.silenced, func(_ binding.Key, until int64) bool { return until <= c.now })
	}
	if len(c.silenced) >= maxSilenced {
		return // what is punted for it is dropped here
	}
	seconds := (left + int64(time.Second) - 1) / int64(time.Second)
	c.silenced[key] = c.now + seconds*int64(time.Second)
	for _, sw := range c.switches {
		sw.add(pipeline.SilentFlow(key, uint16(seconds)))
	}
}

// heard ends the silence of an address (conformance L4).
func (c *Core) heard(key binding.Key) {
	c.searches.SignOfLife(key)
	c.unsponge(releasedSponge, key)
	until, silenced := c.silenced[key]
	if !silenced {
		return
	}
	delete(c.silenced, key)
	if until <= c.now {
		return // the flows are gone by themselves
	}
	for _, sw := range c.switches {
		sw.remove(pipeline.SilentFlow(key, 0))
	}
}

// maxTold bounds the errors that one sender gets about one next hop.
const maxTold = 16

// tellUnreachable sends ICMP errors about packets that are given up: for each of
// them, so that each connection hears of it, within limits.
func (c *Core) tellUnreachable(held []resolve.Held) {
	told := make(map[netip.Addr]int)
	for i := range held {
		c.tellSender(&held[i], told)
	}
}

func (c *Core) tellSender(h *resolve.Held, told map[netip.Addr]int) {
	sw := c.switches[h.Switch]
	router, ok := c.intent.RouterByNumber(h.Router)
	if sw == nil || sw.state == away || !ok {
		return
	}
	from, ok := router.InterfaceOn(h.From)
	if !ok {
		return // an error of the router's own: nothing is said about errors
	}
	frame, is4, err := composeUnreachable(h.Frame)
	if err != nil {
		c.countExempt(err)
		return
	}
	sender := senderOf(frame, is4)
	if told[sender] >= maxTold || !c.errors.take(c.now) {
		return
	}
	told[sender]++
	actions, err := c.program.Unreachable(router, from, is4)
	if err != nil {
		return // the interface has no address of that family
	}
	c.counters.icmpErrors++
	sw.out = openflow.AppendPacketOut(sw.out, xid, openflow.PortController, actions, frame)
}

func composeUnreachable(frame []byte) (out []byte, is4 bool, err error) {
	if out, err = packet.AppendComposedICMP4(nil, frame, 0); err != packet.ErrNotIPv4 {
		return out, true, err
	}
	out, err = packet.AppendComposedICMP6(nil, frame, 0)
	return out, false, err
}

// senderOf reads the source address of a frame that was composed without a tag.
func senderOf(frame []byte, is4 bool) netip.Addr {
	if is4 {
		return netip.AddrFrom4([4]byte(frame[26:30]))
	}
	return netip.AddrFrom16([16]byte(frame[22:38]))
}

// countExempt counts why nothing was made of a packet.
func (c *Core) countExempt(err error) {
	if exemption, ok := packet.ExemptionOf(err); ok {
		c.counters.exempt[exemption]++
	} else if reason, ok := packet.ReasonOf(err); ok {
		c.counters.malformed[reason]++
	}
}

// bucket limits a rate: each take needs a token, and rate of them come in a
// second, as many as can be saved.
type bucket struct {
	rate   int64
	tokens int64 // times 10⁹
	last   int64
}

func (b *bucket) take(now int64) bool {
	const second = int64(time.Second)
	// Nothing more is saved in a longer time, and nothing is lost if the clock
	// is set back.
	passed := min(max(now-b.last, 0), second)
	b.tokens = min(b.tokens+passed*b.rate, second*b.rate)
	b.last = now
	if b.tokens < second {
		return false
	}
	b.tokens -= second
	return true
}

// next is when a take that failed may succeed.
func (b *bucket) next(now int64) int64 {
	const second = int64(time.Second)
	return now + max((second-b.tokens+b.rate-1)/b.rate, 1)
}

// limit lets a packet go on if none did for its address within a second.
func (c *Core) limit(sw *switchState, e *Paused) {
	key := e.Waiting.Key
	if last, ok := c.limited[key]; ok && c.now-last < int64(time.Second) {
		c.counters.limited++
		return
	}
	if len(c.limited) >= maxLimited {
		maps.DeleteFunc(c.limited, func(_ binding.Key, last int64) bool { return c.now-last >= int64(time.Second) })
	}
	if len(c.limited) >= maxLimited {
		c.counters.limited++
		return
	}
	c.limited[key] = c.now
	c.counters.passed++
	sw.out = append(sw.out, e.Resume...)
}

// maxLimited bounds the addresses of rate limits that are remembered.
const maxLimited = 4096

func (e Paused) apply(c *Core) {
	reason := pipeline.ReasonHold
	if e.Limit {
		reason = pipeline.ReasonRateLimit
	}
	c.counters.punts[reason]++
	sw := c.switches[e.Switch]
	switch {
	case sw == nil || sw.state == away:
		c.counters.stray++
	case e.Limit:
		c.limit(sw, &e)
	default:
		c.holdPacket(sw, &e)
	}
}

func (e Composed) apply(c *Core) {
	c.counters.punts[pipeline.ReasonCompose]++
	sw := c.switches[e.Switch]
	if sw == nil || sw.state == away {
		c.counters.stray++
		return
	}
	frame, err := e.Make.Compose(e.Frame)
	if err != nil {
		c.countExempt(err)
		return
	}
	c.counters.composed[e.Make.Op]++
	sw.out = openflow.AppendPacketOut(sw.out, xid, e.InPort, e.Make.Actions, frame)
}
