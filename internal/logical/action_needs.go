package logical

// free is part of actions that apply to every packet.
type free struct{}

func (free) needs(func(*node)) {}

func (a setAction) needs(add func(*node))         { a.dst.needs(add) }
func (a decTTLAction) needs(add func(*node))      { a.ttl.needs(add) }
func (a checkLargerAction) needs(add func(*node)) { a.dst.needs(add) }
func (a selectAction) needs(add func(*node))      { a.dst.needs(add) }

func (a moveAction) needs(add func(*node)) {
	a.dst.needs(add)
	a.src.needs(add)
}

func (a swapAction) needs(add func(*node)) {
	a.x.needs(add)
	a.y.needs(add)
}

func (a getAction) needs(add func(*node)) {
	a.port.needs(add)
	a.addr.needs(add)
}

func (a putAction) needs(add func(*node)) {
	a.port.needs(add)
	a.addr.needs(add)
	a.mac.needs(add)
}

func (a waitAction) needs(add func(*node)) {
	a.port.needs(add)
	a.addr.needs(add)
}

func (a popVLANAction) needs(add func(*node)) { add(a.tagged) }

func (a composeAction) needs(add func(*node)) { add(a.need) }

// PrereqExpr is what a packet must be for the actions to make sense: the
// prerequisites of the fields that they name, predicates and all written out.
// Whoever makes a flow adds it to the match.
func (a *Actions) PrereqExpr() *Expr {
	var list []*node
	for _, act := range a.list {
		act.needs(func(n *node) { list = append(list, n.expand(false)) })
	}
	return &Expr{root: combine(nodeAnd, list...)}
}

// Prereqs is the text of PrereqExpr: "1" when there is none. A prerequisite
// appears as often as there are fields that have it.
func (a *Actions) Prereqs() string { return a.PrereqExpr().String() }
