package core

import (
	"time"

	"github.com/isat-sdn/isat/internal/binding"
)

// recallSpan is for how long a kept binding is a hint where to ask, when its
// owner is never heard.
const recallSpan = int64(20 * time.Minute)

// Recall tells what an earlier process kept, before any switch has connected.
type Recall struct{ Bindings []binding.Kept }

func (e Recall) apply(c *Core) {
	c.recalled = make(map[binding.Key]place, len(e.Bindings))
	for i := range e.Bindings {
		k := &e.Bindings[i]
		if c.names[k.Key.Network] == "" || !c.table.Recall(k) {
			c.forgetKept(k.Key)
			continue
		}
		c.recalled[k.Key] = place{Switch: k.Binding.Switch, Port: k.Port}
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
	case old == nil || old.MAC != b.MAC || old.Switch != b.Switch || old.Origin != b.Origin || old.Router != b.Router:
		c.keepBinding(b)
	}
}

func (c *Core) keepBinding(b *binding.Binding) {
	k := binding.Kept{Key: b.Key, Binding: b}
	if s := c.table.StationOf(b); s != nil {
		k.Port = s.Port
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
	for _, b := range s.Bindings() {
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

// doubtKept has a recalled binding give way to another MAC that was heard: it is
// no owner that would be asked first.
func (c *Core) doubtKept(e *binding.Evidence) {
	if _, recalled := c.recalled[e.Key]; recalled && c.table.Lookup(e.Key).MAC != e.MAC {
		c.giveWay(e.Key)
	}
}

// tickRecalled drops hints: those to a place that is not there when a switch
// that is away would be forgotten, and all when they are old.
func (c *Core) tickRecalled() {
	if c.recalled == nil || c.now < c.nextRecalled() {
		return
	}
	old := c.now >= c.started+recallSpan
	for key := range c.recalled {
		b := c.table.Lookup(key)
		if _, there := c.hint(b); old || !there {
			c.giveWay(key)
		}
	}
	c.sifted = true
	if old {
		c.recalled = nil
	}
}

// nextRecalled is when tickRecalled has something to do.
func (c *Core) nextRecalled() int64 {
	if !c.sifted {
		return c.started + min(int64(c.config.Grace), recallSpan)
	}
	return c.started + recallSpan
}

// keyOf is the address that a change is of.
func keyOf(change binding.Change) binding.Key {
	if change.New != nil {
		return change.New.Key
	}
	return change.Old.Key
}
