package logical

import "github.com/isat-sdn/isat/openflow"

// Eval reports whether a packet matches. read gives the value of a field of the packet, f.Bytes()
// long, or nil if the packet has no such field: then no comparison with it holds. As in Open vSwitch,
// a packet without VLAN tag has a vlan_tci of 0, and the transport ports, ICMP type and ICMP code of a
// later fragment are 0.
// Names that names doesn't know match nothing; a nil names knows none.
func (e *Expr) Eval(read func(f *openflow.Field) []byte, names Names) bool {
	v := evaluation{read: read, names: names}
	return v.holds(e.root, false)
}

type evaluation struct {
	read  func(*openflow.Field) []byte
	names Names
}

// holds evaluates n, or its negation.
func (v *evaluation) holds(n *node, negated bool) bool {
	switch n.kind {
	case nodeFalse, nodeTrue:
		return (n.kind == nodeTrue) != negated
	case nodePredicate:
		return v.holds(n.predicate.body, n.negated != negated)
	case nodeCompare:
		return v.compare(n, negated)
	}
	// The first child that decides: one that fails for "and", one that holds for "or".
	decisive := (n.kind == nodeOr) != negated
	for _, c := range n.children {
		if v.holds(c, negated) == decisive {
			return decisive
		}
	}
	return !decisive
}

func (v *evaluation) compare(n *node, negated bool) bool {
	f := n.field
	if f.prereq != nil && !v.holds(f.prereq, false) {
		return false
	}
	raw := v.read(f.OF)
	if raw == nil {
		return false
	}
	x := numberOf(raw).shiftRight(f.Ofs + n.ofs).and(ones(n.bits))
	rel := n.rel
	if negated {
		rel = rel.negate()
	}
	if rel == relNE {
		return !v.oneOf(n, x)
	}
	if rel == relEQ {
		return v.oneOf(n, x)
	}
	order := x.compare(n.constants[0].value)
	switch rel {
	case relLT:
		return order < 0
	case relLE:
		return order <= 0
	case relGT:
		return order > 0
	default:
		return order >= 0
	}
}

// oneOf reports whether x is one of n's constants.
func (v *evaluation) oneOf(n *node, x number) bool {
	for _, c := range n.constants {
		switch {
		case n.field.String:
			if v.names == nil {
				return false
			}
			if want, ok := v.names(n.field, c.text); ok && x == small(want) {
				return true
			}
		case c.masked:
			if x.and(c.mask) == c.value {
				return true
			}
		case x == c.value:
			return true
		}
	}
	return false
}
