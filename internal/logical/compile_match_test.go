package logical

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/openflow"
)

// flowTexts are the flows of a match as ovs-ofctl would print them, conjunctions behind an arrow.
func flowTexts(flows []FlowMatch) []string {
	var out []string
	for _, f := range flows {
		s := openflow.FormatMatch(f.Match)
		for _, c := range f.Conjunctions {
			s += fmt.Sprintf(" -> %d %d/%d", c.ID, c.Clause+1, c.N)
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// TestCompile has expressions and their flows. Conjunctive matches have ids from 7.
func TestCompile(t *testing.T) {
	tests := []struct {
		in   string
		want []string
	}{
		{"1", []string{""}},
		{"0", nil},
		{"ip4", []string{"ip"}},
		{"ip", []string{"ip", "ipv6"}},
		{"arp.op == 1 && arp.tpa == 10.0.0.1", []string{"arp,arp_tpa=10.0.0.1,arp_op=1"}},
		{"ip4.src == 10.0.0.0/8 && tcp.dst == 80", []string{"tcp,nw_src=10.0.0.0/8,tp_dst=80"}},
		{"ip4 && ip6", nil},
		{"ip4.src == 1.2.3.4 && ip6.dst == ::1", nil},
		{"tcp && udp", nil},
		{"nd_ns && nd.target == fe80::1", []string{"icmp6,nw_ttl=255,icmp_type=135,icmp_code=0,nd_target=fe80::1"}},
		{"nd", []string{"icmp6,nw_ttl=255,icmp_type=135,icmp_code=0", "icmp6,nw_ttl=255,icmp_type=136,icmp_code=0"}},

		// Ranges and inequality: the fewest prefixes.
		{"1 <= reg0[0..3] <= 14", []string{"reg0=0x1/0xf", "reg0=0x2/0xe", "reg0=0x4/0xc", "reg0=0x8/0xc", "reg0=0xc/0xe", "reg0=0xe/0xf"}},
		{"reg0[28..31] >= 8", []string{"reg0=0x80000000/0x80000000"}},
		{"reg0 < 0", nil},
		{"reg0 <= 0xffffffff", []string{""}},
		{"reg0[0..1] != 2", []string{"reg0=0/0x2", "reg0=0x3/0x3"}},
		{"reg0[0..2] != {0, 1, 2, 3}", []string{"reg0=0x4/0x4"}},
		{"reg0[0..7] != 0x80/0x81", []string{"reg0=0/0x80", "reg0=0x81/0x81"}},
		{"reg0 > 5 && reg0 < 8 && reg0 != 7", []string{"reg0=0x6"}},
		{"reg0 < 8 && reg0 > 20", nil},
		{"1024 <= tcp.src <= 2047 && ip4", []string{"tcp,tp_src=0x400/0xfc00"}},

		// Sets: joined where the field is ordinal, apart where it is nominal.
		{"ip4.src == {10.0.0.2, 10.0.0.3, 10.0.0.2}", []string{"ip,nw_src=10.0.0.2/31"}},
		{"ip4.src == 10.0.0.0/25 || ip4.src == 10.0.0.128/25", []string{"ip,nw_src=10.0.0.0/24"}},
		{"ip4.src == {10.0.0.0/8, 10.1.0.0/16}", []string{"ip,nw_src=10.0.0.0/8"}},
		{"ip.ttl == {0, 1} && ip4", []string{"ip,nw_ttl=0", "ip,nw_ttl=1"}},
		{`inport == {"port2", "port3", "portx"}`, []string{"reg14=0x2", "reg14=0x3"}},
		{`inport == "unknown"`, nil},
		{`network == "net5" && inport == "port1"`, []string{"reg14=0x1,metadata=0x5/0xffffff"}},
		{`ip4 || (ip4 && ip4.src == 10.0.0.1)`, []string{"ip"}},
		{`arp || reg0 == 1 || (arp && reg1 == 4)`, []string{"arp", "reg0=0x1"}},
		{`(arp && reg0[0]) || (arp && !reg0[0])`, []string{"arp"}},

		{`reg14 == 3 || inport == "port2"`, []string{"reg14=0x2", "reg14=0x3"}},
		{"reg0 >= 0 || reg1 >= 0", []string{""}},
		{"reg0 == 1 || reg1 <= 0xffffffff", []string{""}},

		// Registers that are parts of others.
		{"xxreg0 == 0x10000000200000003/0xffffffffffffffffffffffff && reg1 == 2", nil},
		{"xxreg0 == 0x10000000000000000000000000000004/0xffffffff0000000000000000ffffffff && reg1 == 2", []string{"reg0=0x10000000,reg1=0x2,reg3=0x4"}},
		{"xreg2[0..47] == 00:00:00:00:00:01 && reg5 == 1", []string{"reg4=0/0xffff,reg5=0x1"}},

		// VLAN tags and fragments.
		{"!vlan.present", []string{"vlan_tci=0x0000/0x1000"}},
		{"vlan.vid == 5", []string{"dl_vlan=5"}},
		{"vlan.pcp == 3", []string{"dl_vlan_pcp=3"}},
		{"vlan.pcp[2] && vlan.vid == 4", []string{"dl_vlan=4,dl_vlan_pcp=4", "dl_vlan=4,dl_vlan_pcp=5", "dl_vlan=4,dl_vlan_pcp=6", "dl_vlan=4,dl_vlan_pcp=7"}},
		{"vlan.tci == 0", []string{"vlan_tci=0x0000/0x1fff"}},
		{"vlan.tci == 5", nil},
		{"vlan.tci[13..15] == 0", []string{"dl_vlan_pcp=0", "vlan_tci=0x0000/0x1fff"}},
		{"ip.is_frag && ip4", []string{"ip,nw_frag=yes"}},
		{"!ip.later_frag && ip4", []string{"ip,nw_frag=not_later"}},
		{"ip.first_frag && ip4", []string{"ip,nw_frag=first"}},
		{"ip.later_frag && ip4 && tcp.dst < 5 && tcp.src == 0", []string{"tcp,nw_frag=later"}},
		{"ip.later_frag && tcp.dst == 5", nil},

		// Conjunctive matches.
		{"reg0 == {1, 5, 9} && reg1 == {2, 6, 10}", []string{"conj_id=7",
			"reg0=0x1 -> 7 1/2", "reg0=0x5 -> 7 1/2", "reg0=0x9 -> 7 1/2",
			"reg1=0x2 -> 7 2/2", "reg1=0x6 -> 7 2/2", "reg1=0xa -> 7 2/2"}},
		{"reg0 == {1, 5} && reg1 == {2, 6}", []string{"reg0=0x1,reg1=0x2", "reg0=0x1,reg1=0x6", "reg0=0x5,reg1=0x2", "reg0=0x5,reg1=0x6"}},
		{"ip4.src == {10.0.0.1, 10.0.0.4, 10.0.0.6} && tcp.dst == {80, 443, 8080} && reg0 == 1", []string{
			"conj_id=7,tcp,reg0=0x1",
			"tcp,reg0=0x1,nw_src=10.0.0.1 -> 7 1/2", "tcp,reg0=0x1,nw_src=10.0.0.4 -> 7 1/2", "tcp,reg0=0x1,nw_src=10.0.0.6 -> 7 1/2",
			"tcp,reg0=0x1,tp_dst=443 -> 7 2/2", "tcp,reg0=0x1,tp_dst=80 -> 7 2/2", "tcp,reg0=0x1,tp_dst=8080 -> 7 2/2"}},
		{"reg0 == 1 || (reg0 == {1, 5, 9} && reg1 == {2, 6, 10})", []string{"conj_id=7", "reg0=0x1",
			"reg0=0x5 -> 7 1/2", "reg0=0x9 -> 7 1/2",
			"reg1=0x2 -> 7 2/2", "reg1=0x6 -> 7 2/2", "reg1=0xa -> 7 2/2"}},
		{"(reg0 == {1, 5, 9} && reg1 == {2, 6, 10}) || (reg0 == {1, 5, 8} && reg2 == {2, 6, 10})", []string{"conj_id=7", "conj_id=8",
			"reg0=0x1 -> 7 1/2 -> 8 1/2", "reg0=0x5 -> 7 1/2 -> 8 1/2", "reg0=0x8 -> 8 1/2", "reg0=0x9 -> 7 1/2",
			"reg1=0x2 -> 7 2/2", "reg1=0x6 -> 7 2/2", "reg1=0xa -> 7 2/2",
			"reg2=0x2 -> 8 2/2", "reg2=0x6 -> 8 2/2", "reg2=0xa -> 8 2/2"}},
	}
	s := matchSymbols()
	for _, test := range tests {
		e, err := ParseMatch(s, test.in)
		if err != nil {
			t.Errorf("%s: %v", test.in, err)
			continue
		}
		id := uint32(7)
		flows := e.Compile(matchNames, &id)
		got, want := flowTexts(flows), slices.Sorted(slices.Values(test.want))
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", test.in, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
		conjunctions := 0
		for _, text := range got {
			if strings.HasPrefix(text, "conj_id=") {
				conjunctions++
			}
		}
		if int(id) != 7+conjunctions {
			t.Errorf("%s: %d conjunctions, next id %d", test.in, conjunctions, id)
		}
	}
}

// TestTooComplex: what would need too many flows is an error, and found out soon.
func TestTooComplex(t *testing.T) {
	set := func(field string, n, step int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprint(1+i*step))
		}
		return field + " == {" + strings.Join(list, ", ") + "}"
	}
	pairs := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("(reg%d[%d] || reg%d[%d])", 2*i%16, i/8, (2*i+1)%16, i/8))
		}
		return strings.Join(list, " && ")
	}
	odd := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("reg0 != %#x/%#x", 5<<i, 5<<i))
		}
		return strings.Join(list, " && ")
	}
	tests := []struct {
		in    string
		flows int // 0: too complex
	}{
		{set("reg0", 65536, 2), 65536},
		{set("reg0", 65537, 2), 0},
		{set("reg0", 3000, 2) + " && " + set("reg1", 3000, 2), 6001},
		{set("reg0", 70000, 1) + " && reg1 == 1", 22},
		{pairs(4), 16},
		{pairs(8), 256},
		{pairs(20), 0},
		{odd(10), 169},
		{"xxreg0 != 1 && xxreg0 > 5 && xxreg0 < 0xffffffffffffffffffffffffff", 204},
		{"xxreg0 != 1 && xxreg3 != 5", 257},
	}
	s := matchSymbols()
	for _, test := range tests {
		e, err := ParseMatch(s, test.in)
		if test.flows == 0 {
			if err == nil || err.Error() != "Expression is too complex: it needs more than 65536 flows." {
				t.Errorf("%.60s: %v", test.in, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%.60s: %v", test.in, err)
			continue
		}
		id := uint32(1)
		if got := len(e.Compile(matchNames, &id)); got != test.flows {
			t.Errorf("%.60s: %d flows, want %d", test.in, got, test.flows)
		}
	}
}
