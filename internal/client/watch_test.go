package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/api/apitest"
	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/view"
)

func TestWatchDecodesEveryKindAndTellsTheEnd(t *testing.T) {
	b := apitest.New(time.Now())
	c := connect(t, api.New(b, api.Options{}))
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	for _, k := range []struct {
		kind view.Kind
		is   func(any) bool
		n    int
	}{
		{view.KindSwitch, isA[view.Switch], len(b.SwitchList)},
		{view.KindPort, isA[view.Port], len(b.PortList)},
		{view.KindNetwork, isA[view.Network], len(b.NetworkList)},
		{view.KindBinding, isA[view.Binding], len(b.BindingList)},
		{view.KindStation, isA[view.Station], len(b.StationList)},
	} {
		got := 0
		err := c.Watch(ctx, k.kind, api.Filter{}, func(change view.Change) error {
			if got++; change.Kind != k.kind || change.Type != view.Added || !k.is(change.Object) {
				t.Errorf("%s: got %+v", k.kind, change)
			}
			if got == k.n {
				b.EndWatches()
			}
			return nil
		})
		want := "watch ended by isat at " + c.URL() + ": the watcher was too slow: start it again"
		if !errors.Is(err, client.ErrEnded) || err.Error() != want {
			t.Errorf("%s: got %v, want %s", k.kind, err, want)
		}
	}
}

func isA[T any](o any) bool { _, ok := o.(T); return ok }

func TestWatchEndsWithTheErrorOfItsReader(t *testing.T) {
	c := connect(t, api.New(apitest.New(time.Now()), api.Options{}))
	enough := errors.New("enough")
	if err := c.Watch(t.Context(), view.KindPort, api.Filter{}, func(view.Change) error { return enough }); err != enough {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Watch(ctx, view.KindPort, api.Filter{}, func(view.Change) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := c.Watch(t.Context(), view.KindPort, api.Filter{Network: "green"}, nil); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestWatchOfABadStreamIsAnError(t *testing.T) {
	for _, c := range []struct{ stream, want string }{
		{"", "watch ports: isat at URL closed the connection: watch ended"},
		{"event: other\ndata: x\n\n", "watch ports: isat at URL closed the connection: watch ended"},
		{"event: end\ndata: x\n\n", "watch ended by isat at URL: no reason given"},
		{"event: change\ndata: x\n\n", "watch ports at URL: decode change: invalid character 'x' looking for beginning of value"},
		{"event: change\ndata: {\"kind\":\"cats\"}\n\n", `watch ports at URL: decode change of "cats": the kind is not known`},
		{"event: change\ndata: {\"kind\":\"ports\",\"object\":3}\n\n", `watch ports at URL: decode change of "ports": json: cannot unmarshal`},
		{"data: " + strings.Repeat("x", 1<<21), "watch ports: the connection to isat at URL broke (bufio.Scanner: token too long): watch ended"},
	} {
		cl := connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, c.stream) }))
		err := cl.Watch(t.Context(), view.KindPort, api.Filter{}, func(view.Change) error { return nil })
		want := strings.ReplaceAll(c.want, "URL", cl.URL())
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("stream %.40q: got %v, want %s", c.stream, err, want)
		}
	}
}

func TestEventsReachTheClient(t *testing.T) {
	b := apitest.New(time.Now())
	c := connect(t, api.New(b, api.Options{}))
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	q := api.EventQuery{EventFilter: api.EventFilter{Kinds: []view.EventKind{view.EventMoved, view.EventDuplicate}}, Since: time.Hour, Last: 1}
	list, err := c.Events(ctx, q)
	if err != nil || len(list) != 1 || list[0].Kind != view.EventDuplicate || list[0].At.IsZero() {
		t.Fatalf("%+v, %v", list, err)
	}
	var got []view.EventKind
	err = c.WatchEvents(ctx, q, func(e view.Event) error {
		if got = append(got, e.Kind); len(got) == 1 {
			b.Happen(view.Event{Kind: view.EventLearned})
			b.Happen(view.Event{Kind: view.EventMoved})
			b.EndWatches()
		}
		return nil
	})
	if !errors.Is(err, client.ErrEnded) || len(got) != 2 || got[1] != view.EventMoved {
		t.Errorf("%v, %v", got, err)
	}
}
