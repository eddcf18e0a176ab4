package core

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/packet"
)

// keeper is a world whose kept bindings are kept.
type keeper struct {
	*world
	kept   map[binding.Key]binding.Kept
	writes int
	lines  []string // what hosts get
}

func newKeeper(t *testing.T, start time.Time) *keeper {
	w := newWorld(intent.Default(), Config{Start: start, Grace: time.Minute, Table: binding.Config{Seed: testSeed}}, t.Fatalf)
	w.now = start
	k := &keeper{world: w, kept: make(map[binding.Key]binding.Kept)}
	w.core.Keep(true)
	w.tell = func(line string) { k.lines = append(k.lines, line) }
	w.report = func(effects *Effects) {
		for _, c := range effects.Kept {
			k.writes++
			if c.Binding == nil {
				delete(k.kept, c.Key)
			} else {
				k.kept[c.Key] = c
			}
		}
	}
	return k
}

func (k *keeper) hosts(id uint64) *modelSwitch {
	sw := k.addSwitch(id, "s")
	for n := range uint32(3) {
		sw.Ports[n+1] = fabric.Port{Number: n + 1, Name: "h" + string('1'+rune(n)), Up: true}
	}
	return sw
}

// request is an ARP request of host n, whose address ends in n, too.
func request(n, target byte) []byte {
	mac := hostMAC(n)
	return packet.AppendARP(nil, packet.Broadcast, mac, false, 0, &packet.ARP{
		Op: packet.ARPRequest, SHA: mac, SPA: [4]byte{10, 0, 0, n}, TPA: [4]byte{10, 0, 0, target}})
}

func hostKey(n byte) binding.Key {
	return binding.NewKey(binding.Segment{Network: intent.DefaultNumber}, netip.AddrFrom4([4]byte{10, 0, 0, n}))
}

var keptStart = time.Unix(1_700_000_000, 0)

// A binding is kept when it is learned, moves or goes, with its place; not when
// it is heard again, and not if it is the operator's.
func TestKeep(t *testing.T) {
	k := newKeeper(t, keptStart)
	sw := k.hosts(1)
	k.step(k.connect(sw))
	if k.writes != 0 {
		t.Fatalf("%d writes of what the operator asked for", k.writes)
	}
	k.receive(sw, 1, request(1, 9))
	got := k.kept[hostKey(1)]
	if got.Binding == nil || got.Binding.MAC != hostMAC(1) || got.Port != 1 || k.writes != 1 {
		t.Fatalf("kept %+v in %d writes", got, k.writes)
	}
	for range 3 {
		k.sleep(2 * time.Second)
		k.receive(sw, 1, request(1, 9))
	}
	if k.writes != 1 {
		t.Errorf("%d writes of what was only heard again", k.writes)
	}
	gone := sw.Ports[1]
	gone.Up = false
	k.step(PortChanged{Switch: 1, Port: gone})
	k.receive(sw, 2, request(1, 9))
	k.sleep(2 * time.Second)
	if got := k.kept[hostKey(1)]; got.Port != 2 {
		t.Errorf("after it moved to port 2, kept is port %d", got.Port)
	}
	in, err := intent.Parse("test", []byte("kind: network\nname: default\nnumber: 1\nbindings: [{ip: 10.0.0.1, mac: \"02:00:00:00:00:01\"}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	k.step(NewIntent{Intent: in})
	if len(k.kept) != 0 {
		t.Errorf("kept is %v, which is the operator's now", k.kept)
	}
}

// recalled is a new core that recalls what another one kept of hosts 1 and 2 at
// their ports, whose switch has forgotten all.
func recalled(t *testing.T) (*keeper, *modelSwitch) {
	t.Helper()
	before := newKeeper(t, keptStart)
	sw := before.hosts(1)
	before.step(before.connect(sw))
	before.receive(sw, 1, request(1, 9))
	before.receive(sw, 2, request(2, 9))
	var list []binding.Kept
	for _, k := range before.kept {
		list = append(list, k)
	}
	foreign := *list[0].Binding
	foreign.Network = 99
	list = append(list, binding.Kept{Key: foreign.Key, Binding: &foreign})
	after := newKeeper(t, keptStart.Add(time.Hour))
	after.step(Recall{Bindings: list})
	for n := range byte(2) {
		if b := after.core.Table().Lookup(hostKey(n + 1)); b == nil || b.State != binding.Stale || b.MAC != hostMAC(n+1) {
			t.Fatalf("recalled %+v", b)
		}
	}
	if after.core.Table().Len().Bindings != 2 || after.writes != 1 {
		t.Errorf("%d bindings; %d writes, want that the one of a network that is not there goes", after.core.Table().Len().Bindings, after.writes)
	}
	for _, c := range list[:2] {
		after.kept[c.Key] = c
	}
	return after, after.hosts(1)
}

// The first request for a recalled address goes to its owner's port alone, and
// it is answered by the switch when the owner has answered.
func TestRecalledIsAskedAlone(t *testing.T) {
	k, sw := recalled(t)
	k.step(k.connect(sw))
	k.lines = nil
	k.receive(sw, 3, request(3, 2))
	if want := "s sends to h2"; !slices.ContainsFunc(k.lines, func(l string) bool { return strings.HasPrefix(l, want) }) {
		t.Errorf("the first request: %q", k.lines)
	}
	for _, l := range k.lines {
		if strings.HasPrefix(l, "s floods") {
			t.Errorf("the first request is flooded: %q", k.lines)
		}
	}
	reply := packet.AppendARP(nil, hostMAC(3), hostMAC(2), false, 0, &packet.ARP{
		Op: packet.ARPReply, SHA: hostMAC(2), SPA: [4]byte{10, 0, 0, 2}, THA: hostMAC(3), TPA: [4]byte{10, 0, 0, 3}})
	k.receive(sw, 2, reply)
	if b := k.core.Table().Lookup(hostKey(2)); b.State != binding.Reachable || b.Switch != 1 {
		t.Errorf("after it answered: %+v", b)
	}
	if _, hint := k.core.recalled[hostKey(2)]; hint {
		t.Error("it is still only recalled")
	}
	k.check()
}

// A router's question goes to the owner's port alone, too, and to everybody if
// there is no answer.
func TestRecalledIsAskedAloneByRouters(t *testing.T) {
	k, sw := recalled(t)
	in, err := intent.Parse("test", []byte("kind: network\nname: default\nnumber: 1\n---\nkind: router\nname: r\ninterfaces:\n- {network: default, addresses: [10.0.0.254/24]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	k.step(k.connect(sw), NewIntent{Intent: in})
	router, _ := in.RouterByName("r")
	k.lines = nil
	k.step(pausedEvent(sw, 1, pipeline.Waiting{Key: hostKey(2), Router: router.Number, From: 1}, pipeline.ReasonHold,
		ipFrame(hostMAC(1), router.Interfaces[0].MAC, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("10.0.0.2"), 1)))
	if len(k.lines) != 1 || !strings.HasPrefix(k.lines[0], "s sends to h2: arp") {
		t.Errorf("the first request: %q", k.lines)
	}
	k.lines = nil
	k.sleep(time.Second)
	if len(k.lines) != 1 || !strings.HasPrefix(k.lines[0], "s floods") {
		t.Errorf("the second request: %q", k.lines)
	}
}

// Another owner than the recalled one is believed at once.
func TestRecalledGivesWay(t *testing.T) {
	k, sw := recalled(t)
	k.step(k.connect(sw))
	frame := packet.AppendARP(nil, packet.Broadcast, hostMAC(5), false, 0, &packet.ARP{
		Op: packet.ARPRequest, SHA: hostMAC(5), SPA: [4]byte{10, 0, 0, 2}, TPA: [4]byte{10, 0, 0, 2}})
	k.receive(sw, 3, frame)
	if b := k.core.Table().Lookup(hostKey(2)); b.MAC != hostMAC(5) || b.State != binding.Reachable {
		t.Errorf("%+v", b)
	}
	if got := k.kept[hostKey(2)]; got.Binding == nil || got.Binding.MAC != hostMAC(5) {
		t.Errorf("kept %+v", got)
	}
	k.check()
}

// What the switch remembers is worth more than what was kept.
func TestSwitchRemembersBetter(t *testing.T) {
	before := newKeeper(t, keptStart)
	sw := before.hosts(1)
	before.step(before.connect(sw))
	before.receive(sw, 2, request(2, 9))
	old := before.kept[hostKey(2)]
	wrong := *old.Binding
	wrong.MAC = hostMAC(7)

	after := newKeeper(t, keptStart.Add(time.Hour))
	after.switches[1] = sw
	after.step(Recall{Bindings: []binding.Kept{{Key: old.Key, Binding: &wrong, Port: 3}}})
	after.step(after.connect(sw))
	if b := after.core.Table().Lookup(hostKey(2)); b.MAC != hostMAC(2) || b.State != binding.Reachable {
		t.Errorf("%+v", b)
	}
	if got := after.kept[hostKey(2)]; got.Binding == nil || got.Binding.MAC != hostMAC(2) || got.Port != 2 {
		t.Errorf("kept %+v", got)
	}
	after.check()
}

// Recalled bindings go when their place does not come, and when nobody was heard
// for long.
func TestRecalledGo(t *testing.T) {
	k, _ := recalled(t)
	k.sleep(59 * time.Second)
	if len(k.kept) != 2 {
		t.Fatalf("before grace is over, kept is %v", k.kept)
	}
	k.sleep(2 * time.Second)
	if len(k.kept) != 0 || k.core.Table().Len().Bindings != 0 {
		t.Errorf("without their switch, kept is %v", k.kept)
	}

	k, sw := recalled(t)
	k.step(k.connect(sw))
	k.receive(sw, 1, request(1, 9))
	k.sleep(19 * time.Minute)
	if b := k.core.Table().Lookup(hostKey(2)); b == nil {
		t.Error("gone before its time")
	}
	k.sleep(2 * time.Minute)
	if b := k.core.Table().Lookup(hostKey(2)); b != nil || len(k.core.recalled) != 0 {
		t.Errorf("after its time: %+v", b)
	}
}

// A lease is kept with its binding, and holds after a restart as long as it would
// have: nobody else can have the address, even before its owner is heard.
func TestKeptLease(t *testing.T) {
	before := newKeeper(t, keptStart)
	sw := before.hosts(1)
	before.step(before.connect(sw))
	before.receive(sw, 1, request(1, 9))
	give := func(span time.Duration) {
		before.core.lease(leaseGiven{binding.Evidence{Key: hostKey(1), MAC: hostMAC(1), Switch: 1}, place{Switch: 1, Port: 1}, int64(span)})
		before.step()
	}
	give(time.Hour)
	before.sleep(30 * time.Minute)
	give(2 * time.Hour) // a renewal
	kept := before.kept[hostKey(1)]
	if until := keptStart.Add(150 * time.Minute).UnixNano(); kept.Until != until || kept.Span != int64(2*time.Hour) {
		t.Fatalf("kept until %d for %v, want until %d for 2h", kept.Until, time.Duration(kept.Span), until)
	}

	late := newKeeper(t, keptStart.Add(151*time.Minute))
	late.step(Recall{Bindings: []binding.Kept{kept}})
	if n := late.core.Table().Len().Bindings; n != 0 || late.core.Table().Leases() != 0 {
		t.Errorf("%d bindings are recalled although the lease is over", n)
	}

	after := newKeeper(t, keptStart.Add(time.Hour))
	after.step(Recall{Bindings: []binding.Kept{kept}})
	thief := after.hosts(1)
	after.step(after.connect(thief))
	mac := hostMAC(2)
	after.receive(thief, 2, packet.AppendARP(nil, packet.Broadcast, mac, false, 0, &packet.ARP{
		Op: packet.ARPRequest, SHA: mac, SPA: [4]byte{10, 0, 0, 1}, TPA: [4]byte{10, 0, 0, 9}}))
	after.sleep(time.Second)
	if b := after.core.Table().Lookup(hostKey(1)); b == nil || b.MAC != hostMAC(1) {
		t.Errorf("another host took the leased address: %+v", b)
	}
	after.receive(thief, 1, request(1, 9))
	if b := after.core.Table().Lookup(hostKey(1)); b == nil || b.MAC != hostMAC(1) || b.State != binding.Reachable {
		t.Errorf("its owner was heard, and it is %+v", b)
	}
	after.sleep(91 * time.Minute)
	if b := after.core.Table().Lookup(hostKey(1)); b != nil || after.core.Table().Leases() != 0 {
		t.Errorf("the lease is over, and there is %+v", b)
	}
}

// frozen is a world in which the address of host 1 is a duplicate, claimed by host
// 2 last, since a moment.
func frozen(t *testing.T) *keeper {
	t.Helper()
	k := newKeeper(t, keptStart)
	sw := k.hosts(1)
	k.step(k.connect(sw))
	for n := range 6 {
		host := byte(n%2 + 1)
		k.receive(sw, uint32(host), announce(host, "10.0.0.1"))
		k.sleep(time.Second)
	}
	if b := k.core.Table().Lookup(hostKey(1)); b.State != binding.Duplicate {
		t.Fatalf("it is %v", b.State)
	}
	return k
}

// A duplicate is one after a restart, for the time that is left of its hold-down.
//
// conformance: R5
func TestKeptDuplicate(t *testing.T) {
	kept := frozen(t).kept[hostKey(1)]
	if got := time.Unix(0, kept.Release).Sub(keptStart); kept.Binding.State != binding.Duplicate || got < 9*time.Minute || got > 9*time.Minute+6*time.Second {
		t.Fatalf("kept as %v, to be released after %v", kept.Binding.State, got)
	}
	after := newKeeper(t, keptStart.Add(5*time.Minute))
	after.step(Recall{Bindings: []binding.Kept{kept}})
	sw := after.hosts(1)
	after.sleep(2 * time.Minute) // its switch stays away for longer than one is waited for
	after.step(after.connect(sw))
	for _, host := range []byte{1, 2, 1} {
		after.receive(sw, uint32(host), announce(host, "10.0.0.1"))
		after.sleep(time.Second)
	}
	after.lines = nil
	after.receive(sw, 3, request(3, 1))
	if slices.ContainsFunc(after.lines, func(l string) bool { return strings.Contains(l, "answers") }) {
		t.Errorf("somebody is answered: %q", after.lines)
	}
	if b := after.core.Table().Lookup(hostKey(1)); b.State != binding.Duplicate || b.MAC != kept.Binding.MAC {
		t.Errorf("it is %v at %v", b.State, b.MAC)
	}
	after.check()
	after.sleep(time.Unix(0, kept.Release).Sub(after.now) - time.Second)
	if b := after.core.Table().Lookup(hostKey(1)); b.State != binding.Duplicate {
		t.Errorf("it is %v before its time is over", b.State)
	}
	after.sleep(2 * time.Second)
	if b := after.core.Table().Lookup(hostKey(1)); b.State != binding.Stale {
		t.Errorf("it is %v when its time is over", b.State)
	}
	if got := after.kept[hostKey(1)]; got.Binding == nil || got.Binding.State != binding.Stale {
		t.Errorf("kept is %+v", got)
	}
	after.check()
}

// It is stale if its time is over, and after an operator has cleared it; and it is
// frozen no longer than the intent says now.
//
// conformance: R5
func TestKeptDuplicateGoes(t *testing.T) {
	kept := frozen(t).kept[hostKey(1)]
	late := newKeeper(t, keptStart.Add(10*time.Minute))
	late.step(Recall{Bindings: []binding.Kept{kept}})
	if b := late.core.Table().Lookup(hostKey(1)); b == nil || b.State != binding.Stale {
		t.Errorf("recalled too late as %+v", b)
	}
	late.check()

	cleared := newKeeper(t, keptStart.Add(time.Minute))
	cleared.step(Recall{Bindings: []binding.Kept{kept}})
	if n := cleared.core.ClearDuplicates(cleared.now, Scope{}); n != 1 {
		t.Errorf("%d duplicates cleared", n)
	}
	cleared.step()
	if got := cleared.kept[hostKey(1)]; got.Binding == nil || got.Binding.State != binding.Stale {
		t.Errorf("kept is %+v", got)
	}

	for hold, want := range map[string]time.Duration{"1m": time.Minute, "0": 0, "30m": time.Unix(0, kept.Release).Sub(keptStart.Add(time.Minute))} {
		in, err := intent.Parse("test", []byte("kind: network\nname: default\nnumber: 1\nduplicates: {hold: "+hold+"}\n"))
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(in, Config{Start: keptStart.Add(time.Minute), Table: binding.Config{Seed: testSeed}}, t.Fatalf)
		w.now = keptStart.Add(time.Minute)
		w.step(Recall{Bindings: []binding.Kept{kept}})
		due, ok := w.core.alarms.Due(alarm{alarmRelease, hostKey(1)})
		if got := time.Unix(0, due).Sub(w.now); ok != (hold != "0") || ok && got != want {
			t.Errorf("hold %s: released after %v, want %v", hold, got, want)
		}
		w.check()
	}
}

// What a switch still has of a duplicate goes, and a new hold-down is kept.
func TestKeptDuplicateIsNotRestored(t *testing.T) {
	k := newKeeper(t, keptStart)
	sw := k.hosts(1)
	k.step(k.connect(sw))
	k.receive(sw, 1, announce(1, "10.0.0.1"))
	kept := frozen(t).kept[hostKey(1)]
	after := newKeeper(t, keptStart.Add(time.Minute))
	after.switches[1] = sw
	after.step(Recall{Bindings: []binding.Kept{kept}})
	after.step(after.connect(sw))
	if b := after.core.Table().Lookup(hostKey(1)); b.State != binding.Duplicate || b.MAC != kept.Binding.MAC {
		t.Errorf("it is %v at %v", b.State, b.MAC)
	}
	after.check()
	in, err := intent.Parse("test", []byte("kind: network\nname: default\nnumber: 1\nduplicates: {hold: 1m}\n"))
	if err != nil {
		t.Fatal(err)
	}
	after.step(NewIntent{Intent: in})
	if got := time.Unix(0, after.kept[hostKey(1)].Release).Sub(after.now); got != time.Minute {
		t.Errorf("kept to be released after %v", got)
	}
}
