package core

import (
	"cmp"
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
	if mac, until, leased := c.table.LeaseOf(key); leased {
		fact(&x, fmt.Sprintf("it is leased to %s for another %s: nobody else may have it", mac, ago(until-c.now)), "a DHCP server")
	}
	if n := c.holds.Waiting(key); n > 0 {
		fact(&x, fmt.Sprintf("%d routed packets wait for it", n), "the packets that this controller holds")
	}
	if until, ok := c.silenced[key]; ok && until > c.now {
		fact(&x, fmt.Sprintf("what is routed to it is dropped for %s", ago(until-c.now)), "the table request of every switch")
	}
	if c.sponges.until[key] > c.now {
		fact(&x, fmt.Sprintf("nobody has it, and it was asked for too often: the sponge answers for it for %s", ago(c.sponges.until[key]-c.now)), "the table bindings of every switch")
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
		binding.ARP: "an ARP packet of its owner", binding.ND: "neighbour discovery of its owner", binding.DHCP: "a DHCP server",
		binding.Gateway: "intent", binding.Static: "intent",
	}[b.Origin]
	was, recalled := c.recalled[b.Key]
	switch {
	case recalled:
		source = "what was kept from before the restart"
	case b.Restored:
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
	case recalled:
		sw, port := c.placeNames(was)
		fact(x, fmt.Sprintf("%s was behind port %s of switch %s", b.MAC, cmp.Or(port, fmt.Sprint(was.Port.Number())), sw), source)
	default:
		fact(x, fmt.Sprintf("where %s is, is not known", b.MAC), "no frame from it was heard")
	}
	c.explainLife(x, b)
}

// explainLife tells how far a binding can be relied on, and for how long.
func (c *Core) explainLife(x *view.Explanation, b *binding.Binding) {
	if b.Origin.Configured() {
		fact(x, "it is static: it does not age, and traffic does not change it", "intent")
		return
	}
	limit := c.table.AgeLimit(b.Key)
	switch b.State {
	case binding.Reachable:
		if limit == 0 {
			fact(x, "it is reachable, and does not age", "intent")
		} else {
			fact(x, fmt.Sprintf("it is reachable: when its owner has sent nothing for %s it is asked, and after %s of silence forgotten",
				time.Duration(limit/2), time.Duration(limit)), "intent, and the idle timeout of its flow in owners")
		}
	case binding.Silent:
		fact(x, "it is silent: its owner is to be asked", "its switch, or an operator")
	case binding.Probing:
		fact(x, fmt.Sprintf("it is being asked: %d of 3 questions had no answer, and after %s of silence it is forgotten", b.Tries, time.Duration(limit)),
			"questions by unicast to its port")
	case binding.Stale:
		fact(x, "it is stale: only its owner can confirm it", "a solicitation, a contradiction, or what was kept")
	case binding.Duplicate:
		fact(x, c.duplicateText(b.Key), "its changes of MAC")
	}
	if n := c.table.Moves(b.Key); n > 0 && b.State != binding.Duplicate {
		fact(x, fmt.Sprintf("it has changed its MAC %d times of late", n), "claims that nobody contradicted")
	}
	if k := c.contests[b.Key]; k != nil {
		what := "is being asked whether it still has it"
		if k.resting {
			what = "was asked, and answered"
		}
		fact(x, fmt.Sprintf("%s claims it; %s %s", k.claim.MAC, b.MAC, what), "a claim by another MAC")
	}
}

func (c *Core) duplicateText(key binding.Key) string {
	text := "it is a duplicate: it changed its MAC too often, and is frozen"
	if until, ok := c.alarms.Due(alarm{alarmRelease, key}); ok {
		return text + fmt.Sprintf(" for another %s", ago(until-c.now))
	}
	return text + " until an operator clears it"
}

func (c *Core) explainOutcome(x *view.Explanation, network *intent.Network, key binding.Key, b *binding.Binding, state resolve.Asking) {
	ip := key.IP()
	switch {
	case !canBeHost(network, ip):
		outcome(x, "dropped", "no host can have this address")
	case b != nil && b.State == binding.Duplicate:
		outcome(x, "searched", "it is a duplicate: the request goes to every other port, and nobody is answered for")
	case b != nil && b.Answered():
		outcome(x, "answered", "each switch answers from its table bindings, and the controller is not asked; the owner's own questions are flooded")
	case c.sponges.until[key] > c.now:
		outcome(x, "sponged", "each switch answers from its table bindings with the sink's MAC, but not whoever probes for the address; any sign of life ends it")
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
