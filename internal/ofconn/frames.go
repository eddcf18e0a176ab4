package ofconn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/isat-sdn/isat/openflow"
)

// frames cuts the byte stream into messages.
type frames struct {
	conn io.Reader
	buf  []byte // at least two messages of the largest size
	r, w int    // buf[r:w] is read and not handled
}

// fill reads once, and waits until there is something. Messages returned by next
// before are no longer valid.
func (f *frames) fill() (int, error) {
	if f.r == f.w {
		f.r, f.w = 0, 0
	} else if len(f.buf)-f.r <= openflow.MaxMessage {
		f.w = copy(f.buf, f.buf[f.r:f.w])
		f.r = 0
	}
	n, err := f.conn.Read(f.buf[f.w:])
	f.w += n
	return n, err
}

// next returns the next message if the buffer holds all of it, or nil. The
// message aliases the buffer.
func (f *frames) next() ([]byte, error) {
	b := f.buf[f.r:f.w]
	if len(b) < openflow.HeaderLen {
		return nil, nil
	}
	n := frameLen(b)
	if n < openflow.HeaderLen {
		return nil, fmt.Errorf("%w: message of %d bytes, a header alone has %d", ErrFraming, n, openflow.HeaderLen)
	}
	if n > len(b) {
		return nil, nil
	}
	f.r += n
	return b[:n:n], nil
}

// Parts of the header (OF1.3 A.1); b holds all of it.
func frameVersion(b []byte) uint8      { return b[0] }
func frameType(b []byte) openflow.Type { return openflow.Type(b[1]) }
func frameLen(b []byte) int            { return int(binary.BigEndian.Uint16(b[2:])) }
func frameXID(b []byte) uint32         { return binary.BigEndian.Uint32(b[4:]) }

// readError says in the words of this package why a read failed.
func readError(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
		return ErrPeerClosed
	case errors.Is(err, net.ErrClosed):
		return err
	}
	return fmt.Errorf("read from switch: %w", err)
}
