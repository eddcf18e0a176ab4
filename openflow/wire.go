package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrTruncated is wrapped by every error that says that the input ended too early.
var ErrTruncated = errors.New("truncated")

// DecodeError says which part of a message is malformed, where and how.
type DecodeError struct {
	What   string // the structure being decoded, such as "flow-mod" or "action"
	Offset int    // bytes from the start of the buffer being decoded
	Reason string
	cause  error
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("decode openflow %s at byte %d: %s", e.What, e.Offset, e.Reason)
}

func (e *DecodeError) Unwrap() error { return e.cause }

var be = binary.BigEndian

// reader walks over a message. Its error is sticky: after the first one every read gives zeros,
// so that a decoder may read a whole structure and look at the error once.
type reader struct {
	b    []byte
	off  int // position of b[0] in the outermost buffer, for error offsets
	what string
	err  error
}

func newReader(b []byte, off int, what string) *reader {
	return &reader{b: b, off: off, what: what}
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = &DecodeError{What: r.what, Offset: r.off, Reason: fmt.Sprintf(format, args...)}
	}
	r.b = nil
}

func (r *reader) truncated(want int) {
	if r.err == nil {
		r.err = &DecodeError{What: r.what, Offset: r.off, cause: ErrTruncated,
			Reason: fmt.Sprintf("truncated: need %d bytes, have %d", want, len(r.b))}
	}
	r.b = nil
}

// take returns the next n bytes as a view, or nil after an error.
func (r *reader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.b) {
		r.truncated(n)
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	r.off += n
	return v
}

// sub returns a reader over the next n bytes.
func (r *reader) sub(n int, what string) *reader {
	off := r.off
	v := r.take(n)
	if r.err != nil {
		return &reader{what: what, off: off, err: r.err}
	}
	return &reader{b: v, off: off, what: what}
}

func (r *reader) skip(n int)    { r.take(n) }
func (r *reader) len() int      { return len(r.b) }
func (r *reader) more() bool    { return r.err == nil && len(r.b) > 0 }
func (r *reader) bytes() []byte { return clone(r.take(len(r.b))) }

func (r *reader) u8() uint8 {
	if v := r.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if v := r.take(2); v != nil {
		return be.Uint16(v)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if v := r.take(4); v != nil {
		return be.Uint32(v)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if v := r.take(8); v != nil {
		return be.Uint64(v)
	}
	return 0
}

func (r *reader) mac() (m [6]byte) {
	copy(m[:], r.take(6))
	return m
}

// end fails when bytes are left over.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes left over", len(r.b))
	}
	return r.err
}

func clone(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return append([]byte(nil), b...)
}

func pad8(n int) int { return (n + 7) &^ 7 }

func appendZeros(b []byte, n int) []byte {
	for ; n > 0; n-- {
		b = append(b, 0)
	}
	return b
}

// padFrom appends zeros until the bytes since start are a multiple of eight.
func padFrom(b []byte, start int) []byte {
	return appendZeros(b, pad8(len(b)-start)-(len(b)-start))
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func isOnes(b []byte) bool {
	for _, c := range b {
		if c != 0xff {
			return false
		}
	}
	return true
}

// appendUint appends the low n bytes of v, most significant first; zeros in front if n > 8.
func appendUint(b []byte, v uint64, n int) []byte {
	for i := n - 1; i >= 0; i-- {
		if i >= 8 {
			b = append(b, 0)
		} else {
			b = append(b, byte(v>>(8*i)))
		}
	}
	return b
}

// uintOf reads up to eight big-endian bytes.
func uintOf(b []byte) (v uint64) {
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}
