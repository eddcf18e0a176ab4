package binding

// Kept is what is kept of a binding beyond the life of a process.
type Kept struct {
	Key     Key
	Binding *Binding // nil when it is gone
	Port    PortKey  // where its MAC was, 0 if that is not known
	// Until is when the lease of its MAC ends, in nanoseconds since 1970, and Span
	// how long it was given for; both 0 without a lease.
	Until, Span int64
	// Release is when a duplicate is to be released, in nanoseconds since 1970, and
	// 0 if by the operator alone. It means nothing in other states.
	Release int64
}

// frozen says whether it is a duplicate whose time is not over.
func (k *Kept) frozen(now int64) bool {
	return k.Binding.State == Duplicate && (k.Release == 0 || k.Release > now)
}

// Recall takes over what was kept of an address that is not bound: as stale, or as
// the duplicate that it still is, and at home nowhere until its owner is heard; and
// its lease, unless that is over. It says whether it did.
func (t *Table) Recall(now int64, k *Kept) bool {
	if k.Binding == nil || k.Binding.Origin.Configured() || t.bindings.get(k.Key) != nil {
		return false
	}
	if k.Until != 0 && k.Until <= now || t.roomFor(Evidence{Key: k.Key}) != Known {
		return false
	}
	if k.Until != 0 {
		t.leases[k.Key] = lease{k.Binding.MAC, k.Until, k.Span}
	}
	b := *k.Binding
	b.State, b.Switch, b.Restored, b.Unwatched = Stale, 0, true, true
	if k.frozen(now) {
		b.State = Duplicate
	}
	t.set(nil, &b)
	return true
}
