package binding

import (
	"hash/maphash"
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

// A station keeps its bindings in their order, one in place and several in a
// list, and forgets each of them.
func TestBindingsOfAStation(t *testing.T) {
	var s Station
	list := []*Binding{{Idle: 1}, {Idle: 2}, {Idle: 3}}
	want := []*Binding{}
	check := func(what string) {
		t.Helper()
		if got := s.Bindings(); !slices.Equal(got, want) {
			t.Fatalf("after %s: %v, want %v", what, got, want)
		}
	}
	for range 2 {
		for _, b := range list {
			s.addBinding(b)
			want = append(want, b)
			check("adding")
		}
		for _, i := range []int{1, 0, 0} {
			if !s.dropBinding(want[i]) || s.dropBinding(&Binding{}) {
				t.Fatal("dropping tells wrongly whether the binding was there")
			}
			want = slices.Delete(want, i, i+1)
			check("dropping")
		}
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
