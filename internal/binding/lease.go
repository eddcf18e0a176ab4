package binding

import (
	"maps"

	"github.com/isat-sdn/isat/packet"
)

// lease is an address that a DHCP server gave to a MAC.
type lease struct {
	mac   packet.MAC
	until int64 // nanoseconds since 1970
	span  int64 // how long it was given for
}

// Lease records that a DHCP server gave an address to a MAC for a span of
// nanoseconds. As long as it lasts nobody else may have the address, whatever
// becomes of its binding, and its span is the binding's age limit. Without a
// station of that MAC on the switch there is no binding yet: the owner is learned
// when it is heard.
func (t *Table) Lease(now int64, e Evidence, span int64) (Verdict, Change) {
	old := t.bindings.get(e.Key)
	if old != nil && old.Origin.Configured() {
		if old.MAC == e.MAC {
			return Known, Change{}
		}
		return RefusedFixed, Change{}
	}
	if v := t.roomForLease(old, e); v != Known {
		return v, Change{}
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
	if t.StationOf(b) == nil {
		if verdict != Moved {
			return Known, Change{}
		}
		t.drop(old)
		return Moved, Change{old, nil}
	}
	t.watch(now, b)
	t.set(old, b)
	return verdict, Change{old, b}
}

// roomForLease is roomFor for a lease: there are no more of them than there may
// be bindings.
func (t *Table) roomForLease(old *Binding, e Evidence) Verdict {
	if _, again := t.leases[e.Key]; !again && len(t.leases) >= t.limits.Bindings {
		return RefusedTotal
	}
	if old != nil {
		return Known
	}
	return t.roomFor(e)
}

// EndLease takes a lease away, and its binding, if there is one, with it.
func (t *Table) EndLease(key Key) (change Change, ok bool) {
	if _, ok = t.leases[key]; !ok {
		return Change{}, false
	}
	delete(t.leases, key)
	change, _ = t.Remove(key)
	return change, true
}

// EndLeases takes away the leases of networks, which have no bindings any more.
func (t *Table) EndLeases(of func(network uint32) bool) {
	maps.DeleteFunc(t.leases, func(k Key, _ lease) bool { return of(k.Network) })
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
