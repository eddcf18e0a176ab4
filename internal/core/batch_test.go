package core

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/packet"
)

// crowded is a world with many hosts.
type crowded struct {
	*world
	hosts uint32
}

func newCrowded(t *testing.T, limits string) *crowded {
	in, err := intent.Parse("limits.yaml", []byte("kind: limits\n"+limits))
	if err != nil {
		t.Fatal(err)
	}
	f := &crowded{world: newWorld(in, Config{Table: binding.Config{Seed: testSeed}}, t.Fatalf)}
	sw := f.addSwitch(1, "s1")
	sw.Ports[1] = fabric.Port{Number: 1, Name: "p1", Up: true}
	f.step(f.connect(sw))
	return f
}

// hear has one more host heard.
func (f *crowded) hear() (key binding.Key) {
	f.hosts++
	mac, ip := packet.MAC{2, 1}, [4]byte{10}
	binary.BigEndian.PutUint32(mac[2:], f.hosts)
	binary.BigEndian.PutUint16(ip[2:], uint16(f.hosts))
	f.step(Punt{Switch: 1, Reason: pipeline.ReasonLearn, Segment: binding.Segment{Network: 1}, Port: 1,
		Frame: packet.AppendARP(nil, packet.Broadcast, mac, false, 0, &packet.ARP{Op: 1, SHA: mac, SPA: ip, TPA: ip})})
	return binding.NewKey(binding.Segment{Network: 1}, netip.AddrFrom4(ip))
}

func (f *crowded) reachable() int { return f.core.table.CountsOf(binding.ARP, binding.Reachable) }

// A flush of many bindings is spread, so that nothing waits for all of it: what is
// heard meanwhile is known at once, and in the end each of them was asked, or is gone.
//
// conformance: L1
func TestFlushOfMany(t *testing.T) {
	f := newCrowded(t, "probesPerSecond: 1000000\n")
	const many = 5 * batchSize
	for range many {
		f.hear()
	}
	if n := f.core.Flush(f.now, Scope{}); n != many || f.reachable() != many-batchSize {
		t.Fatalf("%d are flushed, and %d reachable", n, f.reachable())
	}
	f.hear()
	if got := f.reachable(); got != many-batchSize+1 {
		t.Errorf("%d are reachable while the others wait", got)
	}
	f.sleep(4 * time.Duration(batchInterval))
	if got := f.reachable(); got != 1 {
		t.Errorf("%d are reachable after all were doubted", got)
	}
	f.sleep(4 * time.Second)
	if got := f.core.table.Len().Bindings; got != 1 {
		t.Errorf("%d are there after nobody answered", got)
	}
}

// Another flush before one has ended is as much spread as that, and has each binding
// doubted once.
//
// conformance: L1
func TestFlushAgain(t *testing.T) {
	f := newCrowded(t, "probesPerSecond: 1000000\n")
	const many = 5 * batchSize
	for range many {
		f.hear()
	}
	for range 3 {
		if n := f.core.Flush(f.now, Scope{}); n != many {
			t.Errorf("%d are flushed", n)
		}
	}
	if got := f.reachable(); got != many-batchSize {
		t.Errorf("%d are reachable yet", got)
	}
	if got := f.core.batches.flushed.len(); got > many {
		t.Errorf("%d wait to be doubted", got)
	}
	f.sleep(10 * time.Duration(batchInterval))
	if got := f.reachable(); got != 0 {
		t.Errorf("%d are reachable after all were doubted", got)
	}
}

// Another age limit of many bindings is spread likewise, also if it changes again
// before all of them have the first.
func TestAgeOfMany(t *testing.T) {
	f := newCrowded(t, "probesPerSecond: 1000000\n")
	const many = 5 * batchSize
	for range many {
		f.hear()
	}
	watched := func(idle uint16) (n int) {
		for b := range f.core.table.Bindings {
			if b.Idle == idle {
				n++
			}
		}
		return n
	}
	for _, age := range []string{"90s", "80s", "60s"} {
		in, err := intent.Parse("age.yaml", []byte("kind: network\nname: default\nage: "+age+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		f.step(NewIntent{in})
		if got := f.core.batches.len(); got > many {
			t.Errorf("%d wait for their new age limit", got)
		}
	}
	if got := watched(45); got != batchSize {
		t.Errorf("the first age limit is that of %d at once", got)
	}
	f.sleep(6 * time.Duration(batchInterval))
	if got := watched(30); got != many {
		t.Errorf("the last age limit is that of %d", got)
	}
}

// The questions of a flush come after all others.
//
// conformance: L1
func TestFlushKeepsNobodyWaiting(t *testing.T) {
	f := newCrowded(t, "probesPerSecond: 4\n")
	for range 100 {
		f.hear()
	}
	f.core.Flush(f.now, Scope{})
	key := f.hear()
	a := f.core.ask(key, askDoubted)
	f.sleep(time.Second)
	if a.sent == 0 {
		t.Errorf("it was not asked: %d questions of the flush are before it", f.core.toAsk.len())
	}

	// Nor who is flushed himself, and is asked for another reason.
	keys := f.core.toAskLast.waiting()
	f.step(Question{ID: 7, Key: keys[len(keys)-1], Unicast: true})
	a = f.core.asks[keys[len(keys)-1]]
	f.sleep(3 * time.Second)
	if a.sent != askTries {
		t.Errorf("it was asked %d times for an operator", a.sent)
	}
	for f.core.toAskLast.len() > 0 {
		f.sleep(time.Second)
	}
	f.sleep(4 * time.Second)
	if n := f.core.table.Len().Bindings; n != 1 || len(f.core.asks) != 0 {
		t.Errorf("%d bindings are left, and %d asks", n, len(f.core.asks))
	}
}
