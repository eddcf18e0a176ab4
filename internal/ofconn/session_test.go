package ofconn

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/isat-sdn/isat/openflow"
)

// connectionGone reports whether err is that of a connection which the other side ended.
func connectionGone(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// shake lets the handshake happen in the caller, and leaves the connection to it.
func (r *rig) shake(t testing.TB, f *fakeSwitch) *Session {
	t.Helper()
	ended := make(chan error, 1)
	barriers := 0
	go func() {
		ended <- f.serve(func(m openflow.Message) bool {
			if m.Type() == openflow.TypeBarrierRequest {
				barriers++
			}
			return barriers == 2
		})
	}()
	s := wait(t, r.h.ups, "session").s
	if err := wait(t, ended, "end of the handshake"); err != nil {
		t.Fatal(err)
	}
	return s
}

// conformance: O1
func TestMalformedMessages(t *testing.T) {
	r := listening(t, Config{})
	f := r.dial(t, 1)
	r.shake(t, f)
	short := openflow.Append(nil, 41, &openflow.PortStatus{})
	short = short[:40]
	binary.BigEndian.PutUint16(short[2:], 40)
	badPacketIn := openflow.Append(nil, 42, packetIn())
	binary.BigEndian.PutUint16(badPacketIn[18:], 3) // length of the first property
	for _, tc := range []struct {
		name string
		msg  []byte
		code string // of the error reply
	}{
		{"truncated port status", short, "OFPBRC_BAD_LEN"},
		{"packet-in with a property shorter than its header", badPacketIn, "OFPBRC_BAD_LEN"},
		{"flow-mod", openflow.Append(nil, 43, flowAdd(1, 1)), "OFPBRC_BAD_TYPE"},
		{"unknown type", openflow.Append(nil, 44, &openflow.Unknown{MsgType: 99}), "OFPBRC_BAD_TYPE"},
		{"error without a code", []byte{4, 1, 0, 10, 0, 0, 0, 45, 0, 0}, ""},
	} {
		before := r.Counters().Malformed.Load()
		if _, err := f.conn.Write(tc.msg); err != nil {
			t.Fatal(err)
		}
		if tc.code != "" {
			msg, err := f.receive()
			if err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
			xid, m, err := openflow.Decode(msg)
			e, ok := m.(*openflow.Error)
			if err != nil || !ok || e.String() != tc.code || xid != frameXID(tc.msg) {
				t.Errorf("%s: reply %d %+v, %v", tc.name, xid, m, err)
			}
		}
		// The session goes on.
		f.send(9, &openflow.EchoRequest{Data: []byte("x")})
		if msg, err := f.receive(); err != nil || frameType(msg) != openflow.TypeEchoReply || frameXID(msg) != 9 || msg[8] != 'x' {
			t.Fatalf("%s: after it: % x, %v", tc.name, msg, err)
		}
		if got := r.Counters().Malformed.Load(); got != before+1 {
			t.Errorf("%s: counted %d", tc.name, got-before)
		}
	}
	if n := r.log.lines("malformed openflow message"); n != 1 {
		t.Errorf("%d lines within a second:\n%s", n, r.log)
	}
}

// conformance: O1
func TestFramingLost(t *testing.T) {
	for name, msg := range map[string][]byte{
		"length below the header": {4, 2, 0, 7, 0, 0, 0, 1},
		"length zero":             {4, 2, 0, 0, 0, 0, 0, 1},
		"another version":         {1, 2, 0, 8, 0, 0, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := listening(t, Config{})
			f := r.dial(t, 1)
			r.shake(t, f)
			f.conn.Write(msg)
			if down := wait(t, r.h.downs, "end of session"); !errors.Is(down.err, ErrFraming) {
				t.Errorf("down: %v", down.err)
			}
		})
	}
}

// conformance: O2
func TestSilentSwitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(Config{})
		f := newFake(r.pipe(t), 1)
		r.shake(t, f)
		start := time.Now()
		var probes []time.Duration
		for {
			msg, err := f.receive()
			if err != nil {
				break
			}
			if frameType(msg) != openflow.TypeEchoRequest {
				t.Errorf("message % x", msg)
			}
			probes = append(probes, time.Since(start))
			if len(probes) == 2 {
				// An answer, or anything else, starts the count again.
				f.send(frameXID(msg), &openflow.EchoReply{})
			}
		}
		want := []time.Duration{5 * time.Second, 10 * time.Second, 15 * time.Second, 20 * time.Second, 25 * time.Second}
		if len(probes) != len(want) {
			t.Fatalf("probes after %v, want %v", probes, want)
		}
		for i := range want {
			if probes[i] != want[i] {
				t.Errorf("probe %d after %v, want %v", i, probes[i], want[i])
			}
		}
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("closed after %v", took)
		}
		if down := <-r.h.downs; !errors.Is(down.err, ErrSilent) {
			t.Errorf("down: %v", down.err)
		}
	})
}

// A switch that talks is not probed.
func TestTalkingSwitchIsNotProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(Config{})
		f := newFake(r.pipe(t), 1)
		r.shake(t, f)
		for range 20 {
			time.Sleep(4900 * time.Millisecond)
			f.send(7, &openflow.EchoRequest{})
			if msg, err := f.receive(); err != nil || frameType(msg) != openflow.TypeEchoReply {
				t.Fatalf("got % x, %v", msg, err)
			}
		}
	})
}

// A switch that stops reading is closed, whoever is writing.
func TestSwitchStopsReading(t *testing.T) {
	t.Run("answers", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(Config{})
			f := newFake(r.pipe(t), 1)
			r.shake(t, f)
			start := time.Now()
			for f.send(1, &openflow.EchoRequest{}) == nil { // and never reads the replies
			}
			down := <-r.h.downs
			var timeout net.Error
			if !errors.As(down.err, &timeout) || !timeout.Timeout() {
				t.Errorf("down: %v", down.err)
			}
			if took := time.Since(start); took < 7*time.Second || took > 10*time.Second {
				t.Errorf("closed after %v", took)
			}
		})
	})
	t.Run("queue", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			// Without probes, which would wait for the lock of the write: the
			// bubble's time stands still while somebody waits for a mutex.
			r := newRig(Config{EchoInterval: time.Hour})
			s := r.shake(t, newFake(r.pipe(t), 1))
			if err := s.Send(openflow.Append(nil, 1, flowAdd(1, 1))); err != nil {
				t.Fatal(err)
			}
			err := s.Barrier(context.Background())
			down := <-r.h.downs
			var timeout net.Error
			if !errors.As(down.err, &timeout) || !timeout.Timeout() || !errors.Is(err, down.err) {
				t.Errorf("down: %v, barrier: %v", down.err, err)
			}
		})
	})
	t.Run("queue is full", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(Config{MaxQueue: 1000})
			s := r.shake(t, newFake(r.pipe(t), 1))
			msg := openflow.Append(nil, 1, &openflow.EchoRequest{Data: make([]byte, 392)})
			for range 2 {
				if err := s.Send(msg); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Send(msg); !errors.Is(err, ErrQueueFull) {
				t.Errorf("third send: %v", err)
			}
			if down := <-r.h.downs; !errors.Is(down.err, ErrQueueFull) {
				t.Errorf("down: %v", down.err)
			}
		})
	})
}

func TestSendUnframed(t *testing.T) {
	r := listening(t, Config{})
	s := r.up(t, r.dial(t, 1)).s
	whole := openflow.Append(nil, 1, &openflow.EchoRequest{})
	for _, b := range [][]byte{{4}, whole[:7], append(whole[:8:8], 1), {4, 2, 0, 7, 0, 0, 0, 0}, {4, 2, 0, 9, 0, 0, 0, 0}} {
		if err := s.Send(b); !errors.Is(err, ErrUnframed) {
			t.Errorf("send of % x: %v", b, err)
		}
	}
	if err := s.Send(nil); err != nil {
		t.Errorf("send of nothing: %v", err)
	}
}

// Messages from everywhere arrive whole, and those of one sender in order.
func TestSendersDoNotMix(t *testing.T) {
	const senders, each, packets = 4, 2000, 2000
	r := listening(t, Config{})
	r.h.packetIn = func(_ *Session, v *openflow.PacketIn2View, out []byte) []byte {
		return openflow.AppendPacketOut(out, v.XID, 1, nil, v.Packet)
	}
	f := r.dial(t, 1)
	s := r.shake(t, f)
	var all sync.WaitGroup
	for sender := range uint32(senders) {
		all.Go(func() {
			for i := range uint32(each) {
				if err := s.Send(openflow.Append(nil, sender<<16|i, flowAdd(1, 1))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Go(func() {
		for i := range uint32(packets) {
			if err := f.send(senders<<16|i, packetIn()); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var next [senders + 1]uint32
	for range senders*each + packets {
		msg, err := f.receive()
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := openflow.Decode(msg); err != nil {
			t.Fatal(err)
		}
		xid := frameXID(msg)
		if sender := xid >> 16; sender > senders || next[sender] != xid&0xffff {
			t.Fatalf("message %x, expected %v", xid, next)
		}
		next[xid>>16]++
	}
	all.Wait()
	c := r.Counters()
	if c.PacketIns.Load() != packets || c.PacketOuts.Load() != packets || c.FlowMods.Load() != senders*each {
		t.Errorf("counted %d packet-ins, %d packet-outs, %d flow-mods", c.PacketIns.Load(), c.PacketOuts.Load(), c.FlowMods.Load())
	}
}

func TestServerStops(t *testing.T) {
	r := newRig(Config{})
	l, err := Listen("tcp:127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx, l) }()
	s := r.up(t, r.dial(t, 1)).s
	half := r.dial(t, 2) // in its handshake
	if _, err := half.receive(); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	s.syncing <- struct{}{} // a Sync of somebody else, which takes long
	go func() { waiting <- s.Sync(context.Background(), nil, []openflow.Message{flowAdd(1, 1)}) }()
	cancel()
	if err := wait(t, served, "end of Serve"); err != nil {
		t.Error(err)
	}
	if down := wait(t, r.h.downs, "down"); !errors.Is(down.err, ErrServerClosed) {
		t.Errorf("down: %v", down.err)
	}
	if err := wait(t, waiting, "end of Sync"); !errors.Is(err, ErrServerClosed) {
		t.Errorf("sync: %v", err)
	}
	if got := r.h.calls(); got != "up 1, down 1" {
		t.Errorf("calls: %s", got)
	}
	if strings.Contains(r.log.String(), "handshake failed") {
		t.Errorf("log:\n%s", r.log)
	}
	// A listener that fails by itself is an error.
	l, err = Listen("tcp:127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := r.Serve(context.Background(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("serve on a closed listener: %v", err)
	}
}
