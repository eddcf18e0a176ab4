package logical

import (
	"math/bits"
	"math/rand/v2"
	"testing"
)

// members are the values of width bits that list has, as a bitmap. width is at most 6.
func members(list []cube, width int) (set uint64) {
	for v := range uint64(1) << width {
		for _, c := range list {
			if small(v).and(c.mask) == c.value {
				set |= 1 << v
			}
		}
	}
	return set
}

// fewestPrefixes is the least number of prefixes that make up a set of the values of width bits.
func fewestPrefixes(set uint64, width int) int {
	switch full := uint64(1)<<(1<<width) - 1; {
	case set == 0:
		return 0
	case width == 6 && set == ^uint64(0), width < 6 && set == full:
		return 1
	}
	half := 1 << (width - 1)
	return fewestPrefixes(set&(1<<half-1), width-1) + fewestPrefixes(set>>half, width-1)
}

// TestCover: the prefixes of a span are its values, and as few as can be.
func TestCover(t *testing.T) {
	const width = 6
	for lo := range uint64(1) << width {
		for hi := lo; hi < 1<<width; hi++ {
			list := span{small(lo), small(hi)}.cover(nil, width)
			want := ^uint64(0) >> (63 - (hi - lo)) << lo
			if got := members(list, width); got != want || len(list) != fewestPrefixes(want, width) {
				t.Fatalf("%d..%d: %v", lo, hi, list)
			}
		}
	}
	all := span{number{}, ones(128)}
	if list := all.cover(nil, 128); len(list) != 1 || !list[0].mask.isZero() {
		t.Errorf("everything: %v", list)
	}
	if list := (span{small(1), ones(128)}).cover(nil, 128); len(list) != 128 {
		t.Errorf("all but 0: %d prefixes", len(list))
	}
}

// TestSimplify: a simplified set is the same set; prefixes become as few as can be.
func TestSimplify(t *testing.T) {
	const width = 6
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		prefixes := r.IntN(2) == 0
		var list []cube
		for range 1 + r.IntN(6) {
			mask := r.Uint64N(1 << width)
			if prefixes {
				mask = (1<<width - 1) &^ (1<<r.IntN(width) - 1)
			}
			list = append(list, cube{small(r.Uint64N(1<<width) & mask), small(mask)})
		}
		want := members(list, width)
		n := len(list)
		apart := r.IntN(4) == 0
		got := simplify(list, apart)
		switch {
		case members(got, width) != want || len(got) > n:
			t.Fatalf("became %v, of which %x are wrong", got, members(got, width)^want)
		case prefixes && !apart && len(got) != fewestPrefixes(want, width):
			t.Fatalf("%v are not the fewest prefixes for %x", got, want)
		}
	}
}

// TestComplement: what is outside of spans, and outside of a cube.
func TestComplement(t *testing.T) {
	const width = 6
	r := rand.New(rand.NewPCG(1, 3))
	for range 5000 {
		var spans []span
		var inside uint64
		for range r.IntN(5) {
			lo := r.Uint64N(1 << width)
			hi := lo + r.Uint64N(1<<width-lo)
			spans = append(spans, span{small(lo), small(hi)})
			inside |= ^uint64(0) >> (63 - (hi - lo)) << lo
		}
		var outside uint64
		for _, s := range complement(joinSpans(spans), width) {
			outside |= members(s.cover(nil, width), width)
		}
		if outside != ^inside {
			t.Fatalf("complement of %v lacks or adds %x", spans, outside^^inside)
		}
		mask := r.Uint64N(1 << width)
		c := cube{small(r.Uint64N(1<<width) & mask), small(mask)}
		list := c.outside()
		if got := members(list, width); got != ^members([]cube{c}, width) || len(list) != bits.OnesCount64(mask) {
			t.Fatalf("outside of %v: %v", c, list)
		}
	}
}

// TestTagCubes: the matches on a VLAN tag take the same frames, and OpenFlow has them.
func TestTagCubes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 4))
	for range 3000 {
		mask := uint16(r.Uint32())
		value := uint16(r.Uint32()) & mask & [...]uint16{0, 0xffff, 0x1000, 0xe000}[r.IntN(4)]
		list := tagCubes([]cube{tagCube(value, mask)})
		for _, c := range list {
			if m := uint16(c.mask.lo); m&tagPriority != 0 && (m&tagPriority != tagPriority || uint16(c.value.lo)&m&tagPresent == 0) {
				t.Fatalf("%#x/%#x: OpenFlow has no match for %#x/%#x", value, mask, c.value.lo, m)
			}
		}
		for range 200 {
			tci := uint16(r.Uint32())&(^mask|uint16(r.Uint32())) | value | tagPresent
			if r.IntN(5) == 0 {
				tci = 0
			}
			found := 0
			for _, c := range list {
				if tci&uint16(c.mask.lo) == uint16(c.value.lo) {
					found++
				}
			}
			if (found > 0) != (tci&mask == value) {
				t.Fatalf("%#x/%#x: %v take %#x %d times", value, mask, list, tci, found)
			}
		}
	}
}
