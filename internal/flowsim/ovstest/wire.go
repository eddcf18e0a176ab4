package ovstest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// Wire puts frames on the ports of a switch and sees what comes out of which port.
type Wire struct {
	s       *Switch
	session *Session
	conns   map[uint32]net.Conn
	readers map[uint32]*bufio.Reader
	seq     uint32
}

// Frame is a frame that came out of a port.
type Frame struct {
	Port uint32
	Data []byte
}

// Seen is what the switch did with a frame.
type Seen struct {
	Frames []Frame // by port, the local one last
	Punts  []*openflow.PacketIn2
}

// A sync frame has a number behind an Ethernet header of its own: addresses that no world has, and a
// type for experiments (IEEE 802-2014 §9.2.3). A flow of the wire's own sends it to every port and to
// the controller. It matches the whole header: a test may send any frame that differs in a byte.
const (
	syncType     = 0x88b5
	syncUserdata = 0xff
	syncLen      = 60
)

var syncTo, syncFrom = packet.MAC{0x02, 0, 0, 0, 0xff, 1}, packet.MAC{0x02, 0, 0, 0, 0xff, 2}

func syncHeader() []byte {
	b := append(append([]byte(nil), syncTo[:]...), syncFrom[:]...)
	return binary.BigEndian.AppendUint16(b, syncType)
}

// Wire connects to the ports and the local port. It adds a flow to table 0; use it after the
// test's own flows are there.
func (s *Switch) Wire(session *Session) *Wire {
	s.t.Helper()
	s.VSCtl("set", "interface", Bridge, "options:pstream=punix:"+s.path("local"))
	w := &Wire{s: s, session: session, conns: make(map[uint32]net.Conn), readers: make(map[uint32]*bufio.Reader)}
	for _, p := range w.ports() {
		name := "local"
		if p != openflow.PortLocal {
			name = fmt.Sprintf("p%d", p)
		}
		conn := s.dial(name)
		s.t.Cleanup(func() { conn.Close() })
		w.conns[p], w.readers[p] = conn, bufio.NewReader(conn)
	}
	w.AddSyncFlow()
	w.awaitConnections()
	return w
}

func (w *Wire) ports() []uint32 {
	var out []uint32
	for p := uint32(1); p <= uint32(w.s.Ports); p++ {
		out = append(out, p)
	}
	return append(out, openflow.PortLocal)
}

// AddSyncFlow adds the wire's flow again after a test has removed it.
func (w *Wire) AddSyncFlow() {
	w.s.t.Helper()
	w.session.Send(w.syncFlow())
	w.session.Barrier()
}

// Replace deletes all flows and adds others. It empties the datapath of what was cached of the old
// ones: otherwise the switch would handle packets by that for some time.
//
// "revalidator/purge" is meant for that, but Open vSwitch 3.1 does it beside the threads that look
// after the same cache, and once in some hundred thousand times it ends in an assertion
// ("Unexpected ukey transition").
func (w *Wire) Replace(flows []openflow.FlowMod) {
	w.s.t.Helper()
	messages := []openflow.Message{openflow.NewFlowMod(openflow.FlowDelete, openflow.TableAll, 0), w.syncFlow()}
	for i := range flows {
		messages = append(messages, &flows[i])
	}
	w.session.Bundle(messages)
	if _, err := w.s.Ctl("dpctl/del-flows"); err != nil {
		w.s.t.Fatal(err)
	}
}

func (w *Wire) syncFlow() *openflow.FlowMod {
	acts := []openflow.Action{openflow.Output{Port: openflow.PortInPort}}
	for _, p := range w.ports() {
		acts = append(acts, openflow.Output{Port: p})
	}
	f := openflow.NewFlowMod(openflow.FlowAdd, 0, 0xffff)
	f.Match = f.Match.U16(openflow.EthType, syncType).MAC(openflow.EthDst, syncTo).MAC(openflow.EthSrc, syncFrom).U16(openflow.VLANVID, 0)
	f.Instructions.Apply = append(acts, openflow.Controller([]byte{syncUserdata}))
	return f
}

// awaitConnections sends sync frames until one comes out of every port: the switch accepts the
// connections in its own time, and drops what it sends before.
func (w *Wire) awaitConnections() {
	w.s.t.Helper()
	missing := w.ports()
	for deadline := time.Now().Add(patience); len(missing) > 0; {
		if time.Now().After(deadline) {
			w.s.t.Fatalf("nothing comes out of the ports %v", missing)
		}
		w.seq++
		w.write(1, w.syncFrame())
		p := missing[0]
		w.conns[p].SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := w.readers[p].Peek(1); err == nil {
			missing = missing[1:]
		}
	}
	var drained Seen
	w.sync(1, &drained)
}

func (w *Wire) syncFrame() []byte {
	b := make([]byte, syncLen)
	header := syncHeader()
	copy(b, header)
	binary.BigEndian.PutUint32(b[len(header):], w.seq)
	return b
}

// syncOf returns the number of a sync frame, 0 for other frames.
func syncOf(b []byte) uint32 {
	number, isSync := bytes.CutPrefix(b, syncHeader())
	if !isSync || len(b) != syncLen {
		return 0
	}
	return binary.BigEndian.Uint32(number)
}

// write sends a frame as Open vSwitch's dummy ports expect it: its length in two bytes, then itself.
func (w *Wire) write(port uint32, frame []byte) {
	w.s.t.Helper()
	conn := w.conns[port]
	conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(frame))), frame...)); err != nil {
		w.s.t.Fatalf("send on port %d: %v", port, err)
	}
}

func (w *Wire) read(port uint32) []byte {
	w.s.t.Helper()
	w.conns[port].SetReadDeadline(time.Now().Add(patience))
	var head [2]byte
	if _, err := io.ReadFull(w.readers[port], head[:]); err != nil {
		w.s.t.Fatalf("receive from port %d: %v", port, err)
	}
	frame := make([]byte, binary.BigEndian.Uint16(head[:]))
	if _, err := io.ReadFull(w.readers[port], frame); err != nil {
		w.s.t.Fatalf("receive from port %d: %v", port, err)
	}
	return frame
}

// sync sends a sync frame and collects all that comes before it.
func (w *Wire) sync(port uint32, seen *Seen) {
	w.s.t.Helper()
	w.seq++
	w.write(port, w.syncFrame())
	for _, p := range w.ports() {
		for {
			frame := w.read(p)
			if n := syncOf(frame); n == w.seq {
				break
			} else if n == 0 {
				seen.Frames = append(seen.Frames, Frame{p, frame})
			}
		}
	}
	for {
		in := w.session.NextPacketIn()
		if n := syncOf(in.Packet); n == w.seq {
			return
		} else if n == 0 {
			seen.Punts = append(seen.Punts, in)
		}
	}
}

// settle collects all that the switch does because of what was sent before. Two rounds, because
// inside one batch the switch handles frames that hit a cached flow after those that don't.
func (w *Wire) settle(port uint32) Seen {
	w.s.t.Helper()
	var seen Seen
	w.sync(port, &seen)
	w.sync(port, &seen)
	return seen
}

// Send puts a frame of at least 14 bytes on a port, and returns what the switch did with it.
func (w *Wire) Send(port uint32, frame []byte) Seen {
	w.s.t.Helper()
	w.write(port, frame)
	return w.settle(port)
}

// Drain throws away what the switch still has to say, for example because of a trace of a packet,
// which sends packet-ins as the packet itself would.
func (w *Wire) Drain() {
	w.s.t.Helper()
	w.settle(1)
}

// Resume lets a paused packet go on, and returns what the switch did.
func (w *Wire) Resume(in openflow.PacketIn2) Seen {
	w.s.t.Helper()
	w.session.Send(&openflow.Resume{PacketIn2: in})
	w.session.Barrier()
	return w.settle(1)
}

// PacketOut has the controller send a packet with encoded actions, and returns what the switch did.
func (w *Wire) PacketOut(inPort uint32, actions, frame []byte) Seen {
	w.s.t.Helper()
	w.session.xid++
	w.session.SendBytes(openflow.AppendPacketOut(nil, w.session.xid, inPort, actions, frame))
	w.session.Barrier()
	return w.settle(1)
}
