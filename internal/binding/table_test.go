package binding

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"testing"

	"github.com/isat-sdn/isat/packet"
	_ "github.com/isat-sdn/isat/test/seed"
	"pgregory.net/rapid"
)

var (
	blue = Segment{Network: 1}
	mac1 = packet.MAC{0x02, 0, 0, 0, 0, 1}
	mac2 = packet.MAC{0x02, 0, 0, 0, 0, 2}
	mac3 = packet.MAC{0x02, 0, 0, 0, 0, 3}
)

func newTable(config Config) *Table {
	config.Seed = maphash.MakeSeed()
	return NewTable(config)
}

func ip(s string) Key { return NewKey(blue, netip.MustParseAddr(s)) }

func station(onSwitch uint64, mac packet.MAC) StationKey {
	return StationKey{Switch: onSwitch, Segment: blue, MAC: mac}
}

// says makes the evidence that mac on switch 1 has an address.
func says(source Source, key Key, mac packet.MAC) Evidence {
	e := Evidence{Key: key, MAC: mac, Switch: 1, Source: source}
	if source == FromRestore {
		e.Origin, e.Learned = ARP, 50
	}
	return e
}

// Everything that a first packet can teach.
// conformance: A2 N8 D3 R1
func TestHearNew(t *testing.T) {
	for _, c := range []struct {
		source Source
		router bool
		origin Origin
		state  State
		routes bool
	}{
		{FromARP, false, ARP, Reachable, false},
		{FromNA, true, ND, Reachable, true},
		{FromNAKeepOther, false, ND, Reachable, false},
		{FromUnverified, true, ND, Stale, true},
		{FromSolicit, true, ND, Stale, false}, // an NS has no R flag
		{FromRestore, true, ARP, Reachable, true},
	} {
		table := newTable(Config{})
		table.HearStation(100, station(1, mac1), 5)
		e := says(c.source, ip("10.0.0.1"), mac1)
		e.Router = c.router
		verdict, change := table.Hear(100, e)
		b := table.Lookup(e.Key)
		switch {
		case verdict != Learned || change.Old != nil || change.New != b || b == nil:
			t.Errorf("source %d: %v, %v", c.source, verdict, change)
		case b.MAC != mac1 || b.Origin != c.origin || b.State != c.state || b.Router != c.routes || b.Switch != 1:
			t.Errorf("source %d teaches %+v", c.source, *b)
		case (c.source == FromRestore) != b.Restored || c.source == FromRestore && b.Learned != 50:
			t.Errorf("source %d: restored %v, learned %d", c.source, b.Restored, b.Learned)
		}
	}
}

// What each source does to a binding that exists, when it names the same MAC
// and when it names another one.
// conformance: A2 N8 N9 D3 R1
func TestHearKnown(t *testing.T) {
	type outcome struct {
		verdict Verdict
		mac     packet.MAC
		state   State
	}
	for _, c := range []struct {
		source            Source
		same, sameStale   outcome
		other, otherStale outcome
	}{
		{FromARP,
			outcome{Known, mac1, Reachable}, outcome{Confirmed, mac1, Reachable},
			outcome{Claimed, mac1, Reachable}, outcome{Claimed, mac1, Stale}},
		{FromNA,
			outcome{Known, mac1, Reachable}, outcome{Confirmed, mac1, Reachable},
			outcome{Claimed, mac1, Reachable}, outcome{Claimed, mac1, Stale}},
		{FromNAKeepOther,
			outcome{Known, mac1, Reachable}, outcome{Confirmed, mac1, Reachable},
			outcome{Claimed, mac1, Reachable}, outcome{Known, mac1, Stale}},
		{FromUnverified,
			outcome{Known, mac1, Reachable}, outcome{Known, mac1, Stale},
			outcome{Claimed, mac1, Reachable}, outcome{Known, mac1, Stale}},
		{FromSolicit,
			outcome{Known, mac1, Reachable}, outcome{Known, mac1, Stale},
			outcome{Claimed, mac1, Reachable}, outcome{Claimed, mac1, Stale}},
		{FromRestore,
			outcome{Known, mac1, Reachable}, outcome{Known, mac1, Stale},
			outcome{Known, mac1, Reachable}, outcome{Known, mac1, Stale}},
	} {
		for _, present := range []struct {
			state State
			mac   packet.MAC
			want  outcome
		}{
			{Reachable, mac1, c.same}, {Stale, mac1, c.sameStale}, {Reachable, mac2, c.other}, {Stale, mac2, c.otherStale},
		} {
			table := newTable(Config{})
			key := ip("2001:db8::1")
			for i, mac := range []packet.MAC{mac1, mac2} {
				table.HearStation(1, station(1, mac), PortKey(i+1))
			}
			first := FromNA
			if present.state == Stale {
				first = FromUnverified
			}
			table.Hear(1, says(first, key, mac1))
			old := table.Lookup(key)
			verdict, change := table.Hear(100, says(c.source, key, present.mac))
			b := table.Lookup(key)
			name := fmt.Sprintf("source %d from %v about a %v binding of %v", c.source, present.mac, present.state, mac1)
			if got := (outcome{verdict, b.MAC, b.State}); got != present.want {
				t.Errorf("%s: %v, want %v", name, got, present.want)
			}
			if verdict != Known && verdict != Claimed && (change.Old != old || change.New != b) {
				t.Errorf("%s: the change is %v, want %v and %v", name, change, old, b)
			}
			if verdict == Known && change.New != nil && change.New != b {
				t.Errorf("%s: the change is to %v, want %v", name, change.New, b)
			}
			if want := verdict == Moved; (b.Learned == 100) != want {
				t.Errorf("%s: learned at %d", name, b.Learned)
			}
			checkTable(t, table)
		}
	}
}

// The R flag of an NA is a property of the owner (RFC 4861 §7.2.5).
func TestHearRouter(t *testing.T) {
	table := newTable(Config{})
	table.HearStation(1, station(1, mac1), 1)
	e := says(FromNA, ip("fe80::1"), mac1)
	table.Hear(1, e)
	for _, step := range []struct {
		source Source
		router bool
		want   Verdict
		routes bool
	}{
		{FromNA, true, Changed, true},
		{FromNA, true, Known, true},
		{FromSolicit, false, Known, true}, // no R flag in an NS
		{FromUnverified, false, Changed, false},
		{FromNAKeepOther, true, Changed, true},
	} {
		e.Source, e.Router = step.source, step.router
		if verdict, _ := table.Hear(2, e); verdict != step.want || table.Lookup(e.Key).Router != step.routes {
			t.Errorf("source %d, router %v: %v, router %v", step.source, step.router, verdict, table.Lookup(e.Key).Router)
		}
	}
}

// An operator's binding is changed by nobody, and among permitted MACs only by
// who has authority.
// conformance: R1
func TestHearConfigured(t *testing.T) {
	key := ip("10.0.0.1")
	for _, c := range []struct {
		source Source
		mac    packet.MAC
		want   Verdict
		after  packet.MAC
	}{
		{FromARP, mac3, RefusedFixed, mac1},
		{FromNA, mac3, RefusedFixed, mac1},
		{FromRestore, mac3, RefusedFixed, mac1},
		{FromSolicit, mac3, RefusedFixed, mac1},
		{FromARP, mac1, Known, mac1},
		{FromSolicit, mac1, Known, mac1},
		{FromARP, mac2, Moved, mac2}, // VRRP: the other router took over
		{FromNA, mac2, Moved, mac2},
		{FromRestore, mac2, Moved, mac2},
		{FromNAKeepOther, mac2, Known, mac1},
		{FromUnverified, mac2, Known, mac1},
		{FromSolicit, mac2, Known, mac1},
	} {
		table := newTable(Config{})
		table.Configure(1, []Permitted{{Key: key, MACs: []packet.MAC{mac1, mac2}, Origin: Static}})
		table.HearStation(2, station(1, c.mac), 7)
		verdict, _ := table.Hear(2, says(c.source, key, c.mac))
		b := table.Lookup(key)
		if verdict != c.want || b.MAC != c.after || b.Origin != Static || b.State != Reachable {
			t.Errorf("source %d from %v: %v, then %+v; want %v and %v", c.source, c.mac, verdict, *b, c.want, c.after)
		}
		if heard := verdict == Known && c.mac == c.after || verdict == Moved; (table.StationOf(b) != nil) != heard {
			t.Errorf("source %d from %v: at home with %v", c.source, c.mac, table.StationOf(b))
		}
		if _, gone := table.Remove(key); gone {
			t.Error("a configured binding was removed")
		}
		checkTable(t, table)
	}
}

// Reloading an equal intent changes nothing; what it does change comes back.
func TestConfigure(t *testing.T) {
	table := newTable(Config{})
	table.HearStation(1, station(1, mac2), 3)
	learned := ip("10.0.0.2")
	table.Hear(1, says(FromARP, learned, mac2))
	want := []Permitted{
		{Key: ip("10.0.0.1"), MACs: []packet.MAC{mac1}, Origin: Gateway, Router: true},
		{Key: learned, MACs: []packet.MAC{mac3, mac2}, Origin: Static},
	}
	changes := table.Configure(2, want)
	if len(changes) != 2 {
		t.Fatalf("%d changes, want 2", len(changes))
	}
	// The owner that is there, and permitted, stays.
	if b := table.Lookup(learned); b.MAC != mac2 || b.Origin != Static || table.StationOf(b) == nil {
		t.Errorf("a permitted owner was displaced: %+v", *b)
	}
	if again := table.Configure(3, slices.Clone(want)); len(again) != 0 {
		t.Errorf("an equal intent changes %v", again)
	}
	table.Hear(4, says(FromARP, learned, mac2))
	if again := table.Configure(5, want); len(again) != 0 {
		t.Errorf("an equal intent changes %v after the owner was heard", again)
	}
	want[1].MACs = []packet.MAC{mac3}
	if changes = table.Configure(6, want); len(changes) != 1 || changes[0].New.MAC != mac3 {
		t.Errorf("an owner that is not permitted any more: %v", changes)
	}
	if changes = table.Configure(7, nil); len(changes) != 2 || changes[0].New != nil || changes[1].New != nil {
		t.Errorf("nothing configured: %v", changes)
	}
	if n := table.Len(); n.Bindings != 0 || n.Stations != 1 {
		t.Errorf("left: %+v", n)
	}
	checkTable(t, table)
}

// What an operator bound outlives the place where its owner was heard, and
// does not pretend to be there.
func TestRemoveStationKeepsConfigured(t *testing.T) {
	table := newTable(Config{})
	key, other := ip("10.0.0.1"), ip("10.0.0.2")
	table.Configure(1, []Permitted{{Key: key, MACs: []packet.MAC{mac1}, Origin: Static}})
	_, s := table.HearStation(2, station(1, mac1), 3)
	table.Hear(2, says(FromARP, key, mac1))
	table.Hear(2, says(FromARP, other, mac1))
	if got := table.CountsAt(Location{1, 3}); got != (Counts{Bindings: 2, Stations: 1}) {
		t.Errorf("behind the port: %+v", got)
	}
	gone := 0
	for _, change := range table.RemoveStation(s, true) {
		if change.New == nil {
			gone++
		}
	}
	if gone != 1 || table.Lookup(other) != nil || table.Lookup(key) == nil {
		t.Errorf("%d bindings are gone; learned %v, static %v", gone, table.Lookup(other), table.Lookup(key))
	}
	// The MAC is heard again by a frame that says nothing of the address.
	table.HearStation(3, station(1, mac1), 4)
	checkTable(t, table)
}

func TestHearStation(t *testing.T) {
	table := newTable(Config{})
	key := station(1, mac1)
	if v, s := table.HearStation(1, key, 3); v != Learned || s.Location() != (Location{1, 3}) || s.Learned != 1 {
		t.Errorf("first: %v %+v", v, s)
	}
	table.Hear(1, says(FromARP, ip("10.0.0.1"), mac1))
	if v, s := table.HearStation(2, key, 3); v != Known || s.Port != 3 {
		t.Errorf("again: %v at %d", v, s.Port)
	}
	v, s := table.HearStation(3, key, NewPortKey(4, 100))
	if v != Claimed || s.Port != 3 || s.Learned != 1 {
		t.Errorf("elsewhere: %v, %+v", v, s)
	}
	table.MoveStation(3, s, NewPortKey(4, 100))
	if s.Learned != 3 || s.Port.Number() != 4 || s.Port.VLAN() != 100 || len(table.BindingsOf(s)) != 1 {
		t.Errorf("moved: %+v", s)
	}
	if got := table.CountsAt(Location{1, 3}); got != (Counts{}) {
		t.Errorf("left behind: %+v", got)
	}
	// The same MAC on another switch is another station.
	if v, _ := table.HearStation(4, station(2, mac1), 3); v != Learned || table.Len().Stations != 2 {
		t.Errorf("on another switch: %v", v)
	}
	checkTable(t, table)
}

// Full tables refuse the newest and keep what they have; but every port has room
// for a few.
// conformance: L3
func TestLimits(t *testing.T) {
	table := newTable(Config{Limits: Limits{Bindings: 9, BindingsPerNetwork: 7, BindingsPerPort: 5, Stations: 6, StationsPerPort: 5}})
	host := func(port, n int) (packet.MAC, Key) {
		return packet.MAC{2, 0, 0, 0, byte(port), byte(n)}, NewKey(Segment{Network: uint32(port%2 + 1)}, netip.AddrFrom4([4]byte{10, 0, byte(port), byte(n)}))
	}
	hear := func(port, n int) (Verdict, Verdict) {
		mac, key := host(port, n)
		on := StationKey{Switch: 1, Segment: key.Segment, MAC: mac}
		station, _ := table.HearStation(1, on, PortKey(port))
		if station != Learned {
			return station, 0
		}
		v, _ := table.Hear(1, Evidence{Key: key, MAC: mac, Switch: 1, Source: FromARP})
		return station, v
	}
	for _, step := range []struct {
		port, n            int
		station, addresses Verdict
	}{
		{1, 1, Learned, Learned}, {1, 2, Learned, Learned}, {1, 3, Learned, Learned}, {1, 4, Learned, Learned}, {1, 5, Learned, Learned},
		{1, 6, RefusedPort, 0}, // five are all that a port may have
		{2, 1, Learned, Learned}, {2, 2, Learned, Learned}, {2, 3, Learned, Learned}, {2, 4, Learned, Learned},
		{2, 5, RefusedTotal, 0},                                                                                // of six stations, with four for every port
		{3, 1, Learned, Learned}, {3, 2, Learned, Learned}, {3, 3, Learned, Learned}, {3, 4, Learned, Learned}, // network 2 is full but for these
		{3, 5, RefusedTotal, 0},
	} {
		station, address := hear(step.port, step.n)
		if station != step.station || address != step.addresses {
			t.Errorf("host %d on port %d: %v and %v, want %v and %v", step.n, step.port, station, address, step.station, step.addresses)
		}
	}
	mac, _ := host(1, 1)
	more := func(network uint32, n byte, mac packet.MAC) Verdict {
		key := NewKey(Segment{Network: network}, netip.AddrFrom4([4]byte{10, 9, 9, n}))
		v, _ := table.Hear(1, Evidence{Key: key, MAC: mac, Switch: 1, Source: FromARP})
		return v
	}
	if v := more(2, 1, mac); v != RefusedPort {
		t.Errorf("a sixth address behind port 1: %v", v)
	}
	if mac, _ := host(3, 1); more(2, 2, mac) != RefusedNetwork {
		t.Error("a tenth address in network 2 is not refused")
	}
	if mac, _ := host(2, 1); more(1, 3, mac) != RefusedTotal {
		t.Error("a fourteenth address in all is not refused")
	}
	table.SetLimits(Limits{})
	if mac, _ := host(2, 1); more(1, 3, mac) != Learned {
		t.Error("there is no room although the limits were raised")
	}
	checkTable(t, table)
}

// checkTable compares lists and counts with a scan of everything.
func checkTable(t interface {
	Helper()
	Errorf(string, ...any)
}, table *Table) {
	t.Helper()
	owned := 0
	for key, p := range table.configured {
		for _, mac := range p.MACs {
			if owned++; !slices.Contains(table.byOwner[owner{key.Segment, mac}], key) {
				t.Errorf("%v is not among the addresses of %v", key, mac)
			}
		}
	}
	for at, keys := range table.byOwner {
		if owned -= len(keys); len(keys) == 0 {
			t.Errorf("%v owns nothing", at)
		}
	}
	if owned != 0 {
		t.Errorf("owners have %d addresses too many", -owned)
	}
	places, networks := make(map[Location]Counts), make(map[uint32]Counts)
	stations, bindings := 0, 0
	homes := make(map[StationKey][]*Binding)
	for b := range table.Bindings {
		bindings++
		n := networks[b.Network]
		n.Bindings++
		networks[b.Network] = n
		if s := table.StationOf(b); s != nil {
			homes[s.StationKey] = append(homes[s.StationKey], b)
			at := places[s.Location()]
			at.Bindings++
			places[s.Location()] = at
		} else if !b.Origin.Configured() && (!b.Unwatched || b.State == Reachable || b.State == Probing) {
			t.Errorf("the learned binding %+v is at home nowhere, and not in doubt", *b)
		}
		if p, ok := table.Permitted(b.Key); ok != b.Origin.Configured() || ok && !slices.Contains(p.MACs, b.MAC) {
			t.Errorf("%v has %v by %v, permitted are %v", b.Key, b.MAC, b.Origin, p.MACs)
		}
	}
	for s := range table.Stations {
		stations++
		n := networks[s.Network]
		n.Stations++
		networks[s.Network] = n
		at := places[s.Location()]
		at.Stations++
		places[s.Location()] = at
		if list := table.BindingsOf(s); len(list) != len(homes[s.StationKey]) {
			t.Errorf("station %+v lists %d bindings, %d are at home there", s.StationKey, len(list), len(homes[s.StationKey]))
		}
		for _, b := range table.BindingsOf(s) {
			if table.Lookup(b.Key) != b {
				t.Errorf("station %+v lists %v, which is not in the table", s.StationKey, b.Key)
			}
		}
	}
	if n := table.Len(); n != (Counts{bindings, stations}) {
		t.Errorf("the table counts %+v, there are %d and %d", n, bindings, stations)
	}
	kinds := make(map[[2]uint8]int)
	for b := range table.Bindings {
		kinds[[2]uint8{uint8(b.Origin), uint8(b.State)}]++
	}
	for _, o := range Origins() {
		for _, s := range States() {
			if got, want := table.CountsOf(o, s), kinds[[2]uint8{uint8(o), uint8(s)}]; got != want {
				t.Errorf("%v and %v: it counts %d, there are %d", o, s, got, want)
			}
		}
	}
	for number := range networks {
		if got := table.CountsIn(number); got != networks[number] {
			t.Errorf("network %d counts %+v, want %+v", number, got, networks[number])
		}
	}
	checkPlaces(t, table, places)
}

func checkPlaces(t interface {
	Helper()
	Errorf(string, ...any)
}, table *Table, want map[Location]Counts) {
	t.Helper()
	if len(table.attached) != len(want) {
		t.Errorf("%d attachments, want %d", len(table.attached), len(want))
	}
	for at, n := range want {
		if got := table.CountsAt(at); got != n {
			t.Errorf("%+v counts %+v, want %+v", at, got, n)
		}
		listed := 0
		for s := range table.StationsAt(at) {
			listed++
			if table.Station(s.StationKey) != s || s.Location() != at {
				t.Errorf("%+v lists %+v", at, *s)
			}
		}
		if listed != n.Stations {
			t.Errorf("%+v lists %d stations, want %d", at, listed, n.Stations)
		}
		found := false
		for place := range table.Places(at.Switch) {
			found = found || place == at
		}
		if !found {
			t.Errorf("%+v is not among the places of its switch", at)
		}
	}
}

// Whatever is heard, configured and forgotten in whatever order: an address
// has one MAC, one that somebody claimed or the operator permits; traffic
// never overrides the operator; limits hold; lists and counts are true.
func TestTableKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Config{Limits: Limits{Bindings: 6, Stations: 8}}
		table := newTable(limits)
		macs := rapid.SampledFrom([]packet.MAC{mac1, mac2, mac3})
		segments := rapid.SampledFrom([]Segment{blue, {Network: 1, VLAN: 5}, {Network: 2}})
		switches := rapid.Uint64Range(1, 2)
		keys := rapid.Custom(func(t *rapid.T) Key {
			return NewKey(segments.Draw(t, "segment"), netip.AddrFrom4([4]byte{10, 0, 0, rapid.ByteRange(1, 4).Draw(t, "host")}))
		})
		claimed := make(map[Key]map[packet.MAC]bool)
		now := int64(0)
		t.Repeat(map[string]func(*rapid.T){
			"hear": func(t *rapid.T) {
				now++
				key, mac, on := keys.Draw(t, "key"), macs.Draw(t, "mac"), switches.Draw(t, "switch")
				if v, _ := table.HearStation(now, StationKey{on, key.Segment, mac}, PortKey(rapid.IntRange(1, 3).Draw(t, "port"))); v >= RefusedTotal {
					return
				}
				e := says(Source(rapid.IntRange(int(FromARP), int(FromRestore)).Draw(t, "source")), key, mac)
				e.Switch, e.Router, e.Stale = on, rapid.Bool().Draw(t, "router"), rapid.Bool().Draw(t, "stale")
				old := table.Lookup(key)
				v, change := table.Hear(now, e)
				if v == Claimed {
					v, change = table.Take(now, e)
				}
				if v == Frozen && table.Lookup(key).State != Duplicate {
					t.Fatalf("frozen is %v", table.Lookup(key))
				}
				if change.New != nil && (table.Lookup(key) != change.New || change.Old != old) {
					t.Fatalf("change %v, table %v", change, table.Lookup(key))
				}
				if claimed[key] == nil {
					claimed[key] = make(map[packet.MAC]bool)
				}
				claimed[key][mac] = true
			},
			"station": func(t *rapid.T) {
				key := StationKey{switches.Draw(t, "switch"), segments.Draw(t, "segment"), macs.Draw(t, "mac")}
				table.HearStation(now, key, PortKey(rapid.IntRange(1, 3).Draw(t, "port")))
			},
			"forget station": func(t *rapid.T) {
				if s := table.Station(StationKey{switches.Draw(t, "switch"), segments.Draw(t, "segment"), macs.Draw(t, "mac")}); s != nil {
					table.RemoveStation(s, rapid.Bool().Draw(t, "learned"))
				}
			},
			"remove": func(t *rapid.T) { table.Remove(keys.Draw(t, "key")) },
			"configure": func(t *rapid.T) {
				want := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Permitted {
					return Permitted{
						Key: keys.Draw(t, "key"), MACs: rapid.SliceOfNDistinct(macs, 1, 3, rapid.ID).Draw(t, "macs"),
						Origin: rapid.SampledFrom([]Origin{Static, Gateway}).Draw(t, "origin"),
					}
				}), 0, 4, func(p Permitted) Key { return p.Key }).Draw(t, "want")
				table.Configure(now, want)
				if again := table.Configure(now+1, want); len(again) != 0 {
					t.Fatalf("an equal intent changes %v", again)
				}
				for _, p := range want {
					if claimed[p.Key] == nil {
						claimed[p.Key] = make(map[packet.MAC]bool)
					}
					for _, mac := range p.MACs {
						claimed[p.Key][mac] = true
					}
				}
			},
			"": func(t *rapid.T) {
				checkTable(t, table)
				if n := table.Len(); n.Bindings > limits.Limits.Bindings+len(table.configured)+6*guaranteed || n.Stations > limits.Limits.Stations+6*guaranteed {
					t.Fatalf("over the limits: %+v", n)
				}
				for b := range table.Bindings {
					if !claimed[b.Key][b.MAC] {
						t.Fatalf("%v is bound to %v, which nobody claimed", b.Key, b.MAC)
					}
				}
			},
		})
	})
}

func TestLookupDoesNotAllocate(t *testing.T) {
	table := newTable(Config{})
	table.HearStation(1, station(1, mac1), 1)
	key := ip("10.0.0.1")
	table.Hear(1, says(FromARP, key, mac1))
	unknown := ip("2001:db8::1")
	if n := testing.AllocsPerRun(1000, func() {
		if table.Lookup(key) == nil || table.Lookup(unknown) != nil {
			t.Error("wrong answer")
		}
	}); n != 0 {
		t.Errorf("%v allocations per lookup", n)
	}
}

func TestKeyNames(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{ip("10.0.0.1").String(), "10.0.0.1 in network 1"},
		{NewKey(Segment{7, 20}, netip.MustParseAddr("fe80::1")).String(), "fe80::1 in network 7 vlan 20"},
		{Stale.String(), "stale"}, {Gateway.String(), "gateway"}, {RefusedFixed.String(), "refused-configured"},
		{State(9).String(), "state 9"}, {Origin(9).String(), "origin 9"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	if key := NewPortKey(0xfffffffe, 12); key.Number() != 0xfffe || key.VLAN() != 12 {
		t.Errorf("the local port's key is %x", key)
	}
}
