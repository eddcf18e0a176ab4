package binding

import (
	"math"
	"time"

	"github.com/isat-sdn/isat/packet"
)

// Rules say how long what is learned may live. The functions must be pure.
type Rules struct {
	// Age is the age limit of an address in nanoseconds, 0 for ever.
	Age func(Key) int64
	// Duplicate says after how many moves within a span of nanoseconds an address
	// of a network is a duplicate.
	Duplicate func(network uint32) (moves int, within int64)
}

// maxIdle is the longest timeout that a flow can have, in seconds.
const maxIdle = math.MaxUint16

const second = int64(time.Second)

// Questions are asked when half, two thirds and three quarters of the age limit
// have gone by since the owner was heard; when all of it has, the binding goes.
// OVN asks at the same times.
const questions = 3

// stage is the age at which the next thing happens to a silent binding.
func stage(limit int64, tries uint8) int64 {
	switch tries {
	case 0:
		return limit / 2
	case 1:
		return limit / 3 * 2
	case 2:
		return limit / 4 * 3
	}
	return limit
}

// spacing is the time between two questions at the least: a second (conformance
// N12), or what there is between the stages of a limit of a few seconds.
func spacing(limit int64) int64 { return max(min(limit/12, second), second/10) }

// AgeLimit is how long an address may be silent, in nanoseconds, 0 for ever. A
// lease's time takes the place of the network's limit.
func (t *Table) AgeLimit(key Key) int64 {
	if l, ok := t.leases[key]; ok {
		return l.span
	}
	if t.rules.Age == nil {
		return 0
	}
	return t.rules.Age(key)
}

// idleTime is a flow's timeout for a duration: in whole seconds, never less.
func idleTime(d int64) uint16 {
	return uint16(min(max((d+second-1)/second, 1), maxIdle))
}

// watch has the owner's flow tell when the owner falls silent: it was heard now.
func (t *Table) watch(now int64, b *Binding) {
	b.Tries, b.Unwatched, b.Idle = 0, false, 0
	if limit := t.AgeLimit(b.Key); limit > 0 {
		b.Idle = idleTime(stage(limit, 0))
	}
}

// stationIdle is the idle time of a station that has no bindings: the age limit
// of its network.
func (t *Table) stationIdle(key StationKey) uint16 {
	if t.rules.Age == nil {
		return 0
	}
	if limit := t.rules.Age(Key{Segment: key.Segment}); limit > 0 {
		return idleTime(limit)
	}
	return 0
}

// QuietStation tells that a station has sent nothing for its idle time, and that
// the flow of its source is gone. keep says that it has bindings, which have
// their own clocks: its flow is to be put back. Any other is to be removed.
func (t *Table) QuietStation(s *Station) (keep bool) {
	if len(t.addressesOf(s)) == 0 {
		return false
	}
	s.Idle = 0
	return true
}

// Bare says whether a station has no binding any more, so that the flow of its
// source is to be given an idle time. It has that now.
func (t *Table) Bare(s *Station) bool {
	if len(t.addressesOf(s)) > 0 || s.Idle != 0 {
		return false
	}
	s.Idle = t.stationIdle(s.StationKey)
	return s.Idle != 0
}

// RestStation gives a station the idle time that it is to have now, and says
// whether that is another one.
func (t *Table) RestStation(s *Station) bool {
	idle := t.stationIdle(s.StationKey)
	if len(t.addressesOf(s)) > 0 || s.Idle == idle {
		return false
	}
	s.Idle = idle
	return true
}

// Step is what follows when an owner was not heard.
type Step uint8

const (
	Wait   Step = iota + 1 // not yet: the owner's flow, or the timer, tells when
	Ask                    // ask it by unicast
	Expire                 // it has been asked often enough
)

// Quiet tells that the owner of an address has sent nothing since a time, as far
// as its switch knows, and that it has no flow any more. What follows is Wait,
// with the change that lets the switch watch on, Ask or Expire.
func (t *Table) Quiet(now int64, key Key, mac packet.MAC, since int64) (Step, Change) {
	old := t.bindings.get(key)
	if old == nil || old.Origin.Configured() || old.MAC != mac || old.State == Duplicate {
		return Wait, Change{}
	}
	b := *old
	b.Heard = min(b.Heard, now) // the clock may have been set back
	if since > b.Heard {
		// It has sent something since it was asked, or learned.
		b.Heard, b.Tries = since, 0
		if b.State != Stale {
			b.State = Reachable
		}
	}
	limit := t.AgeLimit(key)
	if limit == 0 {
		b.Idle, b.Unwatched = 0, false
		t.set(old, &b)
		return Wait, Change{old, &b}
	}
	if left := b.Heard + stage(limit, b.Tries) - now; left > 0 {
		b.Idle, b.Unwatched = idleTime(left), false
		t.set(old, &b)
		return Wait, Change{old, &b}
	}
	b.Unwatched, b.Idle = true, 0
	if b.Tries >= questions {
		t.set(old, &b)
		return Expire, Change{old, &b}
	}
	if b.State == Reachable {
		b.State = Silent
	}
	t.set(old, &b)
	return Ask, Change{old, &b}
}

// Asked records that a question of Quiet's has been put to the owner. It
// returns when Unheard has to be told that there was no answer.
func (t *Table) Asked(now int64, key Key) (due int64, change Change) {
	old := t.bindings.get(key)
	if old == nil || !old.Unwatched || old.State == Duplicate || old.Origin.Configured() {
		return 0, Change{}
	}
	b := *old
	b.Tries++
	if b.State == Silent {
		b.State = Probing
	}
	t.set(old, &b)
	limit := t.AgeLimit(key)
	left := b.Heard + stage(limit, b.Tries) - now
	return now + min(max(left, spacing(limit)), second), Change{old, &b}
}

// Unheard tells that a question has had no answer. Wait comes with a change if
// the switch is to watch until the next stage, and otherwise with the time of
// the next call.
func (t *Table) Unheard(now int64, key Key) (step Step, due int64, change Change) {
	old := t.bindings.get(key)
	if old == nil || !old.Unwatched || old.State == Duplicate || old.Origin.Configured() {
		return Wait, 0, Change{}
	}
	left := old.Heard + stage(t.AgeLimit(key), old.Tries) - now
	switch {
	case left >= second:
		b := *old
		b.Unwatched, b.Idle = false, idleTime(left)
		t.set(old, &b)
		return Wait, 0, Change{old, &b}
	case left > 0:
		return Wait, now + left, Change{}
	case old.Tries >= questions:
		return Expire, 0, Change{}
	}
	return Ask, 0, Change{}
}

// Rest has a binding's switch watch for its owner anew, for the first stage of
// the age limit: whatever was asked before counts no more.
func (t *Table) Rest(now int64, key Key) (Change, bool) {
	old := t.bindings.get(key)
	if old == nil || old.Origin.Configured() || old.State == Duplicate || t.StationOf(old) == nil {
		return Change{}, false // what is nowhere is being asked for, and no switch can watch
	}
	b := *old
	t.watch(now, &b)
	if b == *old {
		return Change{}, false
	}
	if !old.Unwatched {
		b.Heard = now // it may have sent something until now: only its old flow would have told
	}
	t.set(old, &b)
	return Change{old, &b}, true
}

// Silence doubts a learned binding because its place is gone or an operator says
// so: it is to be asked now, wherever it may be.
func (t *Table) Silence(key Key) (Change, bool) {
	old := t.bindings.get(key)
	if old == nil || old.Origin.Configured() || old.State == Duplicate {
		return Change{}, false
	}
	b := *old
	b.Unwatched, b.Idle = true, 0
	if b.State != Stale {
		b.State = Silent
	}
	t.set(old, &b)
	return Change{old, &b}, true
}

// moveLog is when an address changed its MAC, the latest last.
type moveLog []int64

// movedTooOften records a move. It says whether the address is a duplicate now
// (RFC 9161 §3.7).
func (t *Table) movedTooOften(now int64, key Key) bool {
	if t.rules.Duplicate == nil {
		return false
	}
	moves, within := t.rules.Duplicate(key.Network)
	log := t.moves[key]
	recent := log[:0]
	for _, at := range log {
		if now-at < within {
			recent = append(recent, at)
		}
	}
	recent = append(recent, now)
	t.moves[key] = recent
	return len(recent) >= moves
}

// Moves counts the moves of an address that count for the rule on duplicates.
func (t *Table) Moves(key Key) int { return len(t.moves[key]) }

// ForgetMoves forgets the moves of an address if none counts any more, and
// otherwise says when to try again.
func (t *Table) ForgetMoves(now int64, key Key) (again int64) {
	log := t.moves[key]
	if len(log) == 0 {
		return 0
	}
	_, within := t.rules.Duplicate(key.Network)
	if last := log[len(log)-1]; now-last < within {
		return last + within
	}
	delete(t.moves, key)
	return 0
}

// Thaw releases a frozen address: it is stale, so that the wire is asked.
func (t *Table) Thaw(now int64, key Key) (Change, bool) {
	old := t.bindings.get(key)
	if old == nil || old.State != Duplicate {
		return Change{}, false
	}
	delete(t.moves, key)
	b := *old
	b.State, b.Heard = Stale, now
	t.watch(now, &b)
	t.set(old, &b)
	return Change{old, &b}, true
}
