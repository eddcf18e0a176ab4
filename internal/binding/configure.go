package binding

import "slices"

// Configure makes the configured bindings exactly those given, no two of one
// address, and returns what that changed. A learned binding of the same address
// gives way. What is configured already costs a look: of some hundred thousand an
// operator changes one.
func (t *Table) Configure(now int64, want []Permitted) []Change {
	var set []Permitted
	kept := 0
	for _, p := range want {
		have, ok := t.configured[p.Key]
		if ok {
			kept++
		}
		if !ok || !have.equal(p) {
			set = append(set, p)
		}
	}
	var gone []Key
	if kept < len(t.configured) {
		gone = t.notIn(want)
	}
	t.reown(gone, set)
	var changes []Change
	for _, key := range gone {
		old := t.bindings.get(key)
		t.drop(old)
		changes = append(changes, Change{old, nil})
	}
	for i := range set {
		if c, ok := t.configure(now, &set[i]); ok {
			changes = append(changes, c)
		}
	}
	return changes
}

func (p Permitted) equal(o Permitted) bool {
	return p.Key == o.Key && p.Origin == o.Origin && p.Router == o.Router && slices.Equal(p.MACs, o.MACs)
}

// notIn gives what is configured and not wanted any more.
func (t *Table) notIn(want []Permitted) (gone []Key) {
	wanted := make(map[Key]struct{}, len(want))
	for i := range want {
		wanted[want[i].Key] = struct{}{}
	}
	for key := range t.configured {
		if _, ok := wanted[key]; !ok {
			gone = append(gone, key)
		}
	}
	return gone
}

// configure gives an address the binding that the operator wants. An owner that is
// permitted, and there, stays.
func (t *Table) configure(now int64, p *Permitted) (Change, bool) {
	old := t.bindings.get(p.Key)
	b := &Binding{Key: p.Key, MAC: p.MACs[0], Origin: p.Origin, State: Reachable, Router: p.Router, Learned: now}
	delete(t.moves, p.Key) // what the operator says is never a duplicate
	delete(t.leases, p.Key)
	if old != nil && slices.Contains(p.MACs, old.MAC) {
		b.MAC, b.Switch, b.Heard, b.Restored = old.MAC, old.Switch, old.Heard, old.Restored
		if old.Origin == p.Origin {
			b.Learned = old.Learned
		}
	}
	if old != nil && *old == *b {
		return Change{}, false
	}
	t.set(old, b)
	return Change{old, b}, true
}

// reown takes over what is configured, and to which MACs it belongs.
func (t *Table) reown(gone []Key, set []Permitted) {
	left := make(map[owner]bool) // owners of what is configured no more, or otherwise
	leave := func(key Key) {
		for _, mac := range t.configured[key].MACs {
			left[owner{key.Segment, mac}] = true
		}
		delete(t.configured, key)
	}
	for _, key := range gone {
		leave(key)
	}
	for i := range set {
		leave(set[i].Key)
	}
	for at := range left {
		keys := slices.DeleteFunc(t.byOwner[at], func(key Key) bool { _, there := t.configured[key]; return !there })
		if t.byOwner[at] = keys; len(keys) == 0 {
			delete(t.byOwner, at)
		}
	}
	for _, p := range set {
		t.configured[p.Key] = p
		for _, mac := range p.MACs {
			at := owner{p.Key.Segment, mac}
			t.byOwner[at] = append(t.byOwner[at], p.Key)
		}
	}
}
