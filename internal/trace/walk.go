package trace

import (
	"encoding/hex"
	"fmt"

	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/flowsim"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// Switch is what a packet is followed through.
type Switch struct {
	ID        uint64
	Ports     map[uint32]fabric.Port
	Base      pipeline.Base
	Catalogue *pipeline.Catalogue
	// Flows gives the flows that are there besides the base's for the hosts and
	// next hops that values name: those of others can't take a packet that has no
	// other values.
	Flows func(Values) ([]openflow.FlowMod, error)
}

const (
	// maxRounds bounds how often what a packet met leads to more flows: a sender, a
	// target, a next hop and its place are four.
	maxRounds = 16
	// maxMade bounds packets that are made of packets.
	maxMade = 4
)

// Run follows a frame that comes in on a port.
func (s *Switch) Run(frame []byte, inPort uint32) (view.Trace, error) {
	seen := valuesOf(frame)
	for round := 1; ; round++ {
		more, err := s.Flows(seen.list)
		if err != nil {
			return view.Trace{}, err
		}
		flows := append(append([]openflow.FlowMod(nil), s.Base.Flows...), more...)
		sim, err := flowsim.New(flows, s.Base.Groups)
		if err != nil {
			return view.Trace{}, err
		}
		w := walk{Switch: s, sim: sim, seen: seen}
		t := w.show(frame, inPort, sim.Run(frame, inPort))
		if !w.news || round == maxRounds {
			return t, nil
		}
	}
}

// walk is a packet followed through what is known of the flows so far.
type walk struct {
	*Switch
	sim  *flowsim.Sim
	seen *values
	news bool // values came up that may have flows
	made int  // packets that the controller made on the way
}

func (s *walk) show(frame []byte, inPort uint32, r flowsim.Result) view.Trace {
	s.news = s.seen.learn(r.Steps) || s.news
	t := view.Trace{
		Switch: fabric.FormatID(s.ID), Port: s.portName(inPort), InPort: inPort, Frame: hex.EncodeToString(frame),
		Steps: []view.TraceStep{}, Outputs: []view.TraceOutput{}, Punts: []view.TracePunt{},
	}
	for i := range r.Steps {
		t.Steps = append(t.Steps, s.step(&r.Steps[i]))
	}
	for _, o := range r.Outputs {
		out := view.TraceOutput{Port: s.portName(o.Port), Number: o.Port, Frame: hex.EncodeToString(o.Frame)}
		var f packet.Frame
		if f.Parse(o.Frame) == nil && f.Tagged {
			out.VLAN = f.VLAN
		}
		t.Outputs = append(t.Outputs, out)
	}
	for i := range r.Punts {
		// isat does not ask for packets whose time to live is over (OpenFlow 1.3.5
		// §A.3.10), so they are sent to nobody.
		if p := &r.Punts[i]; p.Reason != openflow.ReasonInvalidTTL {
			t.Punts = append(t.Punts, s.punt(p))
		}
	}
	if t.Dropped = len(t.Outputs)+len(t.Punts) == 0; t.Dropped {
		t.Why = why(&r, t.Steps)
	}
	return t
}

func (s *Switch) portName(number uint32) string {
	if p, ok := s.Ports[number]; ok && p.Name != "" {
		return p.Name
	}
	return fmt.Sprint(number)
}

func (s *Switch) step(from *flowsim.Step) view.TraceStep {
	table := pipeline.Table(from.Table)
	to := view.TraceStep{Depth: from.Depth, Table: table.String(), Number: from.Table, Changes: []view.TraceChange{}, Notes: []string{}}
	if f := from.Flow; f != nil {
		kind, rule := s.Catalogue.Describe(f)
		to.Kind, to.Priority, to.Match, to.Actions, to.Owner, to.Doc = string(kind), f.Priority, rule.Match, rule.Actions, rule.Owner, rule.Doc
		to.Cookie, to.OpenFlow = fmt.Sprintf("%#x", f.Cookie), openflow.FormatFlow(f)
	}
	for _, c := range from.Clauses {
		to.Clauses = append(to.Clauses, openflow.FormatFlow(c))
	}
	for _, c := range from.Changes {
		for _, named := range s.Catalogue.Changed(table, c.Field, c.Before, c.After) {
			to.Changes = append(to.Changes, view.TraceChange{Field: named.Field, Before: named.Before, After: named.After})
		}
	}
	to.Notes = append(to.Notes, from.Notes...)
	return to
}

// why says why nothing came of a packet.
func why(r *flowsim.Result, steps []view.TraceStep) string {
	if r.Err != nil {
		return "the switch gives it up: " + r.Err.Error()
	}
	for i := len(steps) - 1; i >= 0; i-- {
		switch step := &steps[i]; {
		case step.Depth > 0:
		case step.Kind == "":
			return fmt.Sprintf("no flow of table %s takes it", step.Table)
		case step.Actions == "drop;" && step.Doc != "":
			return fmt.Sprintf("table %s: %s", step.Table, step.Doc)
		case len(step.Notes) > 0:
			return fmt.Sprintf("table %s: %s", step.Table, step.Notes[0])
		default:
			return fmt.Sprintf("table %s sends it nowhere", step.Table)
		}
	}
	return "it met no table"
}
