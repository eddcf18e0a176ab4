package core

import (
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/packet"
	"pgregory.net/rapid"
)

// rivalry is an owner at port 1 of a switch, which takes its time to answer, and a
// claimant of its address, or of its MAC, at port 2.
type rivalry struct {
	*world
	sw        *modelSwitch
	claimant  byte            // the host whose MAC it has
	delay     time.Duration   // of an answer
	asked     []time.Duration // when the owner was asked, from the start
	unsettled []time.Duration // those that it has not answered yet
	elapsed   time.Duration
}

const contestedIP = "10.0.0.1"

func newRivalry(claimant byte, fail func(string, ...any)) *rivalry {
	r := &rivalry{world: newWorld(intent.Default(), Config{Table: binding.Config{Seed: testSeed}}, fail), claimant: claimant}
	r.sw = r.addSwitch(1, "s1")
	for n := range uint32(2) {
		r.sw.Ports[n+1] = fabric.Port{Number: n + 1, Name: "p" + string('1'+rune(n)), Up: true}
	}
	r.step(r.connect(r.sw))
	r.receive(r.sw, 1, announce(1, contestedIP))
	r.tell = func(line string) {
		if strings.HasPrefix(line, "s1 sends to p1: arp") && strings.Contains(line, "asks for "+contestedIP) {
			r.asked = append(r.asked, r.elapsed)
			r.unsettled = append(r.unsettled, r.elapsed)
		}
	}
	return r
}

// tick lets a hundredth of a second pass, in which the owner answers if it does.
func (r *rivalry) tick(answers bool) {
	const step = 10 * time.Millisecond
	r.sleep(step)
	r.elapsed += step
	for len(r.unsettled) > 0 && r.elapsed >= r.unsettled[0]+r.delay {
		r.unsettled = r.unsettled[1:]
		if answers {
			r.receive(r.sw, 1, answerToIsat(1, contestedIP))
		}
	}
}

// answerToIsat is a host's ARP reply to a question of isat's.
func answerToIsat(host byte, ip string) []byte {
	return packet.AppendARP(nil, pipeline.MAC, hostMAC(host), false, 0,
		&packet.ARP{Op: packet.ARPReply, SHA: hostMAC(host), SPA: netip.MustParseAddr(ip).As4(), THA: pipeline.MAC})
}

// owned says whether the address is the owner's, at its place.
func (r *rivalry) owned() bool {
	b := r.core.table.Lookup(binding.NewKey(binding.Segment{Network: 1}, netip.MustParseAddr(contestedIP)))
	return b.MAC == hostMAC(1) && r.core.table.StationOf(b).Port == 1
}

// checkContests fails unless every contest goes on by itself, and takes the room of
// whoever is heard in it.
func (w *world) checkContests() {
	taken := make(map[place]int)
	for key, k := range w.core.contests {
		taken[k.from.at]++
		if _, ok := w.core.alarms.Due(alarm{alarmContest, key}); !ok {
			w.fail("nothing ends the contest for %v", key)
		}
	}
	for key, k := range w.core.movers {
		taken[place{Switch: key.Switch, Port: k.to}]++
		if _, ok := w.core.moverAlarms.Due(key); !ok {
			w.fail("nothing ends the contest for %v", key)
		}
	}
	if !maps.Equal(taken, w.core.contesting) {
		w.fail("the contests take the room %v, counted is %v", taken, w.core.contesting)
	}
}

// Whatever a claimant sends, and whenever: nothing is taken from an owner that
// answers, which is not asked more often than twice a second in the long run; and
// when it answers no more a claimant that goes on has what it claims within a second.
//
// conformance: R4, R6
func TestRivals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRivalry(rapid.SampledFrom([]byte{1, 2}).Draw(t, "claimant"), t.Fatalf)
		r.delay = time.Duration(rapid.IntRange(0, 150).Draw(t, "delay")) * time.Millisecond
		gap := rapid.SampledFrom([]int{1, 10, 100}) // hundredths of a second, VRRP's among them
		lasts := time.Duration(rapid.IntRange(0, 4000).Draw(t, "lasts")) * time.Millisecond
		next := time.Duration(0)
		for r.elapsed < lasts+time.Second {
			if r.elapsed >= next {
				r.receive(r.sw, 2, announce(r.claimant, contestedIP))
				next += time.Duration(gap.Draw(t, "gap")) * 10 * time.Millisecond
			}
			r.tick(r.elapsed < lasts)
			if r.elapsed <= lasts && !r.owned() {
				t.Fatalf("taken after %v from an owner that answers", r.elapsed)
			}
		}
		r.check()
		if r.owned() {
			t.Fatalf("a second after the owner answered last it still has the address; it was asked at %v", r.asked)
		}
		rounds := r.core.counters.decisions[askedClaim] + r.core.counters.decisions[askedStation]
		if most := 3 + 2*uint64(r.elapsed/time.Second+1); rounds > most {
			t.Fatalf("%d inquiries in %v, want %d at most", rounds, r.elapsed, most)
		}
	})
}

// One that is heard once only is looked into a few times.
func TestRivalThatGivesUp(t *testing.T) {
	for _, claimant := range []byte{1, 2} {
		r := newRivalry(claimant, t.Fatalf)
		r.receive(r.sw, 2, announce(claimant, contestedIP))
		for r.elapsed < 10*time.Second {
			r.tick(true)
		}
		if len(r.asked) != 3 || !r.owned() || len(r.core.contests)+len(r.core.movers)+len(r.core.contesting) != 0 {
			t.Errorf("claimant %d: the owner was asked at %v; left: %d contests, %d of stations, %v", claimant, r.asked,
				len(r.core.contests), len(r.core.movers), r.core.contesting)
		}
	}
}

// Of several that claim an address while its owner still answers the last one has
// it when the owner does not.
//
// conformance: R4
func TestLastRivalHasIt(t *testing.T) {
	r := newRivalry(2, t.Fatalf)
	r.sw.Ports[3] = fabric.Port{Number: 3, Name: "p3", Up: true}
	r.step(PortChanged{Switch: 1, Port: r.sw.Ports[3]})
	r.receive(r.sw, 2, announce(2, contestedIP))
	r.tick(true)
	r.receive(r.sw, 3, announce(3, contestedIP))
	for range 60 {
		r.tick(false)
	}
	b := r.core.table.Lookup(binding.NewKey(binding.Segment{Network: 1}, netip.MustParseAddr(contestedIP)))
	if b.MAC != hostMAC(3) {
		t.Errorf("the address is at %v", b.MAC)
	}
	for range 200 {
		r.tick(false)
	}
	if len(r.core.contesting) != 0 {
		t.Errorf("left: %v", r.core.contesting)
	}
	r.check()
}

// However many addresses of one owner are claimed from a port, and however often:
// the owner is asked for fewer answers than its port may send in a second.
func TestRivalOfMany(t *testing.T) {
	const addresses = 2000
	w := newWorld(intent.Default(), Config{Table: binding.Config{Seed: testSeed}}, t.Fatalf)
	sw := w.addSwitch(1, "s1")
	for n := range uint32(2) {
		sw.Ports[n+1] = fabric.Port{Number: n + 1, Name: "p" + string('1'+rune(n)), Up: true}
	}
	w.step(w.connect(sw))
	ip := func(n int) string { return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}).String() }
	for n := range addresses {
		w.receive(sw, 1, announce(1, ip(n)))
	}
	asked, unanswered := 0, []string(nil)
	w.tell = func(line string) {
		if rest, ok := strings.CutPrefix(line, "s1 sends to p1: arp 0.0.0.0 at isat asks for "); ok {
			target, _, _ := strings.Cut(rest, ",")
			asked, unanswered = asked+1, append(unanswered, target)
		}
	}
	const seconds = 5
	for n := range seconds * 500 { // as many as its port may
		w.receive(sw, 2, announce(2, ip(n*7%addresses)))
		w.sleep(2 * time.Millisecond)
		for _, target := range unanswered {
			w.receive(sw, 1, answerToIsat(1, target))
		}
		unanswered = nil
	}
	w.check()
	if most := seconds * intent.DefaultLimits().PuntsPerPort * 2 / 3; asked > most {
		t.Errorf("%d questions in %d seconds, want %d at most", asked, seconds, most)
	}
	for n := range addresses {
		if b := w.core.table.Lookup(binding.NewKey(binding.Segment{Network: 1}, netip.MustParseAddr(ip(n)))); b.MAC != hostMAC(1) {
			t.Fatalf("%s was taken", ip(n))
		}
	}
	t.Logf("%d questions in %d seconds", asked, seconds)
}
