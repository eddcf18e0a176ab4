package daemon

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/core"
	"github.com/isat-sdn/isat/internal/view"
)

// historyOfKind is how many events of one kind are remembered: each kind has room of
// its own, so that a flood of one does not hide the others.
const historyOfKind = 256

// history remembers the last events that are no routine. It is the loop's.
type history struct {
	byKind map[view.EventKind]*ring
	last   uint64 // number of the youngest
}

// ring holds the last events of a kind.
type ring struct {
	entries []entry
	next    int // where the next goes, once the ring is full
}

// entry is an event with its number, for events of one moment have an order, too.
type entry struct {
	view.Event
	number uint64
}

func (h *history) add(e view.Event) {
	if e.Routine() {
		return
	}
	if h.byKind == nil {
		h.byKind = make(map[view.EventKind]*ring)
	}
	r := h.byKind[e.Kind]
	if r == nil {
		r = new(ring)
		h.byKind[e.Kind] = r
	}
	h.last++
	if len(r.entries) < historyOfKind {
		r.entries = append(r.entries, entry{e, h.last})
		return
	}
	r.entries[r.next] = entry{e, h.last}
	r.next = (r.next + 1) % historyOfKind
}

// events returns what is remembered, oldest first.
func (h *history) events() []view.Event {
	var all []entry
	for _, r := range h.byKind {
		all = append(all, r.entries...)
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(a.number, b.number) })
	out := make([]view.Event, len(all))
	for i := range all {
		out[i] = all[i].Event
	}
	return out
}

// tellEvents is called on the loop.
func (d *daemon) tellEvents(events []view.Event) {
	for _, e := range events {
		d.history.add(e)
		d.happened.tell(e)
	}
}

// Events implements api.Backend.
func (b backend) Events(ctx context.Context) (list []view.Event, err error) {
	err = b.d.query(ctx, func(*core.Core) { list = b.d.history.events() })
	return list, err
}

// WatchEvents implements api.Backend.
func (b backend) WatchEvents(ctx context.Context, f api.EventFilter) (past []view.Event, next <-chan view.Event, err error) {
	d := b.d
	var r *reader[view.Event]
	var full error
	err = d.query(ctx, func(*core.Core) {
		past = d.history.events()
		if r, full = d.happened.add(f.Matcher()); full == nil && f.Routine() {
			d.routine.Add(1)
			context.AfterFunc(ctx, func() { d.routine.Add(-1) })
		}
	})
	if err = cmp.Or(err, full); err != nil {
		return nil, nil, fmt.Errorf("watch events: %w", err)
	}
	return past, d.happened.follow(ctx, r, nil), nil
}
