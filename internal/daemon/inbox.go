package daemon

import (
	"sync"

	"github.com/isat-sdn/isat/internal/core"
)

// eventQueue is how many events may wait for the loop. Beyond, punts are
// dropped and counted; everything else waits.
const eventQueue = 8192

// batchSize is how many events one step takes at most, so that effects go out
// in time.
const batchSize = 512

// inbox holds the events that wait for the loop, in the order in which each
// session told them. Those that come with every host make no garbage: while the
// loop works on one batch the next is gathered in the memory of the one before.
type inbox struct {
	ready chan struct{} // holds a token when something waits

	mu     sync.Mutex
	count  int           // events that wait, in both batches
	filled batch         // by the sessions
	room   chan struct{} // closed when there is room again; nil while nobody waits for it

	// The loop's own.
	emptied batch // what it takes from
	taken   int   // events of it
}

// batch holds events, and the memory of those that come with every host.
type batch struct {
	events []core.Event
	punts  []core.Punt
	quiets []core.Quiet
	frames []byte
}

func newInbox() *inbox { return &inbox{ready: make(chan struct{}, 1)} }

// tell adds an event. While there is no room it waits, until ended is closed.
func (q *inbox) tell(e core.Event, ended <-chan struct{}) {
	if q.waitForRoom(ended) {
		q.filled.events = append(q.filled.events, e)
		q.added()
	}
}

// quiet is tell for an owner that has fallen silent.
func (q *inbox) quiet(e *core.Quiet, ended <-chan struct{}) {
	if q.waitForRoom(ended) {
		b := &q.filled
		b.quiets = append(b.quiets, *e)
		b.events = append(b.events, &b.quiets[len(b.quiets)-1])
		q.added()
	}
}

// offer is tell for an event that nobody waits for. It says whether there was room.
func (q *inbox) offer(e core.Event) bool {
	if !q.hasRoom() {
		return false
	}
	q.filled.events = append(q.filled.events, e)
	q.added()
	return true
}

// punt is offer for a punt, whose frame is copied.
func (q *inbox) punt(e *core.Punt) bool {
	if !q.hasRoom() {
		return false
	}
	b := &q.filled
	start := len(b.frames)
	b.frames = append(b.frames, e.Frame...)
	b.punts = append(b.punts, *e)
	// When either grows, what is told already stays in the memory that it is in.
	told := &b.punts[len(b.punts)-1]
	told.Frame = b.frames[start:len(b.frames):len(b.frames)]
	b.events = append(b.events, told)
	q.added()
	return true
}

// hasRoom takes the lock, which added gives back, or says that there is no room.
func (q *inbox) hasRoom() bool {
	q.mu.Lock()
	if q.count < eventQueue {
		return true
	}
	q.mu.Unlock()
	return false
}

// waitForRoom is hasRoom for who waits until there is room, or ended is closed.
func (q *inbox) waitForRoom(ended <-chan struct{}) bool {
	for q.mu.Lock(); q.count >= eventQueue; q.mu.Lock() {
		if q.room == nil {
			q.room = make(chan struct{})
		}
		room := q.room
		q.mu.Unlock()
		select {
		case <-room:
		case <-ended:
			return false
		}
	}
	return true
}

// added ends what added an event.
func (q *inbox) added() {
	q.count++
	q.mu.Unlock()
	q.wake()
}

func (q *inbox) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take returns the events that wait, at most batchSize. They are the loop's until
// it calls take again.
func (q *inbox) take() []core.Event {
	q.mu.Lock()
	if q.taken == len(q.emptied.events) {
		q.emptied.empty()
		q.filled, q.emptied, q.taken = q.emptied, q.filled, 0
	}
	events := q.emptied.events[q.taken:min(q.taken+batchSize, len(q.emptied.events))]
	q.taken += len(events)
	q.count -= len(events)
	left := q.count > 0
	if q.room != nil && len(events) > 0 {
		close(q.room)
		q.room = nil
	}
	q.mu.Unlock()
	if left {
		q.wake()
	}
	return events
}

// waiting is the number of events that wait.
func (q *inbox) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count
}

// What a batch keeps room for: what a storm needed is not kept.
const (
	keptEvents = 4096
	keptFrames = 256 << 10
)

// empty forgets the events, but not their memory.
func (b *batch) empty() {
	clear(b.events) // nothing may stay alive for it
	clear(b.punts)  // nor frames in memory that was outgrown, or is not kept
	if cap(b.events) > keptEvents {
		*b = batch{}
	}
	b.events, b.punts, b.quiets, b.frames = b.events[:0], b.punts[:0], b.quiets[:0], b.frames[:0]
	if cap(b.frames) > keptFrames {
		b.frames = nil
	}
}
