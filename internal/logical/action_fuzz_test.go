package logical_test

import (
	"testing"

	"github.com/isat-sdn/isat/internal/logical"
)

// FuzzParseActions gives any text to the parser: it never panics, errors point into the text, and
// what it takes comes back from print and compiles or not, without a panic.
func FuzzParseActions(f *testing.F) {
	for _, v := range readVectors(f) {
		f.Add(v.input)
	}
	for _, c := range actionCases() {
		f.Add(c.input)
	}
	for _, text := range []string{
		"", ";", "drop", "next(table", "next(next);", "lookup(\"\\u0000\");", "punt(\"..\");", "punt(\"a:b\");",
		"arp{arp{arp{", "reg0[0..", "reg0[99999999999999999999] = 1;", "xxreg3 = 0x1/0x80000000000000000000000000000001;",
		"reg0 = 0/0;", "icmp6{icmp6.pointer=0;icmp4{icmp4.frag_mtu=0;};};", "next\x00;", "reg0 = \xff;",
	} {
		f.Add(text)
	}
	s, target := routerSymbols(), routerTarget()
	f.Fuzz(func(t *testing.T, text string) {
		a, err := logical.ParseActions(s, text)
		if err == nil {
			if diff := roundTrip(s, a); diff != "" {
				t.Fatalf("%q: %s", text, diff)
			}
			_, err = a.Compile(target)
		}
		if err == nil {
			return
		}
		e, ok := err.(*logical.Error)
		if !ok || e.Text != text || e.Offset < 0 || e.Offset > len(text) || e.Message == "" || e.Caret() == "" {
			t.Fatalf("%q: error %#v", text, err)
		}
	})
}
