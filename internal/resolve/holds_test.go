package resolve

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/internal/binding"
	_ "github.com/isat-sdn/isat/test/seed"
)

func heldPacket(n, size int) Held {
	return Held{Switch: uint64(n), Resume: make([]byte, size)}
}

// TestHoldsStayBounded holds, takes and lets time pass at random, beside a plain model: no bound is
// ever exceeded, what is dropped is the oldest, and what is taken comes in order.
func TestHoldsStayBounded(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		limits := HoldLimits{PerNextHop: rapid.IntRange(1, 5).Draw(r, "per next hop"), Bytes: rapid.IntRange(500, 4000).Draw(r, "bytes"), Age: 10}
		h := NewHolds(limits)
		type packet struct {
			n    int
			key  binding.Key
			at   int64
			cost int
		}
		var model []packet
		drop := func(i int) { model = append(model[:i:i], model[i+1:]...) }
		now := int64(0)
		for n := range rapid.IntRange(1, 80).Draw(r, "steps") {
			key := target(rapid.IntRange(0, 3).Draw(r, "next hop"))
			switch rapid.SampledFrom([]string{"hold", "hold", "hold", "take", "wait"}).Draw(r, "what") {
			case "hold":
				p := heldPacket(n, rapid.IntRange(0, 1500).Draw(r, "size"))
				got := h.Hold(now, key, p)
				var want Drops
				if p.cost() > limits.Bytes {
					want.Bytes++
				} else {
					first, same := -1, 0
					for i, m := range model {
						if m.key == key {
							if same++; first < 0 {
								first = i
							}
						}
					}
					if same >= limits.PerNextHop {
						drop(first)
						want.PerNextHop++
					}
					total := p.cost()
					for _, m := range model {
						total += m.cost
					}
					for total > limits.Bytes {
						total -= model[0].cost
						drop(0)
						want.Bytes++
					}
					model = append(model, packet{n, key, now, p.cost()})
				}
				if got != want {
					r.Fatalf("dropped %+v, want %+v", got, want)
				}
			case "take":
				taken := h.Take(key)
				for i := 0; i < len(model); {
					if model[i].key != key {
						i++
						continue
					}
					if len(taken) == 0 || taken[0].Switch != uint64(model[i].n) {
						r.Fatalf("took %v, want packet %d next", taken, model[i].n)
					}
					taken = taken[1:]
					drop(i)
				}
				if len(taken) != 0 {
					r.Fatalf("took %d packets too many", len(taken))
				}
			case "wait":
				now += rapid.Int64Range(0, 12).Draw(r, "time")
				for _, e := range h.Tick(now) {
					if len(model) == 0 || model[0].at+limits.Age > now || model[0].n != int(e.Switch) {
						r.Fatalf("packet %d expired at %d", e.Switch, now)
					}
					drop(0)
				}
			}
			bytes := 0
			for _, m := range model {
				bytes += m.cost
			}
			if packets, _, inUse := h.Counts(); packets != len(model) || inUse != bytes || inUse > limits.Bytes {
				r.Fatalf("%d packets of %d bytes, want %d of %d, at most %d", packets, inUse, len(model), bytes, limits.Bytes)
			}
			if at, ok := h.Next(); ok != (len(model) > 0) || ok && at != model[0].at+limits.Age {
				r.Fatalf("next at %d, %v", at, ok)
			}
		}
	})
}

// TestRouterJoinsSearch is a router that wants what a host's search is under way for: from the next
// request on, its own question goes everywhere.
func TestRouterJoinsSearch(t *testing.T) {
	s := NewSearches(Limits{})
	key := target(1)
	s.Ask(0, key, asker(1))
	router := asker(2)
	router.Everywhere, router.Frame = true, []byte("router's")
	for range 2 {
		if got := s.Ask(1, key, router); got != Joined {
			t.Fatalf("the router: %v", got)
		}
	}
	elsewhere := asker(3)
	elsewhere.At.Switch = 2
	if got := s.Ask(2, key, elsewhere); got != Joined {
		t.Errorf("a host behind another switch, where the question goes, too: %v", got)
	}
	s.Forget(router.At)
	s.Forget(asker(1).At)
	requests, _ := s.Tick(second)
	if len(requests) != 1 || string(requests[0].Asker.Frame) != "router's" || !requests[0].Asker.ToAll() {
		t.Errorf("requests %+v", requests)
	}
	s.Tick(2 * second)
	if _, ends := s.Tick(3 * second); len(ends) != 1 || !ends[0].Everywhere {
		t.Errorf("ends %+v", ends)
	}
	if left := s.SilentFor(3*second, key); left < second || left > second+second/8 {
		t.Errorf("silent for %d ns", left)
	}
}
