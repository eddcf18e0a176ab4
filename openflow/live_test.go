package openflow_test

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/isat-sdn/isat/openflow"
)

// TestLiveDump adds flows of every kind with ovs-ofctl, dumps them through this package, and
// checks that nothing of them changes on the way. receiveRaw compares the bytes.
func TestLiveDump(t *testing.T) {
	text, err := os.ReadFile("testdata/flows.txt")
	if err != nil {
		t.Fatal(err)
	}
	o := startOVS(t)
	o.ofctl("add-group", "group_id=1,type=all,bucket=output:1")
	o.ofctl("add-tlv-map", "{class=0xffff,type=0,len=4}->tun_metadata0")
	o.ofctl("add-meter", "meter=1,pktps,band=type=drop,rate=10")
	o.ofctl("add-flows", writeFile(t, o, text))
	s := o.connect()
	flows := s.flows()
	want := 0
	for _, line := range strings.Split(string(text), "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			want++
		}
	}
	if len(flows) != want {
		t.Errorf("dumped %d flows, want %d", len(flows), want)
	}
	raw := map[string]int{}
	for _, f := range flows {
		for o := range f.Match.All() {
			if strings.HasPrefix(o.Field.Name, "oxm-") {
				raw[o.Field.Name]++
			}
		}
		for _, a := range append(f.Instructions.Apply, f.Instructions.Write...) {
			if r, ok := a.(openflow.RawAction); ok {
				raw[hex.EncodeToString(r.Bytes[:min(10, len(r.Bytes))])]++
			}
		}
	}
	// A kind of action that this package knows must not fall back to raw bytes.
	for _, known := range []string{"ffff0018000023200007", "ffff0018000023200006", "ffff0010000023200025"} {
		if raw[known] != 0 {
			t.Errorf("%d actions %s are not understood", raw[known], known)
		}
	}
	reinstall(t, s, flows)
}

func writeFile(t *testing.T, o *ovs, text []byte) string {
	t.Helper()
	name := o.path("flows.txt")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// reinstall deletes all flows, adds them as this package encodes them, and compares the dumps.
func reinstall(t *testing.T, s *session, flows []openflow.FlowStats) {
	t.Helper()
	s.send(openflow.NewFlowMod(openflow.FlowDelete, openflow.TableAll, 0))
	s.quietBarrier()
	want := map[openflow.FlowKey]openflow.FlowStats{}
	for _, f := range flows {
		want[f.Key()] = f
		m := openflow.NewFlowMod(openflow.FlowAdd, f.TableID, f.Priority)
		m.Cookie, m.Flags, m.IdleTimeout, m.HardTimeout = f.Cookie, f.Flags, f.IdleTimeout, f.HardTimeout
		m.Match, m.Instructions = f.Match, f.Instructions
		s.send(m)
	}
	s.quietBarrier()
	got := s.flows()
	if len(got) != len(want) {
		t.Errorf("%d flows after adding %d", len(got), len(want))
	}
	for _, g := range got {
		w, ok := want[g.Key()]
		if !ok {
			t.Errorf("new flow %v", g.Match)
			continue
		}
		if !openflow.EqualInstructions(g.Instructions, w.Instructions) || g.Cookie != w.Cookie || g.Flags != w.Flags {
			t.Errorf("%v: came back as %+v, was %+v", g.Match, g.Instructions, w.Instructions)
		}
	}
}

type liveFlow struct {
	name  string
	match openflow.Match
	inst  openflow.Instructions
}

// liveFlows are flows as a program builds them, among them all forms that Open vSwitch normalises.
func liveFlows() []liveFlow {
	var any openflow.Match
	ip := any.U16(openflow.EthType, openflow.EtherTypeIPv4)
	arp := any.U16(openflow.EthType, openflow.EtherTypeARP)
	v6 := any.U16(openflow.EthType, openflow.EtherTypeIPv6)
	nd := v6.U8(openflow.IPProto, 58).U8(openflow.ICMPv6Type, 135)
	na := v6.U8(openflow.IPProto, 58).U8(openflow.ICMPv6Type, 136)
	tcp := ip.U8(openflow.IPProto, 6)
	addr6 := []byte{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
	mask6 := []byte{255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	mac := [6]byte{2, 0, 0, 0, 0, 1}
	apply := openflow.Apply
	set := openflow.SetUint
	masked := func(f *openflow.Field, v, m uint64) openflow.SetField {
		a, b := openflow.SetUint(f, v), openflow.SetUint(f, m)
		return openflow.SetField{Field: f, Value: a.Value, Mask: b.Value}
	}
	drop := openflow.Instructions{}
	return []liveFlow{
		{"any", any, drop},
		{"in port", any.U32(openflow.InPort, 3), apply(openflow.Output{Port: 1})},
		{"in port nx", any.U16(openflow.InPortNX, 4), apply(openflow.Output{Port: openflow.PortInPort})},
		{"in port local", any.U16(openflow.InPortNX, 0xfffe), drop},
		{"eth", any.MAC(openflow.EthSrc, mac).MAC(openflow.EthDst, mac), apply(openflow.SetBytes(openflow.EthDst, mac[:]))},
		{"multicast", any.Masked(openflow.EthDst, []byte{1, 0, 0, 0, 0, 0}, []byte{1, 0, 0, 0, 0, 0}), drop},
		{"order", any.U64(openflow.Metadata, 7).U32(openflow.Reg1, 5).U32(openflow.InPort, 1).U16(openflow.EthType, 0x0800), drop},
		{"no vlan", any.U16(openflow.VLANVID, 0), apply(openflow.PushVLAN{EtherType: 0x8100}, set(openflow.VLANVID, 0x1064))},
		{"vlan", any.U16(openflow.VLANVID, openflow.VLANPresent|100).U8(openflow.VLANPCP, 3), apply(openflow.PopVLAN{})},
		{"some vlan", any.MaskedU64(openflow.VLANVID, 0x1000, 0x1000), drop},
		{"vlan mask", any.MaskedU64(openflow.VLANVID, 0x1003, 0x1fff), drop},
		{"tci none", any.U16(openflow.VLANTCI, 0).U32(openflow.InPort, 9), drop},
		{"tci", any.U16(openflow.VLANTCI, 0xb065), drop},
		{"tci mask", any.MaskedU64(openflow.VLANTCI, 0x1005, 0x100f), drop},
		{"value outside mask", ip.MaskedU64(openflow.IPv4Dst, 0x0a0000ff, 0xffffff00), drop},
		{"full mask", ip.MaskedU64(openflow.IPv4Dst, 0x0a0000ff, 0xffffffff), apply(openflow.DecTTL{}, openflow.SetTTL{TTL: 5})},
		{"zero mask", ip.MaskedU64(openflow.IPv4Dst, 0x0a0000ff, 0).U8(openflow.IPTTL, 3), drop},
		{"frag no", ip.U8(openflow.IPFrag, 0), drop},
		{"frag any", ip.MaskedU64(openflow.IPFrag, 1, 1), drop},
		{"frag full", ip.MaskedU64(openflow.IPFrag, 1, 3), drop},
		{"dscp", ip.U8(openflow.IPDSCP, 5).U8(openflow.IPECN, 1), apply(set(openflow.IPDSCP, 3), openflow.RegLoad{Field: openflow.IPDSCP, NBits: 6, Value: 5})},
		{"tcp", tcp.U16(openflow.TCPSrc, 5).U16(openflow.TCPDst, 80), apply(set(openflow.TCPDst, 5))},
		{"tcp flags", tcp.MaskedU64(openflow.TCPFlags, 2, 0x12), apply(openflow.RegMove{Src: openflow.TCPFlags, Dst: openflow.Reg0, NBits: 12})},
		{"tcp flags exact", tcp.U16(openflow.TCPFlags, 2), drop},
		{"udp", ip.U8(openflow.IPProto, 17).MaskedU64(openflow.UDPDst, 0x1000, 0xff00), drop},
		{"sctp", ip.U8(openflow.IPProto, 132).U16(openflow.SCTPDst, 5), apply(openflow.RegLoad{Field: openflow.SCTPDst, NBits: 16, Value: 9}, masked(openflow.SCTPDst, 1, 0xf))},
		{"icmp", ip.U8(openflow.IPProto, 1).U8(openflow.ICMPv4Type, 8).U8(openflow.ICMPv4Code, 0), apply(set(openflow.ICMPv4Type, 0))},
		{"arp", arp.U16(openflow.ARPOp, 1).U32(openflow.ARPTPA, 0x0a000001), apply(
			openflow.RegMove{Src: openflow.EthSrc, Dst: openflow.EthDst, NBits: 48},
			openflow.RegMove{Src: openflow.XReg1, Dst: openflow.ARPSHA, NBits: 48},
			set(openflow.ARPOp, 2), openflow.Output{Port: openflow.PortInPort})},
		{"arp rest", arp.MAC(openflow.ARPSHA, mac).MAC(openflow.ARPTHA, mac).MaskedU64(openflow.ARPSPA, 0x0a000000, 0xff000000), drop},
		{"v6", v6.Bytes(openflow.IPv6Src, addr6).Masked(openflow.IPv6Dst, addr6, mask6).U32(openflow.IPv6Label, 5), apply(openflow.SetBytes(openflow.IPv6Dst, addr6))},
		{"v6 masked set", v6.U32(openflow.IPv6Label, 6), apply(openflow.SetField{Field: openflow.IPv6Dst, Value: addr6, Mask: mask6})},
		{"nd", nd.Bytes(openflow.NDTarget, addr6).MAC(openflow.NDSLL, mac), apply(
			openflow.RegMove{Src: openflow.NDTarget, Dst: openflow.XXReg3, NBits: 128}, set(openflow.ICMPv6Type, 136), openflow.Resubmit{InPort: openflow.ResubmitKeepPort, Table: 9})},
		{"nd options", nd.U8(openflow.NDOptionsType, 1).U32(openflow.NDReserved, 0), drop},
		{"na", na.MAC(openflow.NDTLL, mac), apply(set(openflow.NDReserved, 0x60000000), set(openflow.NDOptionsType, 2), set(openflow.NDTLL, 5),
			openflow.RegLoad{Field: openflow.NDReserved, Ofs: 29, NBits: 3, Value: 7}, masked(openflow.NDReserved, 0x20000000, 0x20000000),
			openflow.RegMove{Src: openflow.NDReserved, Dst: openflow.Reg0, NBits: 32})},
		{"reg", any.U32(openflow.Reg0, 0).MaskedU64(openflow.Reg15, 0x10, 0xf0), apply(set(openflow.Reg1, 5), masked(openflow.Reg2, 0x10, 0xf0), masked(openflow.Reg2, 5, 0xffffffff),
			openflow.RegLoad{Field: openflow.Reg3, Ofs: 3, NBits: 5, Value: 7})},
		{"xreg", any.U64(openflow.XReg1, 0x100000002), apply(set(openflow.XReg2, 3), masked(openflow.XReg3, 3, 0xff),
			openflow.RegLoad{Field: openflow.XReg1, NBits: 48, Value: 0x020000000001})},
		{"xreg mask", any.MaskedU64(openflow.XReg1, 0x020000000001, 0xffffffffffff), drop},
		{"xxreg", any.Bytes(openflow.XXReg3, addr6), apply(openflow.SetBytes(openflow.XXReg2, addr6), openflow.SetField{Field: openflow.XXReg2, Value: addr6, Mask: mask6},
			openflow.RegLoad{Field: openflow.XXReg0, Ofs: 64, NBits: 64, Value: 1})},
		{"xxreg mask", any.Masked(openflow.XXReg3, addr6, mask6), drop},
		{"metadata", any.MaskedU64(openflow.Metadata, 5, 0xffffff), apply(openflow.RegLoad{Field: openflow.Metadata, NBits: 24, Value: 5}, set(openflow.Metadata, 5), masked(openflow.Metadata, 5, 0xff),
			openflow.RegMove{Src: openflow.Metadata, Dst: openflow.TunnelID, NBits: 24}).Goto(200)},
		{"tunnel", any.U64(openflow.TunnelID, 5).U32(openflow.TunIPv4Src, 1).U32(openflow.TunIPv4Dst, 2), apply(set(openflow.TunnelID, 7), set(openflow.TunIPv4Dst, 0x0a000001))},
		{"mark", any.MaskedU64(openflow.PktMark, 1, 1), apply(set(openflow.PktMark, 7))},
		{"conj", ip.U32(openflow.ConjID, 7), drop},
		{"conjunction", ip.U32(openflow.IPv4Src, 7), apply(openflow.Conjunction{ID: 7, Clause: 0, N: 2}, openflow.Conjunction{ID: 8, Clause: 1, N: 3})},
		{"resubmit", any.U32(openflow.Reg4, 1), apply(openflow.Resubmit{InPort: 2, Table: 7}, openflow.Resubmit{InPort: openflow.ResubmitKeepPort, Table: 255}, openflow.Output{Port: openflow.PortController, MaxLen: 0xffff})},
		{"controller", any.U32(openflow.Reg4, 2), apply(openflow.Controller([]byte{1, 2, 3}), openflow.Controller(nil))},
		{"controller all", any.U32(openflow.Reg4, 3), apply(openflow.Controller2{MaxLen: 128, ControllerID: 7, Reason: openflow.ReasonNoMatch, Userdata: []byte("learn"), Pause: true, MeterID: 1})},
		{"stack", any.U32(openflow.Reg4, 4), apply(openflow.StackPush{Field: openflow.Reg0, NBits: 32}, openflow.StackPush{Field: openflow.Metadata, Ofs: 3, NBits: 20},
			openflow.StackPop{Field: openflow.XXReg0, Ofs: 3, NBits: 20}, openflow.StackPop{Field: openflow.XReg0, NBits: 32})},
		{"larger", any.U32(openflow.Reg4, 5), apply(openflow.CheckPktLarger{Len: 1500, Dst: openflow.Reg8, Bit: 3}, openflow.CheckPktLarger{Len: 1500, Dst: openflow.XReg1, Bit: 63})},
		{"multipath", ip.U32(openflow.Reg4, 5), apply(
			openflow.Multipath{Fields: openflow.HashSymmetricL3L4UDP, Basis: 7, Algorithm: openflow.LinkModuloN, MaxLink: 2, Dst: openflow.Reg0, DstOfs: 3, NBits: 8},
			openflow.Multipath{Fields: openflow.HashSymmetricL3, Algorithm: openflow.LinkIterHash, MaxLink: 0xffff, Arg: 9, Dst: openflow.XReg1, NBits: 64})},
		{"output reg", any.U32(openflow.Reg4, 6), apply(openflow.OutputReg{Field: openflow.Reg2, NBits: 32, MaxLen: 0xffff}, openflow.OutputReg{Field: openflow.Metadata, Ofs: 16, NBits: 16, MaxLen: 0xffff})},
		{"others", any.U32(openflow.Reg4, 7), apply(openflow.SetQueue{ID: 5}, openflow.PopQueue{}, openflow.Note{Data: []byte{1, 2, 3, 4, 5, 6}}, openflow.CTClear{},
			openflow.Clone{Actions: []openflow.Action{set(openflow.Reg0, 1), openflow.Group{ID: 1}, openflow.Clone{Actions: []openflow.Action{openflow.Output{Port: 2}}}}}, openflow.Group{ID: 1}, openflow.Exit{})},
		{"in port actions", any.U32(openflow.Reg4, 8), apply(openflow.RegLoad{Field: openflow.InPortNX, NBits: 16, Value: 0}, openflow.RegMove{Src: openflow.InPort, Dst: openflow.Reg1, NBits: 32},
			openflow.RegMove{Src: openflow.InPortNX, Dst: openflow.Reg1, NBits: 16})},
		{"vlan actions", any.MaskedU64(openflow.VLANVID, 0x1000, 0x1000).U32(openflow.Reg4, 9), apply(openflow.RegLoad{Field: openflow.VLANVID, NBits: 12, Value: 5}, openflow.RegMove{Src: openflow.VLANVID, Dst: openflow.Reg1, NBits: 12}, openflow.RegLoad{Field: openflow.VLANTCI, NBits: 12, Value: 5})},
		{"every instruction", any.U32(openflow.Reg4, 10), openflow.Instructions{Meter: 1, Apply: []openflow.Action{openflow.Output{Port: 2}}, Clear: true,
			Write: []openflow.Action{set(openflow.Reg0, 1), openflow.Output{Port: 3}}, WriteMetadata: 5, MetadataMask: 0xff, HasGoto: true, GotoTable: 200}},
		{"write actions order", any.U32(openflow.Reg4, 11), openflow.Instructions{Write: []openflow.Action{openflow.Output{Port: 3}, openflow.Group{ID: 1}, set(openflow.Reg0, 1)}}},
		{"actset", any.U32(openflow.ActsetOutput, 2), drop},
		{"ct", ip.MaskedU64(openflow.CTState, 0x22, 0x22).U16(openflow.CTZone, 5).U32(openflow.CTMark, 7).Masked(openflow.CTLabel, addr6, mask6), drop},
	}
}

// TestLiveAdd adds flows as this package encodes them and dumps them: match and instructions must
// come back as the same bytes, whether sent one by one or in a bundle.
func TestLiveAdd(t *testing.T) {
	o := startOVS(t)
	s := o.connect()
	s.send(&openflow.GroupMod{Command: openflow.GroupAdd, GroupType: openflow.GroupTypeAll, ID: 1,
		Buckets: []openflow.Bucket{openflow.NewBucket(openflow.Output{Port: 1})}})
	s.send(&openflow.MeterMod{Command: openflow.MeterAdd, Flags: openflow.MeterFlagPktps, ID: 1,
		Bands: []openflow.Band{openflow.DropBand(10, 0)}})
	s.quietBarrier()
	flows := liveFlows()
	mod := func(i int, table uint8) *openflow.FlowMod {
		m := openflow.NewFlowMod(openflow.FlowAdd, table, uint16(100+i))
		m.Cookie, m.IdleTimeout, m.Flags = uint64(i), 300, openflow.FlagSendFlowRem
		m.Match, m.Instructions = flows[i].match, flows[i].inst
		return m
	}
	t.Run("one by one", func(t *testing.T) {
		for i := range flows {
			s.send(mod(i, 10))
			for _, m := range s.barrier() {
				t.Errorf("%s: %v", flows[i].name, m)
			}
		}
		compareFlows(t, s, flows, 10)
	})
	t.Run("bundle", func(t *testing.T) {
		const flags = openflow.BundleAtomic | openflow.BundleOrdered
		s.send(&openflow.BundleControl{ID: 7, Kind: openflow.BundleOpenRequest, Flags: flags})
		expectBundle(t, s, openflow.BundleOpenReply)
		for i := range flows {
			s.xid++
			s.sendRaw(openflow.AppendBundleAdd(nil, s.xid, 7, flags, mod(i, 11)))
		}
		s.send(&openflow.BundleControl{ID: 7, Kind: openflow.BundleCommitRequest, Flags: flags})
		expectBundle(t, s, openflow.BundleCommitReply)
		compareFlows(t, s, flows, 11)
	})
	t.Run("replacing is idempotent", func(t *testing.T) {
		before := len(s.flows())
		for i := range flows {
			s.send(mod(i, 10))
		}
		s.quietBarrier()
		if after := len(s.flows()); after != before {
			t.Errorf("%d flows became %d", before, after)
		}
	})
}

func expectBundle(t *testing.T, s *session, kind uint16) {
	t.Helper()
	m := s.receive()
	if b, ok := m.(*openflow.BundleControl); !ok || b.Kind != kind {
		t.Fatalf("got %v, want bundle control %d", m, kind)
	}
}

func compareFlows(t *testing.T, s *session, want []liveFlow, table uint8) {
	t.Helper()
	got := map[uint64]openflow.FlowStats{}
	for _, f := range s.flows() {
		if f.TableID == table {
			got[f.Cookie] = f
		}
	}
	for i, w := range want {
		g, ok := got[uint64(i)]
		if !ok {
			t.Errorf("%s: not there", w.name)
			continue
		}
		if g.Match != w.match {
			t.Errorf("%s: match\ngot  %v\nwant %v", w.name, g.Match, w.match)
		}
		if !openflow.EqualInstructions(g.Instructions, w.inst) {
			t.Errorf("%s: instructions\ngot  %x\nwant %x", w.name,
				openflow.AppendInstructions(nil, g.Instructions), openflow.AppendInstructions(nil, w.inst))
		}
		if g.Flags != openflow.FlagSendFlowRem || g.IdleTimeout != 300 || g.Duration < 0 || g.Duration > time.Minute {
			t.Errorf("%s: flags %x, idle timeout %d, duration %v", w.name, g.Flags, g.IdleTimeout, g.Duration)
		}
	}
}
