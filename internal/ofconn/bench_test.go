package ofconn

import (
	"errors"
	"io"
	"testing"

	"github.com/isat-sdn/isat/openflow"
)

// answering is a handler whose hot path does what the daemon's does: look at the packet, append an
// answer.
func answering() *recorder {
	h := newRecorder()
	actions := openflow.AppendActions(nil, openflow.Output{Port: openflow.PortInPort})
	h.packetIn = func(_ *Session, v *openflow.PacketIn2View, out []byte) []byte {
		return openflow.AppendPacketOut(out, 0, v.InPort(), actions, v.Packet)
	}
	return h
}

// The path of a packet-in, from the read buffer to the bytes of the answer, allocates nothing.
func TestPacketInAllocatesNothing(t *testing.T) {
	r := newRig(Config{})
	r.Server.handler = answering()
	f := newFake(r.pipe(t), 1)
	ended := make(chan error, 1)
	go func() { ended <- f.run() }()
	s := wait(t, r.Server.handler.(*recorder).ups, "session").s

	var batch []byte
	for range 100 {
		batch = openflow.Append(batch, 1, packetIn())
	}
	batch = openflow.Append(batch, 2, &openflow.EchoRequest{Data: []byte("x")})
	// A second session on the same server, whose connection is a loop of this batch.
	loop := newSession(r.Server, sink{}, "test", 0)
	loop.in.conn = &repeat{b: batch}
	run := func() {
		if _, err := loop.in.fill(); err != nil {
			t.Fatal(err)
		}
		if err := loop.handleBuffered(); err != nil {
			t.Fatal(err)
		}
	}
	run() // the first batch grows the buffers
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations in a batch of 100 packet-ins", n)
	}
	if got := r.Counters().PacketOuts.Load(); got != 102*100 {
		t.Errorf("%d packet-outs", got)
	}
	s.Close(errors.New("test is over"))
	f.conn.Close()
	<-ended
}

// repeat reads the same bytes again and again.
type repeat struct{ b []byte }

func (r *repeat) Read(p []byte) (int, error) {
	if len(p) < len(r.b) {
		return 0, io.ErrShortBuffer
	}
	return copy(p, r.b), nil
}

// BenchmarkPacketIn is a switch with as many packet-ins outstanding as the name says, over loopback.
func BenchmarkPacketIn(b *testing.B) {
	for _, bc := range []struct {
		name        string
		outstanding int
	}{{"outstanding=1", 1}, {"outstanding=64", 64}, {"outstanding=1024", 1024}} {
		b.Run(bc.name, func(b *testing.B) {
			r := newRig(Config{})
			h := answering()
			r.Server.handler, r.h = h, h
			r.serve(b)
			f := r.dial(b, 1)
			r.shake(b, f)
			var batch []byte
			for range bc.outstanding {
				batch = openflow.Append(batch, 1, packetIn())
			}
			b.ReportAllocs()
			b.ResetTimer()
			for sent := 0; sent < b.N; sent += bc.outstanding {
				if _, err := f.conn.Write(batch); err != nil {
					b.Fatal(err)
				}
				for range bc.outstanding {
					if _, err := f.receive(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkSync is the encoding and queueing of flow-mods in bundles, per flow-mod.
func BenchmarkSync(b *testing.B) {
	r := listening(b, Config{})
	f := r.dial(b, 1)
	s := r.shake(b, f)
	ended := make(chan error, 1)
	go func() { ended <- f.serve(nil) }()
	mods := flowMods(10_000)
	b.ResetTimer()
	for sent := 0; sent < b.N; sent += len(mods) {
		if err := s.Sync(b.Context(), nil, mods[:min(len(mods), b.N-sent)]); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	f.conn.Close()
	<-ended
}
