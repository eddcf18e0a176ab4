package core

import (
	"maps"
	"slices"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
)

// sponges is what networks with a sponge remember of addresses that nobody is known
// to have.
type sponges struct {
	vain  map[binding.Key]vain
	swept int64                 // when old ones of those were dropped last
	until map[binding.Key]int64 // until when switches answer for an address
}

// vain is how often an address was asked for since a time that is a minute ago at
// most.
type vain struct {
	since int64
	asked int
}

const (
	vainSpan   = int64(time.Minute)
	maxVain    = 65536
	maxSponged = 16384
)

func newSponges() sponges {
	return sponges{vain: make(map[binding.Key]vain), until: make(map[binding.Key]int64)}
}

// countVain counts a question for such an address, if its network has a sponge.
func (c *Core) countVain(key binding.Key) {
	if c.spongeOf(key) == nil {
		return
	}
	if c.now-c.sponges.swept >= vainSpan {
		c.sponges.swept = c.now
		maps.DeleteFunc(c.sponges.vain, func(_ binding.Key, v vain) bool { return c.now-v.since >= vainSpan })
	}
	v, counted := c.sponges.vain[key]
	if !counted && len(c.sponges.vain) >= maxVain {
		c.counters.spongeFull++
		return
	}
	if !counted || c.now-v.since >= vainSpan {
		v = vain{since: c.now}
	}
	v.asked++
	c.sponges.vain[key] = v
}

func (c *Core) spongeOf(key binding.Key) *intent.Sponge {
	if n, ok := c.intent.ByNumber(key.Network); ok {
		return n.Sponge
	}
	return nil
}

// askedInVain follows when it is known that nobody answers for an address: asked
// for too often, it is answered for with the sink's MAC, if its network wants that.
// The switches do it, for some minutes; then it is searched again.
func (c *Core) askedInVain(key binding.Key) {
	sponge := c.spongeOf(key)
	if sponge == nil || c.sponges.vain[key].asked <= sponge.Asked {
		return
	}
	if len(c.sponges.until) >= maxSponged {
		maps.DeleteFunc(c.sponges.until, func(_ binding.Key, until int64) bool { return until <= c.now })
	}
	until, again := c.sponges.until[key]
	if !again && len(c.sponges.until) >= maxSponged {
		c.counters.spongeFull++
		return
	}
	if again = again && until > c.now; !again {
		c.counters.sponged++
		c.decide(silentSponged, key, who{mac: sponge.MAC}, who{})
	}
	delete(c.sponges.vain, key) // those questions have led to what they could
	c.sponges.until[key] = c.now + pipeline.SpongeSeconds*int64(time.Second)
	for _, sw := range c.switches {
		sw.add(pipeline.SpongeFlow(key, sponge.MAC, pipeline.SpongeSeconds))
	}
}

// unsponge ends that, and forgets how often the address was asked for.
func (c *Core) unsponge(why decision, key binding.Key) {
	delete(c.sponges.vain, key)
	until, ok := c.sponges.until[key]
	if !ok {
		return
	}
	delete(c.sponges.until, key)
	if until > c.now { // otherwise the flows are gone by themselves
		for _, sw := range c.switches {
			sw.remove(pipeline.SpongeFlow(key, intent.SpongeMAC, 0))
		}
		c.decide(why, key, who{}, who{})
	}
}

// restoreSponges takes over what a switch answers for with the sink's MAC, and gives
// it what the others answer for, for as long as they do. Of a switch that was there
// before, that is known: what has ended while it was away ends there, too.
func (c *Core) restoreSponges(sw *switchState, remembered []pipeline.RememberedSponge, new bool) {
	has := make(map[binding.Key]bool)
	for _, s := range remembered {
		sponge := c.spongeOf(s.Key)
		until, known := c.sponges.until[s.Key]
		wanted := sponge != nil && sponge.MAC == s.Sink && c.table.Lookup(s.Key) == nil
		if !wanted || !known && (!new || len(c.sponges.until) >= maxSponged) {
			sw.remove(pipeline.SpongeFlow(s.Key, s.Sink, 0))
			continue
		}
		c.sponges.until[s.Key], has[s.Key] = max(until, c.now+int64(s.Left)), true
	}
	for _, key := range slices.SortedFunc(maps.Keys(c.sponges.until), compareKeys) {
		left := min((c.sponges.until[key]-c.now)/int64(time.Second), pipeline.SpongeSeconds)
		bound := c.table.Lookup(key) != nil
		if left > 0 && !has[key] && !bound { // a timeout of 0 would be for ever
			sw.add(pipeline.SpongeFlow(key, c.spongeOf(key).MAC, uint16(left)))
		}
	}
}

// setSponges ends what the intent wants in another way than before.
func (c *Core) setSponges(before *intent.Intent) {
	maps.DeleteFunc(c.sponges.vain, func(key binding.Key, _ vain) bool { return c.spongeOf(key) == nil })
	for _, key := range slices.SortedFunc(maps.Keys(c.sponges.until), compareKeys) {
		old, _ := before.ByNumber(key.Network)
		now, ok := c.intent.ByNumber(key.Network)
		if !ok || old == nil || now.Sponge == nil || old.Sponge == nil || *now.Sponge != *old.Sponge {
			c.unsponge(releasedIntent, key)
		}
	}
}
