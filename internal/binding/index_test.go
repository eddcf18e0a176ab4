package binding

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// record is what the tests index: check is the complement of value, so that a
// torn record shows.
type record struct {
	key          uint32
	value, check uint64
}

func (r *record) indexKey() number { return number(r.key) }

// number is a key, whose hashes differ in the bits that choose the bucket and in
// the tag.
type number uint32

func (n number) hash(s *secret) uint64 { return mix(uint64(n)^s[0], s[1]) }

func newRecord(key uint32, value uint64) *record { return &record{key, value, ^value} }

// The index behaves like a map, whatever is put and removed in whatever order.
func TestIndexIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newIndex[number, record](maphash.MakeSeed())
		model := make(map[uint32]*record)
		keys := rapid.Uint32Range(0, rapid.Uint32Range(1, 300).Draw(t, "keys"))
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				r := newRecord(keys.Draw(t, "key"), rapid.Uint64().Draw(t, "value"))
				if old := x.put(r); old != model[r.key] {
					t.Fatalf("put %d returns %v, want %v", r.key, old, model[r.key])
				}
				model[r.key] = r
			},
			"fill": func(t *rapid.T) {
				for key := range uint32(rapid.IntRange(1, 200).Draw(t, "n")) {
					model[key] = newRecord(key, uint64(key))
					x.put(model[key])
				}
			},
			"remove": func(t *rapid.T) {
				key := keys.Draw(t, "key")
				if old := x.remove(number(key)); old != model[key] {
					t.Fatalf("remove %d returns %v, want %v", key, old, model[key])
				}
				delete(model, key)
			},
			"remove while listing": func(t *rapid.T) {
				third := rapid.Uint32Range(0, 2).Draw(t, "third")
				for r := range x.all {
					if r.key%3 == third {
						x.remove(number(r.key))
						delete(model, r.key)
					}
				}
			},
			"": func(t *rapid.T) { compareIndex(t, x, model) },
		})
	})
}

func compareIndex(t *rapid.T, x *index[number, record, *record], model map[uint32]*record) {
	if x.count != len(model) {
		t.Fatalf("index counts %d records, want %d", x.count, len(model))
	}
	for key, want := range model {
		if got := x.get(number(key)); got != want {
			t.Fatalf("get %d: %v, want %v", key, got, want)
		}
	}
	if got := x.get(1 << 31); got != nil {
		t.Fatalf("a key that was never put has the record %v", got)
	}
	seen := 0
	for r := range x.all {
		if model[r.key] != r {
			t.Fatalf("all yields %v, want %v", r, model[r.key])
		}
		seen++
	}
	if seen != len(model) {
		t.Fatalf("all yields %d records, want %d", seen, len(model))
	}
	if slots := len(*x.buckets.Load()) * bucketSlots; x.used < x.count || x.used*4 > slots*3 {
		t.Fatalf("%d records, %d of %d slots used: want a quarter free", x.count, x.used, slots)
	}
}

// A reader that works while the writer replaces records, adds and removes
// others, and grows the table, always finds the record of a key that is never
// removed: the old or the new one, and never one that is newer than what it
// finds later.
func TestIndexReadersNeedNoLock(t *testing.T) {
	const stable, churn, rounds, readers = 64, 4096, 400, 4
	x := newIndex[number, record](maphash.MakeSeed())
	for key := range uint32(stable) {
		x.put(newRecord(key, 1))
	}
	var done atomic.Bool
	var wait sync.WaitGroup
	for range readers {
		wait.Go(func() {
			var last [stable]uint64
			for !done.Load() {
				for key := range uint32(stable) {
					switch r := x.get(number(key)); {
					case r == nil:
						t.Errorf("key %d is missing", key)
						return
					case r.key != key || r.check != ^r.value:
						t.Errorf("key %d has a torn record: %+v", key, *r)
						return
					case r.value < last[key]:
						t.Errorf("key %d went back from %d to %d", key, last[key], r.value)
						return
					default:
						last[key] = r.value
					}
				}
			}
		})
	}
	for round := range uint64(rounds) {
		for key := range uint32(stable) {
			x.put(newRecord(key, round+2))
		}
		// A moving window of other keys makes tombstones, and rebuilds.
		for key := range uint32(64) {
			x.put(newRecord(stable+(uint32(round)*64+key)%churn, 1))
			x.remove(number(stable + (uint32(round)*64+key+churn/2)%churn))
		}
	}
	done.Store(true)
	wait.Wait()
}

// Adding and removing for ever does not make the table grow.
func TestIndexForgetsTombstones(t *testing.T) {
	x := newIndex[number, record](maphash.MakeSeed())
	for key := range uint32(100_000) {
		x.put(newRecord(key, 0))
		if key >= 50 {
			x.remove(number(key - 50))
		}
	}
	if slots := len(*x.buckets.Load()) * bucketSlots; slots > 256 {
		t.Errorf("50 records at a time need %d slots", slots)
	}
}
