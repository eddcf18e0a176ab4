package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/core"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/view"
)

// scrape reads the metrics of a daemon.
func (r *running) scrape(t testing.TB) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %v: %s", resp.Status, err, text)
	}
	return string(text)
}

// Every metric of a running isat is documented, as its conventions want it, and
// free of addresses.
func TestMetrics(t *testing.T) {
	r := run(t, Config{})
	f := r.connect(t, 7)
	f.punt(pipeline.ReasonLearn, 1, request(1, 1))
	waitFor(t, "a binding", func() bool {
		list, err := r.Bindings(t.Context(), api.Filter{})
		return err == nil && len(list) == 1
	})
	text := r.scrape(t)
	for _, want := range []string{
		`isat_punts_total{reason="learn"} 1`, `isat_punts_total{reason="hold"} 0`, `isat_switches{state="connected"} 1`,
		`isat_switch_up{name="br0",switch="0000000000000007"} 1`, `isat_switch_bindings{switch="0000000000000007"} 1`, `isat_switch_ports{switch="0000000000000007"} 4`,
		`isat_network_bindings{network="default"} 1`, `isat_openflow_packet_ins_total 1`, `version="test"} 1`,
		"process_start_time_seconds", "go_goroutines",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(text, "\nisat_api_connections 0\n") {
		t.Error("a scrape comes on no connection")
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	documented := make(map[string]bool)
	for _, m := range Metrics() {
		documented[m.Name] = true
	}
	for line := range strings.Lines(text) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "# TYPE "), " "); ok && strings.HasPrefix(line, "# TYPE isat_") {
			if !documented[name] && name != "isat_build_info" {
				t.Errorf("%s is not documented", name)
			}
		}
		if strings.Contains(line, "10.0.0.1") || strings.Contains(line, hostMAC(1).String()) {
			t.Errorf("an address: %s", line)
		}
	}
}

// The history keeps the last of each kind, and nothing of what comes with every host.
func TestHistory(t *testing.T) {
	var h history
	for i := range 3 * historyOfKind {
		h.add(view.Event{Kind: view.EventLearned})
		h.add(view.Event{Kind: view.EventRefused, Text: fmt.Sprint(i)})
		if i == 1 {
			h.add(view.Event{Kind: view.EventDuplicate})
		}
	}
	list := h.events()
	if len(list) != historyOfKind+1 || list[0].Kind != view.EventDuplicate {
		t.Fatalf("%d events, the first is %+v", len(list), list[0])
	}
	for i, e := range list[1:] {
		if want := fmt.Sprint(2*historyOfKind + i); e.Kind != view.EventRefused || e.Text != want {
			t.Fatalf("%d: %+v, want %s", i, e, want)
		}
	}
}

// Who follows events gets those that match, and those that are remembered once.
func TestFollowEvents(t *testing.T) {
	d, _ := idle(t)
	ended := make(chan struct{})
	d.ended = ended
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			select {
			case look := <-d.queries:
				look()
			case <-ended:
				return
			}
		}
	}()
	defer close(ended)
	b := backend{d}
	happen := func(kinds ...view.EventKind) {
		t.Helper()
		var list []view.Event
		for _, k := range kinds {
			list = append(list, view.Event{Kind: k})
		}
		if err := d.query(t.Context(), func(*core.Core) { d.tellEvents(list) }); err != nil {
			t.Fatal(err)
		}
	}
	happen(view.EventMoved, view.EventLearned)
	_, odd, err := b.WatchEvents(ctx, api.EventFilter{Kinds: []view.EventKind{view.EventDuplicate}})
	if err != nil || d.routine.Load() != 0 {
		t.Fatalf("%v, %d follow what is routine", err, d.routine.Load())
	}
	past, all, err := b.WatchEvents(ctx, api.EventFilter{})
	if err != nil || d.routine.Load() != 1 || len(past) != 1 || past[0].Kind != view.EventMoved {
		t.Fatalf("%v, %d follow what is routine, past: %+v", err, d.routine.Load(), past)
	}
	happen(view.EventLearned, view.EventDuplicate)
	if e := <-odd; e.Kind != view.EventDuplicate {
		t.Errorf("%+v", e)
	}
	for _, want := range []view.EventKind{view.EventLearned, view.EventDuplicate} {
		if e := <-all; e.Kind != want {
			t.Errorf("%+v, want %s", e, want)
		}
	}
	cancel()
	for range all { // it is closed
	}
	for range odd {
	}
	waitFor(t, "nobody who follows", func() bool { return d.routine.Load() == 0 && d.happened.readers() == 0 })
}

// What happens at a switch is told to who follows, remembered, and doubted by hand.
func TestEventsAndFlush(t *testing.T) {
	r := run(t, Config{})
	f := r.connect(t, 7)
	ctx, cancel := context.WithCancel(t.Context())
	seen, ended := make(chan view.Event, 100), make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.WatchEvents(ctx, api.EventQuery{}, func(e view.Event) error {
			seen <- e
			return nil
		})
	}()
	next := func(kind view.EventKind, reason string) {
		t.Helper()
		select {
		case e := <-seen:
			if e.Kind != kind || e.Reason != reason || e.IP != "10.0.0.1" || e.Port != "h1" || e.Switch != fabric.FormatID(7) || e.Network != "default" {
				t.Errorf("%+v, want %s for %s", e, kind, reason)
			}
		case <-time.After(patience):
			t.Fatalf("no %s", kind)
		}
	}
	waitFor(t, "somebody who follows", func() bool { return strings.Contains(r.scrape(t), "\nisat_watchers 1\n") })
	f.punt(pipeline.ReasonLearn, 1, request(1, 1))
	next(view.EventLearned, "heard")
	if n, err := r.Flush(ctx, api.ScopeBody{IP: "10.0.0.1"}); err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	next(view.EventSilent, "flushed")
	if n, err := r.ClearDuplicates(ctx, api.ScopeBody{All: true}); err != nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
	list, err := r.Events(ctx, api.EventQuery{})
	if err != nil || len(list) != 1 || list[0].Kind != view.EventSilent {
		t.Errorf("%+v, %v", list, err)
	}
	cancel()
	<-ended
}

// A scope is refused if it says nothing that is there, or two things.
func TestScopeOf(t *testing.T) {
	blue := intent.Network{Number: 100, Name: "blue", Unknown: intent.Default().Networks[0].Unknown}
	in := intent.Default()
	in.Networks = append(in.Networks, blue)
	d, _ := idle(t)
	d.core = core.New(core.Config{}, in)
	d.table = d.core.Table()
	know(d, 1)
	for _, c := range []struct {
		scope api.Scope
		want  core.Scope
		kind  error
		text  string
	}{
		{scope: api.Scope{}},
		{scope: api.Scope{Network: "blue"}, want: core.Scope{Network: 100}},
		{scope: api.Scope{Switch: fabric.FormatID(26), Port: "h1"}, want: core.Scope{Switch: 26, Port: "h1"}},
		{scope: api.Scope{IP: netip.MustParseAddr("10.0.0.1")}, want: core.Scope{Network: 1, IP: netip.MustParseAddr("10.0.0.1")}},
		{scope: api.Scope{IP: netip.MustParseAddr("10.0.0.2")}, kind: api.ErrNotFound, text: "10.0.0.2 is not known"},
		{scope: api.Scope{IP: netip.MustParseAddr("10.0.0.1"), Network: "blue"}, kind: api.ErrNotFound, text: `10.0.0.1 is not known in network "blue"`},
		{scope: api.Scope{Network: "green"}, kind: api.ErrNotFound, text: `there is no network "green" any more`},
		{scope: api.Scope{Switch: "br9"}, kind: api.ErrConflict, text: `switch "br9" is away, and nothing is known behind it`},
	} {
		got, err := scopeOf(d.core, c.scope)
		if c.kind != nil {
			if !errors.Is(err, c.kind) || err.Error() != c.text {
				t.Errorf("%+v: %v, want %s", c.scope, err, c.text)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%+v: %+v, %v, want %+v", c.scope, got, err, c.want)
		}
	}
	knowIn(d, 100, 1, [16]byte{10: 0xff, 11: 0xff, 12: 10, 15: 1})
	_, err := scopeOf(d.core, api.Scope{IP: netip.MustParseAddr("10.0.0.1")})
	if want := "10.0.0.1 is in 2 networks, default, blue: name the one that is meant"; !errors.Is(err, api.ErrConflict) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	got, err := scopeOf(d.core, api.Scope{IP: netip.MustParseAddr("10.0.0.1"), Network: "blue"})
	if err != nil || got.Network != 100 {
		t.Errorf("%+v, %v", got, err)
	}
}

// BenchmarkMeasure is what a scrape costs the loop, with 100 000 bindings.
func BenchmarkMeasure(b *testing.B) {
	d, _ := idle(b)
	const many = 100_000
	for i := range many {
		knowIn(d, intent.DefaultNumber, byte(i%200), [16]byte{0: 0x20, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)})
	}
	if n := d.table.Len().Bindings; n != many {
		b.Fatalf("%d bindings", n)
	}
	b.ReportAllocs()
	for b.Loop() {
		d.core.Metrics()
	}
}
