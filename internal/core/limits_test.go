package core

import (
	"encoding/binary"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/openflow"
)

// Every limit of the intent has its metric, which says what is set: times in seconds. And
// each is counted.
func TestEveryLimitHasAMetric(t *testing.T) {
	in := intent.Default()
	want := make(map[string]float64)
	limits := reflect.ValueOf(&in.Limits).Elem()
	for i := range limits.NumField() {
		name := limits.Type().Field(i).Name
		key := "isat_limit " + strings.ToLower(name[:1]) + name[1:]
		value := i + 10
		if limits.Field(i).Type() == reflect.TypeFor[time.Duration]() {
			key = strings.Replace(key, " ", "_seconds ", 1)
			limits.Field(i).SetInt(int64(time.Duration(value) * time.Second))
		} else {
			limits.Field(i).SetInt(int64(value))
		}
		want[key] = float64(value)
	}
	got := make(map[string]float64)
	counted := 0
	for _, m := range New(Config{Table: binding.Config{Seed: testSeed}}, in).Metrics() {
		for _, v := range m.Values {
			switch m.Name {
			case "isat_limit", "isat_limit_seconds":
				got[m.Name+" "+v.Labels[0]] = v.Value
			case "isat_limit_refused_total":
				counted++
				if want["isat_limit "+v.Labels[0]] == 0 && want["isat_limit_seconds "+v.Labels[0]] == 0 {
					t.Errorf("%s counts %q, which is no limit", m.Name, v.Labels[0])
				}
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if counted != len(want) {
		t.Errorf("%d of %d limits are counted", counted, len(want))
	}
}

// What meters of a switch drop is counted by reason, and for all ports together,
// from when the switch tells of a meter first.
func TestMetersAreCounted(t *testing.T) {
	w := newWorld(intent.Default(), Config{Table: binding.Config{Seed: testSeed}}, t.Fatalf)
	w.step(w.connect(w.addSwitch(1, "s1")))
	tell := func(dropped ...uint64) {
		e := Metered{Switch: 1}
		for i, id := range []uint32{uint32(pipeline.ReasonSearch), 1<<16 + 1, 1<<16 + 2} {
			e.Meters = append(e.Meters, openflow.MeterStats{ID: id, Bands: []openflow.Counter{{Packets: dropped[i]}}})
		}
		w.step(e, Metered{Switch: 1, Meters: []openflow.MeterStats{{ID: 7}}}, Metered{Switch: 9})
	}
	tell(100, 100, 100)
	tell(103, 110, 120)
	tell(103, 111, 5) // the last one was made anew
	counters := w.core.Counters()
	if search, port := counters["punt-metered-search"], counters["punt-metered-port"]; search != 3 || port != 10+20+1+5 {
		t.Errorf("%d for search and %d for ports: want 3 and 36", search, port)
	}
}

// A search that is over takes no turn from those that wait (conformance: L1).
func TestPacingSkipsWhatIsOver(t *testing.T) {
	in := intent.Default()
	in.Limits.SearchesPerSecond = 4
	w := newWorld(in, Config{Table: binding.Config{Seed: testSeed}}, t.Fatalf)
	c := w.core
	c.now = int64(1e18)
	key := func(n byte) binding.Key {
		return binding.NewKey(binding.Segment{Network: 1}, netip.AddrFrom4([4]byte{10, 0, 0, n + 1}))
	}
	for n := range byte(20) {
		c.search(key(n), resolve.Asker{At: binding.Location{Switch: 1, Port: 1}, MAC: hostMAC(1)}, false)
	}
	if n := len(c.pacing.queues[usual]); n != 16 || c.counters.solicits != 4 || c.counters.paced != 16 {
		t.Fatalf("%d wait, %d are on the wire, %d were counted: want 16, 4 and 16", n, c.counters.solicits, c.counters.paced)
	}
	for n := range byte(8) {
		c.searches.Found(c.now, key(4+2*n)) // every other one of those that wait
	}
	c.now += int64(1e9)
	c.tickPacing()
	if c.counters.solicits != 8 {
		t.Errorf("%d are on the wire: want 4 more", c.counters.solicits)
	}
	for _, q := range c.pacing.queues[usual] {
		if !c.pacing.queued[q.Key] {
			t.Errorf("%v waits, and is not known to", q.Key)
		}
	}
	if len(c.pacing.queued) != len(c.pacing.queues[usual]) {
		t.Errorf("%d are known to wait, %d do", len(c.pacing.queued), len(c.pacing.queues[usual]))
	}
}

// Addresses that are asked for in vain are counted no more than fit, and make room
// for others after a minute.
func TestVainIsBounded(t *testing.T) {
	in, err := intent.Parse("sponge.yaml", []byte("kind: network\nname: default\nsponge: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	c := New(Config{Table: binding.Config{Seed: testSeed}}, in)
	c.now = int64(1e18)
	count := func(n uint32) {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], 10<<24|n)
		c.countVain(binding.NewKey(binding.Segment{Network: 1}, netip.AddrFrom4(ip)))
	}
	for n := range uint32(maxVain + 7) {
		count(n)
	}
	if n := len(c.sponges.vain); n != maxVain || c.counters.spongeFull != 7 {
		t.Errorf("%d are counted, and %d refused", n, c.counters.spongeFull)
	}
	c.now += vainSpan
	count(maxVain)
	if n := len(c.sponges.vain); n != 1 {
		t.Errorf("%d are counted after a minute", n)
	}
}
