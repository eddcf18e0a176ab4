package daemon

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that should happen at once.
const patience = 20 * time.Second

// waitFor waits until cond holds.
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

// logs keeps what a daemon logs, and tells when it is ready.
type logs struct {
	mu    sync.Mutex
	text  bytes.Buffer
	inner slog.Handler
	ready chan addresses
}

type addresses struct {
	switches []string
	api      string
}

func newLogs() *logs {
	l := &logs{ready: make(chan addresses, 1)}
	l.inner = slog.NewTextHandler(lockedWriter{l}, nil)
	return l
}

type lockedWriter struct{ l *logs }

func (w lockedWriter) Write(b []byte) (int, error) {
	w.l.mu.Lock()
	defer w.l.mu.Unlock()
	return w.l.text.Write(b)
}

func (l *logs) contains(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

func (l *logs) Enabled(context.Context, slog.Level) bool { return true }
func (l *logs) WithAttrs(attrs []slog.Attr) slog.Handler { return l.inner.WithAttrs(attrs) }
func (l *logs) WithGroup(name string) slog.Handler       { return l.inner.WithGroup(name) }
func (l *logs) Handle(c context.Context, r slog.Record) error {
	if r.Message == "isat is ready" {
		var a addresses
		r.Attrs(func(attr slog.Attr) bool {
			switch attr.Key {
			case "switches":
				a.switches = attr.Value.Any().([]string)
			case "api":
				a.api = attr.Value.String()
			}
			return true
		})
		l.ready <- a
	}
	return l.inner.Handle(c, r)
}

// running is a daemon on loopback until the test ends.
type running struct {
	addresses
	*client.Client
	log *logs
}

func run(t testing.TB, config Config) *running {
	t.Helper()
	r := &running{log: newLogs()}
	config.Listen, config.APIListen = []string{"tcp:127.0.0.1:0"}, "127.0.0.1:0"
	config.Log, config.Version = slog.New(r.log), "test"
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, config) }()
	select {
	case r.addresses = <-r.log.ready:
	case err := <-ended:
		cancel()
		t.Fatalf("run: %v", err)
	}
	c, err := client.New(r.api)
	if err != nil {
		t.Fatal(err)
	}
	r.Client = c
	t.Cleanup(func() {
		c.Close()
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("run: %v", err)
			}
		case <-time.After(patience):
			t.Error("the daemon does not end")
		}
	})
	return r
}

// fakeSwitch is a switch with ports h1 to h3 that takes whatever it is sent.
type fakeSwitch struct {
	conn net.Conn
	id   uint64
	mu   sync.Mutex
	// What it was sent.
	flows   map[openflow.FlowKey]openflow.FlowMod
	packets []*openflow.PacketOut
	commits int
	refuse  bool // every bundle
}

// connect makes a switch and waits until the daemon has brought it to what is
// wanted.
func (r *running) connect(t testing.TB, id uint64) *fakeSwitch {
	t.Helper()
	f := r.dial(t, id, false)
	waitFor(t, "switch connected", func() bool {
		list, err := r.Switches(t.Context())
		return err == nil && len(list) > 0 && list[len(list)-1].State == "connected"
	})
	return f
}

func (r *running) dial(t testing.TB, id uint64, refuse bool) *fakeSwitch {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.switches[0], "tcp:"))
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeSwitch{conn: conn, id: id, flows: make(map[openflow.FlowKey]openflow.FlowMod), refuse: refuse}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.serve()
	}()
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
	return f
}

func (f *fakeSwitch) send(xid uint32, m openflow.Message) {
	// An error means that the session is over, which the reader finds out.
	_, _ = f.conn.Write(openflow.Append(nil, xid, m))
}

// serve answers until the session is over.
func (f *fakeSwitch) serve() {
	f.send(0, openflow.NewHello())
	for {
		head := make([]byte, openflow.HeaderLen)
		if _, err := io.ReadFull(f.conn, head); err != nil {
			return
		}
		body := make([]byte, int(binary.BigEndian.Uint16(head[2:]))-len(head))
		if _, err := io.ReadFull(f.conn, body); err != nil {
			return
		}
		xid, m, err := openflow.Decode(append(head, body...))
		if err != nil {
			return
		}
		f.take(xid, m)
	}
}

func (f *fakeSwitch) take(xid uint32, m openflow.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch m := m.(type) {
	case *openflow.FeaturesRequest:
		f.send(xid, &openflow.FeaturesReply{DatapathID: f.id, Tables: 254})
	case *openflow.EchoRequest:
		f.send(xid, &openflow.EchoReply{Data: m.Data})
	case *openflow.BarrierRequest:
		f.send(xid, &openflow.BarrierReply{})
	case *openflow.MultipartRequest:
		f.send(xid, f.part(m.Body.Part()))
	case *openflow.BundleControl:
		if m.Kind == openflow.BundleCommitRequest {
			f.commits++
			if f.refuse {
				f.send(xid, &openflow.Error{ErrType: openflow.ErrFlowModFailed, Code: 1})
				return
			}
		}
		f.send(xid, &openflow.BundleControl{ID: m.ID, Kind: m.Kind + 1, Flags: m.Flags})
	case *openflow.BundleAdd:
		f.change(m.Message)
	case *openflow.PacketOut:
		f.packets = append(f.packets, m)
	default:
		f.change(m)
	}
}

func (f *fakeSwitch) change(m openflow.Message) {
	if flow, ok := m.(*openflow.FlowMod); ok {
		if flow.Command == openflow.FlowAdd {
			f.flows[flow.Key()] = *flow
		} else {
			delete(f.flows, flow.Key())
		}
	}
}

func (f *fakeSwitch) part(kind openflow.MultipartType) openflow.Message {
	switch kind {
	case openflow.MultipartDesc:
		return &openflow.MultipartReply{Body: &openflow.DescReply{Hardware: "fake", Software: "1.0"}}
	case openflow.MultipartPortDesc:
		ports := []openflow.Port{{No: openflow.PortLocal, Name: "br0"}}
		for n, name := range []string{"h1", "h2", "h3"} {
			ports = append(ports, openflow.Port{No: uint32(n + 1), Name: name})
		}
		return &openflow.MultipartReply{Body: &openflow.PortDescReply{Ports: ports}}
	case openflow.MultipartGroupDesc:
		return &openflow.MultipartReply{Body: &openflow.GroupDescReply{}}
	case openflow.MultipartMeterConfig:
		return &openflow.MultipartReply{Body: &openflow.MeterConfigReply{}}
	}
	reply := &openflow.FlowReply{}
	for _, m := range f.flows {
		reply.Flows = append(reply.Flows, openflow.FlowStats{TableID: m.TableID, Priority: m.Priority, Cookie: m.Cookie,
			HardTimeout: m.HardTimeout, Match: m.Match, Instructions: m.Instructions})
	}
	return &openflow.MultipartReply{Body: reply}
}

// flowCount counts the flows of a table.
func (f *fakeSwitch) flowCount(table pipeline.Table) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.flows {
		if pipeline.Table(key.TableID) == table {
			n++
		}
	}
	return n
}

// packetIn makes the punt of a frame that came in on a port of the default
// network.
func packetIn(reason pipeline.Reason, port uint32, frame []byte) *openflow.PacketIn2 {
	return &openflow.PacketIn2{
		Packet: frame, BufferID: openflow.NoBuffer, Cookie: openflow.NoCookie, Reason: openflow.ReasonAction, Userdata: []byte{byte(reason)},
		// The registers are those of the pipeline's catalogue.
		Metadata: openflow.Match{}.U32(openflow.InPort, port).U64(openflow.Metadata, 1).U32(openflow.Reg1, port),
	}
}

func (f *fakeSwitch) punt(reason pipeline.Reason, port uint32, frame []byte) {
	f.send(0, packetIn(reason, port, frame))
}

// hostMAC and hostIP are the addresses of host n.
func hostMAC(n byte) packet.MAC { return packet.MAC{0x02, 0, 0, 0, 0, n} }
func hostIP(n byte) [4]byte     { return [4]byte{10, 0, 0, n} }

// request is host n's question for the address of another.
func request(n, other byte) []byte {
	return packet.AppendARP(nil, packet.Broadcast, hostMAC(n), false, 0,
		&packet.ARP{Op: packet.ARPRequest, SHA: hostMAC(n), SPA: hostIP(n), TPA: hostIP(other)})
}

// sent says whether the switch was told to send a frame that fits.
func (f *fakeSwitch) sent(fits func(frame *packet.Frame, arp *packet.ARP) bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.packets {
		var frame packet.Frame
		var arp packet.ARP
		if frame.Parse(m.Data) == nil && arp.Parse(frame.Payload) == nil && fits(&frame, &arp) {
			return true
		}
	}
	return false
}
