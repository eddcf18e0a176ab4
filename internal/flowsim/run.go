package flowsim

import (
	"errors"
	"slices"

	"github.com/isat-sdn/isat/openflow"
)

// Reasons for giving a packet up. Nothing of it leaves the switch then.
var (
	ErrTooDeep      = errors.New("lookups are nested more than 64 deep")
	ErrTooMany      = errors.New("more than 4096 lookups")
	ErrStackTooDeep = errors.New("more than 64 kB on the stack")
)

// Limits of Open vSwitch (ofproto/ofproto-dpif-xlate.c).
const (
	maxDepth   = 64
	maxLookups = 4096
	maxStack   = 65536 // bytes
)

// Run puts a packet in at a port. It takes any bytes, and does not change them.
func (s *Sim) Run(packet []byte, inPort uint32) Result {
	r := s.start(packet)
	r.key.inPort = inPort
	r.base = r.key
	if f := r.find(0, inPort); f != nil {
		r.flow, r.cookie = f, f.mod.Cookie
		r.apply(f.ops)
	}
	return r.finish()
}

// PacketOut has the controller send a packet with actions, as if it had come in at a port. It refuses
// actions that are not simulated.
func (s *Sim) PacketOut(packet []byte, inPort uint32, acts []openflow.Action) (Result, error) {
	if err := checkActions(acts); err != nil {
		return Result{}, err
	}
	r := s.start(packet)
	r.key.inPort = inPort
	r.base, r.cookie = r.key, openflow.NoCookie
	r.apply(operations(acts))
	return r.finish(), nil
}

// state is a packet and what travels with it.
type state struct {
	packet []byte
	at     layout
	key    key // as actions see it
	base   key // as the packet's bytes are
	stack  [][]byte
}

// copy gives a state that changes of this one do not reach.
func (s *state) copy() state {
	c := *s
	c.packet, c.stack = slices.Clone(s.packet), slices.Clone(s.stack)
	return c
}

// run is a packet on its way.
type run struct {
	state
	sim *Sim
	res Result

	table    uint8 // of the flow whose operations are done
	cookie   uint64
	flow     *flow // nil for operations of a packet-out
	step     int   // of the flow in res.Steps, -1 for none
	depth    int
	nesting  int // of lookups, for the trace
	lookups  int
	branches int
	muted    bool // what is done now is of an outcome that does not come about
	exited   bool
	frozen   frozen
}

func (s *Sim) start(packet []byte) *run {
	r := &run{sim: s, step: -1}
	r.packet = slices.Clone(packet)
	r.at = parse(r.packet, &r.key)
	return r
}

func (r *run) finish() Result {
	r.pauseIfFrozen()
	if r.res.Err != nil {
		r.res.Outputs, r.res.Punts = nil, nil
	}
	return r.res
}

// allowed says whether another lookup may begin, and gives the packet up if not.
func (r *run) allowed() bool {
	switch {
	case r.res.Err != nil:
	case r.depth >= maxDepth:
		r.res.Err = ErrTooDeep
	case r.lookups >= maxLookups || r.branches >= maxLookups:
		r.res.Err = ErrTooMany
	case r.stackBytes() >= maxStack:
		r.res.Err = ErrStackTooDeep
	}
	return r.res.Err == nil
}

// enter looks the packet up in a table, as if it had come in at port, and does what the flow says.
// Going to a table that does not come later is what counts as depth.
func (r *run) enter(table uint8, port uint32) {
	if !r.allowed() {
		return
	}
	deeper := 0
	if table <= r.table {
		deeper = 1
	}
	step := r.step
	if f := r.find(table, port); f != nil {
		tableBefore, flowBefore, cookieBefore := r.table, r.flow, r.cookie
		r.table, r.flow, r.cookie = table, f, f.mod.Cookie
		r.lookups++
		r.depth += deeper
		r.apply(f.ops)
		r.depth -= deeper
		r.table, r.flow, r.cookie = tableBefore, flowBefore, cookieBefore
	}
	r.step = step
}

// find looks the packet up, and makes that a step.
func (r *run) find(table uint8, port uint32) *flow {
	got := r.sim.tables[table].lookup(r.keyFor(port))
	step := Step{Depth: r.nesting, Table: table}
	if got.flow != nil {
		step.Flow = got.flow.mod
	}
	for _, c := range got.clauses {
		step.Clauses = append(step.Clauses, c.mod)
	}
	r.begin(step)
	return got.flow
}

// keyFor is the key that a lookup uses. Of the first fragment it has the transport ports or the ICMP
// type, as isat tells Open vSwitch to handle fragments (OFPC_FRAG_NX_MATCH).
func (r *run) keyFor(port uint32) *key {
	k := r.key
	k.inPort = port
	return &k
}

// apply does operations until one ends them. After an exit the rest is kept, for the case that the exit
// is a pause; see frozen.
func (r *run) apply(ops []operation) {
	for i := 0; i < len(ops) && r.res.Err == nil; i++ {
		if r.exited {
			if r.frozen.pausing {
				r.freeze(ops[i:])
			}
			return
		}
		switch op := ops[i].(type) {
		case openflow.CheckPktLarger:
			if rest := ops[i+1:]; len(rest) > 0 {
				r.branch(op, rest)
				r.freezeFirst(ops[i:])
			}
			return
		case openflow.DecTTL:
			if !r.decTTL() {
				return
			}
		case openflow.Resubmit:
			r.resubmit(op)
			continue // not to be done once more after a pause
		case gotoTable:
			r.enter(uint8(op), r.key.inPort)
			continue
		case openflow.Controller2:
			if r.controller(op) {
				i++ // the pause is not to be done once more
			}
		default:
			r.do(op)
		}
		if r.freezeFirst(ops[min(i, len(ops)):]) {
			return
		}
	}
}

func (r *run) do(op operation) {
	switch a := op.(type) {
	case openflow.Output:
		r.output(a)
	case openflow.Group:
		r.group(a.ID)
	case openflow.Clone:
		r.clone(a.Actions)
	case openflow.Exit:
		r.exited = true
	case openflow.Multipath:
		r.multipath(a)
	case meter:
		r.note("meter %d may drop it here", a)
	case goBack:
		r.table, r.cookie = a.table, a.cookie
	case origin:
		r.goOn(a)
	default:
		r.change(op)
	}
}

func (r *run) resubmit(a openflow.Resubmit) {
	port, table := r.key.inPort, a.Table
	if a.InPort != openflow.ResubmitKeepPort {
		port = widenPort(a.InPort)
	}
	if table == openflow.TableAll {
		table = r.table
	}
	r.nesting++
	r.enter(table, port)
	r.nesting--
}

// branch compares with the length of the packet as it is by now, without what pads an IP packet. As
// Open vSwitch, it does what follows in the same flow once for either outcome, though only one of them
// counts. Whoever looked this flow up by resubmit sees of it only whether the outcome "larger" made an
// exit, or a pause, which does not reach beyond this flow (xlate_check_pkt_larger).
func (r *run) branch(a openflow.CheckPktLarger, rest []operation) {
	r.branches++
	if len(rest) == 0 || !r.allowed() {
		return
	}
	r.commit()
	larger, stack := r.at.end > int(a.Len), slices.Clone(r.stack)
	r.outcome(a, 1, rest, larger)
	exited := r.exited
	r.exited = false
	r.outcome(a, 0, rest, !larger)
	r.exited, r.stack = exited, stack
}

// outcome does the rest for one outcome. What it leaves on the stack is there for the next one.
func (r *run) outcome(a openflow.CheckPktLarger, value byte, rest []operation, happens bool) {
	before, muted := r.state, r.muted
	r.state, r.muted = r.copy(), muted || !happens
	r.write(a.Dst, a.Bit, []byte{value}, 0, 1)
	r.apply(rest)
	r.pauseIfFrozen()
	before.stack = r.stack
	r.state, r.muted = before, muted
}

// clone runs actions on a copy of the packet. An exit in it ends everything, and a pause keeps only
// what is left of the copy's actions.
func (r *run) clone(acts []openflow.Action) {
	before := r.state
	r.state = r.copy()
	r.apply(operations(acts))
	r.pauseIfFrozen()
	r.state = before
}

func (r *run) output(a openflow.Output) {
	port := a.Port
	switch port {
	case openflow.PortController:
		r.controller(openflow.Controller2{Reason: openflow.ReasonAction, MeterID: openflow.NoMeter})
		return
	case openflow.PortInPort:
		if port = r.key.inPort; port >= openflow.PortMax && port != openflow.PortLocal {
			r.note("came in at no port that it could go back out of")
			return
		}
	case r.key.inPort:
		r.note("leaves out the ingress port %s", openflow.FormatActions([]openflow.Action{a}))
		return
	}
	r.commit()
	if !r.muted {
		r.res.Outputs = append(r.res.Outputs, Output{port, slices.Clone(r.packet)})
	}
}

// group gives each bucket a copy of the packet. The packet itself goes on as it was, whatever a bucket
// did.
func (r *run) group(id uint32) {
	g := r.sim.groups[id]
	if g == nil {
		r.note("group %d does not exist", id)
		return
	}
	if !r.allowed() {
		return
	}
	r.depth++
	r.nesting++
	for _, b := range g.Buckets {
		before := r.key
		r.apply(operations(b.Actions))
		r.pauseIfFrozen()
		r.key = before
		r.exited = false
	}
	r.nesting--
	r.depth--
}
