package openflow_test

import (
	"os"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/openflow"
)

// TestFormatIsOfctl prints flows of every kind as ovs-ofctl prints them, and has ovs-ofctl read
// what was printed.
func TestFormatIsOfctl(t *testing.T) {
	text, err := os.ReadFile("testdata/flows.txt")
	if err != nil {
		t.Fatal(err)
	}
	o := startOVS(t)
	o.ofctl("add-group", "group_id=1,type=all,bucket=output:1")
	o.ofctl("add-tlv-map", "{class=0xffff,type=0,len=4}->tun_metadata0")
	o.ofctl("add-meter", "meter=1,pktps,band=type=drop,rate=10")
	o.ofctl("add-flows", writeFile(t, o, text))
	want := make(map[string]bool)
	for line := range strings.Lines(o.ofctl("dump-flows", "--no-stats")) {
		if !hasOpaque(line) {
			want[strings.TrimSpace(line)] = true
		}
	}
	s := o.connect()
	var printed []string
	for _, f := range s.flows() {
		m := openflow.NewFlowMod(openflow.FlowAdd, f.TableID, f.Priority)
		m.Cookie, m.Flags, m.IdleTimeout, m.HardTimeout = f.Cookie, f.Flags, f.IdleTimeout, f.HardTimeout
		m.Match, m.Instructions = f.Match, f.Instructions
		line := openflow.FormatFlow(m)
		if want[line] {
			delete(want, line)
			printed = append(printed, line)
		} else if !isOpaque(line) {
			t.Errorf("ovs-ofctl does not print: %s", line)
		}
	}
	for line := range want {
		t.Errorf("only ovs-ofctl prints: %s", line)
	}
	before := s.flows()
	o.ofctl("add-flows", writeFile(t, o, []byte(strings.Join(readable(printed), "\n")+"\n")))
	after := s.flows()
	if len(before) != len(after) {
		t.Errorf("%d flows, after adding what was printed %d", len(before), len(after))
	}
}

// hasOpaque says whether a line of ovs-ofctl has what this package keeps as bytes or only knows by
// its number.
func hasOpaque(line string) bool {
	for _, word := range []string{"learn(", "ct(", "fin_timeout", "sample(", "bundle(", "multipath(", "mpls_ttl", "_mpls",
		"output(port", "dec_ttl(", "tun_metadata", "ct_state", "tun_flags", "tcp_flags=", "->in_port",
		"controller(reason=invalid_ttl,id=", // the old form, NXAST_CONTROLLER
	} {
		if strings.Contains(line, word) {
			return true
		}
	}
	return false
}

func isOpaque(line string) bool {
	return hasOpaque(line) || strings.Contains(line, "action:") || strings.Contains(line, "oxm-") || strings.Contains(line, "in_port_oxm")
}

// readable brings lines of dump-flows into the syntax of add-flows: flags are separated by commas.
func readable(lines []string) []string {
	var out []string
	for _, line := range lines {
		head, actions, _ := strings.Cut(line, " actions=")
		for _, flag := range []string{"send_flow_rem", "check_overlap", "reset_counts", "no_packet_counts", "no_byte_counts"} {
			head = strings.ReplaceAll(head, flag+" ", flag+",")
		}
		out = append(out, head+" actions="+actions)
	}
	return out
}

func TestFormatMatch(t *testing.T) {
	var any openflow.Match
	ip := any.U16(openflow.EthType, openflow.EtherTypeIPv4)
	for _, test := range []struct {
		match openflow.Match
		want  string
	}{
		{any, ""},
		{any.U16(openflow.EthType, openflow.EtherTypeARP).U16(openflow.ARPOp, 1), "arp,arp_op=1"},
		{any.MaskedU64(openflow.Reg8, 0, 2), "reg8=0/0x2"},
		{any.U64(openflow.Metadata, 1), "metadata=0x1"},
		{any.U32(openflow.InPort, openflow.PortLocal), "in_port=LOCAL"},
		{any.U16(openflow.EthType, 0x88cc), "dl_type=0x88cc"},
		{ip.U8(openflow.IPProto, 47), "ip,nw_proto=47"},
		{ip.U8(openflow.IPProto, 17).U16(openflow.UDPDst, 67), "udp,tp_dst=67"},
		{ip.Masked(openflow.IPv4Dst, []byte{10, 0, 0, 0}, []byte{255, 0, 0, 255}), "ip,nw_dst=10.0.0.0/255.0.0.255"},
		{any.MaskedU64(openflow.VLANVID, 0, 0x1fff), "vlan_tci=0x0000/0x1fff"},
		{any.U16(openflow.VLANVID, openflow.VLANPresent|5), "dl_vlan=5"},
		{any.MaskedU64(openflow.VLANVID, 0x1000, 0x1000), "vlan_tci=0x1000/0x1000"},
		{any.MaskedU64(openflow.VLANVID, 0x1000, 0x1000).U8(openflow.VLANPCP, 3), "dl_vlan_pcp=3"},
	} {
		if got := openflow.FormatMatch(test.match); got != test.want {
			t.Errorf("%s: %q, want %q", test.match, got, test.want)
		}
	}
}

func TestFormatInstructions(t *testing.T) {
	for want, i := range map[string]openflow.Instructions{
		"drop":         {},
		"goto_table:4": openflow.Instructions{}.Goto(4),
		"move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],check_pkt_larger(86)->NXM_NX_REG8[6]": openflow.Apply(
			openflow.RegMove{Src: openflow.EthSrc, Dst: openflow.EthDst, NBits: 48}, openflow.CheckPktLarger{Len: 86, Dst: openflow.Reg8, Bit: 6}),
		"set_field:0x10/0xf0->reg2": openflow.Apply(
			openflow.SetField{Field: openflow.Reg2, Value: []byte{0, 0, 0, 0x10}, Mask: []byte{0, 0, 0, 0xf0}}),
		"controller(userdata=05,meter_id=5)": openflow.Apply(
			openflow.Controller2{MaxLen: openflow.NoMaxLen, Reason: openflow.ReasonAction, Userdata: []byte{5}, MeterID: 5}),
		"multipath(9,0,9,3,7,NXM_NX_REG0[0..7])": openflow.Apply(
			openflow.Multipath{Fields: 9, Algorithm: 9, MaxLink: 2, Arg: 7, Dst: openflow.Reg0, NBits: 8}),
		"action:ffff0008": openflow.Apply(openflow.RawAction{Bytes: []byte{0xff, 0xff, 0, 8}}),
		"resubmit:3":      openflow.Apply(openflow.Resubmit{InPort: 3, Table: openflow.TableAll}),
	} {
		if got := openflow.FormatInstructions(i); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// FuzzFormat checks that whatever decodes can be printed.
func FuzzFormat(f *testing.F) {
	f.Add(openflow.AppendActions(nil, openflow.PopVLAN{}, openflow.Controller([]byte{1}), openflow.SetUint(openflow.ARPOp, 2)))
	f.Add(openflow.AppendActions(nil, openflow.Clone{Actions: []openflow.Action{openflow.Output{Port: openflow.PortLocal}}}))
	f.Add(openflow.AppendActions(nil, openflow.RegMove{Src: openflow.VLANTCI, Dst: openflow.Metadata, DstOfs: 24, NBits: 12}))
	f.Fuzz(func(t *testing.T, b []byte) {
		acts, err := openflow.DecodeActions(b)
		if err == nil && openflow.FormatActions(acts) == "" {
			t.Errorf("%x is printed as nothing", b)
		}
	})
}
