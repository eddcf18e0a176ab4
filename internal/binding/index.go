package binding

import (
	"hash/maphash"
	"sync/atomic"
)

// indexed is a record that knows the key it is found by.
type indexed[K comparable, T any] interface {
	*T
	indexKey() K
}

// index is a hash table of pointers with open addressing. One goroutine
// writes; any number may call get meanwhile without a lock. A slot costs one
// pointer; the key lives in the record.
type index[K comparable, T any, P indexed[K, T]] struct {
	seed  maphash.Seed
	slots atomic.Pointer[[]atomic.Pointer[T]]
	used  int // slots that are not nil: records and tombstones
	count int // records
	grave *T  // marks a slot whose record was removed
}

const minSlots = 64

func newIndex[K comparable, T any, P indexed[K, T]](seed maphash.Seed) *index[K, T, P] {
	x := &index[K, T, P]{seed: seed, grave: new(T)}
	slots := make([]atomic.Pointer[T], minSlots)
	x.slots.Store(&slots)
	return x
}

// get returns the record of a key, or nil. It may be called concurrently with
// put and remove, and then sees the state before or after them.
func (x *index[K, T, P]) get(key K) *T {
	slots := *x.slots.Load()
	mask := uint64(len(slots) - 1)
	for i := maphash.Comparable(x.seed, key) & mask; ; i = (i + 1) & mask {
		record := slots[i].Load()
		if record == nil {
			return nil
		}
		if record != x.grave && P(record).indexKey() == key {
			return record
		}
	}
}

// put stores a record under its key and returns the one that it replaces.
func (x *index[K, T, P]) put(record *T) *T {
	slots := *x.slots.Load()
	if (x.used+1)*4 > len(slots)*3 {
		x.rebuild()
		slots = *x.slots.Load()
	}
	key := P(record).indexKey()
	mask := uint64(len(slots) - 1)
	grave := -1
	for i := maphash.Comparable(x.seed, key) & mask; ; i = (i + 1) & mask {
		old := slots[i].Load()
		switch {
		case old == nil:
			if grave >= 0 {
				slots[grave].Store(record)
			} else {
				slots[i].Store(record)
				x.used++
			}
			x.count++
			return nil
		case old == x.grave:
			if grave < 0 {
				grave = int(i)
			}
		case P(old).indexKey() == key:
			slots[i].Store(record)
			return old
		}
	}
}

// remove takes the record of a key out and returns it, or nil.
func (x *index[K, T, P]) remove(key K) *T {
	slots := *x.slots.Load()
	mask := uint64(len(slots) - 1)
	for i := maphash.Comparable(x.seed, key) & mask; ; i = (i + 1) & mask {
		old := slots[i].Load()
		if old == nil {
			return nil
		}
		if old != x.grave && P(old).indexKey() == key {
			slots[i].Store(x.grave)
			x.count--
			return old
		}
	}
}

// rebuild publishes a table without tombstones that is at most half full.
// Readers that still walk the old one see every record that it had.
func (x *index[K, T, P]) rebuild() {
	old := *x.slots.Load()
	size := minSlots
	for size < (x.count+1)*2 {
		size *= 2
	}
	slots := make([]atomic.Pointer[T], size)
	mask := uint64(size - 1)
	for i := range old {
		record := old[i].Load()
		if record == nil || record == x.grave {
			continue
		}
		at := maphash.Comparable(x.seed, P(record).indexKey()) & mask
		for slots[at].Load() != nil {
			at = (at + 1) & mask
		}
		slots[at].Store(record)
	}
	x.used = x.count
	x.slots.Store(&slots)
}

// all calls yield for each record, in no order. The writer may remove and
// replace records meanwhile, but not add any.
func (x *index[K, T, P]) all(yield func(*T) bool) {
	slots := *x.slots.Load()
	for i := range slots {
		if record := slots[i].Load(); record != nil && record != x.grave && !yield(record) {
			return
		}
	}
}
