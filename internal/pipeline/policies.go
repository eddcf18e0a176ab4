package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/openflow"
)

// Policies stand above all of isat's own rules, in their own order.
const policyBase = 1000

// policyTables are the tables that take policies: every packet meets guard, and
// next goes on; routed ones meet ip-input, likewise; l2 decides where a packet
// goes.
func policyTables() []Table { return []Table{Guard, L2, IPInput} }

// policySymbols are the pipeline's, where policies may write only the packet
// and the egress port.
var policySymbols = sync.OnceValue(func() *logical.Symbols {
	s := logical.NewSymbols()
	s.AddPacketFields()
	addRegisters(s)
	for _, f := range pipelineFields() {
		f.ReadOnly = f.Name != "outport"
		s.AddField(f)
	}
	return s
})

// policyTarget is a table's target without what only isat may do.
func policyTarget(t Table, names logical.Names) *logical.Target {
	out := target(t, names)
	out.Reasons = nil
	out.Tables = make(map[string]uint8)
	for _, to := range []Table{L2, Flood, Deliver} {
		out.Tables[to.String()] = uint8(to)
	}
	return out
}

// policyRule is the rule of a policy. ok is false if its table does not exist.
func policyRule(p *intent.Policy) (r Rule, ok bool) {
	table, ok := TableByName(p.Table)
	return Rule{Table: table, Priority: policyBase + p.Priority, Match: p.Match, Actions: p.Actions,
		Doc: "a policy of the operator", Owner: fmt.Sprintf("policy %q", p.Name)}, ok && slices.Contains(policyTables(), table)
}

// PolicyChecker checks the policies of one file: each by itself, and what they
// take together.
type PolicyChecker struct {
	compiler *compiler
	numbers  map[string]uint64        // names of ports, networks and routers, which need not exist
	flows    int                      // of all policies
	parts    map[openflow.FlowKey]int // conjunctive matches that a flow is a part of
}

// Bounds of what all policies take on a switch. A flow's conjunctions have to
// fit into one message.
const (
	maxPolicyFlows    = 512 // of one policy
	maxAllPolicyFlows = 1 << 16
	maxParts          = 2048
)

// NewPolicyChecker begins to check a file.
func NewPolicyChecker() *PolicyChecker {
	c := &PolicyChecker{numbers: make(map[string]uint64), parts: make(map[openflow.FlowKey]int)}
	c.compiler = newPolicyCompiler(c.number)
	return c
}

// number gives each name a number of its own: a policy about a port, a network or
// a router that does not exist matches nothing.
func (c *PolicyChecker) number(_ *logical.Field, name string) (uint64, bool) {
	if c.numbers[name] == 0 {
		c.numbers[name] = uint64(len(c.numbers) + 1)
	}
	return c.numbers[name], true
}

// Check says what is wrong with a policy, nil if nothing is.
func (c *PolicyChecker) Check(p *intent.Policy) *intent.PolicyFault {
	rule, ok := policyRule(p)
	if !ok {
		var names []string
		for _, t := range policyTables() {
			names = append(names, t.String())
		}
		return &intent.PolicyFault{Key: "table", Message: fmt.Sprintf("table %q takes no policies: want one of %s", p.Table, strings.Join(names, ", "))}
	}
	flow, err := c.compiler.compile(rule)
	if err != nil {
		return policyFault(err)
	}
	if why := c.tooMany(&flow); why != "" {
		return &intent.PolicyFault{Key: "match", Message: why}
	}
	for _, mod := range flow.Mods {
		why := forbidden(rule.Table, mod.Instructions.Apply)
		if to := Table(mod.Instructions.GotoTable); mod.Instructions.HasGoto && to != following(rule.Table) {
			why = cmp.Or(why, forbiddenTable(rule.Table, to))
		}
		if why != "" {
			return &intent.PolicyFault{Key: "actions", Message: why}
		}
	}
	return nil
}

// tooMany says what a policy takes too much of, "" if it fits.
func (c *PolicyChecker) tooMany(flow *Flow) string {
	n := len(flow.Mods)
	c.flows += n
	switch {
	case n > maxPolicyFlows:
		return fmt.Sprintf("the match takes %d flows: want one that takes %d at most, or several policies", n, maxPolicyFlows)
	case c.flows > maxAllPolicyFlows:
		return fmt.Sprintf("with it the policies take %d flows: want %d at most", c.flows, maxAllPolicyFlows)
	}
	for _, mod := range flow.Mods {
		if isClause(&mod) {
			key := mod.Key()
			if c.parts[key] += len(mod.Instructions.Apply); c.parts[key] > maxParts {
				return fmt.Sprintf("too many policies of its table and priority have %s in common: want some at other priorities", openflow.FormatMatch(mod.Match))
			}
		}
	}
	return ""
}

func newPolicyCompiler(names logical.Names) *compiler {
	c := newCompiler(spacePolicies, names)
	c.symbols, c.target = policySymbols(), policyTarget
	return c
}

func policyFault(err error) *intent.PolicyFault {
	f := &intent.PolicyFault{Message: err.Error()}
	var in *compileError
	if errors.As(err, &in) {
		f.Key, f.Message = in.part, in.err.Error()
	}
	var at *logical.Error
	if errors.As(err, &at) {
		f.Offset = utf8.RuneCountInString(at.Text[:min(at.Offset, len(at.Text))])
	}
	return f
}

// forbidden says why a policy of a table must not do this, "" if it may.
func forbidden(t Table, acts []openflow.Action) string {
	for _, a := range acts {
		why := ""
		switch a := a.(type) {
		case openflow.Group:
			why = "group is isat's own: want next(flood) to send a packet to all of its network"
		case openflow.CheckPktLarger:
			// Open vSwitch loses what is to be done after it in a table that was
			// looked up, and then has packets paused.
			why = "check_pkt_larger is isat's own"
		case openflow.Controller2:
			why = forbiddenPunt(t, a.Userdata)
		case openflow.Resubmit:
			if to := Table(a.Table); to != Bindings { // for get_arp and get_nd
				why = forbiddenTable(t, to)
			}
		}
		if why != "" {
			return why
		}
	}
	return ""
}

// forbiddenTable is forbidden for going to a table.
func forbiddenTable(t, to Table) string {
	if slices.Contains([]Table{L2, Flood, Deliver}, to) && to != t {
		return ""
	}
	return fmt.Sprintf("table %d is not one that a policy of %s may go to: want next, next(l2) from another table, next(flood) or output", to, t)
}

// forbiddenPunt is forbidden for what goes to the controller: ICMP errors, which
// have actions of their own, and rate limits may.
func forbiddenPunt(t Table, userdata []byte) string {
	reason := Reason(userdata[0])
	if reason == ReasonRateLimit {
		return ""
	}
	if reason != ReasonCompose {
		return fmt.Sprintf("an action that punts for %s is isat's own: want one of drop, next, output, send, assignments, icmp4 or icmp6", reason)
	}
	if op := logical.Op(userdata[1]); op != logical.OpComposeICMP4 && op != logical.OpComposeICMP6 {
		return fmt.Sprintf("%s { ... } is isat's own: want icmp4 { ... } or icmp6 { ... }", op)
	}
	inner, err := openflow.DecodeActions(userdata[composeHead:])
	if err != nil {
		return err.Error()
	}
	if !staysError(inner) {
		return "a packet that is made must stay an ICMP error, about which no other is made: want type 3, 4, 11 or 12 for icmp4, below 128 for icmp6"
	}
	return forbidden(t, inner)
}

// staysError says whether actions leave an ICMP error one: made about any other
// packet, packets could go round for ever.
func staysError(acts []openflow.Action) bool {
	types := []*openflow.Field{openflow.ICMPv4Type, openflow.ICMPv6Type}
	for _, a := range acts {
		switch a := a.(type) {
		case openflow.SetField:
			if a.Field == openflow.ICMPv4Type && !slices.Contains([]byte{3, 4, 11, 12}, a.Value[0]) ||
				a.Field == openflow.ICMPv6Type && a.Value[0] >= 128 {
				return false
			}
		case openflow.RegLoad:
			if slices.Contains(types, a.Field) {
				return false
			}
		case openflow.RegMove:
			if slices.Contains(types, a.Dst) {
				return false
			}
		case openflow.StackPop:
			if slices.Contains(types, a.Field) {
				return false
			}
		}
	}
	return true
}

// policies are the operator's, and what became of them on switches with
// different ports.
type policies struct {
	list     []intent.Policy
	asked    []askedName // that they mention
	compiled bool        // asked is complete
	variants map[string][]Flow
}

// askedName is a name whose number a switch may have or not.
type askedName struct {
	field *logical.Field
	name  string
}

// maxVariants bounds the switches whose policies are remembered.
const maxVariants = 1024

// flows compiles the policies for a switch, unless it was done for one with the
// same ports, as far as they are mentioned.
func (p *policies) flows(names logical.Names) []Flow {
	if len(p.list) == 0 {
		return nil
	}
	if !p.compiled {
		return p.first(names)
	}
	variant := p.variant(names)
	flows, known := p.variants[variant]
	if !known {
		if len(p.variants) >= maxVariants {
			clear(p.variants)
		}
		flows = policyFlows(p.list, names)
		p.variants[variant] = flows
	}
	return flows
}

// first compiles the policies, and notes which names they mention.
func (p *policies) first(names logical.Names) []Flow {
	flows := policyFlows(p.list, func(f *logical.Field, name string) (uint64, bool) {
		if asked := (askedName{f, name}); !slices.Contains(p.asked, asked) {
			p.asked = append(p.asked, asked)
		}
		return names(f, name)
	})
	p.compiled = true
	p.variants = map[string][]Flow{p.variant(names): flows}
	return flows
}

// variant tells switches apart by what the names mean there.
func (p *policies) variant(names logical.Names) string {
	var b strings.Builder
	for _, a := range p.asked {
		n, ok := names(a.field, a.name)
		fmt.Fprintf(&b, "%d %t,", n, ok)
	}
	return b.String()
}

// policyFlows compiles policies for a switch.
func policyFlows(policies []intent.Policy, names logical.Names) []Flow {
	c := newPolicyCompiler(names)
	var flows []Flow
	for i := range policies {
		rule, _ := policyRule(&policies[i])
		f, err := c.compile(rule)
		if err != nil {
			panic(fmt.Sprintf("pipeline: policy %q was not checked: %v", policies[i].Name, err))
		}
		flows = append(flows, f)
	}
	return flows
}
