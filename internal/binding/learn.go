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
	// For FromRestore: what the switch's flows say.
	Origin  Origin
	Stale   bool
	Learned int64
}

// Verdict is the result of hearing something, with its reason.
type Verdict uint8

// Verdicts of Hear and HearStation.
const (
	Known        Verdict = iota + 1 // nothing new
	Learned                         // was not known before
	Confirmed                       // was stale, is reachable now
	Moved                           // the address has another MAC, or the MAC another place
	Changed                         // a property of the owner changed
	Doubted                         // contradicted without authority: stale now (RFC 9161, RFC 4861 §7.2.5)
	RefusedFixed                    // the operator bound the address to another MAC
	RefusedFull                     // a limit is reached: the newest is refused
)

var verdictNames = [...]string{
	Known: "known", Learned: "learned", Confirmed: "confirmed", Moved: "moved", Changed: "changed",
	Doubted: "doubted", RefusedFixed: "refused-configured", RefusedFull: "refused-full",
}

func (v Verdict) String() string { return verdictNames[v] }

// HearStation records that a MAC was heard at a place. from is the place where
// it was before, if the verdict is Moved.
func (t *Table) HearStation(now int64, key StationKey, at PortKey) (v Verdict, s *Station, from PortKey) {
	s = t.stations.get(key)
	switch {
	case s == nil && t.stations.count >= t.config.MaxStations:
		return RefusedFull, nil, 0
	case s == nil:
		s = &Station{StationKey: key, Port: at, Learned: now}
		t.stations.put(s)
		t.attach(s)
		t.network(key.Network).Stations++
		return Learned, s, 0
	case s.Port == at:
		return Known, s, at
	}
	from = s.Port
	t.detach(s)
	s.Port, s.Learned, s.Restored = at, now, false
	t.attach(s)
	return Moved, s, from
}

// Hear records what a packet says of an address. The sender's station must
// have been heard before. A verdict other than Known comes with the change.
func (t *Table) Hear(now int64, e Evidence) (Verdict, Change) {
	old := t.bindings.get(e.Key)
	if old == nil {
		return t.learn(now, e)
	}
	if old.Origin.Configured() {
		return t.hearConfigured(now, old, e)
	}
	b := *old
	b.Heard = now
	b.Restored = false
	t.settle(&b, e)
	if old.MAC == e.MAC {
		return t.refresh(old, &b, e)
	}
	// Another MAC claims the address. Only a source with authority takes it
	// over; any other makes the present binding doubtful, so that the next
	// request asks the wire.
	switch e.Source {
	case FromARP, FromNA:
		b.MAC, b.Switch, b.Learned, b.State, b.Router = e.MAC, e.Switch, now, Reachable, e.Router
		b.Origin = originOf(e.Source)
		t.set(old, &b)
		return Moved, Change{old, &b}
	case FromRestore:
		return Known, Change{}
	}
	if old.State == Stale && e.Source == FromSolicit {
		b.MAC, b.Switch, b.Learned, b.Router = e.MAC, e.Switch, now, false
		t.set(old, &b)
		return Moved, Change{old, &b}
	}
	if old.State == Stale {
		return Known, Change{}
	}
	b.Heard, b.Switch, b.State = old.Heard, old.Switch, Stale
	t.set(old, &b)
	return Doubted, Change{old, &b}
}

// settle gives a binding whose station is gone a home where it was heard now.
// A binding that is at home elsewhere stays there: what a second switch hears
// of it came through the first.
func (t *Table) settle(b *Binding, e Evidence) {
	if t.StationOf(b) == nil {
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
	if t.bindings.count >= t.config.MaxBindings {
		return RefusedFull, Change{}
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
	t.set(nil, b)
	return Learned, Change{nil, b}
}

// refresh hears an address from the MAC that it is bound to.
func (t *Table) refresh(old, b *Binding, e Evidence) (Verdict, Change) {
	verdict := Known
	switch e.Source {
	case FromARP, FromNA, FromNAKeepOther:
		if old.State == Stale {
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
	if verdict == Known && old.Restored == b.Restored && e.Source == FromRestore {
		return Known, Change{}
	}
	t.set(old, b)
	return verdict, Change{old, b}
}

// hearConfigured hears an address that the operator bound. Only a permitted MAC
// can change which of them is answered.
func (t *Table) hearConfigured(now int64, old *Binding, e Evidence) (Verdict, Change) {
	permitted := t.configured[old.Key]
	if !slices.Contains(permitted.MACs, e.MAC) {
		return RefusedFixed, Change{}
	}
	b := *old
	b.Heard, b.Restored = now, false
	if e.Source == FromRestore {
		b.Heard, b.Restored = e.Learned, true
	}
	if old.MAC == e.MAC {
		t.settle(&b, e)
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

// Configure makes the configured bindings exactly those given, and returns what
// that changed. A learned binding of the same address gives way.
func (t *Table) Configure(now int64, want []Permitted) []Change {
	var changes []Change
	next := make(map[Key]Permitted, len(want))
	for _, p := range want {
		next[p.Key] = p
	}
	for key := range t.configured {
		if _, ok := next[key]; !ok {
			old := t.bindings.get(key)
			t.drop(old)
			changes = append(changes, Change{old, nil})
		}
	}
	t.configured = next
	t.byOwner = make(map[owner][]Key)
	for _, p := range want {
		for _, mac := range p.MACs {
			at := owner{p.Key.Segment, mac}
			t.byOwner[at] = append(t.byOwner[at], p.Key)
		}
	}
	for _, p := range want {
		old := t.bindings.get(p.Key)
		b := &Binding{Key: p.Key, MAC: p.MACs[0], Origin: p.Origin, State: Reachable, Router: p.Router, Learned: now}
		if old != nil && slices.Contains(p.MACs, old.MAC) {
			b.MAC, b.Switch, b.Heard, b.Restored = old.MAC, old.Switch, old.Heard, old.Restored
			if old.Origin == p.Origin {
				b.Learned = old.Learned
			}
		}
		if old != nil && *old == *b {
			continue
		}
		t.set(old, b)
		changes = append(changes, Change{old, b})
	}
	return changes
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

// RemoveStation takes out a station with the learned bindings of its MAC, and
// returns what that changed. Configured bindings stay, without a home.
func (t *Table) RemoveStation(s *Station) []Change {
	var changes []Change
	for _, b := range slices.Clone(s.bindings) {
		if b.Origin.Configured() {
			homeless := *b
			homeless.Switch = 0
			t.set(b, &homeless)
			changes = append(changes, Change{b, &homeless})
			continue
		}
		t.drop(b)
		changes = append(changes, Change{b, nil})
	}
	t.detach(s)
	t.stations.remove(s.StationKey)
	t.network(s.Network).Stations--
	return changes
}
