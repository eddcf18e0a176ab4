package intent

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"

	"github.com/isat-sdn/isat/packet"
)

// largeNetwork is a document with n static bindings.
func largeNetwork(n int) []byte {
	var b bytes.Buffer
	b.WriteString("kind: network\nname: large\nnumber: 500\nunknown: solicit\nsubnets:\n  - prefix: 10.0.0.0/8\nbindings:\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "  - {ip: 10.%d.%d.%d, mac: \"02:00:00:%02x:%02x:%02x\"}\n", 1+(i>>16), byte(i>>8), byte(i), byte(i>>16), byte(i>>8), byte(i))
	}
	return b.Bytes()
}

// BenchmarkBind gives a large network one more static binding.
func BenchmarkBind(b *testing.B) {
	for _, n := range []int{10_000, 200_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			o := Object{Kind: KindNetwork, Name: "large", Revision: 1, Text: largeNetwork(n)}
			stored := []Object{o}
			one := Binding{IP: netip.MustParseAddr("10.200.0.1"), MACs: []packet.MAC{{2, 0, 0, 0, 0, 1}}}
			for b.Loop() {
				plan, err := NewPlan(stored, Request{Bindings: []BindingEdit{{"large", one}}}, nil)
				if err != nil || plan.Changes[0].Action != Changed {
					b.Fatal(err)
				}
				_ = plan.Changes[0].Diff()
			}
		})
	}
}

// BenchmarkParse reads a large network, as the start does and an edit, by line, and with the
// YAML parser alone.
func BenchmarkParse(b *testing.B) {
	for _, n := range []int{10_000, 200_000} {
		text := largeNetwork(n)
		for _, byLine := range []bool{true, false} {
			b.Run(fmt.Sprintf("%d/byLine=%v", n, byLine), func(b *testing.B) {
				for b.Loop() {
					if out, _ := outcome(text, byLine); len(out) < len(text) {
						b.Fatal(out)
					}
				}
			})
		}
	}
}
