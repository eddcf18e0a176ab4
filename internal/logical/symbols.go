package logical

import (
	"fmt"
	"slices"
	"strings"

	"github.com/isat-sdn/isat/openflow"
)

// Field is a field that expressions and actions name, and where it lives.
type Field struct {
	Name      string          // as written: "eth.dst", "reg0", "flags.owner"
	OF        *openflow.Field // where it lives
	Ofs, Bits int             // its bits within OF, counted from the lowest
	String    bool            // holds names, which a Names maps to numbers; nominal
	Nominal   bool            // has no order and no bits of its own: only == is possible. Otherwise ordinal
	ReadOnly  bool            // can't be assigned
	Prereq    string          // expression that must hold for the field to exist, such as "ip4"; "" for none
	Doc       string          // one line for the generated reference

	prereq      *node     // Prereq; nil for none
	prereqTerms []term    // prereq in the form of the compiler; not if it uses registers
	base        base      // where OF is in the compiler's view
	wide        base      // if OF is a register: where it is when expressions use wider ones
	registers   registers // that the field and its prerequisite use
	bound       int       // see node.bound, of the prerequisite
}

// registers says what 128-bit registers an expression touches.
type registers struct {
	any  uint8 // bit n: a part of xxreg n
	wide uint8 // bit n: more than 32 bits of it at once
}

func (r registers) or(o registers) registers { return registers{r.any | o.any, r.wide | o.wide} }

// Predicate is a name for an expression.
type Predicate struct {
	Name      string
	Expansion string
	Doc       string // one line for the generated reference

	body    *node
	nominal bool // body tests a nominal field, so that it can't be negated

	terms     []term // body in the form of the compiler; not if it uses registers
	registers registers
	bound     int // see node.bound
}

// Names maps a name that a string field holds to its number. ok is false for an unknown name.
type Names func(f *Field, name string) (number uint64, ok bool)

// Symbols is the vocabulary of expressions and actions: fields and predicates. Fill it first, then
// use it; from then on it may be used by several goroutines.
type Symbols struct {
	fields     map[string]*Field
	predicates map[string]*Predicate
}

// NewSymbols makes an empty vocabulary.
func NewSymbols() *Symbols {
	return &Symbols{fields: make(map[string]*Field), predicates: make(map[string]*Predicate)}
}

// AddField adds a field. Its prerequisite may only use what was added before. It panics when the
// field makes no sense, which is a mistake in the calling code.
func (s *Symbols) AddField(f Field) {
	s.checkName(f.Name)
	if f.OF == nil || f.Ofs < 0 || f.Bits < 1 || f.Ofs+f.Bits > f.OF.Bytes()*8 {
		panic(fmt.Sprintf("logical: field %s does not lie within its OpenFlow field", f.Name))
	}
	f.Nominal = f.Nominal || f.String
	f.locate()
	if !f.OF.Maskable && (!f.Nominal || f.Ofs != 0 || f.Bits != f.OF.Bits) {
		panic(fmt.Sprintf("logical: field %s must be nominal, because %s can't be masked", f.Name, f.OF))
	}
	if f.String && f.Bits > 64 {
		panic(fmt.Sprintf("logical: string field %s is wider than 64 bits", f.Name))
	}
	if f.Prereq != "" {
		f.prereq = s.mustParse(f.Name, f.Prereq)
		f.prereqTerms = s.mustLower(f.Name, f.prereq)
		f.registers = f.registers.or(f.prereq.registers())
		f.bound = f.prereq.bound()
	}
	s.fields[f.Name] = &f
}

// locate finds where OF is in the compiler's view.
func (f *Field) locate() {
	f.base = baseOf(f.OF)
	wide, quad, ok := wideBaseOf(f.OF)
	if !ok {
		return
	}
	f.wide, f.registers.any = wide, 1<<quad
	if f.OF.Bits > 32 {
		f.base, f.registers.wide = wide, 1<<quad
	}
}

// AddPredicate adds a name for the expression expansion, which may only use what was added before.
// It panics when the expansion is wrong, which is a mistake in the calling code.
func (s *Symbols) AddPredicate(name, expansion, doc string) {
	s.checkName(name)
	body := s.mustParse(name, expansion)
	s.predicates[name] = &Predicate{Name: name, Expansion: expansion, Doc: doc, body: body, nominal: body.isNominal(),
		terms: s.mustLower(name, body), registers: body.registers(), bound: body.bound()}
}

func (s *Symbols) checkName(name string) {
	l := newLexer(name)
	if l.tok.kind != tokID || l.tok.text != name {
		panic(fmt.Sprintf("logical: symbol name %q", name))
	}
	if s.fields[name] != nil || s.predicates[name] != nil {
		panic(fmt.Sprintf("logical: symbol %s twice", name))
	}
}

func (s *Symbols) mustParse(name, text string) *node {
	e, err := ParseMatch(s, text)
	if err != nil {
		panic(fmt.Sprintf("logical: symbol %s: %q: %v", name, text, err))
	}
	return e.root
}

// mustLower brings the expression of a symbol into the form of the compiler. Symbols can't mention
// names of ports, because these change.
func (s *Symbols) mustLower(name string, n *node) []term {
	if n.usesStrings() {
		panic(fmt.Sprintf("logical: symbol %s depends on a string field", name))
	}
	l := newLowering(n)
	l.limit = maxFlows
	terms := l.lower(n)
	if l.over {
		panic(fmt.Sprintf("logical: symbol %s is too complex", name))
	}
	return terms
}

// Field finds a field by its name.
func (s *Symbols) Field(name string) (*Field, bool) {
	f, ok := s.fields[name]
	return f, ok
}

// Fields lists the fields by name.
func (s *Symbols) Fields() []*Field {
	list := make([]*Field, 0, len(s.fields))
	for _, f := range s.fields {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *Field) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Predicates lists the predicates by name.
func (s *Symbols) Predicates() []*Predicate {
	list := make([]*Predicate, 0, len(s.predicates))
	for _, p := range s.predicates {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *Predicate) int { return strings.Compare(a.Name, b.Name) })
	return list
}
