package logical

import (
	"strings"
	"testing"

	"github.com/isat-sdn/isat/openflow"
)

// matchSymbols is a vocabulary like the pipeline's.
func matchSymbols() *Symbols {
	s := NewSymbols()
	s.AddPacketFields()
	for i := range 16 {
		f := openflow.Reg(i)
		s.AddField(Field{Name: f.Name, OF: f, Bits: 32})
	}
	for _, f := range []*openflow.Field{openflow.XReg2, openflow.XXReg0, openflow.XXReg3} {
		s.AddField(Field{Name: f.Name, OF: f, Bits: f.Bits})
	}
	s.AddField(Field{Name: "inport", OF: openflow.Reg14, Bits: 32, String: true})
	s.AddField(Field{Name: "outport", OF: openflow.Reg15, Bits: 32, String: true})
	s.AddField(Field{Name: "network", OF: openflow.Metadata, Bits: 24, String: true})
	s.AddField(Field{Name: "flags.owner", OF: openflow.Reg8, Ofs: 3, Bits: 1})
	return s
}

// matchNames knows the names port1 to port9 and net1 to net9.
func matchNames(_ *Field, name string) (uint64, bool) {
	rest, isPort := strings.CutPrefix(name, "port")
	if !isPort {
		rest, isPort = strings.CutPrefix(name, "net")
	}
	if !isPort || len(rest) != 1 || rest[0] < '1' || rest[0] > '9' {
		return 0, false
	}
	return uint64(rest[0] - '0'), true
}

// TestParsePrint has texts and their canonical form, "" if it is the same, and the expanded form.
func TestParsePrint(t *testing.T) {
	tests := []struct{ in, canonical, expanded string }{
		{"1", "", ""},
		{"0", "", ""},
		{"eth.type == 0x800", "", ""},
		{"eth.type==2048", "eth.type == 2048", ""},
		{"ip4", "", "eth.type == 0x800"},
		{"ip", "", "eth.type == 0x800 || eth.type == 0x86dd"},
		{"icmp4", "", "eth.type == 0x800 && ip.proto == 1 && (eth.type == 0x800 || eth.type == 0x86dd)"},
		{"ip4.src == 10.0.0.1", "", "ip4.src == 10.0.0.1 && eth.type == 0x800"},
		{"10.0.0.1 == ip4.src", "ip4.src == 10.0.0.1", "ip4.src == 10.0.0.1 && eth.type == 0x800"},
		{"!(ip4.src == 10.0.0.1)", "ip4.src != 10.0.0.1", "ip4.src != 10.0.0.1 && eth.type == 0x800"},
		{"ip4.src == 10.0.0.0/8", "", "ip4.src == 10.0.0.0/8 && eth.type == 0x800"},
		{"ip4.src == 10.0.0.0/255.0.0.0", "ip4.src == 10.0.0.0/8", "ip4.src == 10.0.0.0/8 && eth.type == 0x800"},
		{"ip4.src == 10.0.0.1/255.0.0.255", "", "ip4.src == 10.0.0.1/255.0.0.255 && eth.type == 0x800"},
		{"ip4.src == 10.0.0.1/24", "ip4.src == 10.0.0.0/24", "ip4.src == 10.0.0.0/24 && eth.type == 0x800"},
		{"ip4.src == 10.1.2.3/255.0.255.0", "ip4.src == 10.0.2.0/255.0.255.0", "ip4.src == 10.0.2.0/255.0.255.0 && eth.type == 0x800"},
		{"ip4.src == 1.2.3.4/0", "ip4.src == 0.0.0.0/0", "ip4.src == 0.0.0.0/0 && eth.type == 0x800"},
		{"ip4.src == 10.0.0.1/32", "", "ip4.src == 10.0.0.1/32 && eth.type == 0x800"},
		{"ip6.src == fe80::1/10", "ip6.src == fe80::/10", "ip6.src == fe80::/10 && eth.type == 0x86dd"},
		{"eth.src == aa:bb:cc:dd:ee:ff/ff:ff:ff:00:00:00", "eth.src == aa:bb:cc:00:00:00/ff:ff:ff:00:00:00", ""},
		{"reg0 == 0x11/0x10", "reg0 == 0x10/0x10", ""},
		{"reg0 == 5/4", "reg0 == 4/4", ""},
		{"reg0 == 0x1ffffffff/0x1", "reg0 == 0x1/0x1", ""},
		{"reg0 == 1//2\n", "reg0 == 1", ""},
		{"reg0 == 1/* 2 */", "reg0 == 1", ""},
		{"reg0 == 10.0.0.1", "", ""},
		{"xxreg0 == {10.0.0.1, 02:00:00:00:00:01, ::1}", "", ""},
		{"eth.type[0..15] == 0x800", "eth.type == 0x800", ""},
		{"ip6.dst == FF02::/16", "ip6.dst == ff02::/16", "ip6.dst == ff02::/16 && eth.type == 0x86dd"},
		{"eth.dst == A:b:C:0:1:2", "eth.dst == 0a:0b:0c:00:01:02", ""},
		{"eth.dst == 01:00:00:00:00:00/01:00:00:00:00:00", "", ""},
		{"tcp.dst == {80,443}", "tcp.dst == {80, 443}", "tcp.dst == {80, 443} && ip.proto == 6 && (eth.type == 0x800 || eth.type == 0x86dd)"},
		{"reg0 == {80 443 , }", "reg0 == {80, 443}", ""},
		{"reg0 == {80}", "reg0 == 80", ""},
		{"reg0[0..15] > 5 && reg0[31]", "", ""},
		{"reg0[0..31] == 5", "reg0 == 5", ""},
		{"reg0[3] == 1", "reg0[3]", ""},
		{"reg0[3] != 0x1", "!reg0[3]", ""},
		{"!reg0[3]", "", ""},
		{"reg0[3] == {0, 1}", "", ""},
		{"flags.owner && !vlan.present", "", "flags.owner && !vlan.tci[12]"},
		{"flags.owner == 0", "!flags.owner", ""},
		{"1 == flags.owner", "flags.owner", ""},
		{"ip4 == 1", "ip4", "eth.type == 0x800"},
		{"ip4 != 0", "ip4", "eth.type == 0x800"},
		{"vlan.present == 0", "!vlan.present", "!vlan.tci[12]"},
		{"!ip.is_frag", "", "!ip.frag[0] && (eth.type == 0x800 || eth.type == 0x86dd)"},
		{"ip4[0]", "ip4", "eth.type == 0x800"},
		{"ip4[0..0] == {0x1, 1}", "ip4", "eth.type == 0x800"},
		{"1 == ip4", "ip4", "eth.type == 0x800"},
		{"0 != ip4[0]", "ip4", "eth.type == 0x800"},
		{"!(0 == vlan.present)", "vlan.present", "vlan.tci[12]"},
		{"{0} == vlan.present", "!vlan.present", "!vlan.tci[12]"},
		{"vlan.present == {1, 0}", "!vlan.present || vlan.present", "!vlan.tci[12] || vlan.tci[12]"},
		{"vlan.present != {0, 1}", "vlan.present && !vlan.present", "vlan.tci[12] && !vlan.tci[12]"},
		{"!(!(ip4))", "ip4", "eth.type == 0x800"},
		{"!!ip4", "ip4", "eth.type == 0x800"},
		{"0 < tcp.src <= 1023", "tcp.src > 0 && tcp.src <= 1023",
			"tcp.src > 0 && ip.proto == 6 && (eth.type == 0x800 || eth.type == 0x86dd) && " +
				"tcp.src <= 1023 && ip.proto == 6 && (eth.type == 0x800 || eth.type == 0x86dd)"},
		{"10 >= reg0 > 5", "reg0 <= 10 && reg0 > 5", ""},
		{"!(1 < reg0 < 5)", "reg0 <= 1 || reg0 >= 5", ""},
		{"(arp) && (ip4 || (ip6 || icmp4))", "arp && (ip4 || ip6 || icmp4)",
			"eth.type == 0x806 && (eth.type == 0x800 || eth.type == 0x86dd || (eth.type == 0x800 && ip.proto == 1 && (eth.type == 0x800 || eth.type == 0x86dd)))"},
		{"1 && reg0 == 1 && (0 || reg1 == 2)", "reg0 == 1 && reg1 == 2", ""},
		{"reg0 == 1 && 0", "0", ""},
		{`inport == "eth0"`, "", ""},
		{`inport == {"a" "b"}`, `inport == {"a", "b"}`, ""},
		{`!(inport != {"a", "b"})`, `inport == {"a", "b"}`, ""},
		{`inport == "a\"\\\n\u00e9\u0041"`, "inport == \"a\\\"\\\\\\u000aéA\"", ""},
		{"xxreg0 == 0x123456789abcdef0123456789abcdef0", "", ""},
		{"xxreg0 == 0x10000000000000000/0xf0000000000000000", "", ""},
		{"reg0 == 3/0xf", "reg0 == 0x3/0xf", ""},
		{"reg0 == 3/7 // low bits\n && /* and */ reg1 == 4", "reg0 == 3/7 && reg1 == 4", ""},
		{"ip.first_frag", "", "ip.frag[0] && (eth.type == 0x800 || eth.type == 0x86dd) && !ip.frag[1] && (eth.type == 0x800 || eth.type == 0x86dd)"},
		{"nd_ns", "", "icmp6.type == 135 && eth.type == 0x86dd && ip.proto == 58 && (eth.type == 0x800 || eth.type == 0x86dd) && " +
			"icmp6.code == 0 && eth.type == 0x86dd && ip.proto == 58 && (eth.type == 0x800 || eth.type == 0x86dd) && " +
			"ip.ttl == 255 && (eth.type == 0x800 || eth.type == 0x86dd)"},
	}
	s := matchSymbols()
	for _, test := range tests {
		e, err := ParseMatch(s, test.in)
		if err != nil {
			t.Errorf("%s: %v", test.in, err)
			continue
		}
		canonical := test.canonical
		if canonical == "" {
			canonical = test.in
		}
		if got := e.String(); got != canonical {
			t.Errorf("%s:\n got %s\nwant %s", test.in, got, canonical)
		}
		expanded := test.expanded
		if expanded == "" {
			expanded = canonical
		}
		if got := e.Expand().String(); got != expanded {
			t.Errorf("%s expanded:\n got %s\nwant %s", test.in, got, expanded)
		}
		again, err := ParseMatch(s, e.String())
		if err != nil || !again.Equal(e) {
			t.Errorf("%s: parsed again: %v, %v", test.in, again, err)
		}
	}
}

// TestParseErrors has what is wrong and where.
func TestParseErrors(t *testing.T) {
	tests := []struct {
		in     string
		offset int
		want   string
	}{
		{"", 0, "Syntax error at end of input expecting constant."},
		{"eth.type == 0x800;", 17, "Syntax error at `;' expecting end of input."},
		{"xyzzy", 0, "Syntax error at `xyzzy' expecting field name."},
		{"eth.dst == xyzzy", 11, "Syntax error at `xyzzy' expecting constant."},
		{"inport = \"eth0\"", 7, "Syntax error at `=' expecting relational operator."},
		{"123 == 123", 7, "Syntax error at `123' expecting field name."},
		{"123", 3, "Syntax error at end of input expecting relational operator."},
		{"{1, 2}", 6, "Syntax error at end of input expecting relational operator."},
		{"reg0 == {}", 9, "Syntax error at `}' expecting constant."},
		{"reg0 == {1, \"x\"}", 12, "Syntax error at `\"x\"' expecting integer."},
		{"(ip4", 4, "Syntax error at end of input expecting `)'."},
		{"ip4 && arp || ip6", 11, "&& and || must be parenthesized when used together."},
		{"eth.type == 0x800 || eth.type == 0x86dd && ip.proto == 17", 40, "&& and || must be parenthesized when used together."},
		{"! eth.type == 0x800", 2, "Nominal field eth.type may only be tested for equality (taking enclosing `!' operators into account)."},
		{"! reg0 == 1", 2, "Missing parentheses around operand of !."},
		{"! 1 == reg0", 2, "Missing parentheses around operand of !."},
		{"eth.type != 0x800", 0, "Nominal field eth.type may only be tested for equality (taking enclosing `!' operators into account)."},
		{"inport != \"a\"", 0, "Nominal field inport may only be tested for equality (taking enclosing `!' operators into account)."},
		{"!ip4", 1, "Nominal predicate ip4 may only be tested positively, e.g. `ip4' or `ip4 == 1' but not `!ip4' or `ip4 == 0'."},
		{"!(arp && reg0 == 1)", 2, "Nominal predicate arp may only be tested positively, e.g. `arp' or `arp == 1' but not `!arp' or `arp == 0'."},
		{"ip4 > 0", 0, "Only == and != operators may be used with predicate ip4."},
		{"ip4 == 2", 7, "Predicate ip4 may only be compared with 0 or 1."},
		{"ip.proto > 5", 0, "Only == and != operators may be used with nominal field ip.proto."},
		{"inport < \"a\"", 0, "Only == and != operators may be used with nominal field inport."},
		{"reg0 < {1, 2}", 7, "Only == and != operators may be used with value sets."},
		{"eth.src > 00:00:00:00:11:11/00:00:00:00:ff:ff", 10, "Only == and != operators may be used with masked constants.  Consider using subfields instead (e.g. eth.src[0..15] > 0x1111 in place of eth.src > 00:00:00:00:11:11/00:00:00:00:ff:ff)."},
		{"ip.proto == 4/4", 12, "Nominal field ip.proto can't be compared with a masked constant."},
		{"ip.proto", 0, "Explicit `!= 0' is required for inequality test of multibit field against 0."},
		{"reg0[0..1] && ip4", 0, "Explicit `!= 0' is required for inequality test of multibit field against 0."},
		{"inport", 6, "Syntax error at end of input expecting relational operator."},
		{"!inport && ip4", 8, "Syntax error at `&&' expecting relational operator."},
		{"ip4[1]", 0, "Cannot select bits 1 to 1 of 1-bit field ip4."},
		{"1 == ip4[x]", 9, "Syntax error at `x' expecting small integer."},
		{"0 == ip4", 5, "Nominal predicate ip4 may only be tested positively, e.g. `ip4' or `ip4 == 1' but not `!ip4' or `ip4 == 0'."},
		{"ip4 == {0, 1}", 0, "Nominal predicate ip4 may only be tested positively, e.g. `ip4' or `ip4 == 1' but not `!ip4' or `ip4 == 0'."},
		{"ip4 != {0, 1}", 0, "Nominal predicate ip4 may only be tested positively, e.g. `ip4' or `ip4 == 1' but not `!ip4' or `ip4 == 0'."},
		{"1 > vlan.present", 4, "Only == and != operators may be used with predicate vlan.present."},
		{"1 == vlan.present == 1", 18, "Range expressions must have the form `x < field < y' or `x > field > y', with each `<' optionally replaced by `<=' or `>' by `>=')."},
		{"! 1 == vlan.present", 2, "Missing parentheses around operand of !."},
		{"::1 == ip4", 0, "Predicate ip4 may only be compared with 0 or 1."},
		{"1 < reg0 > 2", 9, "Range expressions must have the form `x < field < y' or `x > field > y', with each `<' optionally replaced by `<=' or `>' by `>=')."},
		{"1 == reg0 == 2", 10, "Range expressions must have the form `x < field < y' or `x > field > y', with each `<' optionally replaced by `<=' or `>' by `>=')."},
		{"reg0[32]", 0, "Cannot select bits 32 to 32 of 32-bit field reg0."},
		{"reg0[5..3] == 1", 0, "Invalid bit range 5 to 3."},
		{"reg0[2147483647]", 0, "Cannot select bits 2147483647 to 2147483647 of 32-bit field reg0."},
		{"reg0[2147483648]", 5, "Syntax error at `2147483648' expecting small integer."},
		{"reg0[0x1]", 5, "Syntax error at `0x1' expecting small integer."},
		{"reg0[x]", 5, "Syntax error at `x' expecting small integer."},
		{"reg0[1", 6, "Syntax error at end of input expecting `]'."},
		{"eth.type[1]", 0, "Cannot select subfield of nominal field eth.type."},
		{"inport[1]", 0, "Cannot select subfield of string field inport."},
		{"inport == 1", 10, "String field inport is not compatible with integer constant."},
		{"reg0 == \"a\"", 8, "Integer field reg0 is not compatible with string constant."},
		{"ip4.src == ::1", 11, "128-bit constant is not compatible with 32-bit field ip4.src."},
		{"ip4.src == ::/0", 11, "128-bit constant is not compatible with 32-bit field ip4.src."},
		{"tcp.dst == ::50", 11, "128-bit constant is not compatible with 16-bit field tcp.dst."},
		{"tcp.dst == {80, 0.0.0.80}", 11, "32-bit constant is not compatible with 16-bit field tcp.dst."},
		{"reg0 == 00:00:00:00:00:01", 8, "48-bit constant is not compatible with 32-bit field reg0."},
		{"::1 == eth.src", 0, "128-bit constant is not compatible with 48-bit field eth.src."},
		{"reg0[0..3] == 16", 14, "5-bit constant is not compatible with 4-bit field reg0[0..3]."},
		{"reg0 == 0/0x1ffffffff", 8, "33-bit constant is not compatible with 32-bit field reg0."},
		{"reg0 == 1x", 8, "Invalid numeric constant."},
		{"reg0 == 0x", 8, "Hex digits expected following 0x."},
		{"reg0 == 012", 8, "Decimal constants must not have leading zeros."},
		{"reg0 == 18446744073709551616", 8, "Decimal constants must be less than 2**64."},
		{"xxreg0 == 0x100000000000000000000000000000000", 10, "Hexadecimal constant requires more than 128 bits."},
		{"ip4.src == 1.2.3", 11, "Invalid numeric constant."},
		{"reg0 == 0x1g", 8, "Invalid syntax in hexadecimal constant."},
		{"ip4.src == 10.0.0.0/33", 11, "Value and mask have incompatible formats."},
		{"ip6.src == ::/129", 11, "Value and mask have incompatible formats."},
		{"ip6.src == ::/18446744073709551615", 11, "Value and mask have incompatible formats."},
		{"ip4.src == 10.0.0.0/0x20", 11, "Value and mask have incompatible formats."},
		{"ip4.src == 10.0.0.0/", 11, "Integer constant expected."},
		{"ip4.src == 10.0.0.0/ 24", 11, "Integer constant expected."},
		{"ip4.src == 10.0.0.0/24x", 11, "Invalid numeric constant."},
		{"eth.src == 00:00:00:00:00:00/8", 11, "Value and mask have incompatible formats."},
		{"reg0 == 1/2/3", 11, "`/' is only valid as part of `//' or `/*'."},
		{"eth.src == 0:0:0:0:0:0/1.2.3.4", 11, "Value and mask have incompatible formats."},
		{"eth.src == 0:0:0:0:0", 11, "Invalid numeric constant."},
		{"reg0 == \"a", 8, "Input ends inside quoted string."},
		{"reg0 == \"a\\q\"", 8, "bad escape \\q"},
		{"reg0 == \"a\\\\\\é\"", 8, "bad escape \\é"},
		{"reg0 == \"a\\u12\"", 8, "malformed \\u escape"},
		{"reg0 == \"a\n\"", 8, "Quoted string contains byte 0x0a, which must be escaped."},
		{"reg0 == \"a\xff\"", 8, "Quoted string is not valid UTF-8."},
		{"reg0 & 1", 5, "`&' is only valid as part of `&&'."},
		{"reg0 == 1 /* comment", 10, "`/*' without matching `*/'."},
		{"reg0 == $set", 8, "Invalid character `$' in input."},
		{"reg0 == é", 8, "Invalid character `é' in input."},
		{"reg0 == \x00", 8, "Invalid byte 0x00 in input."},
		{"reg0 == \u2028", 8, "Invalid byte 0xe2 in input."},
		{"ip4 \"a\u2028\x7f\"", 4, "Syntax error at `\"a??\"' expecting end of input."},
		{strings.Repeat("x", 60), 0, "Syntax error at `" + strings.Repeat("x", 60) + "' expecting field name."},
		{strings.Repeat("x", 61), 0, "Syntax error at `" + strings.Repeat("x", 60) + "…' expecting field name."},
		{strings.Repeat("(", 101) + "ip4" + strings.Repeat(")", 101), 100, "Parentheses nested too deeply."},
		{strings.Repeat("!", 101) + "reg0[0]", 100, "Parentheses nested too deeply."},
	}
	s := matchSymbols()
	for _, test := range tests {
		_, err := ParseMatch(s, test.in)
		e, ok := err.(*Error)
		if !ok {
			t.Errorf("%s: got %v, want %s", test.in, err, test.want)
		} else if e.Message != test.want || e.Offset != test.offset || e.Text != test.in {
			t.Errorf("%s:\n got %d %s\nwant %d %s", test.in, e.Offset, e, test.offset, test.want)
		}
	}
}

func TestCaret(t *testing.T) {
	_, err := ParseMatch(matchSymbols(), "ip4 &&\n\tip4.src == x &&\nip4")
	want := "Syntax error at `x' expecting constant.\n\tip4.src == x &&\n\t           ^"
	if got := err.(*Error).Caret(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestCaretLong: of a long line an error has what is around the place, and of a long token the beginning.
func TestCaretLong(t *testing.T) {
	x, é := strings.Repeat("x", 1000), strings.Repeat("é", 1000)
	for _, test := range []struct{ in, want string }{
		{x, "Syntax error at `" + x[:60] + "…' expecting field name.\n" + x[:200] + "…\n^"},
		{"/*" + x + "*/ ip4 && /*" + é, "`/*' without matching `*/'.\n…" + x[:200-len("*/ ip4 && ")] + "*/ ip4 && /*" + é[:198] + "…\n" +
			strings.Repeat(" ", 201) + "^"},
		{"ip4 ||\r\n/*" + é + "*/ 7\r\n|| ip4", "Syntax error at `||' expecting relational operator.\n|| ip4\n^"},
		{"/*" + é + "*/ 1 1", "Syntax error at `1' expecting end of input.\n…" + é[:194] + "*/ 1 1\n" + strings.Repeat(" ", 1+97+5) + "^"},
		{"/*\xff\xff\x00*/ 1 1\r\n", "Syntax error at `1' expecting end of input.\n/*???*/ 1 1\n          ^"},
	} {
		_, err := ParseMatch(matchSymbols(), test.in)
		if got := err.(*Error).Caret(); got != test.want {
			t.Errorf("%.40q: got\n%s\nwant\n%s", test.in, got, test.want)
		}
	}
}

// TestErrorSize: no text makes a message that is long or has more than one line.
func TestErrorSize(t *testing.T) {
	s := matchSymbols()
	for _, long := range []string{strings.Repeat("x", 1<<20), strings.Repeat("1", 1<<20), "0x1" + strings.Repeat("0", 1<<20),
		strings.Repeat("1:", 1<<20), `"` + strings.Repeat("é", 1<<20) + `"`, `"\q` + strings.Repeat("\n", 1<<20) + `"`,
		"1/" + strings.Repeat("f", 1<<20), "inport == \"a\" " + strings.Repeat("y", 1<<20)} {
		_, err := ParseMatch(s, long)
		checkErrorSize(t, long, err)
		for _, before := range []string{"", "reg0 = ", "reg0[", "next(", "punt("} {
			_, err := ParseActions(s, before+long)
			checkErrorSize(t, before+long, err)
		}
		for _, name := range []string{"next(%);", "lookup(%);", "punt(%);"} {
			if a, err := ParseActions(s, strings.ReplaceAll(name, "%", long)); err == nil {
				_, err := a.Compile(&Target{})
				checkErrorSize(t, name, err)
			} else {
				checkErrorSize(t, name, err)
			}
		}
	}
}

func checkErrorSize(t *testing.T, in string, err error) {
	t.Helper()
	e, ok := err.(*Error)
	if !ok {
		t.Errorf("%.40q: error %v", in, err)
	} else if len(e.Message) > 300 || strings.ContainsAny(e.Message, "\r\n") || len(e.Caret()) > 1200 {
		t.Errorf("%.40q: message of %d bytes, %d with the text: %.400q", in, len(e.Message), len(e.Caret()), e.Message)
	}
}
