package openflow_test

import (
	"strings"
	"testing"

	"github.com/isat-sdn/isat/openflow"
)

// TestPrint gives encoded messages to ovs-ofctl and reads what it makes of them.
func TestPrint(t *testing.T) {
	requireTool(t, "ovs-ofctl")
	var any openflow.Match
	flow := openflow.NewFlowMod(openflow.FlowAdd, 5, 100)
	flow.Cookie, flow.IdleTimeout, flow.Flags = 0x1234, 30, openflow.FlagSendFlowRem
	flow.Match = any.U16(openflow.EthType, openflow.EtherTypeARP).U16(openflow.ARPOp, 1).U32(openflow.Reg1, 5).MaskedU64(openflow.Metadata, 7, 0xffffff)
	c := openflow.Controller([]byte{1, 2})
	c.Pause = true
	flow.Instructions = openflow.Apply(openflow.RegMove{Src: openflow.EthSrc, Dst: openflow.EthDst, NBits: 48},
		openflow.RegLoad{Field: openflow.Reg8, Ofs: 3, NBits: 2, Value: 1}, openflow.SetUint(openflow.ARPOp, 2), c,
		openflow.Resubmit{InPort: openflow.ResubmitKeepPort, Table: 9}).Goto(7)
	in2 := &openflow.PacketIn2{Packet: make([]byte, 60), BufferID: openflow.NoBuffer, TableID: 3, Cookie: 9, Reason: openflow.ReasonAction,
		Metadata: any.U32(openflow.InPort, 2).U32(openflow.Reg1, 5), Userdata: []byte{1, 2, 3}}
	tests := []struct {
		m    openflow.Message
		want []string
	}{
		{openflow.NewHello(), []string{"OFPT_HELLO", "version bitmap: 0x04"}},
		{flow, []string{"ADD table:5 priority=100,arp,reg1=0x5,metadata=0x7/0xffffff,arp_op=1 cookie:0x1234 idle:30 send_flow_rem",
			"move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]", "load:0x1->NXM_NX_REG8[3..4]", "set_field:2->arp_op", "userdata=01.02,pause",
			"resubmit(,9)", "goto_table:7"}},
		{in2, []string{"NXT_PACKET_IN2", "table_id=3 cookie=0x9", "reg1=0x5,in_port=2", "(via action)", "userdata=01.02.03"}},
		{&openflow.Resume{PacketIn2: *in2}, []string{"NXT_RESUME"}},
		{&openflow.SetPacketInFormat{Format: openflow.PacketInNX2}, []string{"NXT_SET_PACKET_IN_FORMAT", "format=nxt_packet_in2"}},
		{&openflow.SetControllerID{ID: 9}, []string{"NXT_SET_CONTROLLER_ID", "id=9"}},
		{&openflow.SetAsyncConfig2{Props: []openflow.AsyncProp{{Kind: openflow.AsyncFlowRemovedMaster, Mask: 3}}},
			[]string{"NXT_SET_ASYNC_CONFIG2", "idle hard"}},
		{&openflow.RoleRequest{Role: openflow.Role{Role: openflow.RoleSlave, GenerationID: 3}}, []string{"role=secondary generation_id=3"}},
		{&openflow.GroupMod{Command: openflow.GroupAdd, GroupType: openflow.GroupTypeAll, ID: 3, Buckets: []openflow.Bucket{openflow.NewBucket(openflow.Output{Port: 1})}},
			[]string{"ADD group_id=3,type=all,bucket=actions=output:1"}},
		{&openflow.MeterMod{Command: openflow.MeterAdd, Flags: openflow.MeterFlagPktps | openflow.MeterFlagBurst, ID: openflow.MeterController,
			Bands: []openflow.Band{openflow.DropBand(100, 20)}}, []string{"ADD meter=controller pktps burst bands=", "type=drop rate=100 burst_size=20"}},
		{&openflow.BundleControl{ID: 7, Kind: openflow.BundleOpenRequest, Flags: openflow.BundleAtomic | openflow.BundleOrdered},
			[]string{"ONFT_BUNDLE_CONTROL", "bundle_id=0x7 type=OPEN_REQUEST flags=atomic ordered"}},
		{&openflow.BundleAdd{ID: 7, XID: 1, Message: flow}, []string{"ONFT_BUNDLE_ADD_MESSAGE", "bundle_id=0x7", "ADD table:5 priority=100"}},
		{&openflow.PacketOut{BufferID: openflow.NoBuffer, InPort: openflow.PortController, Actions: []openflow.Action{openflow.Output{Port: openflow.PortTable}},
			Data: make([]byte, 60)}, []string{"OFPT_PACKET_OUT", "in_port=CONTROLLER actions=TABLE data_len=60"}},
		{&openflow.PortStatus{Reason: openflow.PortAdd, Port: samplePort}, []string{"ADD: 7(veth-blue-0): addr:02:00:00:00:00:07"}},
		{&openflow.FlowRemoved{Priority: 5, Reason: openflow.RemovedIdleTimeout, TableID: 2, IdleTimeout: 9, Match: flow.Match},
			[]string{"OFPT_FLOW_REMOVED", "reason=idle table_id=2", "idle9"}},
		{openflow.Request(&openflow.FlowRequest{FlowSelector: openflow.AllFlows()}), []string{"OFPST_FLOW request"}},
		{openflow.Request(&openflow.MeterConfigRequest{ID: openflow.MeterAll}), []string{"OFPST_METER_CONFIG request", "meter=all"}},
		{&openflow.MultipartReply{Body: &openflow.DescReply{Hardware: "isat"}}, []string{"Hardware: isat"}},
		{&openflow.Error{ErrType: openflow.ErrRoleRequestFailed, Code: openflow.RoleRequestStale, Data: openflow.Append(nil, 1, &openflow.BarrierRequest{})},
			[]string{"OFPRRFC_STALE", "OFPT_BARRIER_REQUEST"}},
	}
	for _, test := range tests {
		got := ofpPrint(t, openflow.Append(nil, 1, test.m))
		for _, want := range test.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s is printed as\n%swithout %q", test.m.Type(), got, want)
			}
		}
	}
}

// TestPrintErrorNames compares the names of all standard errors with those of Open vSwitch.
func TestPrintErrorNames(t *testing.T) {
	requireTool(t, "ovs-ofctl")
	var all []byte
	var names []string
	for kind := uint16(0); kind < 14; kind++ {
		for code := uint16(0); code < 20; code++ {
			name := openflow.ErrorName(kind, code)
			if strings.Contains(name, "code") {
				continue
			}
			names = append(names, name)
			all = openflow.Append(all, 1, &openflow.Error{ErrType: kind, Code: code, Data: openflow.Append(nil, 1, &openflow.BarrierRequest{})})
		}
	}
	for code := openflow.BundleUnknown; code < openflow.BundleUnknown+16; code++ {
		e := &openflow.Error{ErrType: openflow.ErrExperimenter, Experimenter: openflow.ExperimenterONF, Code: code,
			Data: openflow.Append(nil, 1, &openflow.BarrierRequest{})}
		names = append(names, e.String())
		all = openflow.Append(all, 1, e)
	}
	got := ofpPrint(t, all)
	// Open vSwitch gives these the names of OpenFlow 1.4, where all kinds of properties share them.
	shared := map[string]bool{"OFPTFFC_BAD_TYPE": true, "OFPTFFC_BAD_LEN": true, "OFPTFFC_BAD_ARGUMENT": true}
	for _, name := range names {
		if !shared[name] && !strings.Contains(got, ": "+name+"\n") {
			t.Errorf("Open vSwitch does not print %s", name)
		}
	}
}
