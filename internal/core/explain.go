package core

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/internal/view"
)

// Explain tells what is known of an address in one segment, where each fact
// came from, and what a request for it would meet now.
func (c *Core) Explain(now time.Time, key binding.Key) view.Explanation {
	c.now = now.UnixNano()
	x := view.Explanation{Network: c.names[key.Network], VLAN: key.VLAN, IP: key.IP().String(), Facts: []view.Fact{}}
	network, ok := c.intent.ByNumber(key.Network)
	if !ok {
		network = &intent.Network{} // it went while the question was on its way
	}
	c.explainIntent(&x, network, key)
	b := c.table.Lookup(key)
	if b != nil {
		v := c.ViewBinding(b)
		x.Binding = &v
		c.explainBinding(&x, b, &v)
	}
	if n := c.holds.Waiting(key); n > 0 {
		fact(&x, fmt.Sprintf("%d routed packets wait for it", n), "the packets that this controller holds")
	}
	if until, ok := c.silenced[key]; ok && until > c.now {
		fact(&x, fmt.Sprintf("what is routed to it is dropped for %s", ago(until-c.now)), "the table request of every switch")
	}
	searching, state := c.searches.Explain(c.now, key)
	if searching != "" {
		fact(&x, searching, "the searches of this controller")
	}
	if at, ok := c.probed[key]; ok && c.now-at < probedSpan {
		fact(&x, fmt.Sprintf("a host probed for it %s ago, to take it for itself", ago(c.now-at)), "an ARP probe")
	}
	c.explainOutcome(&x, network, key, b, state)
	return x
}

func fact(x *view.Explanation, what, source string) {
	x.Facts = append(x.Facts, view.Fact{What: what, Source: source})
}

func outcome(x *view.Explanation, word, why string) { x.Outcome, x.Why = word, why }

func ago(nanoseconds int64) time.Duration {
	d := time.Duration(nanoseconds)
	if d < time.Minute {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}

func (c *Core) explainIntent(x *view.Explanation, network *intent.Network, key binding.Key) {
	if subnet, ok := network.SubnetOf(key.IP()); ok {
		fact(x, fmt.Sprintf("it is in subnet %s", subnet.Prefix), "intent")
		if subnet.Gateway == key.IP() {
			fact(x, "it is the gateway of that subnet", "intent")
		}
	} else if len(network.Subnets) > 0 {
		fact(x, "it is in none of the network's subnets", "intent")
	}
	if name, ok := c.routerAt(key); ok {
		fact(x, fmt.Sprintf("it is an address of router %q", name), "intent")
	}
	if p, ok := c.table.Permitted(key); ok {
		macs := make([]string, len(p.MACs))
		for i, mac := range p.MACs {
			macs[i] = mac.String()
		}
		fact(x, fmt.Sprintf("it may be held by %s only", strings.Join(macs, ", ")), "intent")
	}
}

func (c *Core) explainBinding(x *view.Explanation, b *binding.Binding, v *view.Binding) {
	source := map[binding.Origin]string{
		binding.ARP: "an ARP packet of its owner", binding.ND: "neighbour discovery of its owner",
		binding.Gateway: "intent", binding.Static: "intent",
	}[b.Origin]
	if b.Restored {
		source = "the flows of switch " + fabric.FormatID(b.Switch) + ", read back after a restart"
	}
	fact(x, fmt.Sprintf("it is bound to %s since %s", b.MAC, time.Unix(0, b.Learned).UTC().Format(time.RFC3339)), source)
	if b.Heard != 0 && !b.Restored {
		fact(x, fmt.Sprintf("its owner was last heard %s ago", ago(c.now-b.Heard)), "packets that reached the controller")
	}
	if b.Router {
		fact(x, "its owner is a router", source)
	}
	switch {
	case c.routers.macs[networkMAC{b.Network, b.MAC}]:
		fact(x, fmt.Sprintf("%s is a router's, on every switch", b.MAC), "intent")
	case v.Switch != "":
		fact(x, fmt.Sprintf("%s is behind port %s of switch %s", b.MAC, v.Port, v.Switch), "frames with that source address")
	default:
		fact(x, fmt.Sprintf("where %s is, is not known", b.MAC), "no frame from it was heard")
	}
	if b.State == binding.Stale {
		fact(x, "it is stale: only its owner can confirm it", "a solicitation, or a contradiction")
	}
}

func (c *Core) explainOutcome(x *view.Explanation, network *intent.Network, key binding.Key, b *binding.Binding, state resolve.Asking) {
	ip := key.IP()
	switch {
	case !canBeHost(network, ip):
		outcome(x, "dropped", "no host can have this address")
	case b != nil && b.Answered():
		outcome(x, "answered", "each switch answers from its table bindings, and the controller is not asked; the owner's own questions are flooded")
	case network.Unknown == intent.Drop:
		outcome(x, "dropped", "the network drops requests for unknown addresses, but for probes (unknown: drop)")
	case network.Unknown == intent.Flood:
		outcome(x, "flooded", "the network floods requests for unknown addresses (unknown: flood)")
	case state == resolve.Joined:
		outcome(x, "joined", "the asker waits for the search that is under way")
	case state == resolve.Silent:
		outcome(x, "silent", "nobody answered recently: the request is dropped until the back-off time is over, or the address shows a sign of life")
	case b != nil:
		outcome(x, "directed", "the binding is stale: the request is handed to its owner alone, and to everybody if that does not answer")
	default:
		outcome(x, "searched", "nobody is known to have it: the request goes to every other port of the network, at most once a second, three times")
	}
}

func canBeHost(network *intent.Network, ip netip.Addr) bool {
	if subnet, ok := network.SubnetOf(ip); ok {
		if broadcast, ok := subnet.Broadcast(); ok && broadcast == ip {
			return false
		}
	}
	return resolve.CanBeHost(ip)
}
