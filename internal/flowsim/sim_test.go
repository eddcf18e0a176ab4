package flowsim_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/flowsim"
	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/openflow"
)

func addFlow(table uint8, priority uint16, match openflow.Match, i openflow.Instructions) openflow.FlowMod {
	f := openflow.NewFlowMod(openflow.FlowAdd, table, priority)
	f.Match, f.Instructions = match, i
	return *f
}

// TestLimits checks that flows that lead to each other for ever end as in Open vSwitch: with nothing.
func TestLimits(t *testing.T) {
	var all openflow.Match
	again := func(tables ...uint8) openflow.Instructions {
		acts := []openflow.Action{openflow.Output{Port: 2}}
		for _, n := range tables {
			acts = append(acts, openflow.Resubmit{InPort: openflow.ResubmitKeepPort, Table: n})
		}
		return openflow.Apply(acts...)
	}
	// Each table looks twice into the next: 2^n lookups, and none of them deeper.
	var doubling []openflow.FlowMod
	for n := range uint8(20) {
		doubling = append(doubling, addFlow(n, 1, all, again(n+1, n+1)))
	}
	// Each table pushes 200 values of 16 bytes.
	var pushing []openflow.FlowMod
	for n := range uint8(30) {
		i := again(n + 1)
		for range 200 {
			i.Apply = append([]openflow.Action{openflow.StackPush{Field: openflow.XXReg0, NBits: 128}}, i.Apply...)
		}
		pushing = append(pushing, addFlow(n, 1, all, i))
	}
	for _, test := range []struct {
		name  string
		flows []openflow.FlowMod
		want  error
	}{
		{"a large stack", pushing, flowsim.ErrStackTooDeep},
		{"into the same table", []openflow.FlowMod{addFlow(0, 1, all, again(0))}, flowsim.ErrTooDeep},
		{"many lookups", doubling, flowsim.ErrTooMany},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := flowsim.New(test.flows, nil)
			if err != nil {
				t.Fatal(err)
			}
			r := s.Run(make([]byte, 60), 1)
			if !errors.Is(r.Err, test.want) || len(r.Outputs) != 0 {
				t.Errorf("%v with %d outputs, want %v with none", r.Err, len(r.Outputs), test.want)
			}
			ovs := ovstest.Start(t, 2)
			c := ovs.Connect()
			for i := range test.flows {
				c.Send(&test.flows[i])
			}
			c.Barrier()
			if seen := ovs.Wire(c).Send(1, make([]byte, 60)); len(seen.Frames) != 0 {
				t.Errorf("%d frames come out of the switch", len(seen.Frames))
			}
		})
	}
}

// TestWhatIsNotSimulated checks that New refuses what it would do wrong.
func TestWhatIsNotSimulated(t *testing.T) {
	var all openflow.Match
	one := func(i openflow.Instructions) []openflow.FlowMod { return []openflow.FlowMod{addFlow(0, 1, all, i)} }
	remove := one(openflow.Instructions{})
	remove[0].Command = openflow.FlowDelete
	for _, test := range []struct {
		name   string
		flows  []openflow.FlowMod
		groups []openflow.GroupMod
		want   string
	}{
		{"a command", remove, nil, "command 3"},
		{"a field", []openflow.FlowMod{addFlow(0, 1, all.U16(openflow.CTZone, 1), openflow.Instructions{})}, nil, "ct_zone"},
		{"an action", one(openflow.Apply(openflow.CTClear{})), nil, "ct_clear"},
		{"an action in a clone", one(openflow.Apply(openflow.Clone{Actions: []openflow.Action{openflow.CTClear{}}})), nil, "ct_clear"},
		{"a field of an action", one(openflow.Apply(openflow.SetUint(openflow.CTMark, 1))), nil, "ct_mark"},
		{"a port", one(openflow.Apply(openflow.Output{Port: openflow.PortNormal})), nil, "NORMAL"},
		{"an instruction", one(openflow.Instructions{Clear: true}), nil, "instructions"},
		{"a conjunction with other actions", one(openflow.Apply(openflow.Conjunction{ID: 1, N: 2}, openflow.Output{Port: 1})), nil, "no other actions"},
		{"a conjunction with a goto", one(openflow.Apply(openflow.Conjunction{ID: 1, N: 2}).Goto(3)), nil, "no other instructions"},
		{"a conjunction of one clause", one(openflow.Apply(openflow.Conjunction{ID: 1, N: 1})), nil, "clauses"},
		{"a conjunction in a clone", one(openflow.Apply(openflow.Clone{Actions: []openflow.Action{openflow.Conjunction{ID: 1, N: 2}}})), nil, "conjunction"},
		{"a hash", one(openflow.Apply(openflow.Multipath{Fields: openflow.HashEthSrc, Dst: openflow.Reg0, NBits: 8})), nil, "hash"},
		{"an algorithm of links", one(openflow.Apply(openflow.Multipath{Fields: openflow.HashSymmetricL3L4, Algorithm: openflow.LinkIterHash, Dst: openflow.Reg0, NBits: 8})), nil, "algorithm"},
		{"too few bits for links", one(openflow.Apply(openflow.Multipath{Fields: openflow.HashSymmetricL3L4, MaxLink: 4, Dst: openflow.Reg0, NBits: 2})), nil, "does not fit"},
		{"a pop to a field that is read only", one(openflow.Apply(openflow.StackPop{Field: openflow.IPProto, NBits: 8})), nil, "pop"},
		{"a goto backwards", one(openflow.Instructions{}.Goto(0)), nil, "goes back"},
		{"a kind of group", nil, []openflow.GroupMod{{GroupType: openflow.GroupTypeSelect, ID: 3}}, "group 3"},
		{"an order of a bucket", nil, []openflow.GroupMod{{ID: 3, Buckets: []openflow.Bucket{
			openflow.NewBucket(openflow.Output{Port: 1}, openflow.PopVLAN{})}}}, "order"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := flowsim.New(test.flows, test.groups)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want an error about %q", err, test.want)
			}
		})
	}
}

// TestGenericRules has actions and packets that isat's own flows don't have, and compares with Open
// vSwitch as well.
func TestGenericRules(t *testing.T) {
	ovs := ovstest.Start(t, 3)
	c := ovs.Connect()
	var all openflow.Match
	ip := all.U16(openflow.EthType, openflow.EtherTypeIPv4)
	ipv6 := all.U16(openflow.EthType, openflow.EtherTypeIPv6)
	out := openflow.Output{Port: 2}
	resubmit := func(port uint16, table uint8) openflow.Action { return openflow.Resubmit{InPort: port, Table: table} }
	flows := []openflow.FlowMod{
		addFlow(0, 10, ip.U8(openflow.IPProto, 17), openflow.Apply(
			openflow.SetBytes(openflow.IPv4Dst, []byte{10, 9, 8, 7}), openflow.SetUint(openflow.UDPDst, 5353), openflow.SetUint(openflow.IPDSCP, 46),
			openflow.RegLoad{Field: openflow.IPTTL, NBits: 8, Value: 3}, out)),
		addFlow(0, 10, ip.U8(openflow.IPProto, 6), openflow.Apply(
			openflow.SetBytes(openflow.IPv4Src, []byte{10, 9, 8, 7}), openflow.SetUint(openflow.TCPSrc, 99), out)),
		addFlow(0, 10, ip.U8(openflow.IPProto, 1), openflow.Apply(
			openflow.SetUint(openflow.ICMPv4Type, 0), openflow.Output{Port: openflow.PortInPort}, resubmit(openflow.ResubmitKeepPort, 9), out)),
		addFlow(9, 0, all, openflow.Apply(openflow.Output{Port: 3}, openflow.Exit{}, out)),
		addFlow(0, 10, ipv6.U8(openflow.IPProto, 17), openflow.Apply(
			openflow.SetUint(openflow.IPv6Label, 0x12345), openflow.SetUint(openflow.UDPSrc, 1), openflow.SetUint(openflow.IPECN, 3), out)),
		addFlow(0, 9, all.MaskedU64(openflow.VLANVID, 0x1000, 0x1000), openflow.Apply(
			openflow.SetUint(openflow.VLANPCP, 5), openflow.PushVLAN{EtherType: 0x88a8}, openflow.SetUint(openflow.VLANVID, 0x1005), out)),
		addFlow(0, 0, all, openflow.Apply(
			openflow.Clone{Actions: []openflow.Action{openflow.SetUint(openflow.EthSrc, 7), openflow.Output{Port: 3}}},
			openflow.RegLoad{Field: openflow.Reg3, NBits: 32, Value: 8}, resubmit(9, 5), resubmit(openflow.ResubmitKeepPort, 6),
			openflow.SetUint(openflow.EthDst, 1), out)),
		addFlow(5, 1, all.U32(openflow.InPort, 9), openflow.Apply(openflow.SetUint(openflow.EthDst, 2), out, openflow.Output{Port: 1})),
		addFlow(6, 1, all.U32(openflow.Reg3, 8), openflow.Apply(
			openflow.CheckPktLarger{Len: 61, Dst: openflow.Reg0, Bit: 3}, openflow.SetUint(openflow.EthSrc, 9), resubmit(openflow.ResubmitKeepPort, 7))),
		addFlow(7, 1, all.MaskedU64(openflow.Reg0, 8, 8), openflow.Apply(openflow.Output{Port: 3}, out)),
		addFlow(7, 0, all, openflow.Instructions{Apply: []openflow.Action{out}, WriteMetadata: 0x10, MetadataMask: 0xf0}.Goto(8)),
		addFlow(8, 0, all.MaskedU64(openflow.Metadata, 0x10, 0xf0), openflow.Apply(openflow.Output{Port: openflow.PortController, MaxLen: 20})),
	}
	sim, err := flowsim.New(flows, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range flows {
		c.Send(&flows[i])
	}
	c.Barrier()
	wire := ovs.Wire(c)
	for name, frame := range genericFrames() {
		t.Run(name, func(t *testing.T) {
			if err := difference(sim.Run(frame, 1), wire.Send(1, frame)); err != nil {
				t.Error(err)
			}
		})
	}
}

func genericFrames() map[string][]byte {
	ethernet := func(kind ...byte) []byte { return append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, kind...) }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	ip4 := func(proto, fragment byte, upper []byte) []byte {
		h := []byte{0x45, 0, 0, byte(20 + len(upper)), 0, 1, 0, fragment, 64, proto, 0x12, 0x34, 10, 0, 0, 1, 10, 0, 0, 2}
		return join(ethernet(8, 0), h, upper)
	}
	udp := []byte{0, 53, 0, 99, 0, 12, 0x55, 0xaa, 1, 2, 3, 4}
	udpNoSum := []byte{0, 53, 0, 99, 0, 12, 0, 0, 1, 2, 3, 4}
	tcp := append([]byte{0, 80, 1, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x12, 1, 0, 0x77, 0x88, 0, 0}, "data"...)
	ip6 := join(ethernet(0x86, 0xdd), []byte{0x60, 0, 0, 0, 0, byte(len(udp)), 17, 9}, bytes.Repeat([]byte{0xfe, 0x80}, 16), udp)
	return map[string][]byte{
		"udp": ip4(17, 0, udp), "udp without a checksum": ip4(17, 0, udpNoSum), "a later fragment": ip4(17, 5, udp),
		"tcp": ip4(6, 0, tcp), "a short tcp header": ip4(6, 0, tcp[:12]), "ping": ip4(1, 0, []byte{8, 0, 1, 2, 3, 4, 5, 6, 7, 8}),
		"ipv6": ip6, "padding": append(ip4(17, 0, udp), make([]byte, 30)...),
		"short": ethernet(0x12, 0x34, 1, 2), "long": append(ethernet(0x12, 0x34), make([]byte, 100)...),
		"a tag": append(ethernet(0x81, 0, 0x60, 7, 0x12, 0x34), make([]byte, 50)...), "nothing but addresses": ethernet(0x12, 0x34),
	}
}

// FuzzRun puts any bytes into every port of a world full of hosts.
func FuzzRun(f *testing.F) {
	w := ovstest.Worlds()[1]
	sim, err := flowsim.New(w.Flows(f), w.Base(f).Groups)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{}, uint32(1))
	f.Add(asks(w.Host("blue1"), "10.1.0.12").frame(), uint32(1))
	f.Add(solicits(w.Host("blue4"), "fe80::11").frame(), uint32(4))
	f.Add(advertises(w.Host("red3t"), w.Host("red3").MAC, "ff02::1", 0xe0000000).frame(), uint32(3))
	for _, frame := range genericFrames() {
		f.Add(frame, openflow.PortLocal)
	}
	f.Fuzz(func(t *testing.T, packet []byte, port uint32) {
		before := bytes.Clone(packet)
		r := sim.Run(packet, port)
		if r.Err != nil {
			t.Error(r.Err)
		}
		if !bytes.Equal(before, packet) {
			t.Error("the packet was changed")
		}
		for _, p := range r.Punts {
			if then := sim.Resume(p); then.Err != nil || !p.Paused && len(then.Outputs) > 0 {
				t.Errorf("it goes on to %+v", then)
			}
		}
		for _, o := range r.Outputs {
			if len(o.Frame) < len(packet)-4 || len(o.Frame) > len(packet)+4 {
				t.Errorf("%d bytes became %d", len(packet), len(o.Frame))
			}
		}
	})
}
