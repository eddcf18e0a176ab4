package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/api/apitest"
	"github.com/isat-sdn/isat/internal/view"
)

func TestEventFilters(t *testing.T) {
	s := serve(t, apitest.New(time.Now()))
	for _, c := range []struct{ query, want string }{
		{"", "expired moved duplicate"},
		{"since=10m", "moved duplicate"},
		{"last=1", "duplicate"},
		{"since=10m&last=1&kind=moved", "moved"},
		{"kind=expired&kind=duplicate", "expired duplicate"},
		{"network=100", "moved"},
		{"switch=s1&port=h2", "expired duplicate"},
		{"port=other", "moved"},                // where it was
		{"port=h1", "duplicate"},               // where it is still
		{"mac=02:00:00:00:00:01", "duplicate"}, // whose it was
		{"ip=10.0.0.0/30", "moved duplicate"},
		{"ip=10.0.0.7", "expired"},
		{"mac=02:00:00:00:00:ff", ""},
	} {
		var got []string
		for _, e := range list[view.Event](t, s, "/v1/events?"+c.query).Items {
			got = append(got, string(e.Kind))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("events?%s: got %v, want %s", c.query, got, c.want)
		}
	}
}

// A watch of events begins now unless the past is asked for.
func TestWatchEvents(t *testing.T) {
	b := apitest.New(time.Now())
	s := serve(t, b)
	now := follow(t, s.URL, "/v1/watch/events?port=h1")
	past := follow(t, s.URL, "/v1/watch/events?past=true&kind=duplicate&kind=refused")
	if got := past(); !strings.HasPrefix(got, "event: {") || !strings.Contains(got, `"kind":"duplicate"`) {
		t.Errorf("got %s", got)
	}
	b.Happen(view.Event{Kind: view.EventRefused, Network: "default", Port: "h2", Reason: "limit"})
	b.Happen(view.Event{Kind: view.EventLearned, Network: "default", Port: "h1"})
	if got := past(); !strings.Contains(got, `"kind":"refused"`) || !strings.Contains(got, `"reason":"limit"`) {
		t.Errorf("got %s", got)
	}
	if got := now(); !strings.Contains(got, `"kind":"learned"`) {
		t.Errorf("got %s", got)
	}
	b.EndWatches()
	for _, next := range []func() string{now, past} {
		if got := next(); got != `end: {"reason":"the watcher was too slow: start it again"}` {
			t.Errorf("got %s", got)
		}
	}
}

// Only a watch that may see them costs the events that come with every host.
func TestRoutineEvents(t *testing.T) {
	for _, c := range []struct {
		kinds []view.EventKind
		want  bool
	}{
		{nil, true}, {[]view.EventKind{view.EventMoved, view.EventLearned}, true}, {[]view.EventKind{view.EventMoved, view.EventDuplicate}, false},
	} {
		if f := (api.EventFilter{Kinds: c.kinds}); f.Routine() != c.want {
			t.Errorf("%v: %v", c.kinds, f.Routine())
		}
	}
}

// A port is named without its switch only if one alone has it.
func TestPortsOfScopes(t *testing.T) {
	b := apitest.New(time.Now())
	b.PortList = append(b.PortList, view.Port{Switch: "0000000000000002", Name: "h1"})
	s := serve(t, b)
	code, body, _ := ask(t, s, "POST", "/v1/flush", `{"port":"h1"}`)
	if code != 409 || !strings.Contains(body, `port \"h1\" is on 2 switches, 0000000000000001, 0000000000000002: name the one that is meant`) {
		t.Errorf("%d %s", code, body)
	}
	code, body, _ = ask(t, s, "POST", "/v1/flush", `{"port":"h1","switch":"s2"}`)
	if code != 200 || !strings.Contains(body, `"bindings":3`) {
		t.Errorf("%d %s", code, body)
	}
	if got := b.Scopes(); len(got) != 1 || !strings.HasSuffix(got[0], "switch=0000000000000002 port=h1") {
		t.Errorf("%q", got)
	}
}
