package core

import (
	"maps"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
)

// maxSponged bounds the addresses that are answered for though nobody has them.
const maxSponged = 16384

// askedInVain follows a request for a silent address: asked for too often, it is
// answered for with the sink's MAC, if its network wants that. The switches do it,
// for some minutes; then it is searched again.
func (c *Core) askedInVain(key binding.Key) {
	network, ok := c.intent.ByNumber(key.Network)
	if !ok || network.Sponge == nil || c.searches.Asked(key) <= network.Sponge.Asked {
		return
	}
	if len(c.sponged) >= maxSponged {
		maps.DeleteFunc(c.sponged, func(_ binding.Key, until int64) bool { return until <= c.now })
	}
	until, again := c.sponged[key]
	if !again && len(c.sponged) >= maxSponged {
		c.counters.spongeFull++
		return
	}
	if again = again && until > c.now; !again {
		c.counters.sponged++
		c.decide(silentSponged, key, who{mac: network.Sponge.MAC}, who{})
	}
	c.sponged[key] = c.now + pipeline.SpongeSeconds*int64(time.Second)
	for _, sw := range c.switches {
		sw.add(pipeline.SpongeFlow(key, network.Sponge.MAC))
	}
}

// unsponge ends that, because the address showed a sign of life.
func (c *Core) unsponge(key binding.Key) {
	until, ok := c.sponged[key]
	if !ok {
		return
	}
	delete(c.sponged, key)
	if until > c.now { // otherwise the flows are gone by themselves
		for _, sw := range c.switches {
			sw.remove(pipeline.SpongeFlow(key, intent.SpongeMAC))
		}
		c.decide(releasedSponge, key, who{}, who{})
	}
}

// setSponges ends what the intent wants in another way than before.
func (c *Core) setSponges(before *intent.Intent) {
	for key := range c.sponged {
		old, _ := before.ByNumber(key.Network)
		now, ok := c.intent.ByNumber(key.Network)
		if !ok || old == nil || now.Sponge == nil || old.Sponge == nil || *now.Sponge != *old.Sponge {
			c.unsponge(key)
		}
	}
}
