package binding

import (
	"hash/maphash"
	"reflect"
	"slices"
	"testing"
	"unsafe"

	"github.com/isat-sdn/isat/packet"
)

// There are as many of each as hosts: a byte more, and they no longer fit into a
// cache line, nor a million of them into the memory that is promised.
func TestRecordsFillCacheLines(t *testing.T) {
	for name, size := range map[string]uintptr{
		"Binding": unsafe.Sizeof(Binding{}), "Station": unsafe.Sizeof(Station{}), "bucket": unsafe.Sizeof(bucket[Binding]{}),
	} {
		if size != 64 {
			t.Errorf("a %s has %d bytes, want 64", name, size)
		}
	}
}

// The garbage collector follows each pointer: there are to be none in what there is
// as much of as hosts, but those of the indexes.
func TestRecordsHaveNoPointers(t *testing.T) {
	for _, record := range []any{Binding{}, Station{}, stationRef{}} {
		if kind := reflect.TypeOf(record); hasPointers(kind) {
			t.Errorf("a %v has pointers", kind)
		}
	}
}

func hasPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return hasPointers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if hasPointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	}
	return t.Kind() == reflect.UnsafePointer || t.Kind() > reflect.Complex128
}

// What was one station's room becomes another's, and a piece of memory without a
// station goes back.
func TestSlab(t *testing.T) {
	if size := unsafe.Sizeof(piece{}); size > 32<<10 {
		t.Errorf("a piece has %d bytes, which is more than 32 KiB", size)
	}
	var s slab
	used := make(map[*Station]bool)
	take := func(n int) {
		t.Helper()
		for range n {
			station := s.take()
			if used[station] || *station != (Station{room: station.room}) {
				t.Fatalf("room that is used: %+v", station)
			}
			station.Port = 7
			used[station] = true
		}
	}
	give := func(n int) {
		for station := range used {
			if n--; n < 0 {
				return
			}
			s.give(station)
			delete(used, station)
		}
	}
	check := func(most int) {
		t.Helper()
		pieces, live := 0, 0
		for _, p := range s.pieces {
			if p != nil {
				pieces++
				live += p.live
			}
		}
		if live != len(used) || pieces > most {
			t.Errorf("%d of %d stations in %d pieces, at most %d", live, len(used), pieces, most)
		}
	}
	const most = 10 * pieceStations
	for range 20 {
		take(most - len(used))
		check(10)
		give(most / 3)
	}
	give(most)
	check(0)
	take(1)
	check(1)
	if len(s.pieces) > 10 {
		t.Errorf("places for %d pieces", len(s.pieces))
	}
}

// A station keeps its addresses in their order, one in place and several in a
// list, and forgets each of them.
func TestAddressesOfAStation(t *testing.T) {
	table := NewTable(Config{Seed: maphash.MakeSeed()})
	var s Station
	list := [][16]byte{{1}, {2}, {3}}
	want := [][16]byte{}
	check := func(what string) {
		t.Helper()
		if got := table.addressesOf(&s); !slices.Equal(got, want) {
			t.Fatalf("after %s: %v, want %v", what, got, want)
		}
	}
	for range 2 {
		for _, addr := range list {
			table.bind(&s, addr)
			want = append(want, addr)
			check("binding")
		}
		for _, i := range []int{1, 0, 0} {
			if !table.unbind(&s, want[i]) || table.unbind(&s, [16]byte{9}) {
				t.Fatal("unbinding tells wrongly whether the address was there")
			}
			want = slices.Delete(want, i, i+1)
			check("unbinding")
		}
	}
	if len(table.several) > 0 {
		t.Errorf("left: %v", table.several)
	}
}

// Whoever goes through the stations of a port may remove each of them, and sees
// them all.
func TestStationsAtWhileTheyAreRemoved(t *testing.T) {
	table := NewTable(Config{Seed: maphash.MakeSeed()})
	at := Location{Switch: 1, Port: 2}
	for i := range 10 {
		table.HearStation(0, StationKey{Switch: 1, Segment: Segment{Network: 1}, MAC: packet.MAC{5: byte(2 * i)}}, at.Port)
	}
	seen := make(map[packet.MAC]bool)
	for s := range table.StationsAt(at) {
		seen[s.MAC] = true
		if len(seen)%3 != 0 {
			table.RemoveStation(s, true)
		}
	}
	if n := table.CountsAt(at).Stations; len(seen) != 10 || n != 3 {
		t.Errorf("%d stations seen and %d left, want 10 and 3", len(seen), n)
	}
}
