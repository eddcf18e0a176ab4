package flowsim

import (
	"errors"
	"fmt"
	"slices"

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
	Flow     *openflow.FlowMod // that sent it, nil for a packet-out
	Reason   uint8             // such as openflow.ReasonAction
	Userdata []byte
	Meter    uint32 // openflow.NoMeter for none
	Packet   []byte
	InPort   uint32
	Metadata uint64
	Regs     [16]uint32
}

// Step is one table that a packet met.
type Step struct {
	Depth int // of lookups by resubmit, and of groups
	Table uint8
	Flow  *openflow.FlowMod // that took the packet, nil for none
	Notes []string          // what is not to be seen from the flow's actions
}

// Reasons for giving a packet up. Nothing of it leaves the switch then.
var (
	ErrTooDeep = errors.New("lookups are nested more than 64 deep")
	ErrTooMany = errors.New("more than 4096 lookups")
)

// Limits of Open vSwitch (ofproto/ofproto-dpif-xlate.c).
const (
	maxDepth   = 64
	maxLookups = 4096
)

// Run puts a packet in at a port. It takes any bytes, and does not change them.
func (s *Sim) Run(packet []byte, inPort uint32) Result {
	r := s.start(packet, inPort)
	r.process(0, inPort)
	return r.finish()
}

// run is a packet on its way.
type run struct {
	sim    *Sim
	packet []byte
	at     layout
	key    key // as actions see it
	base   key // as the packet's bytes are
	res    Result

	table   uint8
	depth   int
	nesting int // of lookups, for the trace
	lookups int
	flow    *flow
	exited  bool
}

func (s *Sim) start(packet []byte, inPort uint32) *run {
	r := &run{sim: s, packet: slices.Clone(packet)}
	r.at = parse(r.packet, &r.key)
	r.key.inPort = inPort
	r.base = r.key
	return r
}

func (r *run) finish() Result {
	if r.res.Err != nil {
		r.res.Outputs, r.res.Punts = nil, nil
	}
	return r.res
}

func (r *run) note(format string, args ...any) {
	if n := len(r.res.Steps); n > 0 {
		s := &r.res.Steps[n-1]
		s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
	}
}

// allowed says whether another lookup may begin, and gives the packet up if not.
func (r *run) allowed() bool {
	switch {
	case r.res.Err != nil:
	case r.depth >= maxDepth:
		r.res.Err = ErrTooDeep
	case r.lookups >= maxLookups:
		r.res.Err = ErrTooMany
	}
	return r.res.Err == nil
}

// enter looks the packet up in a table, as if it had come in at port, and does what the flow says.
// Going to a table that does not come later is what counts as depth.
func (r *run) enter(table uint8, port uint32) {
	if !r.allowed() {
		return
	}
	table = r.resolve(table)
	deeper := table <= r.table
	if deeper {
		r.depth++
	}
	if r.process(table, port) {
		r.lookups++
	}
	if deeper {
		r.depth--
	}
}

// process is a lookup without a limit. It reports whether there was a flow.
func (r *run) process(table uint8, port uint32) bool {
	f := r.sim.lookup(table, r.keyFor(port))
	step := Step{Depth: r.nesting, Table: table}
	if f != nil {
		step.Flow = f.mod
	}
	r.res.Steps = append(r.res.Steps, step)
	if f == nil {
		return false
	}
	tableBefore, flowBefore := r.table, r.flow
	r.table, r.flow = table, f
	r.apply(f.mod.Instructions.Apply, &f.mod.Instructions)
	r.table, r.flow = tableBefore, flowBefore
	return true
}

// keyFor is the key that a lookup uses. Of a fragment, even of the first, it has no transport ports
// and no ICMP type: that is how Open vSwitch handles fragments unless told otherwise (OFPC_FRAG_NORMAL).
func (r *run) keyFor(port uint32) *key {
	k := r.key
	k.inPort = port
	if k.frag&fragAny != 0 {
		k.src, k.dst = 0, 0
	}
	return &k
}

// resolve gives the table that is meant: 255 is the current one.
func (r *run) resolve(table uint8) uint8 {
	if table == openflow.TableAll {
		return r.table
	}
	return table
}

// apply does actions, then the rest of the instructions if there are any.
func (r *run) apply(acts []openflow.Action, rest *openflow.Instructions) {
	for i, a := range acts {
		if r.exited || r.res.Err != nil {
			return
		}
		if c, ok := a.(openflow.CheckPktLarger); ok {
			r.branch(c, acts[i+1:], rest)
			return
		}
		r.do(a)
	}
	if rest == nil || r.exited || r.res.Err != nil {
		return
	}
	r.key.metadata = r.key.metadata&^rest.MetadataMask | rest.WriteMetadata&rest.MetadataMask
	if rest.HasGoto {
		r.enter(rest.GotoTable, r.key.inPort)
	}
}

func (r *run) do(a openflow.Action) {
	switch a := a.(type) {
	case openflow.Output:
		r.output(a)
	case openflow.Group:
		r.group(a.ID)
	case openflow.PushVLAN:
		copy(r.key.tags[1:], r.key.tags[:])
		r.key.tags[0] = vlanTag{a.EtherType, tagPresent}
	case openflow.PopVLAN:
		copy(r.key.tags[:], r.key.tags[1:])
		r.key.tags[maxTags-1] = vlanTag{}
	case openflow.SetField:
		r.setField(a)
	case openflow.RegLoad:
		r.write(a.Field, a.Ofs, be.AppendUint64(nil, a.Value), 0, a.NBits)
	case openflow.RegMove:
		if v := r.key.read(a.Src); v != nil {
			r.write(a.Dst, a.DstOfs, v, a.SrcOfs, a.NBits)
		}
	case openflow.Resubmit:
		r.resubmit(a)
	case openflow.Controller2:
		r.punt(a)
	case openflow.Clone:
		r.clone(a.Actions)
	case openflow.Exit:
		r.exited = true
	}
}

func (r *run) setField(a openflow.SetField) {
	old := r.key.read(a.Field)
	if old == nil {
		return
	}
	for i := range old {
		m := byte(0xff)
		if a.Mask != nil {
			m = a.Mask[i]
		}
		old[i] = old[i]&^m | a.Value[i]&m
	}
	r.key.write(a.Field, old)
}

// write copies bits into a field, if the packet has it.
func (r *run) write(f *openflow.Field, ofs uint16, src []byte, srcOfs, nbits uint16) {
	v := r.key.read(f)
	if v == nil {
		return
	}
	copyBits(v, int(ofs), src, int(srcOfs), int(nbits))
	r.key.write(f, v)
}

func (r *run) resubmit(a openflow.Resubmit) {
	port := r.key.inPort
	if a.InPort != openflow.ResubmitKeepPort {
		port = widenPort(a.InPort)
	}
	r.nesting++
	r.enter(a.Table, port)
	r.nesting--
}

// branch compares with the length of the packet as it is by now, without what pads an IP packet.
// Open vSwitch translates what follows in the same flow once for either outcome; whoever looked this
// flow up by resubmit sees nothing of it. (That an exit in one outcome also ends the other there is
// not simulated.)
func (r *run) branch(a openflow.CheckPktLarger, acts []openflow.Action, rest *openflow.Instructions) {
	r.commit()
	key, base, packet, at := r.key, r.base, slices.Clone(r.packet), r.at
	value := []byte{0}
	if r.at.end > int(a.Len) {
		value[0] = 1
	}
	r.write(a.Dst, a.Bit, value, 0, 1)
	r.apply(acts, rest)
	r.key, r.base, r.packet, r.at = key, base, packet, at
}

func (r *run) output(a openflow.Output) {
	port := a.Port
	switch port {
	case openflow.PortController:
		r.punt(openflow.Controller2{MaxLen: a.MaxLen, Reason: openflow.ReasonAction, MeterID: openflow.NoMeter})
		return
	case openflow.PortInPort:
		port = r.key.inPort
	case r.key.inPort:
		r.note("leaves out the ingress port %s", openflow.FormatActions([]openflow.Action{a}))
		return
	}
	r.commit()
	r.res.Outputs = append(r.res.Outputs, Output{port, slices.Clone(r.packet)})
}

// punt sends the packet to the controller. What the packet carries then is the punt's.
func (r *run) punt(a openflow.Controller2) {
	r.commit()
	p := Punt{
		Reason: a.Reason, Userdata: slices.Clone(a.Userdata), Meter: a.MeterID,
		Packet: slices.Clone(r.packet[:min(len(r.packet), int(a.MaxLen))]),
		InPort: r.key.inPort, Metadata: r.key.metadata, Regs: r.key.regs,
	}
	if r.flow != nil {
		p.Flow = r.flow.mod
	}
	r.res.Punts = append(r.res.Punts, p)
}

// group gives each bucket a copy of the packet. The packet itself goes on as it was.
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
		r.apply(b.Actions, nil)
		r.key = before
	}
	r.nesting--
	r.depth--
}

func (r *run) clone(acts []openflow.Action) {
	key, base, packet, at, exited := r.key, r.base, slices.Clone(r.packet), r.at, r.exited
	r.apply(acts, nil)
	r.key, r.base, r.packet, r.at, r.exited = key, base, packet, at, exited
}
