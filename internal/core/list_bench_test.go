package core

import "testing"

// BenchmarkList lists from as many bindings as a network has by default: a page of
// them, and those of one address, while the loop waits.
func BenchmarkList(b *testing.B) {
	c, now := benchCore(b)
	for i := range 1 << 18 {
		c.Step(now, benchPunt(i))
	}
	for name, choice := range map[string]Choice{
		"all": {}, "page": {Limit: 10001}, "state": {State: "duplicate", Limit: 10001},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Bindings(choice)
			}
		})
	}
}
