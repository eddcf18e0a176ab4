package logical

import (
	"encoding/binary"
	"slices"
)

// slot says that a field has one of some values.
type slot struct {
	base  base // shift is 0
	apart bool // the values are those of a nominal field, and are never joined by masks
	cubes []cube
}

// term is a conjunction: every slot has to hold. Slots are in the order of their fields, of which
// each has one. A term without slots takes every packet. Terms are never changed once made.
type term []slot

// lowering brings an expression into the form of the compiler: a disjunction of terms.
type lowering struct {
	names   Names
	wide    uint8 // bit n: registers are parts of xxreg n
	measure bool  // names don't matter, see checkSize
	limit   int   // of terms and of cubes in a slot; 0 for none
	effort  int   // spent so far
	over    bool  // the limit was exceeded: what lower gave is meaningless
	fresh   int32 // fields made up when measuring

	// Spare memory, because most expressions need little of it, in many pieces.
	slots []slot
	cells []cube
	lists []term
}

// term makes an empty term with room for n slots.
func (l *lowering) term(n int) term {
	if cap(l.slots) < n {
		l.slots = make([]slot, 0, max(n, 10))
	}
	t := l.slots[:0:n]
	l.slots = l.slots[n:n:cap(l.slots)]
	return t
}

// single makes a set of one cube.
func (l *lowering) single(c cube) []cube {
	if cap(l.cells) == 0 {
		l.cells = make([]cube, 0, 4)
	}
	out := append(l.cells[:0:1], c)
	l.cells = l.cells[1:1:cap(l.cells)]
	return out
}

// list makes a list of one term.
func (l *lowering) list(t term) []term {
	if cap(l.lists) == 0 {
		l.lists = make([]term, 0, 6)
	}
	out := append(l.lists[:0:1], t)
	l.lists = l.lists[1:1:cap(l.lists)]
	return out
}

func newLowering(n *node) lowering { return lowering{wide: n.registers().wide} }

// base is where the compiler sees f.
func (l *lowering) base(f *Field) base {
	if f.registers.any&l.wide != 0 && f.wide.field != nil {
		return f.wide
	}
	return f.base
}

// lower gives the terms of n: none if it never holds.
func (l *lowering) lower(n *node) []term { return l.narrow(l.list(nil), n, false) }

// narrow gives the terms of what is in all and for which n holds or, if negated is set, doesn't.
func (l *lowering) narrow(all []term, n *node, negated bool) []term {
	if len(all) == 0 || l.over {
		return nil
	}
	switch n.kind {
	case nodePredicate:
		p := n.predicate
		if negated == n.negated && p.registers.any == 0 {
			return l.product(all, p.terms)
		}
		return l.narrow(all, p.body, negated != n.negated)
	case nodeAnd, nodeOr:
		return l.narrowList(all, n, negated)
	}
	if negated {
		n = n.negation()
	}
	switch n.kind {
	case nodeFalse:
		return nil
	case nodeTrue:
		return all
	}
	return l.narrowCompare(all, n)
}

// narrowCompare is narrow for a comparison, with its prerequisites.
func (l *lowering) narrowCompare(all []term, n *node) []term {
	cubes := l.cubes(n)
	if len(cubes) == 0 {
		return nil
	}
	switch f := n.field; {
	case f.prereq == nil:
	case f.prereq.registers().any != 0:
		all = l.narrow(all, f.prereq, false)
	default:
		all = l.product(all, f.prereqTerms)
	}
	if cubes[0].mask.isZero() {
		return all
	}
	b := l.base(n.field)
	b.shift = 0
	if n.field.String && l.measure {
		// No field is the same as another, so that nothing cancels out.
		const known = 1 << 10 // more than there are fields
		if l.fresh++; l.exceeds(int(l.fresh)) {
			return nil
		}
		b.rank += known * l.fresh
	}
	return l.product(all, l.list(append(l.term(1), slot{base: b, apart: n.field.Nominal, cubes: cubes})))
}

func (l *lowering) narrowList(all []term, n *node, negated bool) []term {
	if (n.kind == nodeAnd) != negated {
		for _, c := range n.children {
			all = l.narrow(all, c, negated)
		}
		return all
	}
	var either []term
	for _, c := range n.children {
		either = append(either, l.narrow(l.list(nil), c, negated)...)
		if l.exceeds(len(either)) {
			return nil
		}
	}
	return l.product(all, mergeTerms(either))
}

// exceeds notes whether n is more than the limit.
func (l *lowering) exceeds(n int) bool {
	if l.limit > 0 && n > l.limit {
		l.over = true
	}
	return l.over
}

// spend counts what work costs, in combinations looked at. It reports false when that was too much.
func (l *lowering) spend(n int) bool {
	const perFlow = 64
	l.effort += n
	return !l.exceeds(l.effort / perFlow)
}

// product gives the terms of the conjunction of two disjunctions.
func (l *lowering) product(a, b []term) []term {
	if len(a) == 1 && len(a[0]) == 0 {
		return b
	}
	if len(a) == 1 && len(b) == 1 {
		both, ok := l.both(a[0], b[0])
		if !ok {
			return nil
		}
		return l.list(both)
	}
	// What is multiplied out takes more work than what is just listed.
	const effort = 256
	if len(a) > 1 && len(b) > 1 && !l.spend(effort*len(a)*len(b)) {
		return nil
	}
	out := make([]term, 0, len(a)*len(b))
	for _, s := range a {
		for _, t := range b {
			if both, ok := l.both(s, t); ok {
				out = append(out, both)
			}
		}
	}
	if len(a) > 1 && len(b) > 1 {
		return mergeTerms(out)
	}
	return out
}

// both is the conjunction of two terms. ok is false if they contradict each other.
func (l *lowering) both(s, t term) (out term, ok bool) {
	switch {
	case s.implies(t):
		return s, true
	case t.implies(s):
		return t, true
	}
	out = l.term(len(s) + len(t))
	for len(s) > 0 && len(t) > 0 {
		switch x, y := s[0], t[0]; {
		case x.base.rank < y.base.rank:
			out, s = append(out, x), s[1:]
		case x.base.rank > y.base.rank:
			out, t = append(out, y), t[1:]
		default:
			apart := x.apart || y.apart
			cubes := l.meet(x.cubes, y.cubes, apart)
			if len(cubes) == 0 {
				return nil, false
			}
			out = append(out, slot{base: x.base, apart: apart, cubes: cubes})
			s, t = s[1:], t[1:]
		}
	}
	return append(append(out, s...), t...), true
}

// implies reports whether each packet of t is one of o, where a look at single values tells.
func (t term) implies(o term) bool {
	if len(t) < len(o) {
		return false
	}
	for _, s := range o {
		for len(t) > 0 && t[0].base.rank < s.base.rank {
			t = t[1:]
		}
		if len(t) == 0 || t[0].base.rank != s.base.rank || len(t[0].cubes) != 1 || t[0].apart != s.apart ||
			!slices.ContainsFunc(s.cubes, t[0].cubes[0].within) {
			return false
		}
	}
	return true
}

// meet is the intersection of two sets.
func (l *lowering) meet(a, b []cube, apart bool) []cube {
	if len(a) == 1 && len(b) == 1 {
		both, ok := a[0].meet(b[0])
		switch {
		case !ok:
			return nil
		case both == a[0]:
			return a
		}
		return l.single(both)
	}
	// Prefixes meet in no more prefixes than there are; odd masks can multiply.
	if !l.spend(len(a) * len(b)) {
		return nil
	}
	var out []cube
	for _, x := range a {
		for _, y := range b {
			if both, ok := x.meet(y); ok {
				out = append(out, both)
			}
		}
	}
	out = simplify(out, apart)
	if l.exceeds(len(out)) {
		return nil
	}
	return out
}

// mergeTerms joins terms that differ in one field only, and drops those that others contain.
func mergeTerms(list []term) []term {
	if len(list) < 2 {
		return list
	}
	for _, rank := range ranksOf(list) {
		list = mergeAt(list, rank)
	}
	return dropSubsumed(list)
}

// ranksOf lists the fields that the terms have.
func ranksOf(list []term) []int32 {
	var ranks []int32
	for _, t := range list {
		for _, s := range t {
			if !slices.Contains(ranks, s.base.rank) {
				ranks = append(ranks, s.base.rank)
			}
		}
	}
	slices.Sort(ranks)
	return ranks
}

// mergeAt joins terms that are the same but for the field of the given rank.
func mergeAt(list []term, rank int32) []term {
	type group struct {
		at    int // of the first term, in out
		cubes []cube
		joint bool
	}
	groups := make(map[string]*group, len(list))
	var key []byte
	out := list[:0:0]
	for _, t := range list {
		i := t.find(rank)
		if i < 0 {
			out = append(out, t)
			continue
		}
		key = t.appendKey(key[:0], rank)
		if g := groups[string(key)]; g != nil {
			g.cubes = append(g.cubes, t[i].cubes...)
			g.joint = true
			continue
		}
		groups[string(key)] = &group{at: len(out), cubes: slices.Clip(t[i].cubes)}
		out = append(out, t)
	}
	for _, g := range groups {
		if g.joint {
			out[g.at] = out[g.at].replace(rank, g.cubes)
		}
	}
	return out
}

// find gives the place of the field of the given rank, or -1.
func (t term) find(rank int32) int {
	return slices.IndexFunc(t, func(s slot) bool { return s.base.rank == rank })
}

// replace is t with other values for a field.
func (t term) replace(rank int32, cubes []cube) term {
	out := slices.Clone(t)
	i := t.find(rank)
	out[i].cubes = simplify(slices.Clone(cubes), out[i].apart)
	if out[i].cubes[0].mask.isZero() {
		return slices.Delete(out, i, i+1)
	}
	return out
}

// appendKey appends what tells t from other terms, the field of the given rank left out.
func (t term) appendKey(b []byte, except int32) []byte {
	for _, s := range t {
		if s.base.rank == except {
			// Terms with and without the field differ, and so do nominal and ordinal uses of it.
			if s.apart {
				b = append(b, 1)
			}
			continue
		}
		b = binary.AppendUvarint(b, uint64(s.base.rank))
		b = binary.AppendUvarint(b, uint64(len(s.cubes)))
		for _, c := range s.cubes {
			for _, n := range [...]number{c.value, c.mask} {
				b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, n.hi), n.lo)
			}
		}
	}
	return b
}

// dropSubsumed removes terms that another one contains.
func dropSubsumed(list []term) []term {
	// More terms than this are left as they are, which is right but not minimal.
	const limit = 256
	if len(list) < 2 || len(list) > limit {
		return list
	}
	out := list[:0:0]
	for i, t := range list {
		contained := false
		for j, o := range list {
			// Of two equal terms, the first stays.
			if i != j && t.within(o) && (j < i || !o.within(t)) {
				contained = true
				break
			}
		}
		if !contained {
			out = append(out, t)
		}
	}
	return out
}

// within reports whether each packet of t is one of o, as far as that is easily seen.
func (t term) within(o term) bool {
	const limit = 64
	for _, s := range o {
		i := t.find(s.base.rank)
		if i < 0 || len(t[i].cubes)*len(s.cubes) > limit && len(s.cubes) > 1 {
			return false
		}
		for _, c := range t[i].cubes {
			if !slices.ContainsFunc(s.cubes, c.within) {
				return false
			}
		}
	}
	return true
}
