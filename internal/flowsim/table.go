package flowsim

import (
	"cmp"
	"math"
	"slices"

	"github.com/isat-sdn/isat/openflow"
)

// table is a flow table, arranged so that a lookup takes one hash lookup for each set of fields and
// masks that its flows match.
type table struct {
	levels []*level // by falling priority
}

// level is the flows of one priority.
type level struct {
	priority uint16
	groups   []*group
}

// group is the flows of one priority that match the same bits of the same fields.
type group struct {
	shape string // fields and masks
	parts []part
	flows map[string]*flow // by the values of the parts, one after the other
}

// part is one field of a match.
type part struct {
	get  func(*key, []byte) []byte
	mask []byte // nil for all bits
}

// flow is a flow made ready for packets.
type flow struct {
	mod     *openflow.FlowMod
	shape   string
	seq     int // place among all flows, in the order they were added
	ops     []operation
	clauses []openflow.Conjunction // of a flow that is a part of a conjunctive match
}

// groupKey tells the groups of all tables apart.
type groupKey struct {
	table    uint8
	priority uint16
	shape    string // fields and masks
}

// builder arranges flows in tables.
type builder struct {
	tables map[uint8]*table
	groups map[groupKey]*group
	levels map[groupKey]*level // with an empty shape
}

func newBuilder() *builder {
	return &builder{tables: make(map[uint8]*table), groups: make(map[groupKey]*group), levels: make(map[groupKey]*level)}
}

// add adds a flow whose fields are simulated. A later flow with the same priority and match replaces
// an earlier one.
func (b *builder) add(f *flow) {
	var shape, value []byte
	for o := range f.mod.Match.All() {
		shape = be.AppendUint32(shape, o.Field.Header)
		shape = be.AppendUint32(shape, o.Field.Experimenter)
		shape = append(append(shape, byte(len(o.Mask))), o.Mask...)
		value = append(value, o.Value...)
	}
	at := groupKey{f.mod.TableID, f.mod.Priority, string(shape)}
	g := b.groups[at]
	if g == nil {
		g = &group{shape: at.shape, flows: make(map[string]*flow)}
		for o := range f.mod.Match.All() {
			g.parts = append(g.parts, part{fields[o.Field].get, o.Mask})
		}
		b.groups[at] = g
		l := b.level(at)
		l.groups = append(l.groups, g)
	}
	f.shape = g.shape
	g.flows[string(value)] = f
}

func (b *builder) level(at groupKey) *level {
	at.shape = ""
	l := b.levels[at]
	if l == nil {
		l = &level{priority: at.priority}
		b.levels[at] = l
		t := b.tables[at.table]
		if t == nil {
			t = new(table)
			b.tables[at.table] = t
		}
		t.levels = append(t.levels, l)
	}
	return l
}

// finish gives the tables. The builder is not used any more then.
func (b *builder) finish() map[uint8]*table {
	for _, t := range b.tables {
		slices.SortFunc(t.levels, func(x, y *level) int { return cmp.Compare(y.priority, x.priority) })
	}
	return b.tables
}

// find finds the group's flow that takes a packet, nil for none. It overwrites buf.
func (g *group) find(k *key, buf []byte) *flow {
	buf = buf[:0]
	for _, p := range g.parts {
		at := len(buf)
		buf = p.get(k, buf)
		for i, m := range p.mask {
			buf[at+i] &= m
		}
	}
	return g.flows[string(buf)]
}

// found is what a lookup found: the flow, nil for none, and the flows of the conjunctive match that
// led to it.
type found struct {
	flow    *flow
	clauses []*flow
}

// lookup finds the flow that takes a packet. As in Open vSwitch (classifier_lookup in
// lib/classifier.c), a conjunctive match of which a flow takes every clause makes a second lookup
// with conj_id, in which those flows have no part; when that finds nothing, lower priorities decide.
func (t *table) lookup(k *key) found {
	if t == nil {
		return found{}
	}
	for _, l := range t.levels {
		hard, soft := l.matches(k, nil)
		if hard != nil {
			return found{flow: hard}
		}
		id, clauses := conjunction(soft)
		if clauses == nil {
			continue
		}
		before := k.conjID
		k.conjID = id
		f := t.lookupID(k)
		k.conjID = before
		if f != nil {
			return found{f, clauses}
		}
	}
	return found{}
}

// lookupID is a lookup without the flows of conjunctive matches. In Open vSwitch they hide flows with
// the same match and a lower priority, though.
func (t *table) lookupID(k *key) *flow {
	hidden := make(map[string]bool) // by shape
	for _, l := range t.levels {
		hard, soft := l.matches(k, hidden)
		if hard != nil {
			return hard
		}
		for _, f := range soft {
			hidden[f.shape] = true
		}
	}
	return nil
}

// matches finds the flow of a level that takes a packet, or the flows that do as parts of conjunctive
// matches. Where several flows take it, which the standard leaves open, it is the one added first.
func (l *level) matches(k *key, hidden map[string]bool) (hard *flow, soft []*flow) {
	var buf [128]byte
	for _, g := range l.groups {
		if hidden[g.shape] {
			continue
		}
		switch f := g.find(k, buf[:]); {
		case f == nil:
		case f.clauses != nil:
			soft = append(soft, f)
		case hard == nil || f.seq < hard.seq:
			hard = f
		}
	}
	return hard, soft
}

// conjunction finds a conjunctive match of which a flow takes each clause, and those flows.
func conjunction(soft []*flow) (id uint32, clauses []*flow) {
	slices.SortFunc(soft, func(a, b *flow) int { return cmp.Compare(a.seq, b.seq) })
	taken := make(map[uint32]uint64) // by id; the bits of clauses that there are not, are set
	for _, f := range soft {
		for _, c := range f.clauses {
			if _, ok := taken[c.ID]; !ok {
				taken[c.ID] = math.MaxUint64 << (c.N & 63)
				if c.N == maxClauses {
					taken[c.ID] = 0
				}
			}
			taken[c.ID] |= 1 << c.Clause
			if taken[c.ID] == math.MaxUint64 {
				return c.ID, slices.DeleteFunc(soft, func(f *flow) bool { return !f.hasPart(c.ID) })
			}
		}
	}
	return 0, nil
}

// maxClauses is how many clauses a conjunctive match may have; the least is two.
const maxClauses = 64

func (f *flow) hasPart(id uint32) bool {
	return slices.ContainsFunc(f.clauses, func(c openflow.Conjunction) bool { return c.ID == id })
}
