package binding

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
)

// indexed is a record that knows the key it is found by.
type indexed[K hashed, T any] interface {
	*T
	indexKey() K
}

// hashed is a key that spreads itself evenly, for whoever does not know the
// secret.
type hashed interface {
	comparable
	hash(s *secret) uint64
}

// secret keeps hosts from choosing addresses that fall into one bucket.
type secret [3]uint64

func newSecret(seed maphash.Seed) *secret {
	var s secret
	for i := range s {
		s[i] = maphash.Comparable(seed, i)
	}
	return &s
}

// mix is the step of wyhash: the two halves of a product of 128 bits, folded.
// It takes a fifth of the time of hash/maphash, which looks at the key's type.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// index is a hash table of pointers with open addressing. One goroutine
// writes; any number may call get meanwhile without a lock. The key lives in
// the record.
//
// At many records a lookup costs what it waits for memory. It touches the one
// cache line of a bucket, and by a tag of each key in there no record but,
// almost always, the right one.
type index[K hashed, T any, P indexed[K, T]] struct {
	secret  *secret
	buckets atomic.Pointer[[]bucket[T]]
	used    int // slots whose tag is not noRecord
	count   int // records
}

// bucketSlots pointers and their tags fill a cache line of 64 bytes.
const bucketSlots = 7

// bucket holds records with the same hash, modulo the number of buckets, and
// those that found the bucket before full. Byte n of tags belongs to slot n. A
// slot is set before its tag is, and cleared after it.
type bucket[T any] struct {
	tags  atomic.Uint64
	slots [bucketSlots]atomic.Pointer[T]
}

// Tags of slots without a record. Searches end at a bucket with a slot that
// never had one.
const (
	noRecord      = 0
	removedRecord = 1
	firstTag      = 2
)

const (
	minBuckets = 8
	eachByte   = 0x0101010101010101
	topBits    = 0x0080808080808080 // of each tag
)

// tagOf takes the tag from the bits of a hash that do not choose the bucket.
func tagOf(hash uint64) uint64 { return max(hash>>56, firstTag) }

// withTag returns the top bit of each byte of tags that equals tag. Above the
// first one that does, others may be there by mistake.
func withTag(tags, tag uint64) uint64 {
	x := tags ^ eachByte*tag
	return (x - eachByte) &^ x & topBits
}

// slotOf is the slot of the lowest bit that withTag returned.
func slotOf(found uint64) int { return bits.TrailingZeros64(found) / 8 }

func (b *bucket[T]) setTag(slot int, tag uint64) {
	shift := 8 * slot
	b.tags.Store(b.tags.Load()&^(0xff<<shift) | tag<<shift)
}

func newIndex[K hashed, T any, P indexed[K, T]](seed maphash.Seed) *index[K, T, P] {
	x := &index[K, T, P]{secret: newSecret(seed)}
	buckets := make([]bucket[T], minBuckets)
	x.buckets.Store(&buckets)
	return x
}

// get returns the record of a key, or nil. It may be called concurrently with
// put and remove, and then sees the state before or after them.
func (x *index[K, T, P]) get(key K) *T {
	record, _, _ := x.find(key, key.hash(x.secret))
	return record
}

// find returns the record of a key and where it is, or nil.
func (x *index[K, T, P]) find(key K, hash uint64) (record *T, b *bucket[T], slot int) {
	buckets := *x.buckets.Load()
	mask := uint64(len(buckets) - 1)
	tag := tagOf(hash)
	for i := hash & mask; ; i = (i + 1) & mask {
		b := &buckets[i]
		tags := b.tags.Load()
		for found := withTag(tags, tag); found != 0; found &= found - 1 {
			slot := slotOf(found)
			if record := b.slots[slot].Load(); record != nil && P(record).indexKey() == key {
				return record, b, slot
			}
		}
		if withTag(tags, noRecord) != 0 {
			return nil, nil, 0
		}
	}
}

// lookahead is how many keys getAll waits for at the same time.
const lookahead = 16

// getAll stores the record of each key, or nil, and may be called whenever get
// may. found must be as long as keys. Records that no cache holds come from
// memory together, instead of one after the other.
func (x *index[K, T, P]) getAll(keys []K, found []*T) {
	for len(keys) > lookahead {
		x.getAll(keys[:lookahead], found[:lookahead])
		keys, found = keys[lookahead:], found[lookahead:]
	}
	buckets := *x.buckets.Load()
	mask := uint64(len(buckets) - 1)
	var hashes, tags [lookahead]uint64
	for i := range keys {
		hashes[i] = keys[i].hash(x.secret)
	}
	// No turn of these loops needs a result of another, so that the processor
	// begins the next ones while it waits for memory.
	for i := range keys {
		tags[i] = buckets[hashes[i]&mask].tags.Load()
	}
	for i := range keys {
		found[i] = nil
		if at := withTag(tags[i], tagOf(hashes[i])); at != 0 {
			found[i] = buckets[hashes[i]&mask].slots[slotOf(at)].Load()
		}
	}
	for i, key := range keys {
		if found[i] == nil || P(found[i]).indexKey() != key {
			found[i], _, _ = x.find(key, hashes[i])
		}
	}
}

// put stores a record under its key and returns the one that it replaces.
func (x *index[K, T, P]) put(record *T) *T {
	key := P(record).indexKey()
	hash := key.hash(x.secret)
	if old, b, slot := x.find(key, hash); old != nil {
		b.slots[slot].Store(record)
		return old
	}
	buckets := *x.buckets.Load()
	if (x.used+1)*4 > len(buckets)*bucketSlots*3 {
		buckets = x.rebuild()
	}
	x.used += insert(buckets, hash, record)
	x.count++
	return nil
}

// insert stores a record whose key has none. It returns how many slots that
// never had one it took: 0 or 1.
func insert[T any](buckets []bucket[T], hash uint64, record *T) int {
	mask := uint64(len(buckets) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		b := &buckets[i]
		tags := b.tags.Load()
		took := 0
		free := withTag(tags, removedRecord)
		if free == 0 {
			free, took = withTag(tags, noRecord), 1
		}
		if free != 0 {
			slot := slotOf(free)
			b.slots[slot].Store(record)
			b.setTag(slot, tagOf(hash))
			return took
		}
	}
}

// remove takes the record of a key out and returns it, or nil.
func (x *index[K, T, P]) remove(key K) *T {
	old, b, slot := x.find(key, key.hash(x.secret))
	if old != nil {
		b.setTag(slot, removedRecord)
		b.slots[slot].Store(nil)
		x.count--
	}
	return old
}

// rebuild publishes a table without removed records that is at most half full.
// Readers that still walk the old one see every record that it had.
func (x *index[K, T, P]) rebuild() []bucket[T] {
	size := minBuckets
	for size*bucketSlots < (x.count+1)*2 {
		size *= 2
	}
	buckets := make([]bucket[T], size)
	for record := range x.all {
		insert(buckets, P(record).indexKey().hash(x.secret), record)
	}
	x.used = x.count
	x.buckets.Store(&buckets)
	return buckets
}

// all calls yield for each record, in no order. The writer may remove and
// replace records meanwhile, but not add any.
func (x *index[K, T, P]) all(yield func(*T) bool) {
	buckets := *x.buckets.Load()
	for i := range buckets {
		for slot := range buckets[i].slots {
			if record := buckets[i].slots[slot].Load(); record != nil && !yield(record) {
				return
			}
		}
	}
}
