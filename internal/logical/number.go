package logical

import (
	"encoding/binary"
	"math/bits"
)

// number is an unsigned integer of 128 bits, as wide as the widest field.
type number struct{ hi, lo uint64 }

func small(v uint64) number { return number{lo: v} }

// ones is the number whose lowest n bits are set.
func ones(n int) number {
	switch {
	case n >= 128:
		return number{^uint64(0), ^uint64(0)}
	case n > 64:
		return number{^uint64(0) >> (128 - n), ^uint64(0)}
	case n > 0:
		return number{0, ^uint64(0) >> (64 - n)}
	}
	return number{}
}

func (n number) isZero() bool        { return n.hi|n.lo == 0 }
func (n number) not() number         { return number{^n.hi, ^n.lo} }
func (n number) and(o number) number { return number{n.hi & o.hi, n.lo & o.lo} }
func (n number) or(o number) number  { return number{n.hi | o.hi, n.lo | o.lo} }

func (n number) less(o number) bool { return n.hi < o.hi || n.hi == o.hi && n.lo < o.lo }

func (n number) compare(o number) int {
	switch {
	case n.less(o):
		return -1
	case o.less(n):
		return 1
	}
	return 0
}

func (n number) plus(o number) number {
	lo, carry := bits.Add64(n.lo, o.lo, 0)
	hi, _ := bits.Add64(n.hi, o.hi, carry)
	return number{hi, lo}
}

func (n number) minus(o number) number {
	lo, borrow := bits.Sub64(n.lo, o.lo, 0)
	hi, _ := bits.Sub64(n.hi, o.hi, borrow)
	return number{hi, lo}
}

func (n number) shiftLeft(by int) number {
	switch {
	case by == 0:
		return n
	case by >= 64:
		return number{n.lo << (by - 64), 0}
	}
	return number{n.hi<<by | n.lo>>(64-by), n.lo << by}
}

func (n number) shiftRight(by int) number {
	switch {
	case by == 0:
		return n
	case by >= 64:
		return number{0, n.hi >> (by - 64)}
	}
	return number{n.hi >> by, n.lo>>by | n.hi<<(64-by)}
}

// width is the number of bits that the number needs: 0 for 0.
func (n number) width() int {
	if n.hi != 0 {
		return 64 + bits.Len64(n.hi)
	}
	return bits.Len64(n.lo)
}

// trailingZeros is 128 for 0.
func (n number) trailingZeros() int {
	if n.lo != 0 {
		return bits.TrailingZeros64(n.lo)
	}
	return 64 + bits.TrailingZeros64(n.hi)
}

// bytes are the 16 bytes of the number, the highest first.
func (n number) bytes() (b [16]byte) {
	binary.BigEndian.PutUint64(b[:8], n.hi)
	binary.BigEndian.PutUint64(b[8:], n.lo)
	return b
}

// numberOf reads up to 16 bytes, the highest first.
func numberOf(b []byte) number {
	var n number
	for _, c := range b {
		n = number{n.hi<<8 | n.lo>>56, n.lo<<8 | uint64(c)}
	}
	return n
}
