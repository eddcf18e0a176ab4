package binding

import "math/bits"

// Wheel is a hierarchical timing wheel: it tells of each key when its time has
// come. Arming and disarming cost the same however many timers there are, and
// so does a turn of the wheel in which nothing is due.
//
// A timer never fires early, and at most one tick late. Disarming leaves the
// entry where it is; it is dropped when its slot comes round.
type Wheel[K comparable] struct {
	armed map[K]timer
	slots [wheelLevels][wheelSlots][]entry[K]
	// A bit for each slot that holds something.
	filled [wheelLevels]uint64
	tick   int64        // the last one whose timers have fired
	spare  [][]entry[K] // room for slots, from those that were emptied last
	fired  []K          // room for what Expired returns
}

const (
	wheelLevels = 4
	wheelBits   = 6
	wheelSlots  = 1 << wheelBits
	tickShift   = 24 // a tick is 2^24 ns, 16.8 ms; four levels reach 78 hours
	// How much room is kept, of how many slots: what a storm needed is not.
	maxSpareSlot = 4096
	maxSpares    = 8
	wheelReach   = int64(1)<<(wheelLevels*wheelBits) - 1
)

// timer is when a key's time comes, and the tick of the entry that stands for
// it. An entry may be there earlier than the time: it then moves on.
type timer struct{ due, at int64 }

type entry[K comparable] struct {
	key K
	at  int64 // in ticks
}

// NewWheel returns a wheel without a timer, at a time in nanoseconds.
func NewWheel[K comparable](now int64) *Wheel[K] {
	return &Wheel[K]{armed: make(map[K]timer), tick: now >> tickShift}
}

// Arm sets a key's timer, in place of the one that it has.
func (w *Wheel[K]) Arm(key K, due int64) {
	at := (due + 1<<tickShift - 1) >> tickShift
	if old, ok := w.armed[key]; ok && old.at <= at {
		w.armed[key] = timer{due, old.at} // the entry that is there moves on when it is met
		return
	}
	at = max(at, w.tick+1)
	w.armed[key] = timer{due, at}
	w.place(entry[K]{key, at})
}

// Disarm takes a key's timer away.
func (w *Wheel[K]) Disarm(key K) { delete(w.armed, key) }

// Due says when a key's time comes.
func (w *Wheel[K]) Due(key K) (int64, bool) {
	t, ok := w.armed[key]
	return t.due, ok
}

// Len is the number of timers.
func (w *Wheel[K]) Len() int { return len(w.armed) }

func (w *Wheel[K]) place(e entry[K]) {
	at := min(e.at, w.tick+wheelReach)
	level := 0
	if ahead := at - w.tick; ahead > 0 {
		level = (bits.Len64(uint64(ahead)) - 1) / wheelBits
	}
	slot := at >> (level * wheelBits) & (wheelSlots - 1)
	if last := len(w.spare) - 1; w.slots[level][slot] == nil && last >= 0 {
		w.slots[level][slot], w.spare = w.spare[last], w.spare[:last]
	}
	w.slots[level][slot] = append(w.slots[level][slot], e)
	w.filled[level] |= 1 << slot
}

// upcoming is the first tick after the present one at which a level has a slot
// to be looked at.
func (w *Wheel[K]) upcoming(level int) (int64, bool) {
	if w.filled[level] == 0 {
		return 0, false
	}
	turn := w.tick >> (level * wheelBits)
	next := bits.RotateLeft64(w.filled[level], -int((turn+1)&(wheelSlots-1)))
	return (turn + 1 + int64(bits.TrailingZeros64(next))) << (level * wheelBits), true
}

// Next says when Expired has something to do, at the latest; it may turn out to
// be nothing.
func (w *Wheel[K]) Next() (at int64, ok bool) {
	for level := range wheelLevels {
		if tick, any := w.upcoming(level); any && (!ok || tick<<tickShift < at) {
			at, ok = tick<<tickShift, true
		}
	}
	return at, ok
}

// Expired returns the keys whose time has come, in its order, and disarms them.
// They are the caller's until the next call.
func (w *Wheel[K]) Expired(now int64) []K {
	keys := w.fired[:0]
	target := now >> tickShift
	for {
		next, ok := w.Next()
		if next >>= tickShift; !ok || next > target {
			w.tick = max(w.tick, target)
			if w.fired = keys[:0]; cap(keys) > maxSpareSlot {
				w.fired = nil
			}
			return keys
		}
		w.tick = next
		for level := wheelLevels - 1; level >= 0; level-- {
			keys = w.turn(level, now, keys)
		}
	}
}

// turn looks at what a level has for the present tick: what is due fires, and
// the rest moves to where it belongs now.
func (w *Wheel[K]) turn(level int, now int64, keys []K) []K {
	if w.tick&(1<<(level*wheelBits)-1) != 0 {
		return keys
	}
	slot := w.tick >> (level * wheelBits) & (wheelSlots - 1)
	if w.filled[level]&(1<<slot) == 0 {
		return keys
	}
	list := w.slots[level][slot]
	w.slots[level][slot] = nil
	w.filled[level] &^= 1 << slot
	for _, e := range list {
		t, ok := w.armed[e.key]
		switch {
		case !ok || t.at != e.at: // disarmed, or armed anew for an earlier time
		case e.at > w.tick:
			w.place(e)
		case t.due <= now:
			delete(w.armed, e.key)
			keys = append(keys, e.key)
		default:
			e.at = max((t.due+1<<tickShift-1)>>tickShift, w.tick+1)
			w.armed[e.key] = timer{t.due, e.at}
			w.place(e)
		}
	}
	if cap(list) <= maxSpareSlot && len(w.spare) < maxSpares {
		w.spare = append(w.spare, list[:0])
	}
	return keys
}
