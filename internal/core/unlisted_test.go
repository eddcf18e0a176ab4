package core

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
)

// What a port may not have any more is forgotten when its list says so, also if it
// never ages, if the switch tells of it after a restart, and if the frame of it was
// on its way; the rest stays.
//
// conformance: S1
func TestUnlisted(t *testing.T) {
	tight := strings.Replace(guardedIntent, "ports:", "age: 0\nports:", 1) +
		"\n  - {switch: s1, port: p4, security: strict, allow: [{mac: \"02:00:00:00:00:04\", ips: [10.0.0.4]}]}"
	in, err := intent.Parse("tight.yaml", []byte(tight))
	if err != nil {
		t.Fatal(err)
	}
	g := newGuarded(t)
	learned := func(host byte, ip string) string { return g.punt(1, 4, pipeline.ReasonLearn, announce(host, ip)) }
	learned(4, "10.0.0.4")
	learned(4, "10.0.0.5")
	learned(6, "10.0.0.6")
	has := func(when string, want ...string) {
		t.Helper()
		g.check()
		var got []string
		for b := range g.core.table.Bindings {
			if !b.Origin.Configured() {
				got = append(got, b.IP().String())
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v are known, want %v", when, got, want)
		}
	}
	has("before", "10.0.0.4", "10.0.0.5", "10.0.0.6")

	old := g.switches[1].dump(g.now)
	g.decided = nil
	g.step(NewIntent{in})
	has("listed no more", "10.0.0.4")
	slices.Sort(g.decided)
	want := "removed unlisted 10.0.0.5 02:00:00:00:00:04 p4, removed unlisted 10.0.0.6 02:00:00:00:00:06 p4"
	if got := strings.Join(g.decided, ", "); got != want {
		t.Errorf("decided %q, want %q", got, want)
	}
	if s := g.core.table.Station(binding.StationKey{Switch: 1, Segment: binding.Segment{Network: 1}, MAC: hostMAC(6)}); s != nil {
		t.Errorf("the MAC that is not listed is still at %v", s.Location())
	}

	learned(6, "10.0.0.6")
	has("a frame that was on its way", "10.0.0.4", "10.0.0.6")
	g.sleep(2 * time.Second)
	has("a moment later", "10.0.0.4")

	g.step(g.disconnect(g.switches[1]))
	up := g.connect(g.switches[1])
	up.Dump = old
	g.step(up)
	has("told by the switch", "10.0.0.4")
}
