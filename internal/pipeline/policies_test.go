package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
)

// TestCheckPolicies refuses policies that are too much together: their flows, and a flow that is a
// part of many matches, which has to fit into one message.
func TestCheckPolicies(t *testing.T) {
	for want, ports := range map[string]int{"have tcp,tp_src=1 in common": 3, "the policies take": 60} {
		odd := make([]string, ports)
		for i := range odd {
			odd[i] = fmt.Sprint(2*i + 1)
		}
		checker := pipeline.NewPolicyChecker()
		var got *intent.PolicyFault
		n := 0
		for ; n < 5000 && got == nil; n++ {
			got = checker.Check(&intent.Policy{Name: "p", Table: "guard", Actions: "drop;",
				Match: fmt.Sprintf("tcp.src == {%s} && tcp.dst == {%d, %d, %d}", strings.Join(odd, ", "), 2*n+1, 2*n+10001, 2*n+20001)})
		}
		if got == nil || got.Key != "match" || !strings.Contains(got.Message, want) || n < 500 {
			t.Errorf("policy %d: %+v, want %q", n, got, want)
		}
	}
}

// TestPoliciesHavePrerequisites checks that what actions need is part of the match: a switch refuses
// to set the port of what may be no TCP.
func TestPoliciesHavePrerequisites(t *testing.T) {
	in := intent.Default()
	in.Policies = []intent.Policy{{Name: "p", Table: "guard", Match: `eth.bcast`, Actions: `tcp.dst = 80; next;`}}
	n := 0
	for _, f := range pipeline.NewProgram(in).Base(nil).Flows {
		if f.Priority < 1000 {
			continue
		}
		n++
		if proto, _, ok := f.Match.GetU64(openflow.IPProto); !ok || proto != 6 {
			t.Errorf("%s is no TCP", openflow.FormatFlow(&f))
		}
	}
	if n != 2 {
		t.Errorf("%d flows, want one for IPv4 and one for IPv6", n)
	}
}

// TestCheckPolicy refuses what a policy must not do, and says where.
func TestCheckPolicy(t *testing.T) {
	for _, test := range []struct {
		table, match, actions string
		key, want             string // "" if nothing is wrong
		offset                int
	}{
		{table: "guard", match: `tcp.dst == 23`, actions: `drop;`},
		{table: "guard", match: `inport == "h1" && ip4.src != 10.0.0.1`, actions: `drop;`},
		{table: "guard", match: `network == "blue" && udp`, actions: `ip.dscp = 46; next;`},
		{table: "l2", match: `tcp.dst == 80`, actions: `outport = "proxy"; output;`},
		{table: "l2", match: `ip4.mcast`, actions: `next(flood);`},
		{table: "ip-input", match: `router == "r1" && udp`, actions: `icmp4 { eth.dst <-> eth.src; ip4.dst <-> ip4.src; icmp4.code = 13; loopback; next(l2); };`},
		{table: "ip-input", match: `udp`, actions: `rate_limit(network, ip4.src); next;`},
		{table: "learn", match: `tcp`, actions: `drop;`, key: "table", want: `table "learn" takes no policies: want one of guard, l2, ip-input`},
		{table: "nowhere", match: `tcp`, actions: `drop;`, key: "table", want: `table "nowhere" takes no policies`},
		{table: "guard", match: `tcp.dst == `, actions: `drop;`, key: "match", want: "Syntax error at end of input expecting constant.", offset: 11},
		{table: "guard", match: `tcp.port == 1`, actions: `drop;`, key: "match", want: "tcp.port"},
		{table: "guard", match: `tcp`, actions: `drop`, key: "actions", want: "expecting `;'", offset: 4},
		{table: "guard", match: `tcp`, actions: `key4 = 1; next;`, key: "actions", want: "key4"},
		{table: "guard", match: `tcp`, actions: `reg0 = 1; next;`, key: "actions", want: "reg0"},
		{table: "guard", match: `tcp`, actions: `punt(learn);`, key: "actions", want: "learn"},
		{table: "guard", match: `tcp`, actions: `group(1);`, key: "actions", want: "group is isat's own: want next(flood)"},
		{table: "guard", match: `tcp`, actions: `lookup(owners); next;`, key: "actions", want: "owners"},
		{table: "guard", match: `tcp`, actions: `next(0);`, key: "actions", want: "table 0 is not one that a policy of guard may go to"},
		{table: "guard", match: `ip4`, actions: `hold(network, ip4.dst); next;`, key: "actions", want: "hold"},
		{table: "guard", match: `ip4`, actions: `arp { next(l2); };`, key: "actions", want: "arp"},
		{table: "guard", match: `ip4`, actions: `icmp4 { next(0); };`, key: "actions", want: "table 0"},
		{table: "l2", match: `tcp`, actions: `tcp.src[0] = check_pkt_larger(100); next;`, key: "actions", want: "check_pkt_larger is isat's own"},
		{table: "guard", match: `tcp.src != 5 && tcp.dst != 5 && ip4.src != 1.2.3.4 && ip4.dst != 1.2.3.4`, actions: `drop;`},
		{table: "guard", match: `inport == {` + manyPorts(600) + `}`, actions: `drop;`, key: "match", want: "flows: want one that takes 512 at most"},
		{table: "guard", match: `tcp`, actions: `next(13);`, key: "actions", want: "table 13 is not one"},
		{table: "ip-input", match: `tcp`, actions: `next(200);`, key: "actions", want: "table 200 is not one"},
		{table: "ip-input", match: `tcp`, actions: `next(18);`},
		{table: "l2", match: `1`, actions: `next(l2);`, key: "actions", want: "table 10 is not one that a policy of l2 may go to"},
		{table: "l2", match: `ip4`, actions: `icmp4 { loopback; next(l2); };`, key: "actions", want: "table 10"},
		{table: "ip-input", match: `ip4`, actions: `icmp4 { icmp4.type = 8; next(l2); };`, key: "actions", want: "must stay an ICMP error"},
		{table: "ip-input", match: `ip6`, actions: `icmp6 { icmp6.type = 128; next(l2); };`, key: "actions", want: "must stay an ICMP error"},
		{table: "ip-input", match: `ip4`, actions: `icmp4 { icmp4.type <-> icmp4.code; next(l2); };`, key: "actions", want: "must stay an ICMP error"},
	} {
		got := pipeline.NewPolicyChecker().Check(&intent.Policy{Name: "p", Table: test.table, Match: test.match, Actions: test.actions})
		switch {
		case got == nil && test.key != "":
			t.Errorf("%s: %s => %s is taken", test.table, test.match, test.actions)
		case got != nil && (got.Key != test.key || !strings.Contains(got.Message, test.want) || test.offset != 0 && got.Offset != test.offset):
			t.Errorf("%s: %s => %s: %+v, want %s %q", test.table, test.match, test.actions, *got, test.key, test.want)
		}
	}
}

// manyPorts is a list of that many names.
func manyPorts(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%q", fmt.Sprint("p", i))
	}
	return strings.Join(names, ", ")
}

// TestPoliciesByPort checks that a policy about a port is there on the switches that have the port,
// and that what was compiled for one switch is not taken for another.
func TestPoliciesByPort(t *testing.T) {
	in := intent.Default()
	in.Policies = []intent.Policy{{Name: "p", Table: "l2", Match: `inport == {"h1", "h2"}`, Actions: `outport = "h2"; output;`}}
	program := pipeline.NewProgram(in)
	on := func(names ...string) (flows []string) {
		var attachments []fabric.Attachment
		for i, name := range names {
			attachments = append(attachments, fabric.Attachment{Network: 1, Key: binding.NewPortKey(uint32(i+1), 0), Port: uint32(i + 1), Name: name})
		}
		for _, f := range program.Base(attachments).Flows {
			if f.Priority >= 1000 {
				flows = append(flows, openflow.FormatMatch(f.Match)+" "+openflow.FormatInstructions(f.Instructions))
			}
		}
		return flows
	}
	for range 2 { // the second time from memory
		for _, test := range []struct {
			ports []string
			want  []string
		}{
			{[]string{"x", "h1"}, []string{"reg1=0x2 set_field:0->reg2,goto_table:19"}},
			{[]string{"h1", "h2"}, []string{"reg1=0x1 set_field:0x2->reg2,goto_table:19", "reg1=0x2 set_field:0x2->reg2,goto_table:19"}},
			{[]string{"x"}, nil},
			{[]string{"h2", "h1"}, []string{"reg1=0x1 set_field:0x1->reg2,goto_table:19", "reg1=0x2 set_field:0x1->reg2,goto_table:19"}},
		} {
			got := on(test.ports...)
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%v: %s", test.ports, diff)
			}
		}
	}
}

// TestPoliciesShareClauses checks that two large policies of one priority, whose conjunctive matches
// have a part in common, keep both: a switch has one flow for a match.
func TestPoliciesShareClauses(t *testing.T) {
	in := intent.Default()
	for _, p := range []intent.Policy{
		{Name: "a", Match: `ip4.src == {10.0.0.1, 10.0.0.4, 10.0.0.8} && tcp.dst == {22, 25, 80}`},
		{Name: "b", Match: `ip4.src == {10.0.0.1, 10.0.0.4, 10.0.0.16} && tcp.dst == {53, 67, 123}`},
		{Name: "c", Match: `ip4.dst == 10.0.0.99`},
		{Name: "d", Match: `ip4.dst == 10.0.0.99`},
	} {
		p.Table, p.Actions = "guard", "drop;"
		in.Policies = append(in.Policies, p)
	}
	base := pipeline.NewProgram(in).Base(nil)
	seen := make(map[openflow.FlowKey]bool)
	shared := 0
	for _, f := range base.Flows {
		if seen[f.Key()] {
			t.Errorf("twice: %s", openflow.FormatFlow(&f))
		}
		seen[f.Key()] = true
		if n := len(f.Instructions.Apply); f.Priority >= 1000 && n > 1 {
			first, ok1 := f.Instructions.Apply[0].(openflow.Conjunction)
			second, ok2 := f.Instructions.Apply[1].(openflow.Conjunction)
			if !ok1 || !ok2 || first.ID == second.ID {
				t.Errorf("not two clauses: %s", openflow.FormatFlow(&f))
			}
			shared++
		}
	}
	if shared == 0 {
		t.Error("the policies share no clause")
	}
}
