package binding

// Kept is what is kept of a binding beyond the life of a process.
type Kept struct {
	Key     Key
	Binding *Binding // nil when it is gone
	Port    PortKey  // where its MAC was, 0 if that is not known
}

// Recall takes over what was kept of an address that is not bound: as stale, and
// at home nowhere until its owner is heard. It says whether it did.
func (t *Table) Recall(k *Kept) bool {
	if k.Binding == nil || k.Binding.Origin.Configured() || t.bindings.get(k.Key) != nil {
		return false
	}
	if t.roomFor(Evidence{Key: k.Key}) != Known {
		return false
	}
	b := *k.Binding
	b.State, b.Switch, b.Restored, b.Unwatched = Stale, 0, true, true
	t.set(nil, &b)
	return true
}
