package ovstest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/isat-sdn/isat/openflow"
)

// Session is an OpenFlow 1.3 connection to the bridge. It takes packet-ins in the format
// NXT_PACKET_IN2.
type Session struct {
	s       *Switch
	conn    net.Conn
	r       *bufio.Reader
	xid     uint32
	pending []*openflow.PacketIn2
}

// Connect opens a session that ends with the test.
func (s *Switch) Connect() *Session {
	s.t.Helper()
	conn := s.dial(Bridge + ".mgmt")
	s.t.Cleanup(func() { conn.Close() })
	c := &Session{s: s, conn: conn, r: bufio.NewReaderSize(conn, 1<<16)}
	c.Send(openflow.NewHello())
	if h, ok := c.receive().(*openflow.Hello); !ok || !h.Supports(openflow.Version) {
		s.t.Fatalf("the switch answers the hello with %#v", h)
	}
	c.Send(&openflow.SetPacketInFormat{Format: openflow.PacketInNX2})
	// A connection to the management socket gets packet-ins only when it sets a miss length.
	c.Send(&openflow.SetConfig{SwitchConfig: openflow.SwitchConfig{Flags: openflow.FragNXMatch, MissSendLen: openflow.NoMaxLen}})
	c.Barrier()
	return c
}

// Send sends messages without waiting for anything.
func (c *Session) Send(messages ...openflow.Message) {
	c.s.t.Helper()
	var b []byte
	for _, m := range messages {
		c.xid++
		b = openflow.Append(b, c.xid, m)
	}
	c.SendBytes(b)
}

// SendBytes sends encoded messages.
func (c *Session) SendBytes(b []byte) {
	c.s.t.Helper()
	c.conn.SetDeadline(time.Now().Add(patience))
	if _, err := c.conn.Write(b); err != nil {
		c.s.t.Fatal(err)
	}
}

// AskForInvalidTTL asks for packet-ins about packets whose time to live is over, too, which a switch
// does not send otherwise (OpenFlow 1.3.5 §A.3.10).
func (c *Session) AskForInvalidTTL() {
	c.s.t.Helper()
	const reasons = 1<<openflow.ReasonNoMatch | 1<<openflow.ReasonAction | 1<<openflow.ReasonInvalidTTL
	c.Send(&openflow.SetAsync{AsyncConfig: openflow.AsyncConfig{PacketIn: [2]uint32{reasons, 0}}})
	c.Barrier()
}

// receive gives the next message, and answers echo requests.
func (c *Session) receive() openflow.Message {
	c.s.t.Helper()
	for {
		c.conn.SetDeadline(time.Now().Add(patience))
		head, err := c.r.Peek(openflow.HeaderLen)
		if err != nil {
			c.s.t.Fatalf("read from the switch: %v", err)
		}
		h, err := openflow.ParseHeader(head)
		if err != nil {
			c.s.t.Fatal(err)
		}
		b := make([]byte, h.Length)
		if _, err := io.ReadFull(c.r, b); err != nil {
			c.s.t.Fatal(err)
		}
		decode := openflow.Decode
		if openflow.IsFlowReply(b) {
			decode = openflow.DecodeFlowDump
		}
		xid, m, err := decode(b)
		if err != nil {
			c.s.t.Fatalf("decode %x: %v", b, err)
		}
		if e, ok := m.(*openflow.EchoRequest); ok {
			c.SendBytes(openflow.Append(nil, xid, &openflow.EchoReply{Data: e.Data}))
			continue
		}
		return m
	}
}

// until receives up to a message that take accepts. Packet-ins before it are kept, errors fail the
// test.
func (c *Session) until(take func(openflow.Message) bool) {
	c.s.t.Helper()
	for {
		m := c.receive()
		if take(m) {
			return
		}
		switch m := m.(type) {
		case *openflow.PacketIn2:
			c.pending = append(c.pending, m)
		case *openflow.Error:
			c.s.t.Fatalf("the switch says: %v (about %x)", m, m.Data)
		}
	}
}

// Barrier waits until the switch has done everything.
func (c *Session) Barrier() {
	c.s.t.Helper()
	c.Send(&openflow.BarrierRequest{})
	c.until(func(m openflow.Message) bool { _, ok := m.(*openflow.BarrierReply); return ok })
}

// NextPacketIn waits for the next packet-in.
func (c *Session) NextPacketIn() *openflow.PacketIn2 {
	c.s.t.Helper()
	if len(c.pending) == 0 {
		c.until(func(m openflow.Message) bool {
			p, ok := m.(*openflow.PacketIn2)
			if ok {
				c.pending = append(c.pending, p)
			}
			return ok
		})
	}
	p := c.pending[0]
	c.pending = c.pending[1:]
	return p
}

// Bundle carries messages out in one atomic, ordered bundle.
func (c *Session) Bundle(messages []openflow.Message) {
	c.s.t.Helper()
	const id, flags = 1, openflow.BundleAtomic | openflow.BundleOrdered
	control := func(kind uint16) {
		c.s.t.Helper()
		c.Send(&openflow.BundleControl{ID: id, Kind: kind, Flags: flags})
		c.until(func(m openflow.Message) bool {
			reply, ok := m.(*openflow.BundleControl)
			return ok && reply.Kind == kind+1
		})
	}
	control(openflow.BundleOpenRequest)
	var b []byte
	for _, m := range messages {
		c.xid++
		b = openflow.AppendBundleAdd(b, c.xid, id, flags, m)
	}
	c.SendBytes(b)
	control(openflow.BundleCloseRequest)
	control(openflow.BundleCommitRequest)
	c.Barrier()
}

// multipart sends a request and collects the parts of the reply.
func multipart[P openflow.MultipartBody](c *Session, body openflow.MultipartBody) []P {
	c.s.t.Helper()
	c.Send(openflow.Request(body))
	var out []P
	var wrong error
	c.until(func(m openflow.Message) bool {
		reply, ok := m.(*openflow.MultipartReply)
		if !ok {
			return false
		}
		part, ok := reply.Body.(P)
		if !ok {
			wrong = errors.Join(wrong, fmt.Errorf("reply of %T to a request of %T", reply.Body, body))
		}
		out = append(out, part)
		return !reply.More()
	})
	if wrong != nil {
		c.s.t.Fatal(wrong)
	}
	return out
}

// Flows dumps the flows.
func (c *Session) Flows() []openflow.FlowStats {
	c.s.t.Helper()
	var out []openflow.FlowStats
	for f := range c.FlowDump().All() {
		stats, err := f.Stats()
		if err != nil {
			c.s.t.Fatal(err)
		}
		out = append(out, stats)
	}
	return out
}

// FlowDump dumps the flows as they are encoded.
func (c *Session) FlowDump() (out openflow.FlowDump) {
	c.s.t.Helper()
	for _, p := range multipart[*openflow.FlowDump](c, &openflow.FlowRequest{FlowSelector: openflow.AllFlows()}) {
		out.Add(*p)
	}
	return out
}

// Groups dumps the groups.
func (c *Session) Groups() []openflow.GroupDesc {
	c.s.t.Helper()
	var out []openflow.GroupDesc
	for _, p := range multipart[*openflow.GroupDescReply](c, &openflow.EmptyPart{Kind: openflow.MultipartGroupDesc}) {
		out = append(out, p.Groups...)
	}
	return out
}

// Meters dumps the meters.
func (c *Session) Meters() []openflow.MeterConfig {
	c.s.t.Helper()
	var out []openflow.MeterConfig
	for _, p := range multipart[*openflow.MeterConfigReply](c, &openflow.MeterConfigRequest{ID: openflow.MeterAll}) {
		out = append(out, p.Meters...)
	}
	return out
}

// Ports lists the ports.
func (c *Session) Ports() []openflow.Port {
	c.s.t.Helper()
	var out []openflow.Port
	for _, p := range multipart[*openflow.PortDescReply](c, &openflow.EmptyPart{Kind: openflow.MultipartPortDesc}) {
		out = append(out, p.Ports...)
	}
	return out
}
