package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/internal/view"
)

// When isat is killed and the switch has lost its flows, too, the first question
// for a host that was known disturbs nobody but that host.
func TestKeptBindingsSpareASearch(t *testing.T) {
	w := newWorld(t, hosts("kept", 4), "", "--data-dir", t.TempDir())
	for i := 2; i <= 4; i++ {
		w.must("h1", "ping", "-c", "1", "-W", "3", fmt.Sprintf("10.0.0.%d", i))
	}
	w.confirmAll(4)
	w.settled()
	known := uint64(len(w.bindings("", "")))
	w.eventually("bindings kept", func() (bool, string) {
		n := w.counter("kept-written")
		return n >= known, fmt.Sprint(n)
	})
	w.isat.kill()
	if out, err := w.lab.Ofctl("-O", "OpenFlow13", "del-flows", "s1"); err != nil {
		t.Fatal(err, out)
	}
	w.start(w.listen)
	if b := w.bindings("default", "10.0.0.2"); len(b) != 1 || b[0].MAC != w.mac("h2").String() {
		t.Fatalf("after the restart: %+v", b)
	}
	w.synced()
	bystander := w.capture("h4")
	w.must("h1", "ip", "neigh", "flush", "all")
	w.must("h1", "ping", "-c", "1", "-W", "3", "10.0.0.2")
	w.learned("default", "10.0.0.2", "reachable")
	if n := count(bystander.Frames(), broadcastRequest("10.0.0.2")); n != 0 {
		t.Errorf("a bystander saw %d requests for a host that was known before", n)
	}
}

// keptIntent freezes an address for long enough that isat can be started again meanwhile.
const keptIntent = `kind: network
name: default
number: 1
duplicates: {moves: 3, within: 1m, hold: 20s}
`

// When isat is killed an address that is frozen as a duplicate stays so until its
// time is over.
//
// conformance: R5
func TestKeptDuplicateStaysFrozen(t *testing.T) {
	const held = 20 * time.Second
	w := newWorld(t, hosts("kept-twice", 3), keptIntent, "--data-dir", t.TempDir())
	ips := []string{"10.0.0.77", "fd00::77"}
	for _, ip := range ips {
		w.freeze(ip, "h1", "h2")
	}
	frozen := time.Now()
	was := w.bindings("default", ips[0])[0]
	// What is written after a change of a later moment comprises those before.
	for _, marker := range []string{"10.0.0.101", "10.0.0.102"} {
		n := w.counter("kept-written")
		w.send("h1", announcement(w.mac("h1"), marker))
		w.grown("kept-written", n)
	}
	w.isat.kill()
	w.start(w.listen)
	w.synced()
	asker := w.capture("h3")
	for _, ip := range ips {
		refused := w.counter("decision-refused-frozen")
		w.send("h1", announcement(w.mac("h1"), ip))
		w.grown("decision-refused-frozen", refused)
		b := w.learned("default", ip, "duplicate")
		if b.MAC != was.MAC {
			t.Errorf("%s is at %s, was at %s", ip, b.MAC, was.MAC)
		}
		for _, table := range []int{tableBindings, tableOwners} {
			if left := w.flowsOf(table, ip); left != "" {
				t.Errorf("the frozen address has flows: %s", left)
			}
		}
		w.send("h3", asks(w.mac("h3"), ip))
	}
	if took := time.Since(frozen); took > held-late {
		t.Fatalf("it took %v until isat was there again", took)
	}
	for _, ip := range ips {
		w.eventually(ip+" released", func() (bool, string) {
			list := w.events(ip, view.EventReleased)
			return slices.Contains(list, "released hold-down"), fmt.Sprint(list)
		})
	}
	if took := time.Since(frozen); took < held-late {
		t.Errorf("released after %v", took)
	}
	for _, ip := range ips {
		if n := count(asker.Frames(), func(f lab.Frame) bool { return !f.Out && speaks(f, ip) && f.Data[0]&1 == 0 }); n != 0 {
			t.Errorf("%s was answered for while it was frozen", ip)
		}
	}
}
