package openflow_test

import (
	"time"

	"github.com/isat-sdn/isat/openflow"
)

// sampleMessages has a message of every kind, with every part set.
func sampleMessages() map[string]openflow.Message {
	out := map[string]openflow.Message{}
	for name, m := range sampleSession() {
		out[name] = m
	}
	for name, m := range sampleFlows() {
		out[name] = m
	}
	for name, b := range sampleRequests() {
		out[name+" request"] = &openflow.MultipartRequest{Flags: 1, Body: b}
	}
	for name, b := range sampleReplies() {
		out[name+" reply"] = &openflow.MultipartReply{Flags: openflow.MultipartMore, Body: b}
	}
	return out
}

var samplePort = openflow.Port{No: 7, HWAddr: [6]byte{2, 0, 0, 0, 0, 7}, Name: "veth-blue-0", Config: 1, State: 4,
	Current: 0x2820, Advertised: 1, Supported: 2, Peer: 3, CurrSpeed: 10_000_000, MaxSpeed: 20_000_000}

func sampleMatch() openflow.Match {
	var m openflow.Match
	return m.U32(openflow.InPort, 3).U16(openflow.EthType, openflow.EtherTypeARP).U16(openflow.ARPOp, 1).
		MaskedU64(openflow.ARPTPA, 0x0a000000, 0xff000000).U32(openflow.Reg1, 5).MaskedU64(openflow.Metadata, 1, 0xffffff)
}

func sampleActions() []openflow.Action {
	c := openflow.Controller2{MaxLen: 128, ControllerID: 3, Reason: openflow.ReasonNoMatch, Userdata: []byte("why"), Pause: true,
		MeterID: 7, Unknown: []byte{0, 99, 0, 8, 1, 2, 3, 4}}
	return []openflow.Action{
		openflow.Output{Port: 2, MaxLen: 3}, openflow.Group{ID: 4}, openflow.PushVLAN{EtherType: 0x8100}, openflow.PopVLAN{},
		openflow.SetQueue{ID: 1}, openflow.PopQueue{}, openflow.SetTTL{TTL: 3}, openflow.DecTTL{},
		openflow.SetUint(openflow.EthDst, 0x020000000001), openflow.SetUint(openflow.TCPFlags, 2), openflow.SetUint(openflow.NDReserved, 9),
		openflow.SetField{Field: openflow.Reg3, Value: []byte{0, 0, 0, 5}, Mask: []byte{0, 0, 0, 15}},
		openflow.SetField{Field: openflow.ActsetOutput, Value: []byte{0, 0, 0, 5}, Mask: []byte{0, 0, 0, 15}},
		openflow.RegLoad{Field: openflow.Reg8, Ofs: 3, NBits: 4, Value: 5}, openflow.RegLoad{Field: openflow.Metadata, NBits: 64, Value: 5},
		openflow.RegMove{Src: openflow.EthSrc, Dst: openflow.XReg1, DstOfs: 2, NBits: 48},
		openflow.RegMove{Src: openflow.ActsetOutput, SrcOfs: 1, Dst: openflow.Reg0, NBits: 16},
		openflow.Resubmit{InPort: openflow.ResubmitKeepPort, Table: 9}, c, openflow.Controller([]byte{1, 2, 3, 4, 5, 6, 7, 8}),
		openflow.OutputReg{Field: openflow.Reg2, NBits: 16, MaxLen: 9}, openflow.StackPush{Field: openflow.Reg2, Ofs: 1, NBits: 16},
		openflow.StackPop{Field: openflow.ActsetOutput, Ofs: 1, NBits: 16}, openflow.CheckPktLarger{Len: 1500, Dst: openflow.Reg8, Bit: 3},
		openflow.Multipath{Fields: openflow.HashSymmetricL3L4UDP, Basis: 50, Algorithm: openflow.LinkIterHash, MaxLink: 3, Arg: 9, Dst: openflow.Reg2, DstOfs: 4, NBits: 8},
		openflow.Conjunction{ID: 5, Clause: 1, N: 2}, openflow.Note{Data: []byte{1, 2, 3, 4, 5, 6}}, openflow.Exit{}, openflow.CTClear{},
		openflow.Clone{Actions: []openflow.Action{openflow.Output{Port: 1}, openflow.Clone{Actions: []openflow.Action{openflow.PopVLAN{}}}}},
		openflow.RawAction{Bytes: []byte{0, 19, 0, 8, 0x88, 0x47, 0, 0}},
	}
}

func sampleInstructions() openflow.Instructions {
	return openflow.Instructions{Meter: 1, Apply: sampleActions(), Clear: true, Write: []openflow.Action{openflow.Output{Port: 1}},
		WriteMetadata: 5, MetadataMask: 15, HasGoto: true, GotoTable: 9, Raw: []byte{0xff, 0xff, 0, 8, 1, 2, 3, 4}}
}

func sampleSession() map[string]openflow.Message {
	config := openflow.SwitchConfig{Flags: openflow.FragDrop, MissSendLen: 128}
	role := openflow.Role{Role: openflow.RoleMaster, GenerationID: 77}
	async := openflow.AsyncConfig{PacketIn: [2]uint32{1, 2}, PortStatus: [2]uint32{3, 4}, FlowRemoved: [2]uint32{5, 6}}
	return map[string]openflow.Message{
		"hello":               &openflow.Hello{Version: 4, Bitmaps: []uint32{0x12, 1}, Elements: []byte{0, 9, 0, 8, 1, 2, 3, 4}},
		"hello 1.5":           &openflow.Hello{Version: 6},
		"error":               &openflow.Error{ErrType: openflow.ErrFlowModFailed, Code: openflow.FlowModTableFull, Data: []byte("data")},
		"experimenter error":  &openflow.Error{ErrType: openflow.ErrExperimenter, Code: openflow.BundleMessageFailed, Experimenter: openflow.ExperimenterONF, Data: []byte("data")},
		"echo request":        &openflow.EchoRequest{Data: []byte("x")},
		"echo reply":          &openflow.EchoReply{},
		"features request":    &openflow.FeaturesRequest{},
		"features reply":      &openflow.FeaturesReply{DatapathID: 0xab, Buffers: 1, Tables: 254, AuxiliaryID: 2, Capabilities: 0x4f, Reserved: 5},
		"get config":          &openflow.GetConfigRequest{},
		"get config reply":    &openflow.GetConfigReply{SwitchConfig: config},
		"set config":          &openflow.SetConfig{SwitchConfig: config},
		"barrier request":     &openflow.BarrierRequest{},
		"barrier reply":       &openflow.BarrierReply{},
		"role request":        &openflow.RoleRequest{Role: role},
		"role reply":          &openflow.RoleReply{Role: role},
		"get async":           &openflow.GetAsyncRequest{},
		"get async reply":     &openflow.GetAsyncReply{AsyncConfig: async},
		"set async":           &openflow.SetAsync{AsyncConfig: async},
		"set async 2":         &openflow.SetAsyncConfig2{Props: []openflow.AsyncProp{{Kind: 1, Mask: 3}, {Kind: 5, Mask: 7}}, Unknown: []byte{0xff, 0xff, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0}},
		"set packet-in":       &openflow.SetPacketInFormat{Format: openflow.PacketInNX2},
		"set controller id":   &openflow.SetControllerID{ID: 9},
		"port status":         &openflow.PortStatus{Reason: openflow.PortDelete, Port: samplePort},
		"port mod":            &openflow.PortMod{No: 7, HWAddr: samplePort.HWAddr, Config: 1, Mask: 2, Advertise: 3},
		"table mod":           &openflow.TableMod{TableID: 3, Config: 4},
		"bundle control":      &openflow.BundleControl{ID: 1, Kind: openflow.BundleOpenRequest, Flags: 3, Properties: []byte{1, 2, 3, 4}},
		"unknown":             &openflow.Unknown{MsgType: 99, Body: []byte{1, 2, 3}},
		"unknown experiment":  &openflow.Unknown{MsgType: openflow.TypeExperimenter, Body: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		"queue configuration": &openflow.Unknown{MsgType: openflow.TypeQueueGetConfigRequest, Body: []byte{1, 2, 3, 4, 5, 6, 7, 8}},
	}
}

func sampleFlows() map[string]openflow.Message {
	in2 := openflow.PacketIn2{Packet: []byte("a packet"), FullLen: 99, BufferID: 5, TableID: 3, Cookie: 9, Reason: 1, Metadata: sampleMatch(),
		Userdata: []byte("why"), Continuation: []byte("0000continuation"), Unknown: []byte{0x80, 0, 0, 5, 1, 0, 0, 0}}
	mod := &openflow.FlowMod{Cookie: 1, CookieMask: 2, TableID: 3, Command: openflow.FlowModifyStrict, IdleTimeout: 4, HardTimeout: 5,
		Priority: 6, BufferID: 7, OutPort: 8, OutGroup: 9, Flags: 10, Match: sampleMatch(), Instructions: sampleInstructions()}
	buckets := []openflow.Bucket{openflow.NewBucket(sampleActions()...), {Weight: 1, WatchPort: 2, WatchGroup: 3}}
	return map[string]openflow.Message{
		"flow mod":     mod,
		"empty flow":   openflow.NewFlowMod(openflow.FlowAdd, 0, 0),
		"flow removed": &openflow.FlowRemoved{Cookie: 1, Priority: 2, Reason: 3, TableID: 4, Duration: 5*time.Second + 6, IdleTimeout: 7, HardTimeout: 8, PacketCount: 9, ByteCount: 10, Match: sampleMatch()},
		"packet in":    &openflow.PacketIn{BufferID: 1, TotalLen: 2, Reason: 3, TableID: 4, Cookie: 5, Match: sampleMatch(), Data: []byte("packet")},
		"packet out":   &openflow.PacketOut{BufferID: 1, InPort: 2, Actions: sampleActions(), Data: []byte("packet")},
		"packet in 2":  &in2,
		"resume":       &openflow.Resume{PacketIn2: in2},
		"group mod":    &openflow.GroupMod{Command: openflow.GroupModify, GroupType: openflow.GroupTypeSelect, ID: 3, Buckets: buckets},
		"meter mod": &openflow.MeterMod{Command: openflow.MeterAdd, Flags: openflow.MeterFlagPktps, ID: openflow.MeterController, Bands: []openflow.Band{
			openflow.DropBand(10, 20), {Kind: openflow.BandDSCPRemark, Rate: 1, Burst: 2, Extra: []byte{3, 0, 0, 0}}}},
		"bundle add": &openflow.BundleAdd{ID: 1, Flags: 3, XID: 5, Message: mod, Properties: []byte{0xff, 0xff, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8}},
	}
}

func sampleRequests() map[string]openflow.MultipartBody {
	sel := openflow.FlowSelector{TableID: 1, OutPort: 2, OutGroup: 3, Cookie: 4, CookieMask: 5, Match: sampleMatch()}
	out := map[string]openflow.MultipartBody{
		"flow": &openflow.FlowRequest{FlowSelector: sel}, "aggregate": &openflow.AggregateRequest{FlowSelector: sel},
		"port stats": &openflow.PortStatsRequest{Port: 7}, "group": &openflow.GroupStatsRequest{ID: 7},
		"meter": &openflow.MeterStatsRequest{ID: 7}, "meter config": &openflow.MeterConfigRequest{ID: 7},
		"queue":        &openflow.RawPart{Kind: openflow.MultipartQueue, Data: []byte{1, 2, 3, 4, 5, 6, 7, 8}},
		"experimenter": &openflow.RawPart{Kind: openflow.MultipartExperimenter, Data: []byte{1, 2, 3, 4, 5, 6, 7, 8}},
	}
	for _, k := range []openflow.MultipartType{openflow.MultipartDesc, openflow.MultipartTable, openflow.MultipartPortDesc,
		openflow.MultipartGroupDesc, openflow.MultipartGroupFeatures, openflow.MultipartMeterFeatures, openflow.MultipartTableFeatures} {
		out[k.String()] = &openflow.EmptyPart{Kind: k}
	}
	return out
}

func sampleReplies() map[string]openflow.MultipartBody {
	count := openflow.Counter{Packets: 3, Bytes: 4}
	counts := []openflow.Counter{count, {Packets: 5, Bytes: 6}}
	flow := openflow.FlowStats{TableID: 1, Duration: time.Minute + 5, Priority: 2, IdleTimeout: 3, HardTimeout: 4, Flags: 5, Cookie: 6,
		PacketCount: 7, ByteCount: 8, Match: sampleMatch(), Instructions: sampleInstructions()}
	return map[string]openflow.MultipartBody{
		"desc":      &openflow.DescReply{Manufacturer: "m", Hardware: "h", Software: "s", SerialNumber: "n", Datapath: "d"},
		"flow":      &openflow.FlowReply{Flows: []openflow.FlowStats{flow, {Priority: 9}, flow}},
		"aggregate": &openflow.AggregateReply{PacketCount: 1, ByteCount: 2, FlowCount: 3},
		"table":     &openflow.TableStatsReply{Tables: []openflow.TableStats{{TableID: 1, ActiveCount: 2, LookupCount: 3, MatchCount: 4}, {TableID: 2}}},
		"port stats": &openflow.PortStatsReply{Ports: []openflow.PortStats{{Port: 1, RxPackets: 2, TxPackets: 3, RxBytes: 4, TxBytes: 5, RxDropped: 6,
			TxDropped: 7, RxErrors: 8, TxErrors: 9, RxFrameErr: 10, RxOverrunErr: 11, RxCRCErr: 12, Collisions: 13, Duration: 14 * time.Second}}},
		"port desc":      &openflow.PortDescReply{Ports: []openflow.Port{samplePort, samplePort}},
		"group":          &openflow.GroupStatsReply{Groups: []openflow.GroupStats{{ID: 1, RefCount: 2, Counter: count, Duration: time.Second, Buckets: counts}, {ID: 2}}},
		"group desc":     &openflow.GroupDescReply{Groups: []openflow.GroupDesc{{GroupType: 1, ID: 2, Buckets: []openflow.Bucket{openflow.NewBucket(sampleActions()...)}}, {ID: 3}}},
		"group features": &openflow.GroupFeaturesReply{Types: 1, Capabilities: 2, MaxGroups: [4]uint32{3, 4, 5, 6}, Actions: [4]uint32{7, 8, 9, 10}},
		"meter":          &openflow.MeterStatsReply{Meters: []openflow.MeterStats{{ID: 1, FlowCount: 2, Counter: count, Duration: time.Second, Bands: counts}, {ID: 2}}},
		"meter config":   &openflow.MeterConfigReply{Meters: []openflow.MeterConfig{{Flags: 1, ID: 2, Bands: []openflow.Band{openflow.DropBand(3, 4)}}, {ID: 3}}},
		"meter features": &openflow.MeterFeaturesReply{MaxMeters: 1, BandTypes: 2, Capabilities: 3, MaxBands: 4, MaxColor: 5},
		"table features": &openflow.RawPart{Kind: openflow.MultipartTableFeatures, Data: []byte{1, 2, 3, 4}},
		"experimenter":   &openflow.RawPart{Kind: openflow.MultipartExperimenter, Data: []byte{1, 2, 3, 4}},
	}
}
