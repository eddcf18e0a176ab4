package flowsim_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/internal/flowsim"
	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/openflow"
)

// TestProgramsAreOpenVSwitch draws whole flow tables with everything that is simulated, and runs
// packets through them in the simulation and in Open vSwitch. Paused packets go on in both.
func TestProgramsAreOpenVSwitch(t *testing.T) {
	b := newBench(t)
	rapid.Check(t, func(r *rapid.T) {
		p := drawProgram(r)
		b.load(r, p)
		for range 4 {
			port, frame := rapid.Uint32Range(1, 3).Draw(r, "port"), drawPacket(r)
			b.follow(r, b.sim.Run(frame, port), b.wire.Send(port, frame))
		}
		acts, frame := p.draw(r, flowKind{}, 0), drawPacket(r)
		got, err := b.sim.PacketOut(frame, openflow.PortController, acts)
		if err != nil {
			r.Fatal(err)
		}
		r.Logf("packet-out %s", openflow.FormatActions(acts))
		b.follow(r, got, b.wire.PacketOut(openflow.PortController, openflow.AppendActions(nil, acts...), frame))
	})
}

// bench is a switch that gets one program after the other.
type bench struct {
	wire *ovstest.Wire
	sim  *flowsim.Sim
}

const benchGroup, benchMeter = 7, 3

func newBench(t testing.TB) *bench {
	s := ovstest.Start(t, 3)
	c := s.Connect()
	c.AskForInvalidTTL()
	c.Send(&openflow.MeterMod{Command: openflow.MeterAdd, Flags: openflow.MeterFlagPktps, ID: benchMeter, Bands: []openflow.Band{openflow.DropBand(1<<20, 1<<20)}})
	for _, g := range benchGroups() {
		c.Send(&g)
	}
	c.Barrier()
	return &bench{wire: s.Wire(c)}
}

func benchGroups() []openflow.GroupMod {
	return []openflow.GroupMod{{Command: openflow.GroupAdd, GroupType: openflow.GroupTypeAll, ID: benchGroup, Buckets: []openflow.Bucket{
		openflow.NewBucket(openflow.SetUint(openflow.EthSrc, 0x020000000077), openflow.Output{Port: 2}),
		openflow.NewBucket(openflow.SetUint(openflow.Reg0, 5), openflow.Resubmit{InPort: openflow.ResubmitKeepPort, Table: tables - 1}),
		openflow.NewBucket(openflow.Output{Port: 3})}}}
}

func (b *bench) load(r *rapid.T, p *program) {
	sim, err := flowsim.New(p.flows, benchGroups())
	if err != nil {
		r.Fatal(err)
	}
	b.sim = sim
	b.wire.Replace(p.flows)
	var text strings.Builder
	for i := range p.flows {
		text.WriteString("\n" + openflow.FormatFlow(&p.flows[i]))
	}
	r.Logf("flows:%s", &text)
}

// follow compares what became of a packet, and then what becomes of it when it goes on after every
// pause, with registers that the controller changed.
func (b *bench) follow(r *rapid.T, got flowsim.Result, seen ovstest.Seen) {
	if err := difference(got, seen); err != nil {
		r.Fatal(err)
	}
	for i, p := range got.Punts {
		if !p.Paused {
			continue
		}
		in := *seen.Punts[i]
		if rapid.Bool().Draw(r, "controller changes registers") {
			p.Regs[1], p.Metadata = 2, 3
			in.Metadata = in.Metadata.U32(openflow.Reg1, 2).U64(openflow.Metadata, 3)
		}
		if rapid.IntRange(0, 3).Draw(r, "controller changes the packet") == 0 {
			p.Packet = slices.Clone(p.Packet)
			p.Packet[5]++
			in.Packet = p.Packet
		}
		r.Logf("resumed: userdata %x", p.Userdata)
		b.follow(r, b.sim.Resume(p), b.wire.Resume(in))
	}
}

// program is flow tables and packets for them.
type program struct {
	flows    []openflow.FlowMod
	userdata byte
}

const tables = 6

// flowKind is which packets a flow takes: what its actions may do depends on that.
type flowKind struct {
	v4, v6, tagged bool
	proto          uint8
	table          uint8
}

func drawProgram(r *rapid.T) *program {
	p := new(program)
	for table := range uint8(tables) {
		for i := range rapid.IntRange(1, 4).Draw(r, "flows") {
			match, kind := drawMatch(r, table)
			f := openflow.NewFlowMod(openflow.FlowAdd, table, uint16(10*(i+1)))
			f.Cookie, f.Match = uint64(table)<<8|uint64(i+1), match
			f.Instructions.Apply = p.draw(r, kind, 0)
			sometimes(r, func() { f.Instructions.Meter = benchMeter })
			sometimes(r, func() { f.Instructions.WriteMetadata, f.Instructions.MetadataMask = 2, 6 })
			if table < tables-1 && rapid.Bool().Draw(r, "goto") {
				f.Instructions = f.Instructions.Goto(rapid.Uint8Range(table+1, tables-1).Draw(r, "goto table"))
			}
			p.flows = append(p.flows, *f)
		}
		sometimes(r, func() { p.drawConjunctions(r, table) })
	}
	return p
}

func drawMatch(r *rapid.T, table uint8) (openflow.Match, flowKind) {
	var m openflow.Match
	k := flowKind{table: table}
	switch rapid.IntRange(0, 5).Draw(r, "kind of flow") {
	case 0:
		m, k.v4 = m.U16(openflow.EthType, openflow.EtherTypeIPv4), true
	case 1:
		k.v4, k.proto = true, rapid.SampledFrom([]uint8{1, 6, 17}).Draw(r, "protocol")
		m = m.U16(openflow.EthType, openflow.EtherTypeIPv4).U8(openflow.IPProto, k.proto)
	case 2:
		k.v6, k.proto = true, rapid.SampledFrom([]uint8{6, 17, 58}).Draw(r, "protocol")
		m = m.U16(openflow.EthType, openflow.EtherTypeIPv6).U8(openflow.IPProto, k.proto)
	case 3:
		m, k.tagged = m.MaskedU64(openflow.VLANVID, 0x1000, 0x1000), true
	}
	sometimes(r, func() { m = m.MaskedU64(openflow.Reg0, rapid.Uint64Range(0, 1).Draw(r, "reg0"), 1) })
	sometimes(r, func() { m = m.U32(openflow.Reg1, rapid.Uint32Range(0, 2).Draw(r, "reg1")) })
	sometimes(r, func() { m = m.MaskedU64(openflow.Metadata, rapid.Uint64Range(0, 1).Draw(r, "metadata")*2, 2) })
	sometimes(r, func() { m = m.U32(openflow.InPort, rapid.Uint32Range(1, 3).Draw(r, "in port")) })
	sometimes(r, func() { m = m.MaskedU64(openflow.EthDst, 2, 3) })
	if k.v4 || k.v6 {
		sometimes(r, func() { m = m.U8(openflow.IPTTL, rapid.SampledFrom([]uint8{1, 2, 63}).Draw(r, "ttl")) })
	}
	return m, k
}

// drawConjunctions draws conjunctive matches, with flows for their ids at some priority. No two of one
// priority can both be complete, because then it is open which one counts.
func (p *program) drawConjunctions(r *rapid.T, table uint8) {
	var any openflow.Match
	add := func(priority uint16, m openflow.Match, acts ...openflow.Action) {
		f := openflow.NewFlowMod(openflow.FlowAdd, table, priority)
		f.Cookie, f.Match, f.Instructions.Apply = uint64(len(p.flows))<<16, m, acts
		p.flows = append(p.flows, *f)
	}
	for i := range rapid.IntRange(1, 3).Draw(r, "conjunctions") {
		id, priority := uint32(100+i), uint16(10*i+rapid.SampledFrom([]int{5, 15, 25}).Draw(r, "priority"))
		if slices.ContainsFunc(p.flows, func(f openflow.FlowMod) bool { return f.TableID == table && f.Priority == priority }) {
			continue
		}
		n := uint8(2 + i%2)
		clause := func(k uint8, m openflow.Match) { add(priority, m, openflow.Conjunction{ID: id, Clause: k, N: n}) }
		for port := range uint32(2) {
			clause(0, any.U32(openflow.InPort, 1+port))
		}
		clause(1, any.MaskedU64(openflow.EthDst, rapid.Uint64Range(0, 1).Draw(r, "bit"), 1))
		clause(1, any.MaskedU64(openflow.Reg0, 0, 4))
		if n == 3 {
			clause(2, any.U32(openflow.Reg1, rapid.Uint32Range(0, 2).Draw(r, "reg1")))
		}
		sometimes(r, func() { priority = 3 })
		if rapid.IntRange(0, 3).Draw(r, "flow of the id") > 0 {
			add(priority+1, any.U32(openflow.ConjID, id), p.draw(r, flowKind{table: table}, 0)...)
		}
	}
}

// draw draws actions for a flow.
func (p *program) draw(r *rapid.T, k flowKind, nested int) []openflow.Action {
	var out []openflow.Action
	for range rapid.IntRange(1, 5).Draw(r, "actions") {
		switch rapid.IntRange(0, 4).Draw(r, "kind of action") {
		case 0:
			out = append(out, drawWrite(r, k))
		case 1:
			out = append(out, drawRegister(r))
		default:
			out = append(out, p.drawControl(r, k, nested))
		}
	}
	return out
}

// drawControl draws an action that says where the packet goes.
func (p *program) drawControl(r *rapid.T, k flowKind, nested int) openflow.Action {
	switch rapid.IntRange(0, 11).Draw(r, "control") {
	case 0, 1, 2:
		return openflow.Resubmit{InPort: rapid.SampledFrom([]uint16{openflow.ResubmitKeepPort, openflow.ResubmitKeepPort, 2}).Draw(r, "port"),
			Table: min(k.table+rapid.Uint8Range(1, 3).Draw(r, "deeper"), tables)}
	case 3, 4:
		p.userdata++
		c := openflow.Controller([]byte{p.userdata})
		c.Pause = rapid.IntRange(0, 2).Draw(r, "pause") > 0
		sometimes(r, func() { c.Reason = openflow.ReasonNoMatch })
		sometimes(r, func() { c.MaxLen = 64 })
		return c
	case 5:
		if nested < 2 {
			return openflow.Clone{Actions: p.draw(r, k, nested+1)}
		}
	case 6:
		return openflow.CheckPktLarger{Len: 80, Dst: openflow.Reg0, Bit: 0}
	case 7:
		if rapid.Bool().Draw(r, "exit") {
			return openflow.Exit{}
		}
	case 8:
		if nested == 0 && k.table < tables-1 {
			return openflow.Group{ID: benchGroup}
		}
	}
	return openflow.Output{Port: rapid.SampledFrom([]uint32{1, 2, 3, openflow.PortLocal, openflow.PortInPort}).Draw(r, "output")}
}

// drawRegister draws an action on what travels with a packet.
func drawRegister(r *rapid.T) openflow.Action {
	small := uint64(rapid.IntRange(0, 3).Draw(r, "value"))
	fields := []*openflow.Field{openflow.Reg0, openflow.Reg1, openflow.Reg2, openflow.XReg1, openflow.XXReg0, openflow.Metadata, openflow.EthSrc}
	f, bits := rapid.SampledFrom(fields).Draw(r, "field"), rapid.SampledFrom([]uint16{1, 7, 8, 20, 32}).Draw(r, "bits")
	switch rapid.IntRange(0, 6).Draw(r, "register") {
	case 0:
		return openflow.SetUint(openflow.Reg0, small)
	case 1:
		return openflow.RegLoad{Field: openflow.Reg1, NBits: 32, Value: small}
	case 2:
		return openflow.SetUint(rapid.SampledFrom([]*openflow.Field{openflow.TunnelID, openflow.PktMark}).Draw(r, "field"), small)
	case 3:
		return openflow.StackPush{Field: f, NBits: bits}
	case 4:
		return openflow.StackPop{Field: f, NBits: bits}
	case 5:
		return openflow.RegLoad{Field: openflow.InPortNX, NBits: 16, Value: rapid.SampledFrom([]uint64{0xffff, 2}).Draw(r, "in port")}
	}
	return openflow.RegMove{Src: f, Dst: openflow.XXReg0, DstOfs: 3, NBits: bits}
}

// drawWrite draws an action that changes the packet.
func drawWrite(r *rapid.T, k flowKind) openflow.Action {
	v := uint64(rapid.Uint8().Draw(r, "value"))
	acts := []openflow.Action{openflow.SetUint(openflow.EthDst, 0x020000000000|v), openflow.SetUint(openflow.EthSrc, 0x020000000000|v)}
	if k.tagged {
		acts = append(acts, openflow.SetUint(openflow.VLANVID, 0x1000|v), openflow.SetUint(openflow.VLANPCP, v&7))
	}
	if k.v4 || k.v6 {
		acts = append(acts, openflow.DecTTL{}, openflow.DecTTL{}, openflow.SetTTL{TTL: uint8(v)}, openflow.SetUint(openflow.IPTTL, v), openflow.SetUint(openflow.IPDSCP, v&63))
	}
	if k.v4 || k.v6 {
		acts = append(acts, openflow.Multipath{Fields: openflow.HashSymmetricL3L4UDP, Basis: uint16(v), Algorithm: openflow.LinkModuloN,
			MaxLink: uint16(v), Dst: openflow.Reg2, NBits: 16})
	}
	if k.v4 {
		acts = append(acts, openflow.SetUint(openflow.IPv4Src, 0x0a000000|v), openflow.RegMove{Src: openflow.IPv4Src, Dst: openflow.IPv4Dst, NBits: 32},
			openflow.RegMove{Src: openflow.Reg0, Dst: openflow.IPv4Src, NBits: 32}, openflow.StackPush{Field: openflow.IPv4Dst, NBits: 32})
	}
	if k.v6 {
		acts = append(acts, openflow.SetUint(openflow.IPv6Src, v), openflow.RegMove{Src: openflow.IPv6Src, Dst: openflow.IPv6Dst, NBits: 128},
			openflow.RegMove{Src: openflow.XXReg0, Dst: openflow.IPv6Src, NBits: 128}, openflow.StackPop{Field: openflow.IPv6Dst, NBits: 128})
	}
	switch {
	case k.proto == 17:
		acts = append(acts, openflow.SetUint(openflow.UDPSrc, v), openflow.SetUint(openflow.UDPDst, v))
	case k.proto == 6:
		acts = append(acts, openflow.SetUint(openflow.TCPSrc, v))
	case k.proto == 1:
		acts = append(acts, openflow.SetUint(openflow.ICMPv4Type, v), openflow.SetUint(openflow.ICMPv4Code, v))
	case k.proto == 58:
		acts = append(acts, openflow.SetUint(openflow.ICMPv6Type, v), openflow.SetUint(openflow.ICMPv6Code, v))
	}
	return rapid.SampledFrom(acts).Draw(r, "write")
}

// drawPacket draws a frame with IP or something else, shorter or longer than what is looked for.
func drawPacket(r *rapid.T) []byte { return drawPacketOf(r, rapid.IntRange(0, 2).Draw(r, "network")) }

// drawPacketOf draws a frame with IPv4 (0), IPv6 (1) or neither.
func drawPacketOf(r *rapid.T, network int) []byte {
	b := []byte{2, 0, 0, 0, 0, byte(rapid.IntRange(0, 3).Draw(r, "destination")), 2, 0, 0, 0, 0, 9}
	sometimes(r, func() { b = append(b, 0x81, 0, 0x20, 5) })
	upper := drawUpper(r)
	ttl := rapid.SampledFrom([]byte{0, 1, 2, 3, 64, 64, 64}).Draw(r, "ttl")
	last := byte(rapid.IntRange(1, 3).Draw(r, "source"))
	switch network {
	case 0:
		h := []byte{0x45, 0, 0, byte(20 + len(upper)), 0, 1, rapid.SampledFrom([]byte{0, 0, 0, 0, 0x20, 0x01}).Draw(r, "fragment"), 0, ttl,
			rapid.SampledFrom([]byte{1, 6, 17, 132, 47}).Draw(r, "protocol"), 0x12, 0x34, 10, 0, 0, last, 10, 0, 0, 2}
		b = append(append(b, 8, 0), h...)
	case 1:
		h := append([]byte{0x60, 0, 0, 0, 0, byte(len(upper)), rapid.SampledFrom([]byte{58, 6, 17, 132, 47}).Draw(r, "protocol"), ttl}, make([]byte, 32)...)
		h[8], h[23], h[24], h[39] = 0xfe, last, 0xfe, 2
		b = append(append(b, 0x86, 0xdd), h...)
	default:
		b = append(b, 0x12, 0x34)
	}
	return append(b, upper...)
}

// drawUpper draws a transport header that may be read as any protocol's.
func drawUpper(r *rapid.T) []byte {
	b := binary.BigEndian.AppendUint16(nil, rapid.Uint16().Draw(r, "source port"))
	b = binary.BigEndian.AppendUint16(b, rapid.Uint16().Draw(r, "destination port"))
	offset := rapid.SampledFrom([]byte{0x50, 0x50, 0x50, 0, 0x40, 0xa0, 0xf0}).Draw(r, "TCP data offset")
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, offset, 0x12, 0, 0, 0x77, 0x88, 0, 0)
	return append(b, make([]byte, rapid.SampledFrom([]int{0, 20, 60}).Draw(r, "length"))...)
}
