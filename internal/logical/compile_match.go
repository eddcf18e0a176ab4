package logical

import (
	"slices"

	"github.com/isat-sdn/isat/openflow"
)

// maxFlows is how many flows an expression may need.
const maxFlows = 65536

// FlowMatch is the match of one flow. If it has Conjunctions, the flow carries these as its actions,
// and not those of the logical flow.
type FlowMatch struct {
	Match        openflow.Match
	Conjunctions []openflow.Conjunction
}

// Compile gives the flows that together match the packets of e: none if it never matches. All have
// the same priority. Names that names doesn't know match nothing; a nil names knows none.
//
// Where flows for all combinations of the values of several fields would be more, it gives
// conjunctive matches (ovs-actions(7), conjunction): flows with Conjunctions, and one that matches
// conj_id and carries the actions. They take ids from *conjID on, which is advanced. Flows of other
// expressions that have the same table, priority and match as one with Conjunctions must be
// one flow with the Conjunctions of both.
func (e *Expr) Compile(names Names, conjID *uint32) []FlowMatch {
	l := newLowering(e.root)
	l.names = names
	out := emitter{conjID: conjID}
	terms := l.lower(e.root)
	if len(terms) == 1 && terms[0].isSingle() {
		return out.only(terms[0])
	}
	for _, t := range terms {
		for _, s := range t.prepare() {
			out.add(s)
		}
	}
	return out.finish()
}

// checkSize reports whether n needs at most maxFlows flows, whatever numbers the names have.
func checkSize(n *node) bool {
	if n.bound() < boundLimit {
		return true
	}
	l := newLowering(n)
	l.measure, l.limit = true, maxFlows
	terms := l.lower(n)
	total := 0
	for _, t := range terms {
		if l.over || total > maxFlows {
			return false
		}
		for _, s := range t.prepare() {
			total += min(s.product(), s.sum()+1)
		}
	}
	return !l.over && total <= maxFlows
}

// boundLimit is where it pays to look closer.
const boundLimit = 16384

// bound is a number of flows and of steps that n can't exceed, cut at boundLimit.
func (n *node) bound() int {
	switch n.kind {
	case nodeCompare:
		own := len(n.constants)
		if n.rel != relEQ || n.field.base.field == openflow.VLANTCI {
			own *= 2 * n.bits
		}
		if n.field.prereq != nil {
			own *= n.field.bound
		}
		return min(own, boundLimit)
	case nodePredicate:
		return n.predicate.bound
	case nodeAnd:
		total := 1
		for _, c := range n.children {
			total = min(total*c.bound(), boundLimit)
		}
		return total
	case nodeOr:
		total := 0
		for _, c := range n.children {
			total = min(total+c.bound(), boundLimit)
		}
		return total
	}
	return 1
}

// isSingle reports whether t is one match as it stands.
func (t term) isSingle() bool {
	for _, s := range t {
		if len(s.cubes) > 1 || s.base.field == openflow.VLANTCI || s.base.field == openflow.IPFrag {
			return false
		}
	}
	return true
}

// product is the number of combinations of the values of t's fields, cut at maxFlows+1.
func (t term) product() int {
	n := 1
	for _, s := range t {
		n = min(n*len(s.cubes), maxFlows+1)
	}
	return n
}

// sum is the number of values of those fields that have several.
func (t term) sum() int {
	n := 0
	for _, s := range t {
		if len(s.cubes) > 1 {
			n += len(s.cubes)
		}
	}
	return n
}

// emitter collects flows.
type emitter struct {
	conjID *uint32
	flows  []FlowMatch
	hard   map[openflow.Match]bool // flows without Conjunctions
	soft   map[openflow.Match]int  // places of flows with Conjunctions
}

// only is the flow of a single term, without the effort of collecting.
func (e *emitter) only(t term) []FlowMatch {
	var m openflow.Match
	for _, s := range t {
		m = s.base.match(m, s.cubes[0])
	}
	return []FlowMatch{{Match: m}}
}

// add adds the flows of t, which is prepared.
func (e *emitter) add(t term) {
	// One flow is for conj_id.
	if t.product() > t.sum()+1 {
		e.addConjunction(t)
		return
	}
	e.addProduct(openflow.Match{}, t)
}

// addProduct adds a flow for each combination of values, all with what m matches.
func (e *emitter) addProduct(m openflow.Match, t term) {
	if len(t) == 0 {
		e.addHard(m)
		return
	}
	for _, c := range t[0].cubes {
		e.addProduct(t[0].base.match(m, c), t[1:])
	}
}

func (e *emitter) addHard(m openflow.Match) {
	if e.hard == nil {
		e.hard = make(map[openflow.Match]bool)
	}
	if !e.hard[m] {
		e.hard[m] = true
		e.flows = append(e.flows, FlowMatch{Match: m})
	}
}

// addConjunction adds a conjunctive match with a clause for each field that has several values. All
// flows match the fields that have one: they are what others need, such as eth.type.
func (e *emitter) addConjunction(t term) {
	id := *e.conjID
	*e.conjID++
	var common openflow.Match
	var clauses term
	for _, s := range t {
		if len(s.cubes) > 1 {
			clauses = append(clauses, s)
		} else {
			common = s.base.match(common, s.cubes[0])
		}
	}
	for i, s := range clauses {
		for _, c := range s.cubes {
			e.addSoft(s.base.match(common, c), openflow.Conjunction{ID: id, Clause: uint8(i), N: uint8(len(clauses))})
		}
	}
	e.addHard(common.U32(openflow.ConjID, id))
}

func (e *emitter) addSoft(m openflow.Match, c openflow.Conjunction) {
	if e.soft == nil {
		e.soft = make(map[openflow.Match]int)
	}
	i, ok := e.soft[m]
	if !ok {
		i = len(e.flows)
		e.soft[m] = i
		e.flows = append(e.flows, FlowMatch{Match: m})
	}
	e.flows[i].Conjunctions = append(e.flows[i].Conjunctions, c)
}

// finish gives the flows. Packets that a flow takes at once don't need the conjunction.
func (e *emitter) finish() []FlowMatch {
	if len(e.soft) == 0 || len(e.hard) == 0 {
		return e.flows
	}
	return slices.DeleteFunc(e.flows, func(f FlowMatch) bool { return f.Conjunctions != nil && e.hard[f.Match] })
}

// match adds to m that the field is in c.
func (b base) match(m openflow.Match, c cube) openflow.Match {
	value, mask := c.value.bytes(), c.mask.bytes()
	if quad := slices.Index([]*openflow.Field{openflow.XXReg0, openflow.XXReg1, openflow.XXReg2, openflow.XXReg3}, b.field); quad >= 0 {
		for i := range 4 {
			if part := [4]byte(mask[4*i:]); part != [4]byte{} {
				m = m.Masked(openflow.Reg(4*quad+i), value[4*i:4*i+4], mask[4*i:4*i+4])
			}
		}
		return m
	}
	n := 16 - b.field.Bytes()
	if b.field != openflow.VLANTCI && c.mask == ones(b.field.Bits) {
		return m.Bytes(b.field, value[n:])
	}
	return m.Masked(b.field, value[n:], mask[n:])
}
