package flowsim

import (
	"fmt"

	"github.com/isat-sdn/isat/openflow"
)

// Result is what became of a packet.
type Result struct {
	Outputs []Output
	Punts   []Punt
	Steps   []Step
	// Err says why the switch gave the packet up, if it did; there are no outputs and punts then.
	Err error
}

// Output is a frame that leaves through a port.
type Output struct {
	Port  uint32 // OpenFlow 1.3 port number
	Frame []byte
}

// Punt is a packet that goes to the controller.
type Punt struct {
	Flow *openflow.FlowMod // that sent it, nil for a packet-out
	// TableID and Cookie are what the packet-in says: not always those of Flow if the packet is paused.
	TableID uint8
	Cookie  uint64
	// Reason is such as openflow.ReasonAction. A switch sends openflow.ReasonInvalidTTL only to
	// controllers that asked for it (OpenFlow 1.3.5 §A.3.10).
	Reason   uint8
	Userdata []byte
	Meter    uint32 // openflow.NoMeter for none
	Packet   []byte
	InPort   uint32
	Metadata uint64
	Regs     [16]uint32
	TunnelID uint64
	Mark     uint32
	// Paused says that the packet stopped here, and goes on with [Sim.Resume].
	Paused bool

	rest  []operation
	stack [][]byte
}

// Step is one table that a packet met.
type Step struct {
	Depth   int // of lookups by resubmit, and of groups
	Table   uint8
	Flow    *openflow.FlowMod   // that took the packet, nil for none
	Clauses []*openflow.FlowMod // that led to the flow as clauses of a conjunctive match
	Resumed bool                // no lookup: what was left of the flow when the packet was paused
	Changes []Change            // by the flow's own actions, one for each field
	Notes   []string            // what is not to be seen from the flow's actions
}

// Change is a field that changed. Values have the field's OXM form; nil stands for a field that the
// packet does not have.
type Change struct {
	Field         *openflow.Field
	Before, After []byte
}

// begin starts a step. Until the next, it is where changes and notes belong.
func (r *run) begin(s Step) {
	if r.muted {
		return
	}
	r.res.Steps = append(r.res.Steps, s)
	r.step = len(r.res.Steps) - 1
}

func (r *run) note(format string, args ...any) {
	if r.muted || r.step < 0 {
		return
	}
	s := &r.res.Steps[r.step]
	s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
}

// record makes a change a part of the step, together with what the step did to the field before.
func (r *run) record(c Change) {
	if r.muted || r.step < 0 {
		return
	}
	s := &r.res.Steps[r.step]
	for i := range s.Changes {
		if s.Changes[i].Field == c.Field {
			s.Changes[i].After = c.After
			return
		}
	}
	s.Changes = append(s.Changes, c)
}
