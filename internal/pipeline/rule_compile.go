package pipeline

import (
	"fmt"
	"hash/fnv"

	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/openflow"
)

// Flow is a logical flow with what it is on a switch.
type Flow struct {
	Rule                    // with match and actions in canonical form
	ID   uint32             // stands in the cookie of its flows: depends on nothing but the rule
	Mods []openflow.FlowMod // none if it can't match on this switch
}

// compiler translates rules for a switch.
type compiler struct {
	symbols *logical.Symbols
	target  func(Table, logical.Names) *logical.Target
	names   logical.Names
	// Conjunctive matches have numbers. A rule's follow from its text, so that
	// they do not depend on other rules; those of rules that are compiled apart
	// differ in the top byte, so that they never meet.
	space uint8
	taken map[uint32]bool
}

// Where rules are compiled apart from each other.
const (
	spaceStatic uint8 = iota + 1
	spaceRouters
	spacePorts
	spacePolicies
)

func newCompiler(space uint8, names logical.Names) *compiler {
	return &compiler{symbols: Symbols(), target: target, names: names, space: space, taken: make(map[uint32]bool)}
}

// compileError says in which part of a rule something is wrong.
type compileError struct {
	part string // match or actions
	text string
	err  error
}

func (e *compileError) Error() string { return fmt.Sprintf("%s %q: %v", e.part, e.text, e.err) }
func (e *compileError) Unwrap() error { return e.err }

// all compiles rules of isat's own making.
func (c *compiler) all(rules []Rule) []Flow {
	flows := make([]Flow, 0, len(rules))
	for _, r := range rules {
		f, err := c.compile(r)
		if err != nil {
			panic(fmt.Sprintf("pipeline: table %s, priority %d: %v", r.Table, r.Priority, err))
		}
		flows = append(flows, f)
	}
	return flows
}

func (c *compiler) compile(r Rule) (Flow, error) {
	expr, err := logical.ParseMatch(c.symbols, r.Match)
	if err != nil {
		return Flow{}, &compileError{"match", r.Match, err}
	}
	acts, err := logical.ParseActions(c.symbols, r.Actions)
	if err != nil {
		return Flow{}, &compileError{"actions", r.Actions, err}
	}
	done, err := acts.Compile(c.target(r.Table, c.names))
	if err != nil {
		return Flow{}, &compileError{"actions", r.Actions, err}
	}
	f := Flow{Rule: r}
	f.Match, f.Actions = expr.String(), acts.String()
	f.ID = f.hash()
	instructions := done.Instructions()
	if !meterCopy(done.Apply, r.Meter) {
		instructions.Meter = r.Meter
	}
	if reason, ok := pausedReason(done.Apply); ok {
		// The meter of a controller action does not count for paused packets.
		instructions.Meter = uint32(reason)
	}
	for _, m := range c.matches(&f, expr.And(acts.PrereqExpr())) {
		f.Mods = append(f.Mods, f.mod(m, instructions))
	}
	return f, nil
}

// matches compiles a match with numbers that nobody has.
func (c *compiler) matches(f *Flow, expr *logical.Expr) []logical.FlowMatch {
	const mask = 1<<24 - 1
	for first := f.ID & mask; ; first = (first + 1) & mask {
		begin := uint32(c.space)<<24 | first
		next := begin
		matches := expr.Compile(c.names, &next)
		if c.take(begin, next) {
			return matches
		}
	}
}

// take reserves numbers, unless somebody has one of them.
func (c *compiler) take(begin, end uint32) bool {
	for id := begin; id < end; id++ {
		if c.taken[id] || uint8(id>>24) != c.space {
			return false
		}
	}
	for id := begin; id < end; id++ {
		c.taken[id] = true
	}
	return true
}

func (f *Flow) mod(m logical.FlowMatch, instructions openflow.Instructions) openflow.FlowMod {
	if len(m.Conjunctions) > 0 {
		clause := make([]openflow.Action, len(m.Conjunctions))
		for i, c := range m.Conjunctions {
			clause[i] = c
		}
		instructions = openflow.Apply(clause...)
	}
	mod := newFlow(f.Table, f.Priority, m.Match, nil, noTable)
	mod.Instructions = instructions
	mod.Cookie = cookie(f.Table, kindRule, f.ID)
	if f.Leased {
		mod.Cookie = cookie(f.Table, kindLease, f.ID)
		mod.HardTimeout = LeaseSeconds
	}
	return mod
}

func (f *Flow) hash() uint32 {
	h := fnv.New32a()
	_, _ = fmt.Fprintf(h, "%d %d %t %s => %s", f.Table, f.Priority, f.Leased, f.Match, f.Actions)
	return h.Sum32()
}
