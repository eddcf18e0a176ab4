package binding

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"testing"

	"github.com/isat-sdn/isat/packet"
)

// evidence is that of host i, in an order that a cache can't use.
func evidence(i int) Evidence {
	e := Evidence{Key: Key{Segment: Segment{Network: 1}}, Switch: 1, Source: FromARP}
	e.Key.Addr[10], e.Key.Addr[11], e.Key.Addr[12] = 0xff, 0xff, 10
	e.Key.Addr[13], e.Key.Addr[14], e.Key.Addr[15] = byte(i>>16), byte(i>>8), byte(i)
	e.MAC = packet.MAC{0x02, 0xbe}
	binary.BigEndian.PutUint32(e.MAC[2:], uint32(i))
	return e
}

func learn(t *Table, e Evidence) Verdict {
	t.HearStation(1, StationKey{Switch: e.Switch, Segment: e.Key.Segment, MAC: e.MAC}, NewPortKey(uint32(1+e.MAC[5]%48), 0))
	v, _ := t.Hear(1, e)
	return v
}

// spread visits every number below n, a power of two or not, in an order that a
// cache can't use.
func spread(i, n int) int { return int(uint64(i) * 2654435761 % uint64(n)) }

// BenchmarkLookup finds known addresses, one after the other.
func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("bindings=%d", n), func(b *testing.B) {
			table := NewTable(Config{Seed: maphash.MakeSeed()})
			for i := range n {
				learn(table, evidence(i))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				key := evidence(spread(i, n)).Key
				if table.Lookup(key) == nil {
					b.Fatalf("%v is not known", key)
				}
			}
		})
	}
}

// BenchmarkLearn learns new hosts: a station and a binding each.
func BenchmarkLearn(b *testing.B) {
	table := NewTable(Config{Seed: maphash.MakeSeed()})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i&0xfffff == 0xfffff {
			table = NewTable(Config{Seed: maphash.MakeSeed()})
		}
		if v := learn(table, evidence(i&0xfffff)); v != Learned {
			b.Fatal(v)
		}
	}
}

// BenchmarkHear hears again from hosts that are known.
func BenchmarkHear(b *testing.B) {
	const n = 100_000
	table := NewTable(Config{Seed: maphash.MakeSeed()})
	for i := range n {
		learn(table, evidence(i))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if v, _ := table.Hear(2, evidence(spread(i, n))); v != Known {
			b.Fatal(v)
		}
	}
}
