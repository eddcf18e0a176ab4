package ofconn

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/openflow"
	_ "github.com/isat-sdn/isat/test/seed"
	"pgregory.net/rapid"
)

func flowMods(n int) []openflow.Message {
	out := make([]openflow.Message, n)
	for i := range out {
		m := flowAdd(uint16(i), 2)
		m.Cookie = uint64(i)
		out[i] = m
	}
	return out
}

// What is on the wire for a Sync: everything before the one reply that is waited for.
func TestSyncOnTheWire(t *testing.T) {
	r := listening(t, Config{})
	f := r.dial(t, 1)
	s := r.shake(t, f)
	kinds := make(chan string, 64)
	served := make(chan error, 1)
	go func() {
		served <- f.serve(func(m openflow.Message) bool {
			kind := m.Type().String()
			switch m := m.(type) {
			case *openflow.BundleControl:
				kind = [...]string{0: "open", 2: "close", 4: "commit", 6: "discard"}[m.Kind]
				if m.Flags != openflow.BundleAtomic|openflow.BundleOrdered {
					kind += " with other flags"
				}
			case *openflow.BundleAdd:
				kind = "add " + m.Message.Type().String()
			}
			kinds <- kind
			return false
		})
	}()
	take := func(n int) string {
		var got []string
		for range n {
			got = append(got, wait(t, kinds, "message"))
		}
		return strings.Join(got, ", ")
	}
	meter := &openflow.MeterMod{ID: 1}
	group := &openflow.GroupMod{ID: 1}
	for _, tc := range []struct {
		pre, bundle []openflow.Message
		want        string
	}{
		{[]openflow.Message{meter, meter}, []openflow.Message{group, flowAdd(1, 1)},
			"meter-mod, meter-mod, open, add group-mod, add flow-mod, close, barrier-request, commit, barrier-request"},
		{[]openflow.Message{meter}, nil, "meter-mod, barrier-request"},
		{nil, []openflow.Message{group}, "open, add group-mod, close, barrier-request, commit, barrier-request"},
	} {
		if err := s.Sync(within(t), tc.pre, tc.bundle); err != nil {
			t.Fatal(err)
		}
		if got := take(strings.Count(tc.want, ",") + 1); got != tc.want {
			t.Errorf("sent: %s\nwant: %s", got, tc.want)
		}
	}
	if err := s.Sync(within(t), nil, nil); err != nil {
		t.Error(err)
	}
	if err := s.Barrier(within(t)); err != nil {
		t.Error(err)
	}
	if got := take(1); got != "barrier-request" {
		t.Errorf("an empty Sync sent %s", got)
	}
	f.conn.Close()
	<-served
}

// A slow switch makes a large Sync wait, not fail: little of it is in memory.
func TestSyncIsLargerThanTheQueue(t *testing.T) {
	const limit = 2 << 20
	r := listening(t, Config{MaxQueue: limit})
	f := r.dial(t, 1)
	adds, most := 0, 0
	var s *Session
	f.answer = func(_ uint32, m openflow.Message) []openflow.Message {
		if _, ok := m.(*openflow.BundleAdd); ok {
			adds++
			most = max(most, s.queuedBytes())
		}
		return nil
	}
	s = r.shake(t, f)
	served := make(chan error, 1)
	go func() { served <- f.serve(nil) }()
	const n = 60_000 // about 8 MiB
	if err := s.Sync(within(t), nil, flowMods(n)); err != nil {
		t.Fatal(err)
	}
	f.conn.Close()
	<-served
	if adds != n || most > limit {
		t.Errorf("%d messages arrived, at most %d bytes waited", adds, most)
	}
}

func TestSyncErrors(t *testing.T) {
	setup := func(t *testing.T, answer func(xid uint32, m openflow.Message) []openflow.Message) (*rig, *fakeSwitch, *Session) {
		r := listening(t, Config{})
		f := r.dial(t, 1)
		s := r.shake(t, f)
		f.answer = answer
		served := make(chan error, 1)
		go func() { served <- f.serve(nil) }()
		t.Cleanup(func() {
			f.conn.Close()
			<-served
		})
		return r, f, s
	}
	refusedBy := func(code uint16) []openflow.Message {
		return []openflow.Message{&openflow.Error{ErrType: openflow.ErrExperimenter, Experimenter: openflow.ExperimenterONF, Code: code}}
	}

	t.Run("open is refused", func(t *testing.T) {
		_, _, s := setup(t, func(_ uint32, m openflow.Message) []openflow.Message {
			if c, ok := m.(*openflow.BundleControl); ok && c.Kind == openflow.BundleOpenRequest {
				return refusedBy(openflow.BundleUnknown)
			}
			return nil
		})
		err := s.Sync(within(t), nil, flowMods(2))
		if err == nil || err.Error() != "sync: bundle: switch answered OFPBFC_UNKNOWN" {
			t.Errorf("error: %v", err)
		}
		var e *openflow.Error
		if !errors.As(err, &e) || e.Code != openflow.BundleUnknown {
			t.Errorf("the answer of the switch is %v", e)
		}
	})
	t.Run("many messages are refused", func(t *testing.T) {
		_, _, s := setup(t, func(_ uint32, m openflow.Message) []openflow.Message {
			if _, ok := m.(*openflow.BundleAdd); ok {
				return refusedBy(openflow.BundleMessageFailed)
			}
			return nil
		})
		err := s.Sync(within(t), nil, flowMods(1000))
		var e *SyncError
		if !errors.As(err, &e) || e.Total != 1000 || len(e.Errors) != maxKeptErrors || e.Errors[3].Index != 3 {
			t.Fatalf("error: %+v", e)
		}
		if want := "sync: bundled message 0 (flow-mod): switch answered OFPBFC_MSG_FAILED (and 999 more errors)"; err.Error() != want {
			t.Errorf("error: %v", err)
		}
	})
	t.Run("barrier is refused", func(t *testing.T) {
		_, _, s := setup(t, func(_ uint32, m openflow.Message) []openflow.Message {
			if m.Type() == openflow.TypeBarrierRequest {
				return refusedBy(0)
			}
			return nil
		})
		f := s.Barrier(within(t))
		if f == nil || !strings.Contains(f.Error(), "switch 0000000000000001 answered") {
			t.Errorf("error: %v", f)
		}
	})
	t.Run("context ends", func(t *testing.T) {
		discarded := make(chan struct{}, 1)
		late := make(chan uint32, 1)
		r, f, s := setup(t, func(xid uint32, m openflow.Message) []openflow.Message {
			switch m := m.(type) {
			case *openflow.BarrierRequest:
				select {
				case late <- xid:
				default:
				}
				return []openflow.Message{} // an answer that does not come now
			case *openflow.BundleControl:
				if m.Kind == openflow.BundleDiscardRequest {
					discarded <- struct{}{}
				}
			}
			return nil
		})
		ctx, cancel := context.WithCancel(context.Background())
		result := make(chan error, 1)
		go func() { result <- s.Sync(ctx, nil, flowMods(3)) }()
		xid := wait(t, late, "barrier")
		cancel()
		if err := wait(t, result, "end of Sync"); !errors.Is(err, context.Canceled) {
			t.Errorf("error: %v", err)
		}
		wait(t, discarded, "discard")
		// Answers that come too late are nobody's.
		f.send(xid, &openflow.BarrierReply{})
		f.send(5, &openflow.RoleReply{})
		if m := wait(t, r.h.messages, "message"); m.Type() != openflow.TypeRoleReply {
			t.Errorf("the handler got a %v", m.Type())
		}
	})
	t.Run("session ends", func(t *testing.T) {
		asked := make(chan struct{}, 4)
		_, f, s := setup(t, func(_ uint32, m openflow.Message) []openflow.Message {
			if m.Type() == openflow.TypeBarrierRequest {
				asked <- struct{}{}
				return []openflow.Message{}
			}
			return nil
		})
		result := make(chan error, 2)
		go func() { result <- s.Sync(context.Background(), nil, flowMods(3)) }()
		go func() { result <- s.Barrier(context.Background()) }()
		wait(t, asked, "barrier")
		wait(t, asked, "barrier")
		f.conn.Close()
		for range 2 {
			if err := wait(t, result, "end"); !errors.Is(err, ErrPeerClosed) {
				t.Errorf("error: %v", err)
			}
		}
	})
	t.Run("message is too long", func(t *testing.T) {
		_, _, s := setup(t, nil)
		group := &openflow.GroupMod{ID: 1}
		for range 5000 {
			group.Buckets = append(group.Buckets, openflow.NewBucket(openflow.Output{Port: 1}))
		}
		for _, pre := range []bool{false, true} {
			mods := [2][]openflow.Message{}
			mods[map[bool]int{true: 0, false: 1}[pre]] = []openflow.Message{group}
			if err := s.Sync(within(t), mods[0], mods[1]); err == nil || !strings.Contains(err.Error(), "longer than openflow allows") {
				t.Errorf("error: %v", err)
			}
		}
		if err := s.Sync(within(t), nil, flowMods(1)); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// Transaction ids wrap around: an error finds its message wherever the ids begin.
func TestExchangeIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x exchanges
		first := nthXID(0, rapid.Uint32().Draw(t, "first"))
		n := rapid.Uint32Range(1, 1<<20).Draw(t, "n")
		nth := rapid.Uint32Range(0, n-1).Draw(t, "nth")
		e := x.add(first, n)
		reached := x.expect(e, nth)
		if x.take(rapid.Uint32Range(0, sessionXIDs-1).Draw(t, "handler's"), nil) {
			t.Fatal("took a reply for the handler")
		}
		if !x.take(nthXID(first, nth), &openflow.Error{}) {
			t.Fatal("did not take its own")
		}
		select {
		case <-reached:
		default:
			t.Fatal("waiter was not woken")
		}
		errs, total := x.errors(e)
		if total != 1 || errs[0].nth != nth {
			t.Fatalf("errors %+v", errs)
		}
		x.remove(e)
		if len(x.all) != 0 {
			t.Fatal("exchange stayed")
		}
	})
}

// A chunk is whole messages, as many as fit.
func TestChunk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b []byte
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, openflow.MaxMessage-8), 1, 20).Draw(t, "sizes") {
			b = openflow.Append(b, 1, &openflow.EchoRequest{Data: make([]byte, n)})
		}
		for len(b) > 0 {
			n := chunk(b)
			if n <= 0 || n > len(b) || n > writeChunk || !framed(b[:n]) {
				t.Fatalf("chunk of %d bytes of %d", n, len(b))
			}
			if n < len(b) && n+frameLen(b[n:]) <= writeChunk {
				t.Fatal("one more message had fitted")
			}
			b = b[n:]
		}
	})
}
