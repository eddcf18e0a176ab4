package logical_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/isat-sdn/isat/internal/flowsim"
	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/openflow"
)

// tables is a switch full of expressions: table n, from 1, has the flows of expressions[n-1], and each
// packet looks into all.
type tables struct {
	expressions []*logical.Expr
	profiles    []profile
	flows       []openflow.FlowMod
}

// newTables makes up expressions of a depth, and profiles for the ingress ports from 1.
func newTables(t *testing.T, r *rand.Rand, count, depth, profiles int) *tables {
	t.Helper()
	s := &tables{}
	symbols := logical.MatchSymbols()
	writer := newExprWriter(r)
	id := uint32(1)
	for len(s.expressions) < count {
		text := writer.expr(depth, false)
		e, err := logical.ParseMatch(symbols, text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		flows := e.Compile(logical.MatchNames, &id)
		if len(flows) > 2000 {
			continue
		}
		s.expressions = append(s.expressions, e)
		table := uint8(len(s.expressions))
		for _, f := range flows {
			s.flows = append(s.flows, flowOf(table, f))
		}
	}
	for i := range profiles {
		s.profiles = append(s.profiles, randomProfile(r))
		f := openflow.NewFlowMod(openflow.FlowAdd, 0, 10)
		f.Match = openflow.Match{}.U32(openflow.InPort, uint32(i+1))
		f.Instructions.Apply = s.profiles[i].actions()
		for n := range count {
			f.Instructions.Apply = append(f.Instructions.Apply, openflow.Resubmit{InPort: 0xfff8, Table: uint8(n + 1)})
		}
		s.flows = append(s.flows, *f)
	}
	return s
}

func flowOf(table uint8, m logical.FlowMatch) openflow.FlowMod {
	f := openflow.NewFlowMod(openflow.FlowAdd, table, 10)
	f.Match = m.Match
	for _, c := range m.Conjunctions {
		f.Instructions.Apply = append(f.Instructions.Apply, c)
	}
	if m.Conjunctions == nil {
		f.Instructions.Apply = []openflow.Action{openflow.Controller([]byte{table})}
	}
	return *f
}

func (s *tables) world(r *rand.Rand) *world {
	w := &world{profile: 1 + r.Uint32N(uint32(len(s.profiles)))}
	w.frame, w.fields = newFrame(r)
	s.profiles[w.profile-1].addTo(w)
	return w
}

// check compares the tables in which a packet found a flow with the expressions' own opinion. It
// returns how many it found.
func (s *tables) check(t *testing.T, w *world, matched map[int]bool) (found int) {
	t.Helper()
	for i, e := range s.expressions {
		want := e.Eval(w.read, logical.MatchNames)
		if matched[i+1] != want {
			id := uint32(1)
			t.Errorf("%s: flow found: %v, evaluated: %v\nport %d, frame %x\nflows %s", e, matched[i+1], want,
				w.profile, w.frame, flowsText(e.Compile(logical.MatchNames, &id)))
		}
		if want {
			found++
		}
	}
	return found
}

func flowsText(flows []logical.FlowMatch) (s string) {
	for _, f := range flows[:min(len(flows), 50)] {
		s += fmt.Sprintf("\n  %s %v", openflow.FormatMatch(f.Match), f.Conjunctions)
	}
	return s
}

// TestEvalIsFlows: the flows of an expression take the packets that it is true for, in the simulation.
func TestEvalIsFlows(t *testing.T) {
	rounds, packets := 20, 200
	if testing.Short() {
		rounds, packets = 4, 100
	}
	found, conjunctive := 0, 0
	for round := range rounds {
		r := rand.New(rand.NewPCG(1, uint64(round)))
		s := newTables(t, r, 200, round%5, 16)
		for _, f := range s.flows {
			if _, _, ok := f.Match.Get(openflow.ConjID); ok {
				conjunctive++
			}
		}
		sim, err := flowsim.New(s.flows, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range packets {
			w := s.world(r)
			result := sim.Run(w.frame, w.profile)
			if result.Err != nil {
				t.Fatal(result.Err)
			}
			matched := make(map[int]bool)
			for _, p := range result.Punts {
				matched[int(p.Userdata[0])] = true
			}
			found += s.check(t, w, matched)
			if t.Failed() {
				return
			}
		}
	}
	t.Logf("%d of %d cases match, %d conjunctive matches", found, rounds*packets*200, conjunctive)
	if share := float64(found) / float64(rounds*packets*200); share < 0.1 || share > 0.9 || conjunctive < 20*rounds {
		t.Errorf("%v of all cases match, %d conjunctive matches: the cases are too much alike", share, conjunctive)
	}
}

// TestEvalIsSwitch: the same in Open vSwitch.
func TestEvalIsSwitch(t *testing.T) {
	ovstest.Require(t)
	sw := ovstest.Start(t, 8)
	session := sw.Connect()
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		r := rand.New(rand.NewPCG(2, uint64(round)))
		s := newTables(t, r, 200, round%5, 8)
		messages := []openflow.Message{openflow.NewFlowMod(openflow.FlowDelete, openflow.TableAll, 0)}
		for i := range s.flows {
			messages = append(messages, &s.flows[i])
		}
		session.Bundle(messages)
		for range 40 {
			w := s.world(r)
			text, err := sw.Ctl("ofproto/trace", ovstest.Bridge, fmt.Sprintf("in_port=%d", w.profile), hex.EncodeToString(w.frame))
			if err != nil {
				t.Fatal(err)
			}
			s.check(t, w, tracedTables(text))
			if t.Failed() {
				t.Log(text)
				return
			}
		}
	}
}

// tracedTables finds the tables in which a trace found a flow.
func tracedTables(trace string) map[int]bool {
	matched := make(map[int]bool)
	for _, m := range regexp.MustCompile(`(?m)^ *(\d+)\. (.*)$`).FindAllStringSubmatch(trace, -1) {
		table, err := strconv.Atoi(m[1])
		if err == nil && m[2] != "No match." {
			matched[table] = true
		}
	}
	return matched
}

// TestPrintParse: what is printed is parsed to the same, and then printed the same.
func TestPrintParse(t *testing.T) {
	s := logical.MatchSymbols()
	r := rand.New(rand.NewPCG(3, 0))
	writer := newExprWriter(r)
	for range 3000 {
		text := writer.expr(r.IntN(6), false)
		e, err := logical.ParseMatch(s, text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		again, err := logical.ParseMatch(s, e.String())
		if err != nil || !again.Equal(e) || again.String() != e.String() {
			t.Fatalf("%s: printed %s, parsed to %v, %v", text, e, again, err)
		}
	}
}

// TestExpand: the expanded expression is true for the same packets, and so is what it prints.
func TestExpand(t *testing.T) {
	symbols := logical.MatchSymbols()
	r := rand.New(rand.NewPCG(4, 0))
	s := newTables(t, r, 200, 3, 4)
	for range 100 {
		w := s.world(r)
		for _, e := range s.expressions {
			expanded, err := logical.ParseMatch(symbols, e.Expand().String())
			if err != nil {
				t.Fatalf("%s expanded to %s: %v", e, e.Expand(), err)
			}
			want := e.Eval(w.read, logical.MatchNames)
			if got := expanded.Eval(w.read, logical.MatchNames); got != want {
				t.Fatalf("%s is %v, expanded to %s it is %v", e, want, expanded, got)
			}
		}
	}
}

// TestDeterministic: an expression gives the same flows each time, and takes ids in order.
func TestDeterministic(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 0))
	s := newTables(t, r, 200, 4, 1)
	for _, e := range s.expressions {
		first, second := uint32(1), uint32(1)
		a, b := e.Compile(logical.MatchNames, &first), e.Compile(logical.MatchNames, &second)
		if first != second || flowsText(a) != flowsText(b) {
			t.Fatalf("%s: first %s\nthen %s", e, flowsText(a), flowsText(b))
		}
	}
}

// FuzzParseMatch: no text makes the parser, the compiler or the evaluation panic, and what is accepted
// survives printing.
func FuzzParseMatch(f *testing.F) {
	writer := newExprWriter(rand.New(rand.NewPCG(6, 0)))
	for range 50 {
		f.Add(writer.expr(4, false))
	}
	for _, text := range []string{"", "((((", "reg0[0..", "reg0 == {1, 2", "\"", "1 < reg0 < 5", "eth.src == 1:2:3:4:5:6/ff:0:0:0:0:0", "a::b", "reg0 == 0x/1"} {
		f.Add(text)
	}
	symbols := logical.MatchSymbols()
	zero := make([]byte, 16)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := logical.ParseMatch(symbols, text)
		if err != nil {
			_ = err.(*logical.Error).Caret()
			return
		}
		again, err := logical.ParseMatch(symbols, e.String())
		if err != nil || !again.Equal(e) {
			t.Fatalf("%q: printed %q, parsed to %v, %v", text, e, again, err)
		}
		id := uint32(1)
		flows := e.Compile(logical.MatchNames, &id)
		if len(flows) > 70000 {
			t.Fatalf("%q: %d flows", text, len(flows))
		}
		e.Eval(func(f *openflow.Field) []byte { return zero[:f.Bytes()] }, logical.MatchNames)
	})
}

// BenchmarkParseMatch and BenchmarkCompileMatch take the matches of typical flows.
func typicalMatches() []string {
	return []string{
		"arp.op == 1 && eth.bcast && network == \"net1\"",
		"ip4.dst == 10.0.0.0/24 && network == \"net1\"",
		"nd_ns && nd.target == fe80::1 && ip6.mcast",
		"inport == \"port1\" && eth.src == 02:00:00:00:00:01 && arp.spa == 10.0.0.1",
		"flags.owner && eth.dst == 02:00:00:00:00:01",
		"ip4 && ip.ttl == {0, 1}",
		"ip4.dst == 10.0.0.1 && tcp.dst == 80",
		"!vlan.present && inport == \"port3\"",
	}
}

func BenchmarkParseMatch(b *testing.B) {
	s, list := logical.MatchSymbols(), typicalMatches()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := logical.ParseMatch(s, list[i%len(list)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompileMatch(b *testing.B) {
	s := logical.MatchSymbols()
	var list []*logical.Expr
	for _, text := range typicalMatches() {
		e, err := logical.ParseMatch(s, text)
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, e)
	}
	b.ReportAllocs()
	id := uint32(1)
	for i := 0; b.Loop(); i++ {
		list[i%len(list)].Compile(logical.MatchNames, &id)
	}
}

// TestShared: a vocabulary and its expressions may be used by several goroutines. It is for the race
// detector, and for changes to what is shared.
func TestShared(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 0))
	s := newTables(t, r, 100, 4, 1)
	compile := func(e *logical.Expr) string {
		id := uint32(1)
		return flowsText(e.Compile(logical.MatchNames, &id))
	}
	var before []string
	for _, e := range s.expressions {
		before = append(before, compile(e))
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for i, e := range s.expressions {
				if got := compile(e); got != before[i] {
					t.Errorf("%s: first %s\nthen %s", e, before[i], got)
				}
			}
		})
	}
	wait.Wait()
}
