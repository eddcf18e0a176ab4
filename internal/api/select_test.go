package api

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/internal/view"
	_ "github.com/isat-sdn/isat/test/seed"
)

func someBinding(t *rapid.T) view.Binding {
	var a [4]byte
	a[3] = rapid.Byte().Draw(t, "host")
	return view.Binding{
		Network: rapid.SampledFrom([]string{"a", "b", "d"}).Draw(t, "network"),
		VLAN:    rapid.Uint16Range(0, 2).Draw(t, "vlan"),
		IP:      netip.AddrFrom4(a).String(),
		Switch:  rapid.SampledFrom([]string{"", "s1", "s2"}).Draw(t, "switch"),
	}
}

// Whatever the size of the pages, together they are the list: nothing is lost,
// repeated or out of order.
func TestPagesAreTheList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfNDistinct(rapid.Custom(someBinding), 0, 60, BindingCursor).Draw(t, "list")
		f := Filter{Switch: rapid.SampledFrom([]string{"", "s1"}).Draw(t, "filter")}
		whole, err := SelectBindings(slices.Clone(list), f)
		if err != nil {
			t.Fatal(err)
		}
		f.Limit = rapid.IntRange(1, 10).Draw(t, "limit")
		var pages []view.Binding
		for {
			p, err := SelectBindings(slices.Clone(list), f)
			if err != nil {
				t.Fatal(err)
			}
			if len(p) == 0 {
				break
			}
			pages = append(pages, p...)
			f.After = BindingCursor(p[len(p)-1])
		}
		if diff := cmp.Diff(whole, pages, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzCursor(f *testing.F) {
	for _, s := range []string{"", "default/0/10.0.0.1", "a/1/02:00:00:00:00:01", "//", "a/99999/b", "a/1/fe80::1%eth0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := parseCursor(s)
		if err == nil && k != nil && k.compare(*k) != 0 {
			t.Errorf("cursor %q differs from itself", s)
		}
		if _, err := parsePrefix(s); err == nil && !newMatcher(Filter{IP: s}).prefix.IsValid() {
			t.Errorf("prefix %q is lost", s)
		}
	})
}

// recorder is a response that can be flushed and whose deadlines can be set.
type recorder struct {
	bytes.Buffer
	http.ResponseWriter
}

func (r *recorder) Write(p []byte) (int, error)      { return r.Buffer.Write(p) }
func (r *recorder) Flush()                           {}
func (r *recorder) SetWriteDeadline(time.Time) error { return nil }

func TestWatchIsKeptAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &recorder{ResponseWriter: httptest.NewRecorder()}
		s := &stream[view.Change]{w: w, control: http.NewResponseController(w), name: EventChange, pass: newNarrower(Filter{}).pass}
		ctx, cancel := context.WithTimeout(t.Context(), 2*keepalive+time.Second)
		defer cancel()
		if err := s.run(ctx, nil, make(chan view.Change), keepalive); err != nil {
			t.Fatal(err)
		}
		want := ": watching\n\n: alive\n\n: alive\n\nevent: end\ndata: {\"reason\":\"isat is stopping\"}\n\n"
		if got := w.Buffer.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestEveryKindCanBeNarrowed(t *testing.T) {
	m := newMatcher(Filter{})
	names := map[string]bool{}
	for _, o := range []any{
		view.Switch{ID: "1"}, view.Port{Switch: "1", Name: "p"}, view.Network{Name: "n"},
		view.Binding{Network: "n", IP: "10.0.0.1"}, view.Station{Network: "n", MAC: "02:00:00:00:00:01"},
		&view.Switch{ID: "2"}, &view.Port{Switch: "2", Name: "p"}, &view.Network{Name: "m"},
		&view.Binding{Network: "m", IP: "10.0.0.1"}, &view.Station{Network: "m", MAC: "02:00:00:00:00:01"},
	} {
		name, match := m.object(o)
		if !match || name == "" || names[name] {
			t.Errorf("%T: name %q, match %v", o, name, match)
		}
		names[name] = true
	}
	if _, match := m.object("something else"); match {
		t.Error("an unknown object matches")
	}
}
