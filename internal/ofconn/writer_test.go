package ofconn

import (
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/isat-sdn/isat/openflow"
)

// pair is a session without a handshake, and the switch's end of its connection. Little fits between
// them, so that writes stop in the middle of messages.
func pair(t *testing.T) (*Session, net.Conn) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	far, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := near.(*net.UnixConn).SetWriteBuffer(1 << 14); err != nil {
		t.Fatal(err)
	}
	srv := New(Config{Log: slog.New(slog.DiscardHandler)}, nil)
	s := newSession(srv, near, "unix:test", 1)
	var writer sync.WaitGroup
	writer.Go(s.writeQueue)
	t.Cleanup(func() {
		s.Close(nil)
		far.Close()
		writer.Wait()
		s.finishing.Wait()
	})
	return s, far
}

// TestSendKeepsMessagesWhole has two senders and a reader's answers share a connection that takes
// little at a time: every message arrives whole, and each sender's in order.
func TestSendKeepsMessagesWhole(t *testing.T) {
	s, far := pair(t)
	const each, size = 300, 30000
	message := func(sender, n uint32) []byte {
		data := make([]byte, size)
		binary.BigEndian.PutUint32(data, n)
		return openflow.Append(nil, sender, &openflow.EchoRequest{Data: data})
	}
	var senders sync.WaitGroup
	for sender := range uint32(2) {
		senders.Go(func() {
			for n := range uint32(each) {
				if err := s.Send(message(sender, n)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	senders.Go(func() {
		for n := range uint32(each) {
			if err := s.write(message(2, n)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var next [3]uint32
	if err := far.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	var b [8 + size]byte
	for range 3 * each {
		if _, err := io.ReadFull(far, b[:]); err != nil {
			t.Fatalf("after %v: %v", next, err)
		}
		sender, n := frameXID(b[:]), binary.BigEndian.Uint32(b[8:])
		if frameLen(b[:]) != len(b) || sender > 2 || n != next[sender] {
			t.Fatalf("message %d of sender %d, want %d: %x", n, sender, next, b[:16])
		}
		next[sender]++
	}
	senders.Wait()
}

// TestSendToNobody closes a session whose switch takes nothing, in the middle of a message.
func TestSendToNobody(t *testing.T) {
	s, _ := pair(t)
	big := openflow.Append(nil, 1, &openflow.EchoRequest{Data: make([]byte, 30000)})
	for s.queuedBytes() == 0 {
		if err := s.Send(big); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Send(big); err != nil {
		t.Fatal(err)
	}
	s.Close(nil)
	if err := s.Send(big); err == nil {
		t.Error("a session that is closed takes messages")
	}
}
