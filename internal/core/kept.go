package core

import "github.com/isat-sdn/isat/internal/binding"

// Recall tells what an earlier process kept, or a part of that, before any switch
// has connected.
type Recall struct{ Bindings []binding.Kept }

func (e Recall) apply(c *Core) {
	if c.recalled == nil {
		c.recalled = make(map[binding.Key]place)
		c.alarms.Arm(alarm{kind: alarmSift}, c.now+int64(c.config.Grace))
	}
	for i := range e.Bindings {
		k := &e.Bindings[i]
		if c.names[k.Key.Network] == "" || !c.table.Recall(c.now, k) {
			c.forgetKept(k.Key)
			continue
		}
		if k.Until != 0 {
			c.alarms.Arm(alarm{alarmLease, k.Key}, k.Until)
		}
		if b := c.table.Lookup(k.Key); b.State == binding.Duplicate {
			c.freezeAgain(b, k.Release)
			continue
		}
		c.recalled[k.Key] = place{Switch: k.Binding.Switch, Port: k.Port}
		if limit := c.table.AgeLimit(k.Key); limit > 0 {
			c.alarms.Arm(alarm{alarmRecalled, k.Key}, c.now+limit)
		}
	}
}

// freezeAgain sets the time of a duplicate that was kept: what is left of it, and no
// more than what the intent says now.
func (c *Core) freezeAgain(b *binding.Binding, release int64) {
	c.holdDown(b)
	at := alarm{alarmRelease, b.Key}
	if due, ok := c.alarms.Due(at); ok && release != 0 {
		c.alarms.Arm(at, min(due, release))
	}
}

// Keep says whether somebody wants to keep bindings.
func (c *Core) Keep(on bool) { c.keeping = on }

// keep tells the keeper what became of a binding. That it was heard again is
// not worth a write.
func (c *Core) keep(change binding.Change) {
	old, b := change.Old, change.New
	switch {
	case b == nil || b.Origin.Configured():
		if old != nil && !old.Origin.Configured() {
			c.forgetKept(old.Key)
		}
	case old == nil || old.MAC != b.MAC || old.Switch != b.Switch || old.Origin != b.Origin || old.Router != b.Router,
		(old.State == binding.Duplicate) != (b.State == binding.Duplicate):
		c.keepBinding(b)
	}
}

func (c *Core) keepBinding(b *binding.Binding) {
	k := binding.Kept{Key: b.Key, Binding: b}
	if s := c.table.StationOf(b); s != nil {
		k.Port = s.Port
	}
	if mac, until, leased := c.table.LeaseOf(b.Key); leased && mac == b.MAC {
		k.Until, k.Span = until, c.table.AgeLimit(b.Key)
	}
	if b.State == binding.Duplicate {
		k.Release, _ = c.alarms.Due(alarm{alarmRelease, b.Key})
	}
	c.effects.Kept = append(c.effects.Kept, k)
}

func (c *Core) forgetKept(key binding.Key) {
	if c.keeping {
		c.effects.Kept = append(c.effects.Kept, binding.Kept{Key: key})
	}
}

// keepStation tells the keeper that a MAC has another place.
func (c *Core) keepStation(s *binding.Station) {
	if !c.keeping {
		return
	}
	for _, b := range c.table.BindingsOf(s) {
		if !b.Origin.Configured() {
			c.keepBinding(b)
		}
	}
}

// hint returns where the owner of a recalled binding was, if something can be
// there now.
func (c *Core) hint(b *binding.Binding) (place, bool) {
	at, ok := c.recalled[b.Key]
	if !ok {
		return at, false
	}
	sw := c.switches[at.Switch]
	return at, sw != nil && sw.state != away && sw.member(at.Port, b.Network)
}

// known says whether an address is bound by more than what was kept. What the
// switches remember is worth more than that.
func (c *Core) known(key binding.Key) bool {
	_, recalled := c.recalled[key]
	return !recalled && c.table.Lookup(key) != nil
}

// giveWay drops the recalled binding of an address. It says whether the address
// is free now.
func (c *Core) giveWay(key binding.Key) bool {
	if _, recalled := c.recalled[key]; recalled {
		if change, ok := c.table.Remove(key); ok {
			c.spread(change, nil)
		}
	}
	return c.table.Lookup(key) == nil
}

// siftRecalled drops the recalled bindings whose place is not there when a
// switch that is away would be forgotten.
func (c *Core) siftRecalled() {
	for key := range c.recalled {
		if _, there := c.hint(c.table.Lookup(key)); !there {
			c.giveWay(key)
		}
	}
}

// recognize ends the recalling of a binding that has an owner again, or is gone.
func (c *Core) recognize(change binding.Change) {
	one := change.Old
	if one == nil {
		one = change.New
	}
	if b := change.New; b != nil && b.State == binding.Stale && c.table.StationOf(b) == nil {
		return
	}
	if _, recalled := c.recalled[one.Key]; recalled {
		delete(c.recalled, one.Key)
		c.alarms.Disarm(alarm{alarmRecalled, one.Key})
	}
}
