package flowsim

import (
	"slices"

	"github.com/isat-sdn/isat/openflow"
)

// frozen is what is left to do when a paused packet goes on, of the flow that paused it and of those
// that looked that one up by resubmit. It is one list, as in Open vSwitch.
//
// Open vSwitch begins the list at every exit, and throws it away only when a pause is over. So what an
// exit left behind gets in front of a later pause's, in the other outcome of a length comparison or
// after a group, and that pause loses its flow's next action. The simulation does the same.
type frozen struct {
	pausing bool
	action  openflow.Controller2
	flow    *flow // that paused the packet
	rest    []operation
	back    *goBack // the last one in rest
}

// controller punts the packet, or begins to pause it and reports true: everything ends as with an exit,
// but what is left undone on the way out is kept.
func (r *run) controller(a openflow.Controller2) bool {
	if !a.Pause {
		r.punt(a)
		return false
	}
	r.frozen.pausing, r.frozen.action, r.frozen.flow = true, a, r.flow
	r.exited = true
	return true
}

// freezeFirst freezes the first list of operations that an exit ended, and reports whether it did.
func (r *run) freezeFirst(ops []operation) bool {
	if r.res.Err != nil || !r.exited || len(r.frozen.rest) > 0 {
		return false
	}
	r.freeze(ops)
	return true
}

// freeze keeps what is left of a list of operations.
func (r *run) freeze(rest []operation) {
	isNote := func(op operation) bool { _, ok := op.(openflow.Note); return ok }
	if rest = slices.DeleteFunc(slices.Clone(rest), isNote); len(rest) == 0 {
		return
	}
	r.frozen.rest = append(r.frozen.rest, origin{flow: r.flow, table: r.table})
	for _, op := range rest {
		r.frozen.add(op, goBack{r.table, r.cookie})
	}
}

// add adds an operation of a flow. Instructions become actions; after one Open vSwitch does not know any
// more which flow it was at.
func (f *frozen) add(op operation, from goBack) {
	switch a := op.(type) {
	case gotoTable:
		op, f.back = openflow.Resubmit{InPort: openflow.ResubmitKeepPort, Table: uint8(a)}, nil
	case writeMetadata:
		op, f.back = openflow.SetField{Field: openflow.Metadata, Value: be.AppendUint64(nil, a.value), Mask: be.AppendUint64(nil, a.mask)}, nil
	default:
		if mustGoBack(op) && (f.back == nil || *f.back != from) {
			f.back = &from
			f.rest = append(f.rest, from)
		}
	}
	f.rest = append(f.rest, op)
}

// mustGoBack says which operations need the table and the cookie of their flow (freeze_unroll_actions).
func mustGoBack(op operation) bool {
	switch a := op.(type) {
	case openflow.Output, openflow.Group, openflow.Controller2, openflow.DecTTL:
		return true
	case openflow.Resubmit:
		return a.Table == openflow.TableAll
	}
	return false
}

// pauseIfFrozen punts a packet that is being paused, with what is left to do. The packet-in names the
// flow that is at work here, not the one that paused it, and no table.
func (r *run) pauseIfFrozen() {
	f := r.frozen
	if !f.pausing {
		return
	}
	r.frozen = frozen{}
	p := r.newPunt(f.action)
	p.TableID, p.Flow = 0, nil
	if f.flow != nil {
		p.Flow = f.flow.mod
	}
	p.Paused, p.rest, p.stack = true, f.rest, slices.Clone(r.stack)
	r.send(p)
}

// punt sends the packet to the controller.
func (r *run) punt(a openflow.Controller2) { r.send(r.newPunt(a)) }

// newPunt makes a punt of the packet as it is now. It is whole, whatever the action's max_len: Open
// vSwitch has no buffers in which the rest could wait.
func (r *run) newPunt(a openflow.Controller2) Punt {
	r.commit()
	p := Punt{
		TableID: r.table, Cookie: r.cookie,
		Reason: a.Reason, Userdata: slices.Clone(a.Userdata), Meter: a.MeterID,
		Packet: slices.Clone(r.packet),
		InPort: r.key.inPort, Metadata: r.key.metadata, Regs: r.key.regs, TunnelID: r.key.tunnelID, Mark: r.key.mark,
	}
	if r.flow != nil {
		p.Flow = r.flow.mod
	}
	return p
}

func (r *run) send(p Punt) {
	if !r.muted {
		r.res.Punts = append(r.res.Punts, p)
	}
}

// Resume lets a paused packet go on where it stopped (NXT_RESUME). What the punt says of the packet is
// what it goes on with, and may have been changed: Packet, InPort, Metadata, Regs, TunnelID and Mark.
// The flows are those of s, which may be another simulation than the one that paused the packet. A
// punt that is not paused has nothing left to do.
func (s *Sim) Resume(p Punt) Result {
	r := s.start(p.Packet)
	k := &r.key
	k.inPort, k.metadata, k.regs, k.tunnelID, k.mark = p.InPort, p.Metadata, p.Regs, p.TunnelID, p.Mark
	r.base = r.key
	r.stack = slices.Clone(p.stack)
	r.apply(p.rest)
	return r.finish()
}

// goOn goes on with operations of another flow after a pause.
func (r *run) goOn(o origin) {
	r.flow = o.flow
	step := Step{Table: o.table, Resumed: true}
	if o.flow != nil {
		step.Flow = o.flow.mod
	}
	r.begin(step)
}
