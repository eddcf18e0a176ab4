package ofconn

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/isat-sdn/isat/openflow"
)

// sink is a connection that takes everything and never has anything to read.
type sink struct{ net.Conn }

func (sink) Write(p []byte) (int, error)      { return len(p), nil }
func (sink) SetWriteDeadline(time.Time) error { return nil }
func (sink) SetReadDeadline(time.Time) error  { return nil }
func (sink) Close() error                     { return nil }

// stream is a sink whose other end says b and hangs up.
type stream struct {
	sink
	b *repeatOnce
}

func (s stream) Read(p []byte) (int, error) { return s.b.Read(p) }

type repeatOnce struct{ b []byte }

func (r *repeatOnce) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, net.ErrClosed
	}
	n := copy(p, r.b)
	r.b = r.b[n:]
	return n, nil
}

// conformance: O1
//
// FuzzSession is any bytes from a switch, from its hello on or after a good handshake: the session
// never panics, and ends with the bytes.
func FuzzSession(f *testing.F) {
	hello := openflow.Append(nil, 1, openflow.NewHello())
	f.Add(false, hello)
	f.Add(false, append(hello[:len(hello):len(hello)], openflow.Append(nil, nthXID(0, 1), &openflow.FeaturesReply{DatapathID: 1})...))
	f.Add(true, openflow.Append(nil, 1, packetIn()))
	f.Add(true, openflow.Append(openflow.Append(nil, 1, &openflow.PortStatus{}), 2, &openflow.EchoRequest{}))
	f.Add(true, openflow.Append(nil, 1<<31, &openflow.Error{Data: []byte("data")}))
	f.Add(true, []byte{4, 99, 0, 8, 0, 0, 0, 0, 4, 2, 0, 7})
	f.Fuzz(func(t *testing.T, shaken bool, b []byte) {
		r := newRig(Config{})
		r.Server.handler = answering()
		if shaken {
			b = append(goodHandshake(), b...)
		}
		s := r.accept(stream{b: &repeatOnce{b}}, "fuzz")
		s.run(context.Background())
		if n := r.Counters().Sessions.Load(); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		if shaken && r.Counters().Refused.Load() != 0 {
			t.Errorf("the handshake failed:\n%s", r.log)
		}
	})
}

// goodHandshake is what a switch says to the first requests of a session, whose ids are known.
func goodHandshake() []byte {
	b := openflow.Append(nil, 1, openflow.NewHello())
	at := func(n uint32, m openflow.Message) { b = openflow.Append(b, nthXID(0, n), m) }
	at(1, &openflow.FeaturesReply{DatapathID: 1})
	at(4, &openflow.BarrierReply{})
	at(7, &openflow.MultipartReply{Body: &openflow.PortDescReply{}})
	at(8, &openflow.MultipartReply{Body: &openflow.FlowReply{}})
	at(11, &openflow.BarrierReply{})
	return b
}
