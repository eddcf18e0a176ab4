package logical

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

func toBig(n number) *big.Int {
	b := n.bytes()
	return new(big.Int).SetBytes(b[:])
}

// TestNumber compares the arithmetic with that of math/big.
func TestNumber(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	random := func() number {
		n := number{r.Uint64(), r.Uint64()}
		return n.shiftRight(r.IntN(129))
	}
	wrap := new(big.Int).Lsh(big.NewInt(1), 128)
	mod := func(x *big.Int) *big.Int { return x.Mod(x, wrap) }
	check := func(name string, got number, want *big.Int) {
		t.Helper()
		if toBig(got).Cmp(want) != 0 {
			t.Fatalf("%s: got %x, want %x", name, toBig(got), want)
		}
	}
	for range 5000 {
		a, b, by := random(), random(), r.IntN(129)
		x, y := toBig(a), toBig(b)
		check("plus", a.plus(b), mod(new(big.Int).Add(x, y)))
		check("minus", a.minus(b), mod(new(big.Int).Sub(x, y)))
		check("and", a.and(b), new(big.Int).And(x, y))
		check("or", a.or(b), new(big.Int).Or(x, y))
		check("not", a.not(), new(big.Int).Sub(toBig(ones(128)), x))
		check("left", a.shiftLeft(by), mod(new(big.Int).Lsh(x, uint(by))))
		check("right", a.shiftRight(by), new(big.Int).Rsh(x, uint(by)))
		check("ones", ones(by), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(by)), big.NewInt(1)))
		bytes := a.bytes()
		check("bytes", numberOf(bytes[:]), x)
		if a.compare(b) != x.Cmp(y) || a.less(b) != (x.Cmp(y) < 0) || a.width() != x.BitLen() || a.isZero() != (x.Sign() == 0) {
			t.Fatalf("%x and %x: compare %d, less %v, width %d", x, y, a.compare(b), a.less(b), a.width())
		}
		if zeros := int(x.TrailingZeroBits()); a.trailingZeros() != zeros && !a.isZero() || number.trailingZeros(number{}) != 128 {
			t.Fatalf("%x: %d trailing zeros", x, a.trailingZeros())
		}
	}
}
