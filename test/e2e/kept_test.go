package e2e

import (
	"fmt"
	"testing"
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
	w.must("h1", "ping", "-c", "1", "-W", "1", "10.0.0.2")
	w.learned("default", "10.0.0.2", "reachable")
	if n := count(bystander.Frames(), broadcastRequest("10.0.0.2")); n != 0 {
		t.Errorf("a bystander saw %d requests for a host that was known before", n)
	}
}
