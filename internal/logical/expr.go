package logical

import "slices"

// Expr is a match: it says of a packet whether it matches. It is immutable, and belongs to the
// Symbols that it was parsed with.
type Expr struct {
	root *node
}

type nodeKind uint8

const (
	nodeFalse nodeKind = iota
	nodeTrue
	nodeCompare
	nodePredicate
	nodeAnd
	nodeOr
)

// node is a part of an expression. Negation is carried to the leaves when it is read, as OVN does.
type node struct {
	kind nodeKind

	// nodeCompare: bits ofs to ofs+bits-1 of field stand in relation rel to one of the constants;
	// with relNE, to all. One bit that is 0 or 1 is relEQ with a decimal 0 or 1.
	field     *Field
	ofs, bits int
	rel       relation
	constants []constant

	// nodePredicate: what predicate stands for, negated if negated is set.
	predicate *Predicate
	negated   bool

	// nodeAnd, nodeOr: two or more, none of the same kind or constant.
	children []*node
}

type relation uint8

const (
	relEQ relation = iota
	relNE
	relLT
	relLE
	relGT
	relGE
)

func (r relation) String() string {
	return [...]string{"==", "!=", "<", "<=", ">", ">="}[r]
}

// negate is the relation that holds exactly if r doesn't.
func (r relation) negate() relation {
	return [...]relation{relNE, relEQ, relGE, relGT, relLE, relLT}[r]
}

// turn is the relation of b to a if r is that of a to b.
func (r relation) turn() relation {
	return [...]relation{relEQ, relNE, relGT, relGE, relLT, relLE}[r]
}

func (r relation) isOrder() bool { return r >= relLT }

// combine makes the conjunction or disjunction, as kind says, of list.
func combine(kind nodeKind, list ...*node) *node {
	neutral, absorbing := nodeTrue, nodeFalse
	if kind == nodeOr {
		neutral, absorbing = nodeFalse, nodeTrue
	}
	children := make([]*node, 0, len(list))
	for _, n := range list {
		switch n.kind {
		case neutral:
		case absorbing:
			return n
		case kind:
			children = append(children, n.children...)
		default:
			children = append(children, n)
		}
	}
	switch len(children) {
	case 0:
		return &node{kind: neutral}
	case 1:
		return children[0]
	}
	return &node{kind: kind, children: slices.Clip(children)}
}

// negation is the node for what n is not. A comparison's prerequisites stay: they are no part of
// what is negated.
func (n *node) negation() *node {
	out := *n
	switch n.kind {
	case nodeFalse:
		out.kind = nodeTrue
	case nodeTrue:
		out.kind = nodeFalse
	case nodeCompare:
		if out.isBit() {
			out.constants = []constant{bitConstant(out.constants[0].value.isZero())}
		} else {
			out.rel = out.rel.negate()
		}
	case nodePredicate:
		out.negated = !out.negated
	case nodeAnd, nodeOr:
		out.kind = nodeAnd + nodeOr - n.kind
		out.children = make([]*node, len(n.children))
		for i, c := range n.children {
			out.children[i] = c.negation()
		}
	}
	return &out
}

// isBit reports whether n says that a single bit is set or that it isn't.
func (n *node) isBit() bool {
	return n.bits == 1 && n.rel == relEQ && len(n.constants) == 1 && !n.constants[0].masked && !n.field.String
}

func bitConstant(set bool) constant {
	if set {
		return constant{value: small(1)}
	}
	return constant{}
}

// newCompare makes a comparison, which was checked, in its canonical form.
func newCompare(o operand, rel relation, constants []constant) *node {
	n := &node{kind: nodeCompare, field: o.field, ofs: o.ofs, bits: o.bits, rel: rel, constants: constants}
	if rel == relNE {
		n.rel = relEQ
	}
	if !n.isBit() {
		n.rel = rel
		return n
	}
	isOne := !constants[0].value.isZero()
	n.constants = []constant{bitConstant(isOne == (rel == relEQ))}
	return n
}

// some reports whether f holds for a leaf.
func (n *node) some(f func(*node) bool) bool {
	switch n.kind {
	case nodeAnd, nodeOr:
		return slices.ContainsFunc(n.children, func(c *node) bool { return c.some(f) })
	}
	return f(n)
}

// isNominal reports whether n tests a nominal field, itself or through a predicate.
func (n *node) isNominal() bool {
	return n.some(func(n *node) bool {
		return n.kind == nodeCompare && n.field.Nominal || n.kind == nodePredicate && n.predicate.nominal
	})
}

func (n *node) usesStrings() bool {
	return n.some(func(n *node) bool { return n.kind == nodeCompare && n.field.String })
}

// registers says what registers n uses, through prerequisites and predicates too.
func (n *node) registers() (r registers) {
	switch n.kind {
	case nodeCompare:
		return n.field.registers
	case nodePredicate:
		return n.predicate.registers
	}
	for _, c := range n.children {
		r = r.or(c.registers())
	}
	return r
}

// And is the expression that takes what both take.
func (e *Expr) And(o *Expr) *Expr { return &Expr{combine(nodeAnd, e.root, o.root)} }

// Equal reports whether both are the same expression, not only the same set of packets.
func (e *Expr) Equal(o *Expr) bool { return e.root.equal(o.root) }

func (n *node) equal(o *node) bool {
	return n.kind == o.kind && n.field == o.field && n.ofs == o.ofs && n.bits == o.bits && n.rel == o.rel &&
		n.predicate == o.predicate && n.negated == o.negated &&
		slices.Equal(n.constants, o.constants) && slices.EqualFunc(n.children, o.children, (*node).equal)
}

// Expand is the expression with predicates replaced by what they stand for, and with all
// prerequisites written out.
func (e *Expr) Expand() *Expr { return &Expr{e.root.expand(false)} }

func (n *node) expand(negated bool) *node {
	switch n.kind {
	case nodePredicate:
		return n.predicate.body.expand(negated != n.negated)
	case nodeAnd, nodeOr:
		list := make([]*node, len(n.children))
		for i, c := range n.children {
			list[i] = c.expand(negated)
		}
		if negated {
			return combine(nodeAnd+nodeOr-n.kind, list...)
		}
		return combine(n.kind, list...)
	}
	out := n
	if negated {
		out = n.negation()
	}
	if n.kind == nodeCompare && n.field.prereq != nil {
		return combine(nodeAnd, out, n.field.prereq.expand(false))
	}
	return out
}
