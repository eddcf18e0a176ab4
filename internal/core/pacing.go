package core

import (
	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/resolve"
)

// urgency is the order in which searches get on the wire when there are more of
// them than may be put there in a second. Questions to owners, which keep
// bindings fresh, have a queue and a rate of their own (conformance L1).
type urgency uint8

const (
	urgent urgency = iota // routed packets wait, or an operator
	usual                 // hosts ask for what nobody is known to have
	numUrgencies
)

func urgencyOf(a *resolve.Asker) urgency {
	if a.ToAll() {
		return urgent
	}
	return usual
}

// pacing lets the requests of searches on the wire at a limited rate.
type pacing struct {
	bucket
	queues [numUrgencies][]resolve.Request
	queued map[binding.Key]bool // a search has one request in a queue at most
}

// waits says whether a request of an urgency has others before it.
func (p *pacing) waits(u urgency) bool {
	for before := range u + 1 {
		if len(p.queues[before]) > 0 {
			return true
		}
	}
	return false
}

// solicit puts one request of a search on the wire, as soon as that is its turn.
func (c *Core) solicit(key binding.Key, asker resolve.Asker, try int) {
	p, u := &c.pacing, urgencyOf(&asker)
	switch {
	case p.queued[key]:
	case !p.waits(u) && p.take(c.now):
		c.putRequest(key, asker, try)
	default:
		c.counters.paced++
		p.queued[key] = true
		p.queues[u] = append(p.queues[u], resolve.Request{Key: key, Asker: asker, Try: try})
	}
}

// tickPacing puts as many requests on the wire as may be there now. Those whose
// search is over meanwhile go for nothing, so that a queue is never longer than
// the searches of the three seconds that one lasts.
func (c *Core) tickPacing() {
	p := &c.pacing
	for u := range p.queues {
		n := 0
		for ; n < len(p.queues[u]); n++ {
			r := &p.queues[u][n]
			if c.searches.Searching(r.Key) {
				if !p.take(c.now) {
					break
				}
				c.putRequest(r.Key, r.Asker, r.Try)
			}
			delete(p.queued, r.Key)
		}
		left := copy(p.queues[u], p.queues[u][n:])
		clear(p.queues[u][left:])
		p.queues[u] = p.queues[u][:left]
	}
}

// putRequest puts one request of a search on the wire. The first goes to a stale
// owner alone, if there is one (RFC 6085); the others to everybody.
func (c *Core) putRequest(key binding.Key, asker resolve.Asker, try int) {
	c.counters.solicits++
	if b := c.table.Lookup(key); try == 1 && b != nil && b.State == binding.Stale && asker.At != (binding.Location{}) {
		if c.direct(b, asker) {
			return
		}
	}
	if asker.ToAll() {
		c.floodEverywhere(key.Segment, asker.Frame)
		return
	}
	c.flood(key.Segment, asker)
}
