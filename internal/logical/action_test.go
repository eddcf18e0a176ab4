package logical_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/openflow"
)

// routerSymbols are fields such as a pipeline has: a network in the metadata, flags, registers.
func routerSymbols() *logical.Symbols {
	s := logical.NewSymbols()
	s.AddPacketFields()
	s.AddField(logical.Field{Name: "network", OF: openflow.Metadata, Bits: 24, String: true})
	s.AddField(logical.Field{Name: "inport", OF: openflow.Reg1, Bits: 32, String: true})
	s.AddField(logical.Field{Name: "outport", OF: openflow.Reg2, Bits: 32, String: true})
	s.AddField(logical.Field{Name: "outport.vlan", OF: openflow.Reg2, Ofs: 16, Bits: 12})
	s.AddField(logical.Field{Name: "reg0", OF: openflow.Reg0, Bits: 32})
	s.AddField(logical.Field{Name: "reg6", OF: openflow.Reg6, Bits: 32})
	s.AddField(logical.Field{Name: "xxreg3", OF: openflow.XXReg3, Bits: 128})
	s.AddField(logical.Field{Name: "found.mac", OF: openflow.XReg5, Bits: 48})
	s.AddField(logical.Field{Name: "flags", OF: openflow.Reg8, Bits: 32})
	s.AddField(logical.Field{Name: "flags.owner", OF: openflow.Reg8, Ofs: 1, Bits: 1})
	return s
}

// routerTarget finds a binding in xreg5, passes addresses in reg0 and xxreg3, and says in userdata
// what a punt is for: the operation, the argument in two bytes, the inner actions.
func routerTarget() *logical.Target {
	network := logical.Place{Field: openflow.Metadata, Bits: 24}
	return &logical.Target{
		Names: func(f *logical.Field, name string) (uint64, bool) {
			number, ok := map[string]uint64{"network/blue": 100, "network/red": 1 << 24, "outport/p1": 1, "outport/trunk": 0x0a0004}[f.Name+"/"+name]
			return number, ok
		},
		Tables: map[string]uint8{"owners": 21, "reply-nd": 6, "deliver": 15},
		This:   4, Next: 5, Output: 15, Goto: true,
		Get: logical.GetCall{Port: network, IPv4: reg(openflow.Reg0), IPv6: reg(openflow.XXReg3),
			Result: reg(openflow.XReg5), Table: 20},
		Put: logical.PutCall{Port: network, IPv4: reg(openflow.Reg0), IPv6: reg(openflow.XXReg3),
			MAC: logical.Place{Field: openflow.XReg2, Bits: 48}},
		Punt: func(op logical.Op, inner []byte, arg uint64) openflow.Action {
			c := openflow.Controller(append([]byte{byte(op), byte(arg >> 8), byte(arg)}, inner...))
			c.Pause = op == logical.OpHold || op == logical.OpRateLimit
			return c
		},
		Reasons: map[string]uint64{"learn": 1},
	}
}

type actionCase struct {
	input     string
	canonical string // "": as input
	prereqs   string // "": 1
	actions   string
}

func actionCases() []actionCase {
	const ip = "(eth.type == 0x800 || eth.type == 0x86dd)"
	const icmp6 = "eth.type == 0x86dd && ip.proto == 58 && " + ip
	return []actionCase{
		{input: "drop;", actions: "drop"},
		{input: " // nothing\n", canonical: "drop;", actions: "drop"},
		{input: "next;", actions: "goto_table:5"},
		{input: "next(9);", actions: "goto_table:9"},
		{input: "next( table = 9 );", canonical: "next(9);", actions: "goto_table:9"},
		{input: "next(table);", canonical: "next(table);", actions: "Unknown table table."},
		{input: `next("reply-nd");`, actions: "goto_table:6"},
		{input: `next("deliver");`, canonical: "next(deliver);", actions: "goto_table:15"},
		{input: "next(4);", actions: "resubmit(,4)"},
		{input: "next(3);", actions: "resubmit(,3)"},
		{input: "next; next(9);", actions: "resubmit(,5),goto_table:9"},
		{input: "output;", actions: "goto_table:15"},
		{input: "output; loopback;", actions: "resubmit(,15),load:0xffff->NXM_OF_IN_PORT[]"},
		{input: "lookup(owners); lookup(22); next;", actions: "resubmit(,21),resubmit(,22),goto_table:5"},
		{input: "lookup(nowhere);", actions: "Unknown table nowhere."},
		{input: "punt(learn); next;", actions: "controller(userdata=05.00.01),goto_table:5"},
		{input: "punt(bored);", actions: "Unknown reason bored."},
		{input: "group(100);", actions: "group:100"},
		{input: "send(3);", actions: "output:3"},
		{input: "send(0xfffffffe);", canonical: "send(4294967294);", actions: "LOCAL"},
		{input: "push_vlan(7);", actions: "push_vlan:0x8100,set_field:4103->vlan_vid"},
		{input: "pop_vlan;", prereqs: "vlan.tci[12]", actions: "pop_vlan"},

		{input: "reg0=5;", canonical: "reg0 = 5;", actions: "set_field:0x5->reg0"},
		{input: "reg0 = {5,};", canonical: "reg0 = 5;", actions: "set_field:0x5->reg0"},
		{input: "reg0 = 10.0.0.1;", actions: "set_field:0xa000001->reg0"},
		{input: "reg0[4..7] = 3;", actions: "load:0x3->NXM_NX_REG0[4..7]"},
		{input: "reg0[4..4] = 1;", canonical: "reg0[4] = 1;", actions: "load:0x1->NXM_NX_REG0[4]"},
		{input: "reg0 = 0x30/0xf0;", actions: "load:0x3->NXM_NX_REG0[4..7]"},
		{input: "reg0 = 0x101/0x101;", actions: "set_field:0x101/0x101->reg0"},
		{input: "reg0 = 0x11/0x10;", canonical: "reg0 = 0x10/0x10;", actions: "load:0x1->NXM_NX_REG0[4]"},
		{input: "reg0 = 16/3; next;", canonical: "reg0 = 0/3; next;", actions: "load:0->NXM_NX_REG0[0..1],goto_table:5"},
		{input: "ip4.dst = 10.0.0.1/24;", canonical: "ip4.dst = 10.0.0.0/24;", prereqs: "eth.type == 0x800",
			actions: "load:0xa0000->NXM_OF_IP_DST[8..31]"},
		{input: "eth.dst = aa:bb:cc:dd:ee:ff/ff:ff:ff:00:00:00;", canonical: "eth.dst = aa:bb:cc:00:00:00/ff:ff:ff:00:00:00;",
			actions: "load:0xaabbcc->NXM_OF_ETH_DST[24..47]"},
		{input: "reg0 = 0/0; next;", actions: "goto_table:5"},
		{input: "reg0 = 10.0.0.0/8;", actions: "load:0xa->NXM_NX_REG0[24..31]"},
		{input: "eth.dst = ff:ff:ff:ff:ff:ff;", actions: "set_field:ff:ff:ff:ff:ff:ff->eth_dst"},
		{input: "eth.dst[40] = 1;", actions: "load:0x1->NXM_OF_ETH_DST[40]"},
		{input: "found.mac = 02:00:00:00:00:01;", actions: "load:0x20000000001->OXM_OF_PKT_REG5[0..47]"},
		{input: "flags.owner = 1; flags = 0;", actions: "load:0x1->NXM_NX_REG8[1],set_field:0->reg8"},
		{input: "xxreg3 = ff02::1:ff00:0/104;",
			actions: "load:0x1ff->NXM_NX_XXREG3[24..87],load:0xff02000000->NXM_NX_XXREG3[88..127]"},
		{input: "xxreg3 = fe80::1;", actions: "set_field:0xfe800000000000000000000000000001->xxreg3"},
		{input: "ip6.dst = fe80::1;", prereqs: "eth.type == 0x86dd", actions: "set_field:fe80::1->ipv6_dst"},
		{input: "ip4.dst = 10.0.0.1;", prereqs: "eth.type == 0x800", actions: "set_field:10.0.0.1->ip_dst"},
		{input: "arp.op = 2;", prereqs: "eth.type == 0x806", actions: "set_field:2->arp_op"},
		{input: "vlan.pcp = 2;", prereqs: "vlan.tci[12]", actions: "load:0x2->NXM_OF_VLAN_TCI[13..15]"},
		{input: "vlan.tci = 0x1005;", actions: "set_field:0x1005->vlan_tci"},
		{input: `network = "blue";`, actions: "load:0x64->OXM_OF_METADATA[0..23]"},
		{input: `outport = "trunk"; output;`, actions: "set_field:0xa0004->reg2,goto_table:15"},
		{input: `outport = "p9";`, actions: "set_field:0->reg2"},
		{input: `network = "red";`, actions: "The number of \"red\", 16777216, does not fit into 24-bit field network."},

		{input: "reg0 = ip4.dst;", prereqs: "eth.type == 0x800", actions: "move:NXM_OF_IP_DST[]->NXM_NX_REG0[]"},
		{input: "reg0[0..3] = outport.vlan[8..11];", actions: "move:NXM_NX_REG2[24..27]->NXM_NX_REG0[0..3]"},
		{input: "outport.vlan = 7;", actions: "load:0x7->NXM_NX_REG2[16..27]"},
		{input: "outport = inport;", actions: "move:NXM_NX_REG1[]->NXM_NX_REG2[]"},
		{input: "vlan.pcp = reg0[0..2];", prereqs: "vlan.tci[12]", actions: "move:NXM_NX_REG0[0..2]->NXM_OF_VLAN_TCI[13..15]"},
		{input: "eth.dst = found.mac;", actions: "move:OXM_OF_PKT_REG5[0..47]->NXM_OF_ETH_DST[]"},
		{input: "xxreg3 = nd.target;", actions: "move:NXM_NX_ND_TARGET[]->NXM_NX_XXREG3[]",
			prereqs: "icmp6.type == {135, 136} && " + icmp6 + " && icmp6.code == 0 && " + icmp6 + " && ip.ttl == 255 && " + ip},
		{input: "eth.src <-> eth.dst;",
			actions: "push:NXM_OF_ETH_SRC[],push:NXM_OF_ETH_DST[],pop:NXM_OF_ETH_SRC[],pop:NXM_OF_ETH_DST[]"},
		{input: "ip4.src <-> reg6;", prereqs: "eth.type == 0x800",
			actions: "push:NXM_OF_IP_SRC[],push:NXM_NX_REG6[],pop:NXM_OF_IP_SRC[],pop:NXM_NX_REG6[]"},
		{input: "ip.ttl--; next;", prereqs: "eth.type == 0x800 || eth.type == 0x86dd", actions: "dec_ttl,goto_table:5"},
		{input: "ip.ttl = 64;", prereqs: "eth.type == 0x800 || eth.type == 0x86dd", actions: "set_field:64->nw_ttl"},
		{input: "reg0[3] = check_pkt_larger(1500);", actions: "check_pkt_larger(1500)->NXM_NX_REG0[3]"},
		{input: "reg6[0..7] = select(0, 1, 2);",
			actions: "multipath(symmetric_l3l4+udp,0,modulo_n,3,0,NXM_NX_REG6[0..7])"},

		{input: "get_arp(network, reg0);", actions: "set_field:0->xreg5,resubmit(,20)"},
		{input: "get_arp(network, ip4.dst); next;", prereqs: "eth.type == 0x800",
			actions: "push:NXM_NX_REG0[],push:NXM_OF_IP_DST[],pop:NXM_NX_REG0[],set_field:0->xreg5,resubmit(,20),pop:NXM_NX_REG0[],goto_table:5"},
		{input: "get_nd(network, ip6.dst);", prereqs: "eth.type == 0x86dd",
			actions: "push:NXM_NX_XXREG3[],push:NXM_NX_IPV6_DST[],pop:NXM_NX_XXREG3[],set_field:0->xreg5,resubmit(,20),pop:NXM_NX_XXREG3[]"},
		{input: "get_arp(inport, reg0);", actions: "Cannot pass 32-bit field inport in the 24 bits that it has here."},
		{input: "put_arp(network, arp.spa, arp.sha);", prereqs: "eth.type == 0x806 && eth.type == 0x806",
			actions: "push:NXM_NX_REG0[],push:OXM_OF_PKT_REG2[0..47],push:NXM_NX_ARP_SHA[],push:NXM_OF_ARP_SPA[],pop:NXM_NX_REG0[]," +
				"pop:OXM_OF_PKT_REG2[0..47],controller(userdata=01.00.00),pop:OXM_OF_PKT_REG2[0..47],pop:NXM_NX_REG0[]"},
		{input: "put_nd(network, xxreg3, eth.src);",
			actions: "push:OXM_OF_PKT_REG2[0..47],push:NXM_OF_ETH_SRC[],pop:OXM_OF_PKT_REG2[0..47],controller(userdata=02.00.00),pop:OXM_OF_PKT_REG2[0..47]"},
		{input: "hold(network, reg0); next;", actions: "controller(userdata=03.00.04,pause),goto_table:5"},
		{input: "rate_limit(network, xxreg3); next;", actions: "controller(userdata=04.00.06,pause),goto_table:5"},
		{input: "hold(network, reg6);",
			actions: "push:NXM_NX_REG0[],push:NXM_NX_REG6[],pop:NXM_NX_REG0[],controller(userdata=03.00.04,pause),pop:NXM_NX_REG0[]"},

		{input: "arp { };", canonical: "arp { drop; };", prereqs: "eth.type == 0x800", actions: "controller(userdata=06.00.00)"},
		{input: "arp{eth.dst=ff:ff:ff:ff:ff:ff;next;};next;", canonical: "arp { eth.dst = ff:ff:ff:ff:ff:ff; next; }; next;",
			prereqs: "eth.type == 0x800",
			actions: "controller(userdata=06.00.00.00.19.00.10.80.00.06.06.ff.ff.ff.ff.ff.ff.00.00.ff.ff.00.10.00.00.23.20.00.0e.ff.f8.05.00.00.00),goto_table:5"},
		{input: "nd_ns { output; };", prereqs: "eth.type == 0x86dd",
			actions: "controller(userdata=07.00.00.ff.ff.00.10.00.00.23.20.00.0e.ff.f8.0f.00.00.00)"},
		{input: "icmp4 { ip.ttl = 255; icmp4.frag_mtu = 1400; };", canonical: "icmp4 { icmp4.frag_mtu = 1400; ip.ttl = 255; };",
			prereqs: "eth.type == 0x800", actions: "controller(userdata=09.05.78.00.19.00.10.00.01.3a.01.ff.00.00.00.00.00.00.00)"},
		{input: "icmp6 { icmp6.pointer = 6; };", prereqs: "eth.type == 0x86dd",
			actions: "controller(userdata=0a.00.06)"},
	}
}

func (c actionCase) wants() (canonical, prereqs string) {
	canonical, prereqs = c.canonical, c.prereqs
	if canonical == "" {
		canonical = c.input
	}
	if prereqs == "" {
		prereqs = "1"
	}
	return canonical, prereqs
}

func TestActions(t *testing.T) {
	s := routerSymbols()
	for _, c := range actionCases() {
		a, err := logical.ParseActions(s, c.input)
		if err != nil {
			t.Errorf("%s: %v", c.input, err)
			continue
		}
		canonical, prereqs := c.wants()
		if got := a.String(); got != canonical {
			t.Errorf("%s prints as %s, want %s", c.input, got, canonical)
		}
		if got := a.Prereqs(); got != prereqs {
			t.Errorf("%s needs %s, want %s", c.input, got, prereqs)
		}
		if got := compiledText(a, routerTarget()); got != c.actions {
			t.Errorf("%s\ngot  %s\nwant %s", c.input, got, c.actions)
		}
	}
}

// compiledText is what actions compile to, or the error.
func compiledText(a *logical.Actions, target *logical.Target) string {
	c, err := a.Compile(target)
	if err != nil {
		return err.Error()
	}
	return openflow.FormatInstructions(c.Instructions())
}

// TestActionsOnSwitch puts what the cases compile to into a real switch: it accepts them, with the
// prerequisites as the match, and prints the same.
func TestActionsOnSwitch(t *testing.T) {
	sw := ovstest.Start(t, 3)
	session := sw.Connect()
	session.Send(&openflow.GroupMod{Command: openflow.GroupAdd, GroupType: openflow.GroupTypeAll, ID: 100})
	s := routerSymbols()
	target := routerTarget()
	target.This = 10 // where onSwitch puts flows
	checked := 0
	for _, c := range actionCases() {
		a, err := logical.ParseActions(s, c.input)
		if err != nil {
			t.Fatal(err)
		}
		compiled, err := a.Compile(target)
		if err != nil {
			continue // as TestActions expects
		}
		want := openflow.FormatInstructions(compiled.Instructions())
		if got := onSwitch(t, sw, session, a, compiled); got != want {
			t.Errorf("%s\nswitch %s\nwant   %s", c.input, got, want)
		}
		checked++
	}
	if checked < 60 {
		t.Errorf("only %d cases reached the switch", checked)
	}
}

func TestActionErrors(t *testing.T) {
	s := routerSymbols()
	deep := strings.Repeat("arp { ", 33) + strings.Repeat("};", 33)
	for _, c := range []struct{ input, message string }{
		{"next", "Syntax error at end of input expecting `;'."},
		{"next(", "Syntax error at end of input expecting table number or name."},
		{"next(255);", "255 is not in the range 0 to 254."},
		{"next(1/1);", "Syntax error at `1/1' expecting integer."},
		{"next(table=);", "Syntax error at `)' expecting table number or name."},
		{`next("");`, "Syntax error at `\"\"' expecting table number or name."},
		{"drop; next;", "Syntax error at `next' expecting end of input."},
		{"next; drop;", "Syntax error at `drop' expecting action."},
		{"arp { drop; next; };", "Syntax error at `next' expecting `}'."},
		{"arp { next; }", "Syntax error at end of input expecting `;'."},
		{"arp { next; ", "Syntax error at end of input expecting action."},
		{"arp;", "Syntax error at `;' expecting `{'."},
		{"next; };", "Syntax error at `}' expecting action."},
		{"123;", "Syntax error at `123' expecting action."},
		{"xyzzy;", "Syntax error at `xyzzy' expecting action."},
		{"xyzzy = 1;", "Syntax error at `xyzzy' expecting field name."},
		{"reg0 == 1;", "Syntax error at `reg0' expecting action."},
		{"reg0--;", "Syntax error at `reg0' expecting action."},
		{"reg0[0..31]--;", "Syntax error at `--' expecting `=' or `<->'."},
		{"eth.type;", "Syntax error at `eth.type' expecting action."},
		{"ip;", "Syntax error at `ip' expecting action."},
		{"arp { reg0; };", "Syntax error at `reg0' expecting action."},
		{"xyzzy--;", "Syntax error at `xyzzy' expecting action."},
		{"next = 1;", "Syntax error at `next' expecting field name."},
		{"arp = 1;", "Predicate symbol arp used where lvalue required."},
		{"icmp4.frag_mtu;", "Syntax error at `icmp4.frag_mtu' expecting action."},
		{"ip.ttl;", "Syntax error at `;' expecting `--'."},
		{"ip.ttl == 5;", "Syntax error at `==' expecting `--'."},
		{"ip.ttl[0]--;", "Cannot select subfield of nominal field ip.ttl."},
		{"reg0[3..0] = 1;", "Invalid bit range 3 to 0."},
		{"ip4.dst = ::1;", "128-bit constant is not compatible with 32-bit field ip4.dst."},
		{"reg0[0..15] = 0.0.0.1;", "32-bit constant is not compatible with 16-bit field reg0[0..15]."},
		{"reg0 = 00:00:00:00:00:01;", "48-bit constant is not compatible with 32-bit field reg0."},
		{"reg0 = ;", "Syntax error at `;' expecting constant."},
		{"reg0 = xyzzy;", "Syntax error at `xyzzy' expecting field name."},
		{"reg0 = {1, 2};", "Assignments require a single value."},
		{"reg0 = {};", "Syntax error at `}' expecting constant."},
		{`reg0 = "p1";`, "Integer field reg0 is not compatible with string constant."},
		{"outport = 1;", "String field outport is not compatible with integer constant."},
		{"vlan.pcp = 8;", "4-bit constant is not compatible with 3-bit field vlan.pcp."},
		{"reg0[32] = 1;", "Cannot select bits 32 to 32 of 32-bit field reg0."},
		{"outport[1] = 1;", "Cannot select subfield of string field outport."},
		{"arp.op[1] = 1;", "Cannot select subfield of nominal field arp.op."},
		{"arp.op = 1/1;", "Field arp.op can be set only as a whole, without a mask."},
		{"eth.type = 1;", "Field eth.type is not modifiable."},
		{"reg0[0..15] <-> eth.type;", "Field eth.type is not modifiable."},
		{"ip = 1;", "Predicate symbol ip used where lvalue required."},
		{"reg0[0] = vlan.present;", "Predicate symbol vlan.present used where lvalue required."},
		{"reg0 = reg6[0..10];", "Can't assign 11-bit value to 32-bit destination."},
		{"inport = reg0;", "Can't assign integer field (reg0) to string field (inport)."},
		{"reg0 = inport;", "Can't assign string field (inport) to integer field (reg0)."},
		{"network = inport;", "String fields network and inport are incompatible for assignment."},
		{"reg0 <-> vlan.pcp;", "Can't exchange 32-bit field with 3-bit field."},
		{"inport <-> reg0;", "Can't exchange string field (inport) with integer field (reg0)."},
		{"reg0[0..1] = check_pkt_larger(1);", "Cannot use 2-bit field reg0[0..1] where 1-bit field is required."},
		{"reg0[0] = check_pkt_larger(65536);", "65536 is not in the range 0 to 65535."},
		{"reg0 = select(1, 2);", "select takes 0, 1, 2 and so on, in order, and this is number 0."},
		{"reg0[0] = select(0, 1, 2);", "1-bit field reg0[0] cannot hold 3 values."},
		{"reg0[0] = select();", "Syntax error at `)' expecting integer."},
		{"reg0[0] = select(0);", "Syntax error at `;' expecting at least 2 group members."},
		{"inport = select(0);", "Cannot use string field inport where numeric field is required."},
		{"put_arp(inport, arp.spa);", "Syntax error at `)' expecting `,'."},
		{"put_nd(inport, arp.spa, eth.src);", "Cannot use 32-bit field arp.spa[0..31] where 128-bit field is required."},
		{"hold(network, eth.src);", "Cannot use 48-bit field eth.src[0..47] where 32-bit or 128-bit field is required."},
		{"get_arp(ip4, reg0);", "Predicate symbol ip4 used where lvalue required."},
		{"punt;", "Syntax error at `;' expecting `('."},
		{"punt(1);", "Syntax error at `1' expecting reason."},
		{"group(0);", "0 is not in the range 1 to 4294967040."},
		{"send(65535);", "65535 is no port that packets can be sent to."},
		{"push_vlan(4095);", "4095 is not in the range 1 to 4094."},
		{"icmp4.frag_mtu = 1400;", "icmp4.frag_mtu can be set only inside icmp4 { }."},
		{"icmp6 { arp { icmp6.pointer = 1; }; };", "icmp6.pointer can be set only inside icmp6 { }."},
		{"icmp6 { icmp6.pointer = 1; icmp6.frag_mtu = 1; };", "icmp6.pointer is set already, and is in the same place as icmp6.frag_mtu."},
		{"icmp4 { icmp4.frag_mtu = 65536; };", "65536 is not in the range 0 to 65535."},
		{deep, "Actions are nested more than 32 levels deep."},
		{strings.Repeat("next;", 4097), "More than 4096 actions."},
		{"next & 1;", "`&' is only valid as part of `&&'."},
	} {
		a, err := logical.ParseActions(s, c.input)
		if err == nil {
			t.Errorf("%.60s: parsed as %.60s, want %s", c.input, a, c.message)
		} else if err.Error() != c.message {
			t.Errorf("%.60s: %s, want %s", c.input, err, c.message)
		}
	}
}

// TestActionErrorPlace checks that errors point at what is wrong.
func TestActionErrorPlace(t *testing.T) {
	for _, c := range []struct{ input, caret string }{
		{"next; reg0 = eth.dst;", "next; reg0 = eth.dst;\n             ^"},
		{"next;\nreg0 = 1\noutput;", "output;\n^"},
		{"next; lookup(nowhere);", "next; lookup(nowhere);\n             ^"},
		{`reg0 = 1; network = "red";`, "reg0 = 1; network = \"red\";\n          ^"},
		{"get_arp(inport, reg0);", "get_arp(inport, reg0);\n        ^"},
	} {
		a, err := logical.ParseActions(routerSymbols(), c.input)
		if err == nil {
			_, err = a.Compile(routerTarget())
		}
		e, ok := err.(*logical.Error)
		if !ok {
			t.Errorf("%s: error %v (%T)", c.input, err, err)
			continue
		}
		if _, place, _ := strings.Cut(e.Caret(), "\n"); place != c.caret {
			t.Errorf("%s: points at\n%s\nwant\n%s", c.input, place, c.caret)
		}
	}
}

// TestActionsTooLong checks that actions which no message can carry are refused, flat and nested.
func TestActionsTooLong(t *testing.T) {
	flat := strings.Repeat("get_nd(network, ip6.dst);", 600)
	const loads = "xxreg3 = fe80::1; " // 24 bytes each
	for _, input := range []string{flat, "nd_ns { " + strings.Repeat(loads, 2600) + "};",
		strings.Repeat("nd_ns { "+strings.Repeat(loads, 700)+"}; ", 4)} {
		a, err := logical.ParseActions(routerSymbols(), input)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Compile(routerTarget()); err == nil || !strings.Contains(err.Error(), "more than the 60000 that fit") {
			t.Errorf("%.40s…: error %v", input, err)
		}
	}
}

// TestActionsUnavailable checks that a target without what an action needs makes it an error.
func TestActionsUnavailable(t *testing.T) {
	full := routerTarget()
	withoutPunt := &logical.Target{Get: full.Get, Put: full.Put, Reasons: full.Reasons}
	withoutCodePunt := &logical.Target{Put: vectorTarget().Put}
	for _, c := range []struct {
		input  string
		target *logical.Target
		error  string
	}{
		{"get_arp(network, reg0);", &logical.Target{}, "Action get_arp is not available here."},
		{"get_nd(network, xxreg3);", &logical.Target{}, "Action get_nd is not available here."},
		{"put_arp(network, reg0, eth.src);", &logical.Target{Get: full.Get}, "Action put_arp is not available here."},
		{"put_arp(inport, reg0, eth.src);", withoutCodePunt, "Action put_arp is not available here."},
		{"put_nd(network, xxreg3, eth.src);", withoutPunt, "Action put_nd is not available here."},
		{"hold(network, reg0);", &logical.Target{}, "Action hold is not available here."},
		{"rate_limit(network, reg0);", withoutPunt, "Action rate_limit is not available here."},
		{"punt(learn);", withoutPunt, "Action punt is not available here."},
		{"punt(learn);", &logical.Target{}, "Unknown reason learn."},
		{"nd_na { };", &logical.Target{}, "Action nd_na is not available here."},
		{"arp { get_arp(network, reg0); };", &logical.Target{Punt: full.Punt}, "Action get_arp is not available here."},
		{`outport = "p1";`, &logical.Target{}, "set_field:0->reg2"},
	} {
		a, err := logical.ParseActions(routerSymbols(), c.input)
		if err != nil {
			t.Fatal(err)
		}
		if got := compiledText(a, c.target); got != c.error {
			t.Errorf("%s: %s, want %s", c.input, got, c.error)
		}
	}
}

// TestActionsOwnSymbols checks actions with symbols that are not the usual ones: a VLAN id that is a
// field of its own, which is set along with the bit that says that there is a tag, and none of the
// predicates that some actions need.
func TestActionsOwnSymbols(t *testing.T) {
	s := logical.NewSymbols()
	s.AddField(logical.Field{Name: "vid", OF: openflow.VLANVID, Bits: 12})
	a, err := logical.ParseActions(s, "vid = 7;")
	if err != nil {
		t.Fatal(err)
	}
	if got := compiledText(a, &logical.Target{}); got != "set_field:4103->vlan_vid" {
		t.Errorf("%s: %s", a, got)
	}
	for input, message := range map[string]string{
		"pop_vlan;":     "This action needs vlan.present, which is no symbol here.",
		"nd_na { };":    "This action needs nd_ns, which is no symbol here.",
		"vid = ip.ttl;": "Syntax error at `ip.ttl' expecting field name.",
	} {
		if _, err := logical.ParseActions(s, input); err == nil || err.Error() != message {
			t.Errorf("%s: %v, want %s", input, err, message)
		}
	}
}

func TestOpString(t *testing.T) {
	for op, want := range map[logical.Op]string{logical.OpPutARP: "put_arp", logical.OpComposeICMP6: "icmp6", 0: "op 0", 99: "op 99"} {
		if got := fmt.Sprint(op); got != want {
			t.Errorf("%d is %s, want %s", uint8(op), got, want)
		}
	}
}
