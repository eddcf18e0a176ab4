package binding

import (
	"testing"
	"time"

	"github.com/isat-sdn/isat/packet"
)

// What moves to a port takes room there, however it comes: a port that is full
// gets no more by claims than by what is new.
// conformance: L3
func TestMovesNeedRoom(t *testing.T) {
	table := newTable(Config{Limits: Limits{BindingsPerPort: 4, StationsPerPort: 2}})
	hear := func(key string, e Evidence) { table.Hear(1, says(e.Source, ip(key), e.MAC)) }
	table.HearStation(1, station(1, mac1), 1)
	table.HearStation(1, station(1, mac2), 2)
	for _, key := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"} {
		hear(key, Evidence{Source: FromARP, MAC: mac1})
	}
	hear("10.0.0.5", Evidence{Source: FromARP, MAC: mac2})
	if v, change := table.Take(2, says(FromARP, ip("10.0.0.5"), mac1)); v != RefusedPort || change != (Change{}) {
		t.Errorf("a claim to a full port: %v", v)
	}
	if v, _ := table.Take(2, says(FromARP, ip("10.0.0.4"), mac2)); v != Moved {
		t.Errorf("a claim from a full port: %v", v)
	}
	if v, _ := table.Take(2, says(FromARP, ip("10.0.0.5"), mac1)); v != Moved {
		t.Errorf("a claim to a port with room: %v", v)
	}
	table.HearStation(2, station(1, mac3), 2)
	if v, s := table.HearStation(2, station(1, mac1), 2); v != RefusedPort || s != nil {
		t.Errorf("a third station behind a port of two: %v", v)
	}
	// Another MAC behind the same port takes no room of it.
	table.MoveStation(2, table.Station(station(1, mac2)), 1)
	if v, _ := table.Take(3, says(FromARP, ip("10.0.0.1"), mac2)); v != Moved {
		t.Errorf("within a full port: %v", v)
	}
	checkTable(t, table)
}

// A lease holds until it ends, whatever becomes of the binding.
func TestLeaseOutlivesBinding(t *testing.T) {
	span := int64(time.Minute)
	table := newTable(Config{Limits: Limits{Bindings: 4}})
	key := ip("10.0.0.1")
	if v, change := table.Lease(1, Evidence{Key: key, MAC: mac1, Switch: 1}, span); v != Known || change != (Change{}) {
		t.Errorf("to a MAC that is nowhere: %v %v", v, change)
	}
	table.HearStation(2, station(1, mac1), 1)
	table.HearStation(2, station(1, mac2), 2)
	if v, _ := table.Hear(2, says(FromARP, key, mac2)); v != RefusedLeased {
		t.Errorf("heard from another MAC: %v", v)
	}
	if v, change := table.Hear(2, says(FromARP, key, mac1)); v != Learned || change.New.Origin != DHCP {
		t.Errorf("heard from its owner: %v %+v", v, change.New)
	}
	checkTable(t, table)
	table.Remove(key)
	if v, _ := table.Hear(3, says(FromARP, key, mac2)); v != RefusedLeased {
		t.Errorf("when its owner has gone: %v", v)
	}
	if v, _ := table.Hear(2+span, says(FromARP, key, mac2)); v != Learned {
		t.Errorf("after its time: %v", v)
	}
	// The server gives what another MAC has to one that has not been heard.
	if v, change := table.Lease(3, Evidence{Key: key, MAC: mac3, Switch: 1}, span); v != Moved || change.New != nil || table.Lookup(key) != nil {
		t.Errorf("given to a MAC that is nowhere: %v %v", v, change)
	}
	// An operator's word ends it, and so does the end of its network.
	table.Configure(4, []Permitted{{Key: key, MACs: []packet.MAC{mac2}, Origin: Static}})
	if _, _, ok := table.LeaseOf(key); ok {
		t.Error("an operator's binding is leased")
	}
	for n := range 9 {
		k := key
		k.Addr[15] = byte(100 + n)
		want := Known
		if n >= 4 {
			want = RefusedTotal
		}
		if v, _ := table.Lease(5, Evidence{Key: k, MAC: mac3, Switch: 1}, span); v != want {
			t.Errorf("lease %d: %v, want %v", n, v, want)
		}
	}
	table.EndLeases(func(network uint32) bool { return network == blue.Network })
	if n := table.Leases(); n != 0 {
		t.Errorf("%d leases are left", n)
	}
	checkTable(t, table)
}

// Questions are a second apart however late they are; those of a limit of few
// seconds as far as its stages.
// conformance: N12
func TestQuestionsAreApart(t *testing.T) {
	for _, c := range []struct{ limit, apart time.Duration }{
		{20 * time.Minute, time.Second}, {12 * time.Second, time.Second}, {3 * time.Second, 250 * time.Millisecond},
	} {
		table := newTable(Config{Rules: Rules{Age: func(Key) int64 { return int64(c.limit) }}})
		key := ip("10.0.0.1")
		table.HearStation(0, station(1, mac1), 1)
		table.Hear(0, says(FromARP, key, mac1))
		now := 10 * int64(c.limit)
		if step, _ := table.Quiet(now, key, mac1, 0); step != Ask {
			t.Fatalf("limit %v: step %d", c.limit, step)
		}
		for n := range questions {
			due, _ := table.Asked(now, key)
			if due-now != int64(c.apart) {
				t.Errorf("limit %v: after question %d comes the next in %v, want %v", c.limit, n+1, time.Duration(due-now), c.apart)
			}
			now = due
			want := Ask
			if n == questions-1 {
				want = Expire
			}
			if step, _, _ := table.Unheard(now, key); step != want {
				t.Errorf("limit %v: after question %d: step %d, want %d", c.limit, n+1, step, want)
			}
		}
	}
}

// A clock that was set back keeps nobody alive.
func TestClockSetBack(t *testing.T) {
	limit := int64(time.Minute)
	table := newTable(Config{Rules: Rules{Age: func(Key) int64 { return limit }}})
	key, year := ip("10.0.0.1"), int64(365*24*time.Hour)
	table.HearStation(year, station(1, mac1), 1)
	table.Hear(year, says(FromARP, key, mac1))
	if step, change := table.Quiet(0, key, mac1, 0); step != Wait || change.New.Idle != 30 {
		t.Errorf("step %d, idle time %d s, want 30", step, change.New.Idle)
	}
	if step, _ := table.Quiet(limit/2, key, mac1, 0); step != Ask {
		t.Errorf("step %d, want %d", step, Ask)
	}
}

// What is at home nowhere is watched by no switch, whatever its age limit is.
func TestNoRestNowhere(t *testing.T) {
	limit := int64(time.Minute)
	table := newTable(Config{Rules: Rules{Age: func(Key) int64 { return limit }}})
	key := ip("10.0.0.1")
	_, s := table.HearStation(0, station(1, mac1), 1)
	table.Hear(0, says(FromARP, key, mac1))
	table.RemoveStation(s, false)
	limit /= 2
	if change, ok := table.Rest(1, key); ok {
		t.Errorf("it rests: %+v", change.New)
	}
	checkTable(t, table)
}
