package ofconn

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"syscall"
	"time"

	"github.com/isat-sdn/isat/openflow"
)

// flush writes what the reader's batch answered. It runs on the reader: while a
// switch takes nothing, nothing is read from it.
func (s *Session) flush() error {
	if len(s.out) == 0 {
		return nil
	}
	err := s.write(s.out)
	if cap(s.out) > keepBuffer {
		s.out = nil
	}
	s.out = s.out[:0]
	return err
}

// write writes whole messages to the switch.
func (s *Session) write(b []byte) error {
	s.countOut(b)
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.writeLocked(b)
}

// writeLocked is write for who holds the lock around writes.
func (s *Session) writeLocked(b []byte) error {
	// Setting a deadline costs a timer, so one serves the writes of a quarter of
	// its time.
	if now := time.Now(); s.writeDeadline.Sub(now) < s.cfg.WriteTimeout*3/4 {
		s.writeDeadline = now.Add(s.cfg.WriteTimeout)
		if err := s.conn.SetWriteDeadline(s.writeDeadline); err != nil {
			return fmt.Errorf("write to switch: %w", err)
		}
	}
	if _, err := s.conn.Write(b); err != nil {
		return fmt.Errorf("write to switch: %w", err)
	}
	return nil
}

// countOut counts messages by kind.
func (s *Session) countOut(b []byte) {
	var packetOuts, flowMods, other uint64
	total := uint64(len(b))
	for len(b) >= openflow.HeaderLen {
		switch frameType(b) {
		case openflow.TypePacketOut:
			packetOuts++
		case openflow.TypeFlowMod:
			flowMods++
		case openflow.TypeExperimenter:
			if isBundledFlowMod(b) {
				flowMods++
			} else {
				other++
			}
		default:
			other++
		}
		n := frameLen(b)
		if n < openflow.HeaderLen || n > len(b) {
			break // a handler appended something else; the switch will say so
		}
		b = b[n:]
	}
	c := &s.srv.counters
	if packetOuts > 0 {
		c.PacketOuts.Add(packetOuts)
	}
	if flowMods > 0 {
		c.FlowMods.Add(flowMods)
	}
	if other > 0 {
		c.OtherOut.Add(other)
	}
	c.BytesOut.Add(total)
}

// isBundledFlowMod reports whether b is a bundle-add message around a flow-mod
// (ONF extension 230: the message inside is at byte 24).
func isBundledFlowMod(b []byte) bool {
	return len(b) > 25 && binary.BigEndian.Uint32(b[8:]) == openflow.ExperimenterONF &&
		binary.BigEndian.Uint32(b[12:]) == onfBundleAdd && openflow.Type(b[25]) == openflow.TypeFlowMod
}

const onfBundleAdd = 2301

// Send writes whole encoded messages, or queues them if the switch does not take
// them at once. They are written in the order of the calls, but in no order relative to what PacketIns returns. msgs is copied.
//
// It fails with [ErrUnframed], with [ErrQueueFull] (which closes the session), or
// with the reason of a session that has ended. That it succeeds doesn't mean
// that the switch got the messages: see [Session.Barrier].
func (s *Session) Send(msgs []byte) error {
	if len(msgs) == 0 {
		return nil
	}
	if !framed(msgs) {
		return fmt.Errorf("send to switch %016x: %w", s.dpid, ErrUnframed)
	}
	select {
	case <-s.closed:
		return s.ended()
	default:
	}
	s.queueing.Lock()
	if s.queued == 0 && s.writeNow(msgs) {
		s.queueing.Unlock()
		return nil
	}
	if full := s.queued+len(msgs) > s.cfg.MaxQueue; full {
		queued := s.queued
		s.queueing.Unlock()
		err := fmt.Errorf("%w: %d bytes wait, limit %d", ErrQueueFull, queued+len(msgs), s.cfg.MaxQueue)
		s.Close(err)
		return s.ended()
	}
	s.queue = append(s.queue, msgs...)
	s.queued += len(msgs)
	s.queueing.Unlock()
	signal(s.kick)
	return nil
}

// writeNow writes messages at once, if nothing is in the way and the socket takes
// them: the sender is spared the wait for another goroutine. What it does not
// take of them is written in the background; queued counts it. It reports false
// if nothing was written. The caller holds queueing.
func (s *Session) writeNow(msgs []byte) bool {
	if s.raw == nil || len(msgs) > sendChunk || !s.writing.TryLock() {
		return false
	}
	written := 0
	err := s.raw.Write(func(fd uintptr) bool {
		written, _ = syscall.Write(int(fd), msgs) // an error comes again when the queue is written
		return true
	})
	if err != nil || written <= 0 {
		s.writing.Unlock()
		return false
	}
	s.countOut(msgs)
	if written == len(msgs) {
		s.writing.Unlock()
		return true
	}
	rest := bytes.Clone(msgs[written:])
	s.queued += len(rest)
	s.finishing.Go(func() { s.finish(rest) })
	return true
}

// finish writes the rest of a message. It has the lock around writes from
// writeNow.
func (s *Session) finish(rest []byte) {
	err := s.writeLocked(rest)
	s.writing.Unlock()
	s.queueing.Lock()
	s.queued -= len(rest)
	s.queueing.Unlock()
	signal(s.drained)
	if err != nil {
		s.Close(err)
	}
}

// framed reports whether b is a sequence of whole messages.
func framed(b []byte) bool {
	for len(b) > 0 {
		if len(b) < openflow.HeaderLen {
			return false
		}
		n := frameLen(b)
		if n < openflow.HeaderLen || n > len(b) {
			return false
		}
		b = b[n:]
	}
	return true
}

// writeQueue writes what Send queued, until the session is closed.
func (s *Session) writeQueue() {
	var batch []byte
	for {
		select {
		case <-s.kick:
		case <-s.closed:
			return
		}
		s.queueing.Lock()
		batch, s.queue = s.queue, batch[:0]
		s.queueing.Unlock()

		for rest := batch; len(rest) > 0; {
			n := chunk(rest)
			if err := s.write(rest[:n]); err != nil {
				s.Close(err)
				return
			}
			rest = rest[n:]
			s.queueing.Lock()
			s.queued -= n
			s.queueing.Unlock()
			signal(s.drained)
		}
		if cap(batch) > keepBuffer {
			batch = nil
		}
	}
}

// chunk is how many bytes of b to write at once: whole messages, up to
// writeChunk.
func chunk(b []byte) int {
	if len(b) <= writeChunk {
		return len(b)
	}
	n := frameLen(b)
	for n < len(b) {
		next := n + frameLen(b[n:])
		if next > writeChunk {
			break
		}
		n = next
	}
	return n
}

// queuedBytes is how much waits for the switch.
func (s *Session) queuedBytes() int {
	s.queueing.Lock()
	defer s.queueing.Unlock()
	return s.queued
}

// signal wakes the one who waits on a channel of capacity one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
