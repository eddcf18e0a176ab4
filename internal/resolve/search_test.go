package resolve

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/packet"
	"pgregory.net/rapid"
)

// asker n is a host on port n of switch 1.
func asker(n int) Asker {
	var mac packet.MAC
	mac[0] = 2
	binary.BigEndian.PutUint32(mac[2:], uint32(n))
	return Asker{At: binding.Location{Switch: 1, Port: binding.PortKey(n)}, MAC: mac, Frame: []byte{byte(n)}}
}

func target(n int) binding.Key {
	return binding.NewKey(blue, netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}))
}

// run ticks whenever there is something to do, and tells what came out.
func run(t *testing.T, s *Searches, until int64, tell func(now int64, requests []Request, ends []End)) {
	t.Helper()
	for {
		at, ok := s.Next()
		if !ok || at > until {
			return
		}
		requests, ends := s.Tick(at)
		tell(at, requests, ends)
		if next, ok := s.Next(); ok && next <= at {
			t.Fatalf("at %d there is something to do at %d", at, next)
		}
	}
}

// However many ask, the wire is asked once a second, three times in all.
// conformance: A5 N12
func TestOneRequestPerSecond(t *testing.T) {
	s := NewSearches(Limits{})
	key := target(1)
	if got := s.Ask(0, key, asker(1)); got != Started {
		t.Fatalf("first: %v", got)
	}
	for n := 2; n <= 40; n++ {
		if got := s.Ask(int64(n)*1e6, key, asker(n)); got != Joined {
			t.Fatalf("asker %d: %v", n, got)
		}
	}
	if got := s.Ask(5e8, key, asker(1)); got != Joined {
		t.Errorf("the same asker again: %v", got)
	}
	if searches, parked, _ := s.Counts(); searches != 1 || parked != 40 {
		t.Errorf("%d searches, %d parked", searches, parked)
	}
	var sent []int64
	var gaveUp []End
	run(t, s, 1<<62, func(now int64, requests []Request, ends []End) {
		for _, r := range requests {
			if r.Key != key || r.Asker.MAC != asker(1).MAC || r.Try != len(sent)+2 {
				t.Errorf("request %+v", r)
			}
			sent = append(sent, now)
		}
		gaveUp = append(gaveUp, ends...)
	})
	if len(sent) != 2 || sent[0] != second || sent[1] != 2*second {
		t.Errorf("repeated at %v", sent)
	}
	if len(gaveUp) != 1 || gaveUp[0] != (End{Key: key, Sent: 3}) {
		t.Errorf("gave up: %+v", gaveUp)
	}
	if searches, parked, silent := s.Counts(); searches+parked+silent != 0 {
		t.Errorf("left in the end: %d, %d, %d", searches, parked, silent)
	}
}

func TestFoundReleasesAskers(t *testing.T) {
	s := NewSearches(Limits{ParkedPerTarget: 3})
	key := target(1)
	s.Ask(0, key, asker(1))
	s.Ask(1, key, asker(2))
	again := asker(1)
	again.Frame = []byte("newer")
	s.Ask(2, key, again)
	s.Ask(2, key, asker(3))
	if got := s.Ask(3, key, asker(4)); got != RefusedParked {
		t.Errorf("one too many: %v", got)
	}
	s.Tick(second)
	found, ok := s.Found(0, key)
	if !ok || len(found.Askers) != 3 || found.Sent != 2 || found.Began != 0 || string(found.Askers[0].Frame) != "newer" {
		t.Errorf("found: %+v, %v", found, ok)
	}
	if _, ok := s.Found(0, key); ok {
		t.Error("found twice")
	}
	if _, ok := s.Next(); ok {
		t.Error("something is left to do")
	}
	if len(s.perPort)+len(s.perNet) != 0 {
		t.Errorf("counts left: %v %v", s.perPort, s.perNet)
	}
}

// Who asks for many unknown addresses is refused, and nobody else is.
// conformance: L2
func TestUnresolvedLimits(t *testing.T) {
	s := NewSearches(Limits{UnresolvedPerPort: 3, UnresolvedPerNet: 5})
	for n := range 4 {
		want := Started
		if n == 3 {
			want = RefusedPort
		}
		if got := s.Ask(0, target(n), asker(1)); got != want {
			t.Errorf("search %d of port 1: %v, want %v", n, got, want)
		}
	}
	for n := range 3 {
		want := Started
		if n == 2 {
			want = RefusedNet
		}
		if got := s.Ask(0, target(100+n), asker(2)); got != want {
			t.Errorf("search %d of port 2: %v, want %v", n, got, want)
		}
	}
	if got := s.Ask(0, target(0), asker(3)); got != Joined {
		t.Errorf("joining needs no room: %v", got)
	}
	other := target(0)
	other.Network = 2
	if got := s.Ask(0, other, asker(3)); got != Started {
		t.Errorf("another network: %v", got)
	}
	if searches, silent := s.CountsIn(1); searches != 5 || silent != 0 {
		t.Errorf("network 1 has %d searches, %d silent", searches, silent)
	}
	if _, ok := s.Found(0, target(0)); !ok {
		t.Error("not found")
	}
	if got := s.Ask(0, target(3), asker(1)); got != Started {
		t.Errorf("there is room again: %v", got)
	}
}

// An address that nobody answers for is left alone for a second, then for twice
// as long each time, up to a minute; a sign of life ends that.
// conformance: L4
func TestSilence(t *testing.T) {
	s := NewSearches(Limits{})
	key := target(1)
	now := int64(0)
	for fails, span := 1, second; fails <= 9; fails, span = fails+1, min(2*span, 60*second) {
		if got := s.Ask(now, key, asker(1)); got != Started {
			t.Fatalf("search %d: %v", fails, got)
		}
		run(t, s, now+3*second, func(int64, []Request, []End) {})
		now += 3 * second
		until := s.silent[key].until
		if until < now+span || until >= now+span+span/8+1 {
			t.Errorf("after %d failures it is silent for %.3f s, want %.3f and at most an eighth more",
				fails, float64(until-now)/1e9, float64(span)/1e9)
		}
		if got := s.Ask(until-1, key, asker(1)); got != Silent {
			t.Errorf("within the silence: %v", got)
		}
		if what, state := s.Explain(until-1, key); state != Silent || what == "" {
			t.Errorf("explained: %q %v", what, state)
		}
		now = until
	}
	// The same asker, a while later.
	s.Ask(now, key, asker(1))
	run(t, s, now+3*second, func(int64, []Request, []End) {})
	now += 3 * second
	s.SignOfLife(key)
	if got := s.Ask(now, key, asker(1)); got != Started {
		t.Errorf("after a sign of life: %v", got)
	}
	if _, ok := s.Found(0, key); !ok || len(s.silent) != 0 {
		t.Errorf("found: %v, silent %d", ok, len(s.silent))
	}
}

// Silent addresses do not come back all at once.
func TestSilenceIsSpread(t *testing.T) {
	s := NewSearches(Limits{UnresolvedPerPort: 1000, UnresolvedPerNet: 1000})
	for n := range 100 {
		s.Ask(0, target(n), asker(1))
	}
	run(t, s, 3*second, func(int64, []Request, []End) {})
	ends := make(map[int64]bool)
	for _, quiet := range s.silent {
		ends[quiet.until/1e6] = true
	}
	if len(ends) < 30 {
		t.Errorf("100 silences end in only %d different milliseconds", len(ends))
	}
}

// Every prober is passed on once a second, also if two probe for one address.
// conformance: P3 N7
func TestRelay(t *testing.T) {
	s := NewSearches(Limits{MaxProbers: 3})
	for i, step := range []struct {
		now    int64
		target int
		prober int
		want   Asking
	}{
		{0, 1, 1, Relayed},
		{1, 1, 2, Relayed}, // a rival in the same second
		{2, 2, 1, Relayed},
		{3, 1, 1, RelayLimited},
		{second - 1, 1, 2, RelayLimited},
		{second, 1, 1, Relayed},
		{second, 3, 3, RelayLimited}, // memory is full
		{3 * second, 3, 3, Relayed},
	} {
		s.Tick(step.now)
		if got := s.Relay(step.now, target(step.target), asker(step.prober)); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
	run(t, s, 1<<62, func(int64, []Request, []End) {})
	if len(s.probers) != 0 {
		t.Errorf("%d probers are remembered for ever", len(s.probers))
	}
}

// What waits behind a port that is gone is dropped, and nothing else.
func TestForget(t *testing.T) {
	s := NewSearches(Limits{})
	s.Ask(0, target(1), asker(1))
	s.Ask(0, target(2), asker(1))
	s.Ask(0, target(2), asker(2))
	s.Ask(0, target(3), asker(2))
	s.Ask(0, target(4), asker(1))
	if got := s.Insist(0, target(4), []byte("own")); got != Joined {
		t.Errorf("the operator: %v", got)
	}
	s.Insist(0, target(4), []byte("own"))
	s.Forget(asker(1).At)
	if searches, parked, _ := s.Counts(); searches != 3 || parked != 3 {
		t.Errorf("%d searches, %d parked: want those of port 2 and of the operator", searches, parked)
	}
	if n := len(s.silent); n != 0 {
		t.Errorf("%d addresses are silent", n)
	}
	requests, _ := s.Tick(second)
	for _, r := range requests {
		if r.Asker.At == asker(1).At {
			t.Errorf("asks again for the port that is gone: %+v", r)
		}
	}
}

// The operator's search is not held up by a silence, nor by a limit.
func TestInsist(t *testing.T) {
	s := NewSearches(Limits{UnresolvedPerNet: 1})
	s.Ask(0, target(1), asker(1))
	run(t, s, 3*second, func(int64, []Request, []End) {})
	if got := s.Ask(3*second, target(1), asker(1)); got != Silent {
		t.Errorf("a host: %v", got)
	}
	if got := s.Insist(3*second, target(1), nil); got != Started {
		t.Errorf("the operator: %v", got)
	}
	if got := s.Insist(3*second, target(2), nil); got != Started {
		t.Errorf("the operator, for another address: %v", got)
	}
}

// Whatever is asked in whatever order: each target gets one request a second
// and three in all, limits hold, every search ends, and in the end nothing is
// left in memory.
func TestSearchesKeepTheirPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{ParkedPerTarget: 4, UnresolvedPerPort: 3, UnresolvedPerNet: 6, MaxSilent: 5, MaxProbers: 5}
		s := NewSearches(limits)
		now := int64(0)
		sent := make(map[binding.Key][]int64)
		targets := rapid.Custom(func(t *rapid.T) binding.Key { return target(rapid.IntRange(1, 12).Draw(t, "target")) })
		askers := rapid.Custom(func(t *rapid.T) Asker { return asker(rapid.IntRange(1, 6).Draw(t, "asker")) })
		request := func(key binding.Key) {
			if last := sent[key]; len(last) > 0 && now-last[len(last)-1] < second {
				t.Fatalf("%v is asked for at %v and %d", key, last, now)
			}
			sent[key] = append(sent[key], now)
			if len(sent[key]) > 3 {
				t.Fatalf("%v is asked for at %v in one search", key, sent[key])
			}
		}
		tick := func() {
			requests, ends := s.Tick(now)
			for _, r := range requests {
				request(r.Key)
			}
			for _, e := range ends {
				if len(sent[e.Key]) != 3 || e.Sent != 3 {
					t.Fatalf("%v gave up after %d requests", e.Key, len(sent[e.Key]))
				}
				delete(sent, e.Key)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) {
				now += rapid.Int64Range(0, 2*second).Draw(t, "time")
				tick()
			},
			"ask": func(t *rapid.T) {
				key, who := targets.Draw(t, "key"), askers.Draw(t, "asker")
				switch verdict := s.Ask(now, key, who); verdict {
				case Started:
					delete(sent, key)
					request(key)
				case Joined, RefusedParked:
					if s.active[key] == nil {
						t.Fatalf("%v without a search", verdict)
					}
				default:
					if s.active[key] != nil {
						t.Fatalf("%v while a search is under way", verdict)
					}
				}
			},
			"relay": func(t *rapid.T) { s.Relay(now, targets.Draw(t, "key"), askers.Draw(t, "asker")) },
			"found": func(t *rapid.T) {
				key := targets.Draw(t, "key")
				s.Found(0, key)
				delete(sent, key)
			},
			"forget": func(t *rapid.T) {
				s.Forget(askers.Draw(t, "asker").At)
				for key := range sent {
					if s.active[key] == nil {
						delete(sent, key)
					}
				}
			},
			"": func(t *rapid.T) { checkSearches(t, s) },
		})
		for at, ok := s.Next(); ok; at, ok = s.Next() {
			now = at
			tick()
		}
		if left := fmt.Sprint(len(s.active), len(s.queue), len(s.silent), len(s.probers), len(s.perPort), len(s.perNet)); left != "0 0 0 0 0 0" {
			t.Fatalf("left in memory: %s", left)
		}
	})
}

func checkSearches(t *rapid.T, s *Searches) {
	perPort, perNet := make(map[binding.Location]int), 0
	for key, q := range s.active {
		perPort[q.from]++
		perNet++
		if q.key != key || s.queue[q.place] != q || len(q.askers) == 0 || len(q.askers) > s.limits.ParkedPerTarget {
			t.Fatalf("search for %v: %+v", key, *q)
		}
	}
	for at, n := range perPort {
		if s.perPort[at] != n || n > s.limits.UnresolvedPerPort {
			t.Fatalf("%v counts %d searches, has %d", at, s.perPort[at], n)
		}
	}
	if len(s.perPort) != len(perPort) || s.perNet[1] != perNet || perNet > s.limits.UnresolvedPerNet || len(s.queue) != len(s.active) {
		t.Fatalf("counts %v and %v of %d searches, %d queued", s.perPort, s.perNet, perNet, len(s.queue))
	}
	if len(s.silent) > s.limits.MaxSilent || len(s.probers) > s.limits.MaxProbers {
		t.Fatalf("%d silent, %d probers", len(s.silent), len(s.probers))
	}
}

func TestExplainSearch(t *testing.T) {
	s := NewSearches(Limits{})
	if what, state := s.Explain(0, target(1)); what != "" || state != Started {
		t.Errorf("nothing known: %q %v", what, state)
	}
	s.Ask(0, target(1), asker(1))
	if what, state := s.Explain(1, target(1)); what != "a search is under way: 1 of 3 requests sent, 1 waiting" || state != Joined {
		t.Errorf("searching: %q %v", what, state)
	}
}
