package openflow_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/isat-sdn/isat/openflow"
)

// TestLiveSession asks a switch everything that a controller asks. receiveRaw checks that each
// answer is the same after decoding and encoding.
func TestLiveSession(t *testing.T) {
	o := startOVS(t)
	s := o.connect()
	s.send(&openflow.FeaturesRequest{})
	if f, ok := s.receive().(*openflow.FeaturesReply); !ok || f.DatapathID != 0xab || f.Tables != 254 {
		t.Errorf("features: %+v", f)
	}
	s.send(&openflow.SetConfig{SwitchConfig: openflow.SwitchConfig{MissSendLen: 77}})
	s.send(&openflow.GetConfigRequest{})
	if c, ok := s.receive().(*openflow.GetConfigReply); !ok || c.MissSendLen != 77 {
		t.Errorf("configuration: %+v", c)
	}
	s.send(&openflow.EchoRequest{Data: []byte("who")})
	if e, ok := s.receive().(*openflow.EchoReply); !ok || string(e.Data) != "who" {
		t.Errorf("echo: %+v", e)
	}
	t.Run("role", func(t *testing.T) { liveRole(t, s) })
	t.Run("async", func(t *testing.T) { liveAsync(t, s) })
	t.Run("multipart", func(t *testing.T) { liveMultipart(t, s) })
	t.Run("groups and meters", func(t *testing.T) { liveGroups(t, s) })
	t.Run("errors", func(t *testing.T) { liveErrors(t, s) })
	t.Run("ports", func(t *testing.T) { livePorts(t, o, s) })
}

func liveRole(t *testing.T, s *session) {
	s.send(&openflow.RoleRequest{Role: openflow.Role{Role: openflow.RoleMaster, GenerationID: 5}})
	if r, ok := s.receive().(*openflow.RoleReply); !ok || r.Role.Role != openflow.RoleMaster || r.GenerationID != 5 {
		t.Errorf("role: %+v", r)
	}
	s.send(&openflow.RoleRequest{Role: openflow.Role{Role: openflow.RoleMaster, GenerationID: 4}})
	e, ok := s.receive().(*openflow.Error)
	if !ok || e.ErrType != openflow.ErrRoleRequestFailed || e.Code != openflow.RoleRequestStale {
		t.Errorf("stale master: %v", e)
	}
	if xid, ok := e.FailedXID(); !ok || xid != s.xid {
		t.Errorf("failed transaction %d, want %d", xid, s.xid)
	}
}

func liveAsync(t *testing.T, s *session) {
	want := openflow.AsyncConfig{PacketIn: [2]uint32{7, 0}, PortStatus: [2]uint32{7, 7}, FlowRemoved: [2]uint32{15, 0}}
	s.send(&openflow.SetAsync{AsyncConfig: want})
	s.send(&openflow.SetAsyncConfig2{Props: []openflow.AsyncProp{{Kind: openflow.AsyncPacketInMaster, Mask: 3}}})
	s.send(&openflow.GetAsyncRequest{})
	want.PacketIn[0] = 3
	if r, ok := s.receive().(*openflow.GetAsyncReply); !ok || r.AsyncConfig != want {
		t.Errorf("asynchronous configuration: %+v", r)
	}
	s.send(&openflow.SetControllerID{ID: 9})
	s.send(&openflow.SetPacketInFormat{Format: openflow.PacketInNX2})
	s.quietBarrier()
}

func liveMultipart(t *testing.T, s *session) {
	desc := s.multipart(&openflow.EmptyPart{Kind: openflow.MultipartDesc})[0].(*openflow.DescReply)
	if desc.Hardware != "Open vSwitch" {
		t.Errorf("description: %+v", desc)
	}
	ports := s.multipart(&openflow.EmptyPart{Kind: openflow.MultipartPortDesc})[0].(*openflow.PortDescReply).Ports
	names := map[uint32]string{}
	for _, p := range ports {
		names[p.No] = p.Name
	}
	want := map[uint32]string{1: "p1", 2: "p2", 3: "p3", 4: "p4", openflow.PortLocal: bridgeName}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	stats := s.multipart(&openflow.PortStatsRequest{Port: openflow.PortAny})[0].(*openflow.PortStatsReply)
	if len(stats.Ports) != 5 {
		t.Errorf("%d port statistics", len(stats.Ports))
	}
	s.multipart(&openflow.EmptyPart{Kind: openflow.MultipartTable})
	s.multipart(&openflow.EmptyPart{Kind: openflow.MultipartTableFeatures})
	s.multipart(&openflow.RawPart{Kind: openflow.MultipartQueue, Data: bytes.Repeat([]byte{0xff}, 8)})
	s.multipart(&openflow.EmptyPart{Kind: openflow.MultipartGroupFeatures})
	mf := s.multipart(&openflow.EmptyPart{Kind: openflow.MultipartMeterFeatures})[0].(*openflow.MeterFeaturesReply)
	if mf.MaxMeters == 0 {
		t.Error("no meters")
	}
	m := openflow.NewFlowMod(openflow.FlowAdd, 3, 7)
	s.send(m)
	sum := s.multipart(&openflow.AggregateRequest{FlowSelector: openflow.AllFlows()})[0].(*openflow.AggregateReply)
	if sum.FlowCount != 1 {
		t.Errorf("%d flows", sum.FlowCount)
	}
	sel := openflow.AllFlows()
	sel.TableID = 4
	if f := s.multipart(&openflow.FlowRequest{FlowSelector: sel})[0].(*openflow.FlowReply); len(f.Flows) != 0 {
		t.Errorf("flows of another table: %+v", f.Flows)
	}
}

func liveGroups(t *testing.T, s *session) {
	buckets := []openflow.Bucket{
		openflow.NewBucket(openflow.Output{Port: 1}, openflow.SetUint(openflow.Reg0, 5)),
		openflow.NewBucket(openflow.Resubmit{InPort: openflow.ResubmitKeepPort, Table: 9}),
		openflow.NewBucket(),
	}
	bands := []openflow.Band{openflow.DropBand(100, 20)}
	flags := openflow.MeterFlagPktps | openflow.MeterFlagBurst
	s.send(&openflow.GroupMod{Command: openflow.GroupAdd, ID: 5, Buckets: buckets})
	s.send(&openflow.MeterMod{Command: openflow.MeterAdd, Flags: flags, ID: 4, Bands: bands})
	s.send(&openflow.MeterMod{Command: openflow.MeterAdd, Flags: flags, ID: openflow.MeterController, Bands: bands})
	s.quietBarrier()
	groups := s.multipart(&openflow.EmptyPart{Kind: openflow.MultipartGroupDesc})[0].(*openflow.GroupDescReply).Groups
	if len(groups) != 1 || groups[0].ID != 5 || !openflow.EqualBuckets(groups[0].Buckets, buckets) {
		t.Errorf("groups: %+v", groups)
	}
	gs := s.multipart(&openflow.GroupStatsRequest{ID: openflow.GroupAll})[0].(*openflow.GroupStatsReply).Groups
	if len(gs) != 1 || len(gs[0].Buckets) != 3 {
		t.Errorf("group statistics: %+v", gs)
	}
	for _, id := range []uint32{4, openflow.MeterController} {
		meters := s.multipart(&openflow.MeterConfigRequest{ID: id})[0].(*openflow.MeterConfigReply).Meters
		if len(meters) != 1 || meters[0].Flags != flags || !openflow.EqualBands(meters[0].Bands, bands) {
			t.Errorf("meter %d: %+v", id, meters)
		}
	}
	ms := s.multipart(&openflow.MeterStatsRequest{ID: 4})[0].(*openflow.MeterStatsReply).Meters
	if len(ms) != 1 || len(ms[0].Bands) != 1 {
		t.Errorf("meter statistics: %+v", ms)
	}
	s.send(&openflow.GroupMod{Command: openflow.GroupDelete, ID: openflow.GroupAll})
	s.send(&openflow.MeterMod{Command: openflow.MeterDelete, ID: openflow.MeterAll})
	s.quietBarrier()
}

func liveErrors(t *testing.T, s *session) {
	bad := openflow.NewFlowMod(openflow.FlowAdd, 0, 1)
	bad.Instructions = openflow.Apply(openflow.Group{ID: 99})
	unprepared := openflow.NewFlowMod(openflow.FlowAdd, 0, 1)
	unprepared.Match = unprepared.Match.U32(openflow.ARPTPA, 1)
	tests := []struct {
		m    openflow.Message
		want string
	}{
		{bad, "OFPBAC_BAD_OUT_GROUP"},
		{unprepared, "OFPBMC_BAD_PREREQ"},
		{&openflow.GroupMod{Command: openflow.GroupModify, ID: 9}, "OFPGMFC_UNKNOWN_GROUP"},
		{&openflow.MeterMod{Command: openflow.MeterModify, Flags: openflow.MeterFlagPktps, ID: 9,
			Bands: []openflow.Band{openflow.DropBand(1, 0)}}, "OFPMMFC_UNKNOWN_METER"},
		{&openflow.BundleControl{ID: 5, Kind: openflow.BundleCommitRequest}, "OFPBFC_BAD_ID"},
		{&openflow.Unknown{MsgType: 77, Body: []byte{1, 2, 3, 4}}, "OFPBRC_BAD_TYPE"},
		{&openflow.PortMod{No: 44}, "OFPPMFC_BAD_PORT"},
	}
	for _, test := range tests {
		s.send(test.m)
		e, ok := s.receive().(*openflow.Error)
		if !ok || e.String() != test.want {
			t.Errorf("%s: %v, want %s", test.m.Type(), e, test.want)
		}
	}
	s.send(&openflow.TableMod{TableID: 3})
	s.quietBarrier()
}

func livePorts(t *testing.T, o *ovs, s *session) {
	ports := s.multipart(&openflow.EmptyPart{Kind: openflow.MultipartPortDesc})[0].(*openflow.PortDescReply).Ports
	p := ports[0]
	s.send(&openflow.PortMod{No: p.No, HWAddr: p.HWAddr, Config: openflow.PortConfigDown, Mask: openflow.PortConfigDown})
	m, ok := s.receive().(*openflow.PortStatus)
	if !ok || m.Reason != openflow.PortModify || m.Port.No != p.No || m.Port.Config&openflow.PortConfigDown == 0 {
		t.Errorf("port status: %+v", m)
	}
	o.vsctl("del-port", bridgeName, "p4")
	for {
		m, ok := s.receive().(*openflow.PortStatus)
		if !ok {
			t.Fatalf("got %v", m)
		}
		if m.Reason == openflow.PortDelete && m.Port.Name == "p4" {
			return
		}
	}
}

// arpRequest is a broadcast ARP request: 02:00:00:00:00:01, 10.0.0.1 asks for 10.0.0.2.
const arpRequest = "ffffffffffff0200000000010806000108000604000102000000000" +
	"10a0000010000000000000a000002" + "000000000000000000000000000000000000"

// TestLivePacket follows a packet: punted and paused with userdata, resumed, punted again with
// what the pipeline computed, and the flow's removal.
func TestLivePacket(t *testing.T) {
	o := startOVS(t)
	s := o.connect()
	s.send(&openflow.SetPacketInFormat{Format: openflow.PacketInNX2})
	s.send(&openflow.SetConfig{SwitchConfig: openflow.SwitchConfig{MissSendLen: openflow.NoMaxLen}})
	var arp openflow.Match
	arp = arp.U16(openflow.EthType, openflow.EtherTypeARP)
	pause := openflow.Controller([]byte("why"))
	pause.Pause = true
	add := func(table uint8, m openflow.Match, cookie uint64, i openflow.Instructions) {
		f := openflow.NewFlowMod(openflow.FlowAdd, table, 9)
		f.Match, f.Cookie, f.Instructions, f.Flags = m, cookie, i, openflow.FlagSendFlowRem
		s.send(f)
	}
	first := openflow.Apply(openflow.RegLoad{Field: openflow.Reg1, NBits: 32, Value: 77}, openflow.SetUint(openflow.Metadata, 9),
		openflow.RegLoad{Field: openflow.XReg1, NBits: 48, Value: 0x020000000009}, pause, openflow.Resubmit{InPort: openflow.ResubmitKeepPort, Table: 5})
	add(0, arp, 0xc1, first)
	add(5, arp.U32(openflow.Reg1, 77).U64(openflow.Metadata, 9), 0xc2, openflow.Apply(openflow.Controller([]byte("again"))))
	s.quietBarrier()
	o.run("ovs-appctl", "-t", o.path("ovs-vswitchd.ctl"), "netdev-dummy/receive", "p2", arpRequest)
	frame, err := hex.DecodeString(arpRequest)
	if err != nil {
		t.Fatal(err)
	}

	v := s.packetIn2()
	if v.InPort() != 2 || v.Metadata() != 9 || v.Reg(1) != 77 || v.U64(openflow.Reg3) != 9 || v.Reg(7) != 0 {
		t.Errorf("metadata %x", v.MatchBytes)
	}
	if string(v.Userdata) != "why" || v.TableID != 0 || v.Cookie != 0xc1 || v.Reason != openflow.ReasonAction ||
		!bytes.Equal(v.Packet, frame) || v.FullLen != uint32(len(frame)) || len(v.Continuation) == 0 {
		t.Errorf("packet-in: %+v", v)
	}
	s.sendRaw(openflow.AppendResume(nil, 99, &v))
	v = s.packetIn2()
	if string(v.Userdata) != "again" || v.TableID != 5 || v.Cookie != 0xc2 || v.Reg(1) != 77 || len(v.Continuation) != 0 {
		t.Errorf("packet-in after resume: %+v", v)
	}

	t.Run("packet-out", func(t *testing.T) {
		s.sendRaw(openflow.AppendPacketOut(nil, 98, 3, openflow.AppendActions(nil, openflow.Output{Port: openflow.PortTable}), frame))
		if v := s.packetIn2(); v.InPort() != 3 || string(v.Userdata) != "why" {
			t.Errorf("packet-in: %+v", v)
		}
		s.send(&openflow.PacketOut{BufferID: openflow.NoBuffer, InPort: openflow.PortController, Data: frame,
			Actions: []openflow.Action{openflow.Controller([]byte("direct"))}})
		if v := s.packetIn2(); string(v.Userdata) != "direct" {
			t.Errorf("packet-in: %+v", v)
		}
	})
	t.Run("standard packet-in", func(t *testing.T) {
		s.send(&openflow.SetPacketInFormat{Format: openflow.PacketInStandard})
		s.sendRaw(openflow.AppendPacketOut(nil, 98, 3, openflow.AppendActions(nil, openflow.Output{Port: openflow.PortController, MaxLen: 20}), frame))
		m, ok := s.receive().(*openflow.PacketIn)
		if !ok || int(m.TotalLen) != len(frame) || m.BufferID != openflow.NoBuffer {
			t.Errorf("packet-in: %+v", m)
		}
		if port, _, _ := m.Match.GetU64(openflow.InPort); port != 3 {
			t.Errorf("in port %d", port)
		}
	})
	t.Run("flow removed", func(t *testing.T) {
		s.send(openflow.NewFlowMod(openflow.FlowDelete, 0, 0))
		m, ok := s.receive().(*openflow.FlowRemoved)
		if !ok || m.Cookie != 0xc1 || m.Reason != openflow.RemovedDelete || m.Match != arp || m.Priority != 9 {
			t.Errorf("flow removed: %+v", m)
		}
	})
}

// packetIn2 waits for a packet-in and checks that both decoders see the same.
func (s *session) packetIn2() openflow.PacketIn2View {
	s.t.Helper()
	for {
		_, m, b := s.receiveRaw()
		p, ok := m.(*openflow.PacketIn2)
		if !ok {
			if e, ok := m.(*openflow.Error); ok {
				s.t.Fatal(e)
			}
			continue
		}
		var v openflow.PacketIn2View
		if err := openflow.ParsePacketIn2(b, &v); err != nil {
			s.t.Fatal(err)
		}
		if !bytes.Equal(p.Packet, v.Packet) || !bytes.Equal(p.Userdata, v.Userdata) || p.Metadata.Key() != string(v.MatchBytes) ||
			p.Cookie != v.Cookie || p.TableID != v.TableID || p.Reason != v.Reason || !bytes.Equal(p.Continuation, v.Continuation) {
			s.t.Errorf("decoders differ: %+v and %+v", p, v)
		}
		return v
	}
}
