package core

import (
	"hash/maphash"
	"log/slog"
	"net/netip"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

var testSeed = maphash.MakeSeed()

// No frame makes the core panic, or teaches it what nobody can be.
func FuzzPunt(f *testing.F) {
	mac, target := hostMAC(1), six(netip.MustParseAddr("10.0.0.2"))
	group := packet.SolicitedNode(target)
	for _, frame := range [][]byte{
		nil,
		packet.AppendARP(nil, packet.Broadcast, mac, false, 0, &packet.ARP{Op: 1, SHA: mac, SPA: [4]byte{10, 0, 0, 1}, TPA: [4]byte{10, 0, 0, 2}}),
		packet.AppendARP(nil, packet.Broadcast, mac, true, 7, &packet.ARP{Op: 1, SHA: mac, TPA: [4]byte{10, 0, 0, 2}}),
		packet.AppendNS(nil, packet.MulticastMAC(group), mac, false, 0, target, group, target, &mac, []byte("nonce!")),
		packet.AppendNA(nil, mac, mac, false, 0, target, target, target, mac, true, true, true),
	} {
		f.Add(byte(pipeline.ReasonSearch), uint32(1), uint64(1), frame)
	}
	f.Fuzz(func(t *testing.T, reason byte, port uint32, metadata uint64, frame []byte) {
		w := newWorld(intent.Default(), Config{Table: binding.Config{Seed: testSeed}}, t.Fatalf)
		sw := w.addSwitch(1, "s1")
		for number := range uint32(3) {
			sw.Ports[number+1] = fabric.Port{Number: number + 1, Name: "p", Up: true}
		}
		w.step(w.connect(sw))
		known := pipeline.Reasons()
		punt := Punt{
			Switch: 1, Reason: known[int(reason)%len(known)], Segment: pipeline.SegmentOf(metadata), Port: binding.PortKey(port), Frame: frame,
		}
		w.step(punt)
		w.step(punt, punt)
		w.sleep(8e9)
		w.check()
	})
}

// Hosts that probe for many addresses do not fill the memory, and are
// forgotten after a while.
// conformance: D2
func TestProbedIsBounded(t *testing.T) {
	w := newWorld(intent.Default(), Config{Table: binding.Config{Seed: testSeed}}, t.Fatalf)
	probe := func(n int) {
		w.core.hostProbed(binding.NewKey(binding.Segment{Network: 1}, netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})))
	}
	for n := range maxProbed + 10 {
		probe(n)
	}
	if n := len(w.core.probed); n != maxProbed {
		t.Errorf("%d addresses are remembered, want %d", n, maxProbed)
	}
	w.sleep(11e9)
	w.step()
	probe(0)
	probe(maxProbed)
	if n := len(w.core.probed); n > 2 {
		t.Errorf("%d addresses are remembered after 11 s", n)
	}
}

// Whatever the core counts is in a metric that says what it is, under a name of its
// own in the status.
func TestCountersAreMetrics(t *testing.T) {
	var all counters
	for i, f := range reflect.VisibleFields(reflect.TypeFor[counters]()) {
		var one counters
		for _, n := range []*counters{&one, &all} {
			field := reflect.ValueOf(n).Elem().Field(i)
			// The fields are not exported, so reflection may only read them.
			numbers := unsafe.Slice((*uint64)(field.Addr().UnsafePointer()), field.Type().Size()/8)
			for k := range numbers {
				numbers[k] = 7
			}
		}
		shown := make(map[string]uint64)
		if view.PutCounters(shown, one.metrics()); len(shown) == 0 {
			t.Errorf("%s is in no metric", f.Name)
		}
	}
	samples, shown := 0, make(map[string]uint64)
	for _, m := range all.metrics() {
		if m.Short != "" {
			samples += len(m.Values)
		}
	}
	if view.PutCounters(shown, all.metrics()); samples != len(shown) {
		t.Errorf("%d numbers have %d names in the status", samples, len(shown))
	}
}

// A host that insists fills the counters and not the log.
func TestNotesAboutHostsAreRare(t *testing.T) {
	c := New(Config{Table: binding.Config{Seed: testSeed}}, intent.Default())
	about := topic{text: "address moved", mac: hostMAC(1)}
	notes := func(at int64, what topic) int {
		c.now = at
		before := len(c.effects.Notes)
		c.noteHost(slog.LevelInfo, what)
		return len(c.effects.Notes) - before
	}
	for _, step := range []struct {
		at   int64
		want int
	}{{0, 1}, {1, 0}, {notedSpan - 1, 0}, {notedSpan, 1}, {notedSpan + 1, 0}} {
		if got := notes(step.at, about); got != step.want {
			t.Errorf("at %d: %d notes, want %d", step.at, got, step.want)
		}
	}
	for n := range 2 * maxNoted {
		notes(notedSpan+2, topic{text: "address moved", mac: packet.MACFromUint64(uint64(n + 100))})
	}
	if len(c.noted) > maxNoted {
		t.Errorf("%d hosts are remembered", len(c.noted))
	}
	if got := notes(3*notedSpan, topic{text: "address moved", mac: hostMAC(9)}); got != 1 {
		t.Error("a new host is not noted after the old ones are past")
	}
}

// What the operator bound from the start is bound since the start, and not
// since 1970.
func TestFirstIntentHoldsSinceTheStart(t *testing.T) {
	in, err := intent.Parse("start.yaml", []byte("kind: network\nname: blue\nnumber: 2\nbindings:\n  - {ip: 10.0.0.2, mac: \"02:00:00:00:00:02\"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	bindings := New(Config{Table: binding.Config{Seed: testSeed}, Start: start}, in).Bindings(Choice{})
	if len(bindings) != 1 || !bindings[0].Learned.Equal(start) {
		t.Errorf("bindings %+v, want one that is learned at %s", bindings, start)
	}
}
