package core

import (
	"net/netip"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/packet"
)

// Whoever claims everything takes up a part of the contests, and a host at another
// port can take an address that nobody answers for.
func TestOnePortLeavesContestsToOthers(t *testing.T) {
	w := newWorld(intent.Default(), Config{Table: binding.Config{Seed: testSeed}}, t.Fatalf)
	sw := w.addSwitch(1, "s1")
	for n := range uint32(3) {
		sw.Ports[n+1] = fabric.Port{Number: n + 1, Name: string('p' + rune(n)), Up: true}
	}
	w.step(w.connect(sw))
	announce := func(host byte, n int) {
		ip, mac := [4]byte{10, 0, byte(n >> 8), byte(n)}, hostMAC(host)
		w.step(Punt{Switch: 1, Reason: pipeline.ReasonLearn, Segment: binding.Segment{Network: 1}, Port: binding.PortKey(host),
			Frame: packet.AppendARP(nil, packet.Broadcast, mac, false, 0, &packet.ARP{Op: 1, SHA: mac, SPA: ip, TPA: ip})})
	}
	const all = maxContests + 100
	for n := range all {
		announce(1, n)
	}
	for n := range all - 1 {
		announce(2, n)
	}
	if got := len(w.core.contests); got != maxContestsPerPort {
		t.Errorf("%d contests of one port, want %d", got, maxContestsPerPort)
	}
	announce(3, all-1)
	w.sleep(time.Second)
	key := binding.NewKey(binding.Segment{Network: 1}, netip.AddrFrom4([4]byte{10, 0, (all - 1) >> 8, (all - 1) & 0xff}))
	if b := w.core.table.Lookup(key); b.MAC != hostMAC(3) {
		t.Errorf("the address of a host that moved is bound to %v", b.MAC)
	}
	w.sleep(2 * time.Second)
	if len(w.core.contests)+len(w.core.movers)+len(w.core.contesting) != 0 {
		t.Errorf("left in the end: %d contests of addresses, %d of stations, counts %v", len(w.core.contests), len(w.core.movers), w.core.contesting)
	}
	w.check()
}

// A port that believes anyone freezes an address while its owner is being asked for
// the sake of another port.
func TestFrozenWhileContested(t *testing.T) {
	in, err := intent.Parse("test", []byte("kind: network\nname: default\nnumber: 1\nduplicates: {moves: 2, within: 1m}\nports: [{switch: s1, port: p3, security: off}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(in, Config{Table: binding.Config{Seed: testSeed}}, t.Fatalf)
	sw := w.addSwitch(1, "s1")
	for n := range uint32(4) {
		sw.Ports[n+1] = fabric.Port{Number: n + 1, Name: string('1' + rune(n)), Up: true}
	}
	sw.Ports[3] = fabric.Port{Number: 3, Name: "p3", Up: true}
	w.step(w.connect(sw))
	for _, host := range []byte{1, 2, 3, 4} { // 2 contests, 3 takes, 4 takes from the same port
		port := min(uint32(host), 3)
		w.receive(sw, port, announce(host, "10.0.0.1"))
	}
	w.sleep(2 * time.Second)
	w.check()
	key := binding.NewKey(binding.Segment{Network: 1}, netip.MustParseAddr("10.0.0.1"))
	if b := w.core.table.Lookup(key); b.State != binding.Duplicate || b.MAC != hostMAC(4) {
		t.Errorf("the address is %v at %v", b.State, b.MAC)
	}
}
