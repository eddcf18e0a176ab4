package ofconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/isat-sdn/isat/openflow"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that should happen at once.
const patience = 20 * time.Second

// recorder is a Handler that keeps what it is told.
type recorder struct {
	ups      chan upCall
	downs    chan downCall
	ports    chan *openflow.PortStatus
	messages chan openflow.Message
	packetIn func(s *Session, v *openflow.PacketIn2View, out []byte) []byte

	mu    sync.Mutex
	order []string // "up 1", "down 1", by the order of acceptance
}

type upCall struct {
	s  *Session
	st State
}

type downCall struct {
	s   *Session
	err error
}

func newRecorder() *recorder {
	return &recorder{ups: make(chan upCall, 256), downs: make(chan downCall, 256),
		ports: make(chan *openflow.PortStatus, 4096), messages: make(chan openflow.Message, 4096)}
}

func (r *recorder) note(what string, s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.order = append(r.order, fmt.Sprintf("%s %d", what, s.seq))
}

func (r *recorder) calls() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.order, ", ")
}

func (r *recorder) Up(s *Session, st State)                       { r.note("up", s); r.ups <- upCall{s, st} }
func (r *recorder) Down(s *Session, err error)                    { r.note("down", s); r.downs <- downCall{s, err} }
func (r *recorder) PortStatus(_ *Session, m *openflow.PortStatus) { r.ports <- m }
func (r *recorder) FlowRemoved(_ *Session, m *openflow.FlowRemoved) {
	kept := *m
	_, again, err := openflow.Decode(openflow.Append(nil, 0, &kept)) // what it points to is the session's
	if err != nil {
		panic(err)
	}
	r.messages <- again
}
func (r *recorder) Message(_ *Session, _ uint32, m openflow.Message) {
	r.messages <- m
}
func (r *recorder) PacketIns(s *Session, views []openflow.PacketIn2View, out []byte) []byte {
	if r.packetIn == nil {
		return out
	}
	for i := range views {
		out = r.packetIn(s, &views[i], out)
	}
	return out
}

// wait receives from c or fails the test.
func wait[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s within %v", what, patience)
		panic("unreachable")
	}
}

// waitFor polls cond, which needs no order of events, until it holds.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !cond() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// logBuffer collects log lines.
type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// lines counts the lines that contain text.
func (l *logBuffer) lines(text string) (n int) {
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// rig is a server with its recorder and log.
type rig struct {
	*Server
	h    *recorder
	log  *logBuffer
	addr string // of its listener, if it has one
}

func newRig(cfg Config) *rig {
	r := &rig{h: newRecorder(), log: &logBuffer{}}
	cfg.Log = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.Server = New(cfg, r.h)
	return r
}

// listening is a server on loopback until the test ends.
func listening(t testing.TB, cfg Config) *rig {
	t.Helper()
	r := newRig(cfg)
	r.serve(t)
	return r
}

func (r *rig) serve(t testing.TB) {
	t.Helper()
	l, err := Listen("tcp:127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	r.serveOn(t, l)
}

func (r *rig) serveOn(t testing.TB, l net.Listener) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := wait(t, served, "end of Serve"); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// pipe starts a session over an in-memory connection, and returns the switch's end.
func (r *rig) pipe(t testing.TB) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	s := r.accept(ours, "pipe:")
	ctx, cancel := context.WithCancel(context.Background())
	go s.run(ctx)
	t.Cleanup(func() {
		theirs.Close()
		cancel()
		<-s.done
	})
	return theirs
}

// fakeSwitch is the other end: a switch as small as a test needs it.
type fakeSwitch struct {
	conn  net.Conn
	in    frames
	dpid  uint64
	aux   uint8
	ports []openflow.Port
	flows int // how many flows the dump has

	// answer may answer a request in its own way; nil means as usual.
	answer func(xid uint32, m openflow.Message) []openflow.Message
}

func newFake(conn net.Conn, dpid uint64) *fakeSwitch {
	return &fakeSwitch{conn: conn, dpid: dpid, in: frames{conn: conn, buf: make([]byte, readBuffer)}}
}

func (r *rig) dial(t testing.TB, dpid uint64) *fakeSwitch {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return newFake(conn, dpid)
}

func (f *fakeSwitch) send(xid uint32, m openflow.Message) error {
	_, err := f.conn.Write(openflow.Append(nil, xid, m))
	return err
}

// receive returns the next message; it is valid until the next call.
func (f *fakeSwitch) receive() ([]byte, error) {
	for {
		if msg, err := f.in.next(); msg != nil || err != nil {
			return msg, err
		}
		if n, err := f.in.fill(); n == 0 && err != nil {
			return nil, err
		}
	}
}

// run answers everything until the connection ends.
func (f *fakeSwitch) run() error { return f.serve(nil) }

// serve answers messages until done returns true.
func (f *fakeSwitch) serve(done func(m openflow.Message) bool) error {
	for {
		msg, err := f.receive()
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
				return nil
			}
			return err
		}
		xid, m, err := openflow.Decode(msg)
		if err != nil {
			return err
		}
		for _, reply := range f.replies(xid, m) {
			if err := f.send(xid, reply); err != nil {
				return err
			}
		}
		if done != nil && done(m) {
			return nil
		}
	}
}

func (f *fakeSwitch) replies(xid uint32, m openflow.Message) []openflow.Message {
	if f.answer != nil {
		if special := f.answer(xid, m); special != nil {
			return special
		}
	}
	switch m := m.(type) {
	case *openflow.Hello: // answered, not sent first: the two ends of a pipe can't both write
		return []openflow.Message{openflow.NewHello()}
	case *openflow.FeaturesRequest:
		return []openflow.Message{&openflow.FeaturesReply{DatapathID: f.dpid, Tables: 254, AuxiliaryID: f.aux}}
	case *openflow.EchoRequest:
		return []openflow.Message{&openflow.EchoReply{Data: m.Data}}
	case *openflow.BarrierRequest:
		return []openflow.Message{&openflow.BarrierReply{}}
	case *openflow.BundleControl:
		return []openflow.Message{&openflow.BundleControl{ID: m.ID, Kind: m.Kind + 1, Flags: m.Flags}}
	case *openflow.MultipartRequest:
		return f.dump(m)
	}
	return nil
}

// up runs the switch in the background and waits for the session.
func (r *rig) up(t testing.TB, f *fakeSwitch) upCall {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- f.run() }()
	t.Cleanup(func() {
		f.conn.Close()
		<-ended
	})
	return wait(t, r.h.ups, "session")
}

// flowsPerReply keeps the replies of a dump far below 64 KiB.
const flowsPerReply = 200

func (f *fakeSwitch) dump(m *openflow.MultipartRequest) []openflow.Message {
	last := func(b openflow.MultipartBody) []openflow.Message {
		return []openflow.Message{&openflow.MultipartReply{Body: b}}
	}
	switch m.Body.Part() {
	case openflow.MultipartDesc:
		return last(&openflow.DescReply{Manufacturer: "fake"})
	case openflow.MultipartPortDesc:
		return last(&openflow.PortDescReply{Ports: f.ports})
	case openflow.MultipartGroupDesc:
		return last(&openflow.GroupDescReply{})
	case openflow.MultipartMeterConfig:
		return last(&openflow.MeterConfigReply{})
	}
	var out []openflow.Message
	for n := 0; n < f.flows; {
		var flows []openflow.FlowStats
		for ; n < f.flows && len(flows) < flowsPerReply; n++ {
			flows = append(flows, openflow.FlowStats{Cookie: uint64(n), Priority: 1,
				Match: openflow.Match{}.U32(openflow.Reg0, uint32(n)+1)})
		}
		out = append(out, &openflow.MultipartReply{Flags: openflow.MultipartMore, Body: &openflow.FlowReply{Flows: flows}})
	}
	return append(out, &openflow.MultipartReply{Body: &openflow.FlowReply{}})
}
