package daemon

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"log/slog"
	"testing"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/core"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/ofconn"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// idle is a daemon whose loop does not run, and a session of it.
func idle(t testing.TB) (*daemon, *ofconn.Session) {
	t.Helper()
	d := &daemon{
		log: slog.New(slog.NewTextHandler(io.Discard, nil)), inbox: newInbox(), queries: make(chan func()),
		core: core.New(core.Config{Table: binding.Config{Seed: maphash.MakeSeed()}}, intent.Default()),
	}
	d.table = d.core.Table()
	s := &ofconn.Session{Owner: new(worker)}
	d.sessions.put(s)
	trust(d)
	return d, s
}

// trust tells the session which ports are trusted.
func trust(d *daemon, ports ...binding.PortKey) {
	told := make(map[binding.PortKey]bool)
	for _, at := range ports {
		told[at] = true
	}
	d.carryOut(context.Background(), &core.Effects{Trusted: []core.Trusted{{Ports: told}}}, nil)
}

// know binds the address of host n, in IPv4 and IPv6.
func know(d *daemon, n byte) {
	knowIn(d, intent.DefaultNumber, n, [16]byte{10: 0xff, 11: 0xff, 12: 10, 15: n}, address6(n))
}

// knowIn binds addresses to the MAC of host n in a network.
func knowIn(d *daemon, network uint32, n byte, addresses ...[16]byte) {
	segment := binding.Segment{Network: network}
	d.table.HearStation(1, binding.StationKey{Switch: 1, Segment: segment, MAC: hostMAC(n)}, binding.PortKey(n))
	for _, a := range addresses {
		d.table.Hear(1, binding.Evidence{Key: binding.Key{Segment: segment, Addr: a}, MAC: hostMAC(n), Switch: 1, Source: binding.FromNA})
	}
}

func address6(n byte) [16]byte { return [16]byte{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 15: n} }

// views parses packet-ins as a session does.
func views(t testing.TB, messages ...*openflow.PacketIn2) []openflow.PacketIn2View {
	t.Helper()
	out := make([]openflow.PacketIn2View, len(messages))
	for i, m := range messages {
		if err := openflow.ParsePacketIn2(openflow.Append(nil, 0, m), &out[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func solicitation(n, other byte) []byte {
	target, mac := address6(other), hostMAC(n)
	group := packet.SolicitedNode(target)
	return packet.AppendNS(nil, packet.MulticastMAC(group), mac, false, 0, address6(n), group, target, &mac, nil)
}

// What the session's own goroutine does with packet-ins: questions for known
// addresses are answered, the rest goes to the loop as long as that keeps up.
func TestPacketIns(t *testing.T) {
	d, s := idle(t)
	know(d, 1)
	out := d.PacketIns(s, views(t,
		packetIn(pipeline.ReasonSearch, 2, request(2, 1)),
		packetIn(pipeline.ReasonSearch, 2, request(2, 9)),
		packetIn(pipeline.ReasonLearn, 2, request(2, 1)),
		packetIn(pipeline.ReasonAnswer, 3, solicitation(3, 1)),
	), nil)
	var ports []uint64
	for len(out) > 0 {
		h, err := openflow.ParseHeader(out)
		if err != nil {
			t.Fatal(err)
		}
		_, m, err := openflow.Decode(out[:h.Length])
		if err != nil {
			t.Fatal(err)
		}
		out = out[h.Length:]
		set := m.(*openflow.PacketOut).Actions[0].(openflow.SetField)
		ports = append(ports, uint64(set.Value[3]))
	}
	if len(ports) != 2 || ports[0] != 2 || ports[1] != 3 {
		t.Errorf("answers go to the ports %v, want 2 and 3", ports)
	}
	told := d.inbox.take()
	if len(told) != 2 {
		t.Fatalf("the loop is told %d events, want 2", len(told))
	}
	for i, want := range []pipeline.Reason{pipeline.ReasonSearch, pipeline.ReasonLearn} {
		punt := told[i].(*core.Punt)
		if punt.Reason != want || punt.Port != 2 || punt.Segment.Network != 1 || len(punt.Frame) == 0 {
			t.Errorf("event %d: %+v", i, punt)
		}
	}
	if n := s.Owner.(*worker).answered.Load(); n != 2 || d.dropped.Load() != 0 {
		t.Errorf("%d answered, %d dropped", n, d.dropped.Load())
	}
}

// A question that may have come by a link, for an owner behind another switch, is the loop's.
func TestPacketInsByLink(t *testing.T) {
	d, s := idle(t)
	know(d, 1)
	know(d, 2)
	answered := func() bool {
		out := d.PacketIns(s, views(t,
			packetIn(pipeline.ReasonSearch, 4, request(2, 1)), packetIn(pipeline.ReasonSearch, 4, solicitation(2, 1))), nil)
		told := d.inbox.take()
		if len(told) != 0 && len(told) != 2 || (len(told) == 0) != (len(out) > 0) {
			t.Errorf("answered with %d bytes, and the loop is told %d events", len(out), len(told))
		}
		return len(out) > 0
	}
	if !answered() {
		t.Error("not answered at a port that is not trusted")
	}
	trust(d, 4)
	if answered() {
		t.Error("answered at a trusted port")
	}
	trust(d, 5)
	if !answered() {
		t.Error("not answered at a port that is not trusted any more")
	}
	s.Owner = new(worker)
	if answered() {
		t.Error("answered by a session that has not been told yet")
	}
}

// A loop that is behind costs punts, never the session's time; a packet-in that
// is none of the pipeline's is counted with them.
func TestPacketInsDropped(t *testing.T) {
	d, s := idle(t)
	for range eventQueue + 2 {
		d.PacketIns(s, views(t, packetIn(pipeline.ReasonLearn, 2, request(2, 1))), nil)
	}
	d.PacketIns(s, views(t, packetIn(0, 2, request(2, 1)), packetIn(99, 2, request(2, 1))), nil)
	if n := d.dropped.Load(); n != 4 {
		t.Errorf("%d dropped, want 4", n)
	}
}

func TestPacketInsDoNotAllocate(t *testing.T) {
	d, s := idle(t)
	know(d, 1)
	batch := views(t, packetIn(pipeline.ReasonSearch, 2, request(2, 1)), packetIn(pipeline.ReasonAnswer, 3, solicitation(3, 1)))
	out := make([]byte, 0, 4096)
	d.PacketIns(s, batch, out) // the session's buffers grow once
	if n := testing.AllocsPerRun(1000, func() { d.PacketIns(s, batch, out) }); n != 0 {
		t.Errorf("%v allocations per batch", n)
	}
}

func ofKind(kind view.Kind) func(*view.Change) bool {
	return func(c *view.Change) bool { return c.Kind == kind }
}

// follower adds a reader for whom there is room.
func follower(t *testing.T, d *daemon, kind view.Kind) *reader[view.Change] {
	t.Helper()
	r, err := d.changes.add(ofKind(kind))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Readers beyond the limit are refused, until one of the others ends.
func TestReadersAreLimited(t *testing.T) {
	d, _ := idle(t)
	first := follower(t, d, view.KindStation)
	for range maxReaders - 1 {
		follower(t, d, view.KindStation)
	}
	if _, err := d.changes.add(ofKind(view.KindStation)); !errors.Is(err, api.ErrBusy) || d.changes.refused.Load() != 1 {
		t.Errorf("one too many: %v, and %d are counted as refused", err, d.changes.refused.Load())
	}
	d.changes.remove(first)
	follower(t, d, view.KindStation)
	if n := d.changes.readers(); n != maxReaders {
		t.Errorf("%d readers, want %d", n, maxReaders)
	}
}

// A reader that does not keep up is cut off; the others go on.
func TestSlowReaderIsCutOff(t *testing.T) {
	d, _ := idle(t)
	slow, fast := follower(t, d, view.KindStation), follower(t, d, view.KindStation)
	other := follower(t, d, view.KindBinding)
	change := []core.Change{{Type: view.Added, Station: &view.Station{}}}
	for range readerQueue + 1 {
		d.tellChanges(change)
		<-fast.queue
	}
	told := 0
	for range slow.queue { // it is closed
		told++
	}
	if told != readerQueue || len(other.queue) != 0 {
		t.Errorf("the slow one was told %d changes, the other %d", told, len(other.queue))
	}
	if d.changes.readers() != 2 || d.changes.cut.Load() != 1 {
		t.Errorf("%d readers are left, want 2; %d were cut off", d.changes.readers(), d.changes.cut.Load())
	}
	d.changes.remove(slow)
	d.changes.remove(fast)
	d.changes.remove(other)
	d.tellChanges(change)
	if n := d.changes.readers(); n != 0 {
		t.Errorf("%d readers are left", n)
	}
}

// Every kind of change reaches the watchers of its kind, and of no other.
func TestWatchersByKind(t *testing.T) {
	d, _ := idle(t)
	byKind := make(map[view.Kind]*reader[view.Change])
	for _, kind := range view.Kinds {
		byKind[kind] = follower(t, d, kind)
	}
	know(d, 1)
	for b := range d.table.Bindings {
		d.tellChanges([]core.Change{{Type: view.Added, Binding: b}})
		break
	}
	d.tellChanges([]core.Change{
		{Type: view.Added, Station: &view.Station{}}, {Type: view.Added, Switch: &view.Switch{}},
		{Type: view.Deleted, Port: &view.Port{}}, {Type: view.Modified, Network: &view.Network{}},
	})
	for kind, w := range byKind {
		if len(w.queue) != 1 {
			t.Errorf("%s: %d changes", kind, len(w.queue))
			continue
		}
		if c := <-w.queue; c.Kind != kind || c.Object == nil {
			t.Errorf("%s: %+v", kind, c)
		}
	}
	for _, kind := range view.Kinds {
		for _, c := range objects(d.core, kind, core.Choice{}) {
			if c.Kind != kind || c.Type != view.Added {
				t.Errorf("%s: %+v", kind, c)
			}
		}
	}
}

// An answer goes to who asked, once, and to nobody who stopped waiting.
func TestWaiters(t *testing.T) {
	var w waiters
	first, answer := w.add()
	second, _ := w.add()
	w.remove(second)
	for range 2 {
		w.answer(core.Done{ID: first, Resolution: view.Resolution{IP: "10.0.0.1"}})
		w.answer(core.Done{ID: second})
	}
	if got := <-answer; got.IP != "10.0.0.1" || len(w.byID) != 0 {
		t.Errorf("%+v, %d still wait", got, len(w.byID))
	}
}

// An effect for a session that is over does not reach the next one.
func TestEffectsOfAnEarlierSession(t *testing.T) {
	d, s := idle(t)
	s.Owner = &worker{session: 2}
	d.sessions.put(s)
	if d.sessions.of(s.DatapathID(), 1) != nil || d.sessions.of(s.DatapathID(), 2) != s || d.sessions.of(9, 2) != nil {
		t.Error("sessions are not told apart")
	}
	s.Owner.(*worker).answered.Store(5)
	d.sessions.remove(s)
	if n := d.sessions.answers(); n != 5 || d.sessions.get(s.DatapathID()) != nil {
		t.Errorf("%d answers are remembered", n)
	}
}
