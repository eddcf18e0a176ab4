package daemon

import (
	"bytes"
	"testing"

	"github.com/isat-sdn/isat/internal/core"
)

// Events come out as they were told, in their order and never more at once than
// a step takes, whatever is gathered in the memory of those before.
func TestInboxKeepsOrder(t *testing.T) {
	q := newInbox()
	frame := make([]byte, 60)
	told, taken := 0, 0
	tell := func(n int) {
		for range n {
			frame[0], frame[1], frame[59] = byte(told), byte(told>>8), byte(told)
			switch told % 3 {
			case 0:
				q.punt(&core.Punt{Switch: uint64(told), Frame: frame})
			case 1:
				q.quiet(&core.Quiet{Switch: uint64(told)}, nil)
			default:
				q.tell(core.SwitchError{Switch: uint64(told)}, nil)
			}
			told++
		}
	}
	check := func(e core.Event) {
		t.Helper()
		var n uint64
		switch e := e.(type) {
		case *core.Punt:
			n = e.Switch
			if want := []byte{byte(n), byte(n >> 8)}; len(e.Frame) != 60 || !bytes.HasPrefix(e.Frame, want) || e.Frame[59] != byte(n) {
				t.Fatalf("event %d has the frame % x", n, e.Frame)
			}
		case *core.Quiet:
			n = e.Switch
		case core.SwitchError:
			n = e.Switch
		}
		if n != uint64(taken) {
			t.Fatalf("event %d comes as number %d", n, taken)
		}
		taken++
	}
	for round := range 50 {
		tell(1 + round*37%900)
		<-q.ready
		events := q.take()
		if len(events) > batchSize {
			t.Fatalf("%d events at once", len(events))
		}
		tell(5) // while the loop works
		for _, e := range events {
			check(e)
		}
	}
	for q.waiting() > 0 {
		select {
		case <-q.ready:
		default:
			t.Fatal("events wait, and nobody is told")
		}
		for _, e := range q.take() {
			check(e)
		}
	}
	if taken != told {
		t.Errorf("%d events of %d came out", taken, told)
	}
}

// Who has no room waits, until there is some or the daemon ends; punts are
// refused instead.
func TestInboxIsBounded(t *testing.T) {
	q := newInbox()
	for range eventQueue {
		q.tell(core.SwitchError{}, nil)
	}
	if q.punt(&core.Punt{}) || q.offer(core.Paused{}) {
		t.Error("there is room beyond the limit")
	}
	ended := make(chan struct{})
	close(ended)
	q.tell(core.SwitchError{}, ended)
	if n := q.waiting(); n != eventQueue {
		t.Errorf("%d events wait, want %d", n, eventQueue)
	}
	done := make(chan struct{})
	go func() {
		q.quiet(&core.Quiet{Switch: 7}, nil)
		close(done)
	}()
	got := 0
	for last := false; !last; {
		events := q.take()
		if len(events) == 0 {
			<-q.ready
		}
		for _, e := range events {
			got++
			_, last = e.(*core.Quiet)
		}
	}
	<-done
	if got != eventQueue+1 {
		t.Errorf("%d events came out, want %d", got, eventQueue+1)
	}
}

// The frames of a storm are not kept once they were taken, nor where they were.
func TestInboxKeepsNoFrames(t *testing.T) {
	q := newInbox()
	frame := make([]byte, 9000)
	for range keptEvents / 2 {
		q.punt(&core.Punt{Frame: frame})
	}
	for q.waiting() > 0 {
		q.take()
	}
	q.take()
	for _, b := range []*batch{&q.filled, &q.emptied} {
		if n := cap(b.frames); n > keptFrames {
			t.Errorf("%d bytes are kept for frames", n)
		}
		for i, e := range b.punts[:cap(b.punts)] {
			if e.Frame != nil {
				t.Fatalf("punt %d of %d keeps its frame", i, cap(b.punts))
			}
		}
	}
}

// What comes with every host makes no garbage, once there is memory for it.
func TestInboxDoesNotAllocate(t *testing.T) {
	q := newInbox()
	punt, quiet := &core.Punt{Frame: make([]byte, 60)}, &core.Quiet{}
	round := func() {
		for range 300 {
			q.punt(punt)
			q.quiet(quiet, nil)
		}
		for q.waiting() > 0 {
			q.take()
		}
	}
	round()
	round()
	round()
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("%v allocations for 600 events", n)
	}
}
