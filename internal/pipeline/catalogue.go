package pipeline

import (
	"fmt"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/openflow"
)

// FlowKind says what a flow of a switch is there for.
type FlowKind string

// Kinds of flows. A rule may be many flows, the others are one each.
const (
	FlowRule    FlowKind = "rule"    // a logical flow
	FlowBinding FlowKind = "binding" // who an address belongs to
	FlowOwner   FlowKind = "owner"   // that a sender owns its address
	FlowStation FlowKind = "station" // that a sender is on its port
	FlowForward FlowKind = "forward" // where a MAC is
	FlowSilent  FlowKind = "silent"  // a next hop that does not answer
	FlowSponge  FlowKind = "sponge"  // an address that nobody has
	FlowGone    FlowKind = "gone"    // isat's, and not wanted any more
	FlowForeign FlowKind = "foreign" // not isat's
)

// Catalogue tells what the flows of a switch are. It does not change.
type Catalogue struct {
	*Printer
	Logical []Flow // of the switch's base, in the order of the rules
	rules   map[catalogueKey]int
}

// catalogueKey is what a rule's OpenFlow flows have in common.
type catalogueKey struct {
	cookie   uint64
	priority uint16
}

// NewCatalogue makes the catalogue of a base, with the printer of its switch.
func NewCatalogue(base Base, p *Printer) *Catalogue {
	c := &Catalogue{Printer: p, Logical: base.Logical, rules: make(map[catalogueKey]int)}
	for i := range base.Logical {
		f := &base.Logical[i]
		c.rules[catalogueKey{f.cookie(), f.Priority}] = i
	}
	return c
}

// cookie is that of the flow's OpenFlow flows.
func (f *Flow) cookie() uint64 {
	if f.Leased {
		return cookie(f.Table, kindLease, f.ID)
	}
	return cookie(f.Table, kindRule, f.ID)
}

// Kind tells what a flow is. rule is the place of its rule in Logical if it is
// one's.
func (c *Catalogue) Kind(table uint8, priority uint16, cookie uint64) (kind FlowKind, rule int) {
	object, _, own := ownCookie(cookie)
	if !own {
		return FlowForeign, 0
	}
	switch {
	case object == kindRule || object == kindLease:
		i, ok := c.rules[catalogueKey{cookie, priority}]
		if ok && c.Logical[i].Table == Table(table) {
			return FlowRule, i
		}
	case object == kindSilent:
		return FlowSilent, 0
	case object == kindSponge:
		return FlowSponge, 0
	case object == kindStation && Table(table) == L2:
		return FlowForward, 0
	case object == kindStation:
		return FlowStation, 0
	case object == kindBinding && Table(table) == Owners:
		return FlowOwner, 0
	case object == kindBinding:
		return FlowBinding, 0
	}
	return FlowGone, 0
}

// Describe writes a flow as a rule. One that the language has no words for is
// written in the syntax of ovs-ofctl(8).
func (c *Catalogue) Describe(f *openflow.FlowMod) (kind FlowKind, r Rule) {
	kind, i := c.Kind(f.TableID, f.Priority, f.Cookie)
	if kind == FlowRule {
		return kind, c.Logical[i].Rule
	}
	r = Rule{Table: Table(f.TableID), Priority: f.Priority, Doc: kind.doc(f.Cookie)}
	match, ok1 := c.Match(r.Table, f.Match)
	actions, ok2 := c.Actions(r.Table, f.Instructions)
	if !ok1 || !ok2 || kind == FlowForeign {
		match, actions = openflow.FormatMatch(f.Match), openflow.FormatInstructions(f.Instructions)
	}
	r.Match, r.Actions = match, actions
	return kind, r
}

func (k FlowKind) doc(cookie uint64) string {
	_, object, _ := ownCookie(cookie)
	switch k {
	case FlowBinding:
		return fmt.Sprintf("binding (%s): who has the address", binding.Origin(object))
	case FlowOwner:
		return fmt.Sprintf("binding (%s): the sender owns the address", binding.Origin(object))
	case FlowStation:
		return "station: the sender is at home on the port"
	case FlowForward:
		return "station: frames for it go to its port"
	case FlowSilent:
		return "nobody answers for this next hop: not searched until the flow expires"
	case FlowSponge:
		return "nobody has the address, and it is asked for too often: answered with the sink's MAC until the flow expires"
	case FlowGone:
		return "isat's own, and not wanted any more"
	case FlowForeign:
		return "not isat's"
	}
	return ""
}
