package binding

import "github.com/isat-sdn/isat/packet"

// lease is an address that a DHCP server gave to a MAC.
type lease struct {
	mac   packet.MAC
	until int64 // nanoseconds since 1970
	span  int64 // how long it was given for
}

// Lease records that a DHCP server gave an address to a MAC for a span of
// nanoseconds. As long as it lasts nobody else may have the address, and its
// span is the binding's age limit. The lease's station need not be known.
func (t *Table) Lease(now int64, e Evidence, span int64) (Verdict, Change) {
	old := t.bindings.get(e.Key)
	if old != nil && old.Origin.Configured() {
		if old.MAC == e.MAC {
			return Known, Change{}
		}
		return RefusedFixed, Change{}
	}
	if old == nil {
		if v := t.roomFor(e); v != Known {
			return v, Change{}
		}
	}
	t.leases[e.Key] = lease{e.MAC, now + span, span}
	delete(t.moves, e.Key)
	b := &Binding{Key: e.Key, MAC: e.MAC, Switch: e.Switch, Origin: DHCP, State: Reachable, Learned: now, Heard: now}
	verdict := Learned
	if old != nil {
		verdict = Moved
		if old.MAC == e.MAC {
			verdict = Confirmed
			b.Router, b.Learned, b.Switch = old.Router, old.Learned, old.Switch
			t.settle(old, b, e)
		}
	}
	t.watch(now, b)
	t.set(old, b)
	return verdict, Change{old, b}
}

// EndLease takes a lease away, and its binding with it.
func (t *Table) EndLease(key Key) (Change, bool) {
	if _, ok := t.leases[key]; !ok {
		return Change{}, false
	}
	return t.Remove(key)
}

// LeaseOf says to whom an address is leased and until when, in nanoseconds since
// 1970.
func (t *Table) LeaseOf(key Key) (mac packet.MAC, until int64, ok bool) {
	l, ok := t.leases[key]
	return l.mac, l.until, ok
}

// Leases is the number of leases.
func (t *Table) Leases() int { return len(t.leases) }

func (t *Table) leasedToOther(now int64, e Evidence) bool {
	l, ok := t.leases[e.Key]
	return ok && l.until > now && l.mac != e.MAC
}
