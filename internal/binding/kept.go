package binding

// Kept is what is kept of a binding beyond the life of a process.
type Kept struct {
	Key     Key
	Binding *Binding // nil when it is gone
	Port    PortKey  // where its MAC was, 0 if that is not known
}
