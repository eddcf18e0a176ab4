package logical_test

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/openflow"
)

// vectorSymbols are the fields of testdata/actions.txt: ports in registers, and a logical reg0 that
// is half of a wide register, and so never the place of an argument.
func vectorSymbols() *logical.Symbols {
	s := logical.NewSymbols()
	s.AddPacketFields()
	s.AddField(logical.Field{Name: "inport", OF: openflow.Reg6, Bits: 32, String: true})
	s.AddField(logical.Field{Name: "outport", OF: openflow.Reg7, Bits: 32, String: true})
	s.AddField(logical.Field{Name: "reg0", OF: openflow.XReg0, Ofs: 32, Bits: 32})
	s.AddField(logical.Field{Name: "xxreg1", OF: openflow.XXReg1, Bits: 128})
	return s
}

func reg(f *openflow.Field) logical.Place { return logical.Place{Field: f, Bits: f.Bits} }

// vectorTarget passes everything in registers, the operation's code included, and punts without
// userdata.
func vectorTarget() *logical.Target {
	return &logical.Target{
		Tables: map[string]uint8{"bindings": 65},
		Next:   12, Output: 64,
		Get: logical.GetCall{Port: reg(openflow.Reg7), IPv4: reg(openflow.Reg0), IPv6: reg(openflow.XXReg0),
			Result: reg(openflow.EthDst), Table: 65},
		Put: logical.PutCall{Port: reg(openflow.Reg6), IPv4: reg(openflow.Reg1), IPv6: reg(openflow.XXReg2),
			MAC: reg(openflow.EthSrc), Code: reg(openflow.Reg0),
			Number: func(op logical.Op) uint64 { return 0xbd9c9810 + uint64(op-logical.OpPutARP) }},
		Punt: func(_ logical.Op, inner []byte, _ uint64) openflow.Action {
			c := openflow.Controller(inner)
			c.Reason = openflow.ReasonPacketOut
			return c
		},
	}
}

type vector struct {
	line         int
	input, wants string
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	file, err := os.Open("testdata/actions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var list []vector
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		input, wants, ok := strings.Cut(line, " => ")
		if !ok {
			t.Fatalf("testdata/actions.txt:%d: no =>", n)
		}
		list = append(list, vector{n, input, wants})
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(list) < 11 {
		t.Fatalf("only %d vectors in testdata/actions.txt", len(list))
	}
	return list
}

// result is what a vector says of its input, with OpenFlow actions as show prints them.
func result(s *logical.Symbols, input string, show func(*logical.Actions, logical.Compiled) string) string {
	a, err := logical.ParseActions(s, input)
	if err != nil {
		return err.Error()
	}
	c, err := a.Compile(vectorTarget())
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("actions=%s, prereqs=%s", show(a, c), a.Prereqs())
}

// TestVectors checks the vectors without a switch.
func TestVectors(t *testing.T) {
	s := vectorSymbols()
	for _, v := range readVectors(t) {
		got := result(s, v.input, func(_ *logical.Actions, c logical.Compiled) string {
			return openflow.FormatInstructions(c.Instructions())
		})
		if got != v.wants {
			t.Errorf("line %d: %s\ngot  %s\nwant %s", v.line, v.input, got, v.wants)
		}
	}
}

// TestVectorsOnSwitch puts each vector's actions, with the prerequisites as the match, into a real
// switch, and compares what ovs-ofctl prints.
func TestVectorsOnSwitch(t *testing.T) {
	sw := ovstest.Start(t, 1)
	session := sw.Connect()
	s := vectorSymbols()
	for _, v := range readVectors(t) {
		got := result(s, v.input, func(a *logical.Actions, c logical.Compiled) string {
			return onSwitch(t, sw, session, a, c)
		})
		if got != v.wants {
			t.Errorf("line %d: %s\ngot  %s\nwant %s", v.line, v.input, got, v.wants)
		}
	}
}

// onSwitch makes a flow of the actions, one for each match that their prerequisites come to, and
// gives what ovs-ofctl prints as its actions. The flows are removed again.
func onSwitch(t *testing.T, sw *ovstest.Switch, session *ovstest.Session, a *logical.Actions, c logical.Compiled) string {
	t.Helper()
	var id uint32
	matches := a.PrereqExpr().Compile(noNames, &id)
	if len(matches) == 0 {
		t.Fatalf("%s: the prerequisites %s contradict each other", a, a.Prereqs())
	}
	for _, m := range matches {
		f := openflow.NewFlowMod(openflow.FlowAdd, 10, 1)
		f.Match, f.Instructions = m.Match, c.Instructions()
		session.Send(f)
	}
	session.Barrier()
	flows := sw.Flows()
	session.Send(openflow.NewFlowMod(openflow.FlowDelete, openflow.TableAll, 0))
	session.Barrier()
	if len(flows) != len(matches) {
		t.Fatalf("%s: %d flows on the switch, want %d", a, len(flows), len(matches))
	}
	printed := ""
	for _, flow := range flows {
		_, acts, _ := strings.Cut(flow, "actions=")
		if printed != "" && acts != printed {
			t.Fatalf("%s: flows do %s and %s", a, printed, acts)
		}
		printed = acts
	}
	return printed
}

func noNames(*logical.Field, string) (uint64, bool) { return 0, false }
