package binding

import (
	"slices"

	"github.com/isat-sdn/isat/packet"
)

// Source is the kind of packet that an address was heard in.
type Source uint8

// Sources of evidence.
const (
	FromARP         Source = iota + 1 // request, reply or announcement (RFC 826; conformance A2)
	FromNA                            // solicited, or unsolicited with the override flag
	FromUnverified                    // unsolicited NA without override (RFC 9131; conformance D3)
	FromSolicit                       // NS: never more than stale (conformance N8)
	FromNAKeepOther                   // solicited NA without override: a different MAC does not overwrite (conformance N9)
	FromRestore                       // a switch's own flows, after a restart
)

// Evidence is what one packet says of an address.
type Evidence struct {
	Key    Key
	MAC    packet.MAC
	Switch uint64 // datapath id of the switch that heard it
	Source Source
	Router bool // R flag of an NA; means nothing from other sources
	Home   bool // it was heard where its owner is, and elsewhere only by a link
	// For FromRestore: what the switch's flows say.
	Origin  Origin
	Stale   bool
	Learned int64
	Idle    uint16 // see Binding.Idle
}

// Station is the station that the evidence comes from.
func (e *Evidence) Station() StationKey { return StationKey{e.Switch, e.Key.Segment, e.MAC} }

// Verdict is the result of hearing something, with its reason.
type Verdict uint8

// Verdicts of Hear and HearStation.
const (
	Known          Verdict = iota + 1 // nothing new
	Learned                           // was not known before
	Confirmed                         // was stale, silent or asked, is reachable now
	Moved                             // the address has another MAC, or the MAC another place
	Changed                           // a property of the owner changed
	Doubted                           // contradicted without authority: stale now (RFC 9161, RFC 4861 §7.2.5)
	Claimed                           // by another MAC, or at another place: nothing is changed before the owner was asked (RFC 9161 §3.7)
	Frozen                            // moved too often, and is frozen; or is so already
	RefusedFixed                      // the operator bound the address to another MAC
	RefusedLeased                     // a DHCP server gave the address to another MAC
	RefusedTotal                      // as many as there may be in all: the newest is refused
	RefusedNetwork                    // likewise in the network
	RefusedPort                       // likewise behind the port
)

// NumVerdicts is one more than the last verdict.
const NumVerdicts = RefusedPort + 1

var verdictNames = [...]string{
	Known: "known", Learned: "learned", Confirmed: "confirmed", Moved: "moved", Changed: "changed",
	Doubted: "doubted", Claimed: "claimed", Frozen: "frozen", RefusedFixed: "refused-configured", RefusedLeased: "refused-leased",
	RefusedTotal: "refused-total", RefusedNetwork: "refused-network", RefusedPort: "refused-port",
}

func (v Verdict) String() string { return verdictNames[v] }

// HearStation records that a MAC was heard at a place. On Claimed it is known
// at another one: MoveStation decides.
func (t *Table) HearStation(now int64, key StationKey, at PortKey) (Verdict, *Station) {
	s := t.stations.get(key)
	if s == nil {
		if v := t.roomForStation(Location{key.Switch, at}); v != Known {
			return v, nil
		}
		s = t.room.take()
		s.StationKey, s.Port, s.Learned, s.Idle = key, at, now, t.stationIdle(key)
		t.stations.put(s)
		t.attach(s)
		t.network(key.Network).Stations++
		return Learned, s
	}
	if s.Port == at {
		return Known, s
	}
	if t.CountsAt(Location{key.Switch, at}).Stations >= t.limits.StationsPerPort {
		return RefusedPort, nil
	}
	return Claimed, s
}

// MoveStation gives a station another place on its switch.
func (t *Table) MoveStation(now int64, s *Station, to PortKey) {
	t.detach(s)
	s.Port, s.Learned, s.Restored = to, now, false
	t.attach(s)
}

// Hear records what a packet says of an address. The sender's station must
// have been heard before. A change is nil where nothing changed. On Claimed the
// present owner is to be asked; Take is what follows if it does not answer.
func (t *Table) Hear(now int64, e Evidence) (Verdict, Change) {
	old := t.bindings.get(e.Key)
	switch {
	case old == nil:
		return t.learn(now, e)
	case old.Origin.Configured():
		return t.hearConfigured(now, old, e)
	case old.State == Duplicate && old.MAC == e.MAC:
		return Known, Change{}
	case old.State == Duplicate:
		return Frozen, Change{}
	case old.MAC == e.MAC:
		return t.refresh(now, old, e)
	case e.Source == FromRestore:
		return Known, Change{}
	case t.leasedToOther(now, e):
		return RefusedLeased, Change{}
	case old.State == Stale && e.Source.Authority() == 0:
		return Known, Change{}
	}
	return Claimed, Change{}
}

// Authority is how much a source says of who has an address to whoever knows
// another MAC: 2 if that is taken over, 1 if it is, but only as stale, and 0 if what
// was known is doubted and no more (RFC 826; RFC 4861 §7.2.3, §7.2.5).
func (s Source) Authority() int {
	switch s {
	case FromARP, FromNA:
		return 2
	case FromSolicit:
		return 1
	}
	return 0
}

// Take lets the MAC of the evidence take over an address that another one has.
// Frozen is an address that has been taken too often. Doubted is one that the
// evidence only contradicts: it is stale, so that the next request asks the wire.
func (t *Table) Take(now int64, e Evidence) (Verdict, Change) {
	old := t.bindings.get(e.Key)
	if old == nil {
		return t.learn(now, e)
	}
	if old.Origin.Configured() || old.State == Duplicate || old.MAC == e.MAC || t.leasedToOther(now, e) {
		return t.Hear(now, e)
	}
	b := *old
	if e.Source.Authority() == 0 {
		if old.State == Stale {
			return Known, Change{}
		}
		b.State = Stale
		t.set(old, &b)
		return Doubted, Change{old, &b}
	}
	if v := t.roomToMove(old, e); v != Known {
		return v, Change{}
	}
	b.MAC, b.Switch, b.Router, b.Restored = e.MAC, e.Switch, e.Router, false
	b.Origin, b.State, b.Learned, b.Heard = originOf(e.Source), Reachable, now, now
	if e.Source == FromSolicit {
		b.State, b.Router = Stale, false // never more by an NS (conformance N8)
	}
	if t.movedTooOften(now, e.Key) {
		b.State, b.Unwatched, b.Idle, b.Tries = Duplicate, true, 0, 0
		t.set(old, &b)
		return Frozen, Change{old, &b}
	}
	t.watch(now, &b)
	t.set(old, &b)
	return Moved, Change{old, &b}
}

// settle gives a binding whose station is gone, or whose owner is silent there,
// a home where it was heard now, and one that a second switch told of first. Any
// other stays at home: what a second switch hears of it came through the first.
func (t *Table) settle(old, b *Binding, e Evidence) {
	if e.Home || old.State == Silent || old.State == Probing || t.StationOf(b) == nil {
		b.Switch = e.Switch
	}
}

func originOf(s Source) Origin {
	if s == FromARP {
		return ARP
	}
	return ND
}

func (t *Table) learn(now int64, e Evidence) (Verdict, Change) {
	if t.leasedToOther(now, e) {
		return RefusedLeased, Change{}
	}
	if v := t.roomFor(e); v != Known {
		return v, Change{}
	}
	b := &Binding{Key: e.Key, MAC: e.MAC, Switch: e.Switch, Origin: originOf(e.Source), State: Reachable, Router: e.Router, Learned: now, Heard: now}
	switch e.Source {
	case FromSolicit:
		b.State, b.Router = Stale, false
	case FromUnverified:
		b.State = Stale
	case FromRestore:
		b.Origin, b.Learned, b.Heard, b.Restored = e.Origin, e.Learned, e.Learned, true
		if e.Stale {
			b.State = Stale
		}
	}
	if _, leased := t.leases[e.Key]; leased {
		b.Origin = DHCP
	}
	t.watch(now, b)
	if e.Source == FromRestore && e.Idle != 0 && b.Idle != 0 {
		b.Idle = e.Idle // the switch's clock runs on
	}
	t.set(nil, b)
	return Learned, Change{nil, b}
}

// refresh hears an address from the MAC that it is bound to.
func (t *Table) refresh(now int64, old *Binding, e Evidence) (Verdict, Change) {
	if e.Source == FromRestore {
		return Known, Change{}
	}
	b := *old
	b.Heard, b.Restored = now, false
	t.settle(old, &b, e)
	verdict := Known
	switch e.Source {
	case FromARP, FromNA, FromNAKeepOther:
		if old.State != Reachable {
			b.State = Reachable
			verdict = Confirmed
		}
	default: // any sign of life is enough for what was known well before it fell silent
		if old.State == Silent || old.State == Probing {
			b.State = Reachable
			verdict = Confirmed
		}
	}
	switch e.Source {
	case FromNA, FromNAKeepOther, FromUnverified:
		if old.Router != e.Router {
			b.Router = e.Router
			if verdict == Known {
				verdict = Changed
			}
		}
	}
	if old.Unwatched || old.Tries > 0 || verdict == Confirmed {
		t.watch(now, &b)
	}
	if b == *old {
		return Known, Change{} // heard twice at once: an answer, and its copy
	}
	published := b // b itself stays off the heap when there is nothing new
	t.set(old, &published)
	return verdict, Change{old, &published}
}

// hearConfigured hears an address that the operator bound. Only a permitted MAC
// can change which of them is answered.
func (t *Table) hearConfigured(now int64, old *Binding, e Evidence) (Verdict, Change) {
	if !t.Permits(old.Key, e.MAC) {
		return RefusedFixed, Change{}
	}
	b := *old
	b.Heard, b.Restored = now, false
	if e.Source == FromRestore {
		b.Heard, b.Restored = e.Learned, true
	}
	if old.MAC == e.MAC {
		t.settle(old, &b, e)
		t.set(old, &b)
		return Known, Change{old, &b}
	}
	if e.Source != FromARP && e.Source != FromNA && e.Source != FromRestore {
		return Known, Change{}
	}
	b.MAC, b.Switch, b.Learned = e.MAC, e.Switch, b.Heard
	t.set(old, &b)
	return Moved, Change{old, &b}
}

// Permits says whether the operator bound an address to a MAC, perhaps among others.
func (t *Table) Permits(key Key, mac packet.MAC) bool {
	return slices.Contains(t.configured[key].MACs, mac)
}

// Settle gives the configured bindings of a station's MAC that have no home the
// station for it. Their owner is known by its MAC alone: the switch does not
// ask who has an address that it knows the owner of.
func (t *Table) Settle(s *Station) []Change {
	var changes []Change
	for _, key := range t.byOwner[owner{s.Segment, s.MAC}] {
		old := t.bindings.get(key)
		if old.MAC != s.MAC || t.StationOf(old) != nil {
			continue
		}
		b := *old
		b.Switch = s.Switch
		t.set(old, &b)
		changes = append(changes, Change{old, &b})
	}
	return changes
}

// Remove takes out a learned binding. Configured ones stay.
func (t *Table) Remove(key Key) (Change, bool) {
	old := t.bindings.get(key)
	if old == nil || old.Origin.Configured() {
		return Change{}, false
	}
	t.drop(old)
	return Change{old, nil}, true
}

// RemoveStation takes out a station, which nobody may use any more, with learned also the learned bindings of
// its MAC, and returns what that changed. Bindings that stay are without a home,
// and learned ones silent, so that their owner is searched.
func (t *Table) RemoveStation(s *Station, learned bool) []Change {
	var changes []Change
	for _, b := range slices.Clone(t.BindingsOf(s)) {
		if learned && !b.Origin.Configured() {
			t.drop(b)
			changes = append(changes, Change{b, nil})
			continue
		}
		homeless := *b
		homeless.Switch = 0
		if !b.Origin.Configured() && b.State != Duplicate {
			homeless.Unwatched, homeless.Idle = true, 0
			if b.State != Stale {
				homeless.State = Silent
			}
		}
		t.set(b, &homeless)
		changes = append(changes, Change{b, &homeless})
	}
	t.detach(s)
	t.stations.remove(s.StationKey)
	t.network(s.Network).Stations--
	t.room.give(s)
	return changes
}
