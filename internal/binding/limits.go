package binding

// Limits bound what a Table holds. Beyond, the newest is refused (RFC 6583,
// conformance L3). The zero value of each field stands for its default.
type Limits struct {
	Bindings           int // in all
	BindingsPerNetwork int
	BindingsPerPort    int // of an attachment
	Stations           int // in all
	StationsPerPort    int
}

// Limits that hold if nothing else is said.
const (
	DefaultMaxBindings           = 1 << 20
	DefaultMaxBindingsPerNetwork = 1 << 18
	DefaultMaxBindingsPerPort    = 1 << 14
	DefaultMaxStations           = 1 << 20
	DefaultMaxStationsPerPort    = 1 << 14
)

// guaranteed is how many bindings, and stations, every port may have, however
// full the rest is.
const guaranteed = 4

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		value *int
		or    int
	}{
		{&l.Bindings, DefaultMaxBindings}, {&l.BindingsPerNetwork, DefaultMaxBindingsPerNetwork},
		{&l.BindingsPerPort, DefaultMaxBindingsPerPort},
		{&l.Stations, DefaultMaxStations}, {&l.StationsPerPort, DefaultMaxStationsPerPort},
	} {
		if *f.value == 0 {
			*f.value = f.or
		}
	}
	return l
}

// SetLimits changes the limits. What is there already stays.
func (t *Table) SetLimits(l Limits) { t.limits = l.withDefaults() }

// roomFor says whether a new binding may be added, or which limit is reached.
func (t *Table) roomFor(e Evidence) Verdict {
	if s := t.stations.get(e.Station()); s != nil {
		switch here := t.attached[s.Location()].Bindings; {
		case here >= t.limits.BindingsPerPort:
			return RefusedPort
		case here < guaranteed:
			return Known
		}
	}
	switch {
	case t.CountsIn(e.Key.Network).Bindings >= t.limits.BindingsPerNetwork:
		return RefusedNetwork
	case t.bindings.count >= t.limits.Bindings:
		return RefusedTotal
	}
	return Known
}

// roomToMove says whether a binding may go to where the evidence comes from: what
// is there already needs no room.
func (t *Table) roomToMove(b *Binding, e Evidence) Verdict {
	to := t.stations.get(e.Station())
	if to == nil || t.attached[to.Location()].Bindings < t.limits.BindingsPerPort {
		return Known
	}
	if from := t.StationOf(b); from != nil && from.Location() == to.Location() {
		return Known
	}
	return RefusedPort
}

// roomForStation is roomFor for a new station.
func (t *Table) roomForStation(at Location) Verdict {
	here := t.CountsAt(at).Stations
	switch {
	case here >= t.limits.StationsPerPort:
		return RefusedPort
	case here >= guaranteed && t.stations.count >= t.limits.Stations:
		return RefusedTotal
	}
	return Known
}
