package apitest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/view"
)

// events are what happened to the hosts of New.
func events(now time.Time) []view.Event {
	const s1, s2 = "0000000000000001", "0000000000000002"
	ago := func(d time.Duration) time.Time { return now.Add(-d).UTC() }
	return []view.Event{
		{At: ago(2 * time.Hour), Kind: view.EventExpired, Network: "default", IP: "10.0.0.7", MAC: "02:00:00:00:00:07", Switch: s1, Port: "h2",
			Reason: "unanswered", Text: "nobody answered for 20m"},
		{At: ago(4 * time.Minute), Kind: view.EventMoved, Network: "blue", IP: "10.0.0.2", MAC: "02:00:00:00:00:03", Switch: s2, Port: "trunk",
			OldPort: "other", Reason: "port", Text: "heard on another port, and the old one is silent"},
		{At: ago(3 * time.Minute), Kind: view.EventDuplicate, Network: "default", IP: "10.0.0.1", MAC: "02:00:00:00:00:09", Switch: s1, Port: "h2",
			OldMAC: "02:00:00:00:00:01", OldPort: "h1", Reason: "moves", Text: "5 moves in 3m0s: frozen for 9m0s"},
	}
}

// Events returns a copy of b.EventList.
func (b *Backend) Events(context.Context) ([]view.Event, error) { return copyOf(b, &b.EventList) }

// WatchEvents is Events, and then what Happen is called with.
func (b *Backend) WatchEvents(ctx context.Context, f api.EventFilter) ([]view.Event, <-chan view.Event, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Err != nil {
		return nil, nil, b.Err
	}
	w := &watcher{events: make(chan view.Event, watchBuffer), wants: f.Matcher()}
	b.watch(ctx, w)
	return slices.Clone(b.EventList), w.events, nil
}

// Happen sends an event to whoever follows such.
func (b *Backend) Happen(e view.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.watchers {
		if w.events != nil && w.wants(&e) {
			w.events <- e
		}
	}
}

// Flush finds b.Meant bindings in any scope.
func (b *Backend) Flush(_ context.Context, s api.Scope) (int, error) { return b.operate("flush", s) }

// ClearDuplicates finds b.Meant bindings in any scope.
func (b *Backend) ClearDuplicates(_ context.Context, s api.Scope) (int, error) {
	return b.operate("clear", s)
}

func (b *Backend) operate(what string, s api.Scope) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Err != nil {
		return 0, b.Err
	}
	b.scopes = append(b.scopes, fmt.Sprintf("%s ip=%s network=%s switch=%s port=%s", what, s.IP, s.Network, s.Switch, s.Port))
	return b.Meant, nil
}

// Scopes returns what Flush and ClearDuplicates were called with.
func (b *Backend) Scopes() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.scopes)
}
