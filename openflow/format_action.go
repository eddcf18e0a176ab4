package openflow

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// FormatInstructions are the instructions as ovs-ofctl(8) writes them after "actions=".
func FormatInstructions(i Instructions) string {
	var parts []string
	if i.Meter != 0 {
		parts = append(parts, fmt.Sprintf("meter:%d", i.Meter))
	}
	for _, a := range i.Apply {
		parts = append(parts, formatAction(a))
	}
	if i.Clear {
		parts = append(parts, "clear_actions")
	}
	if len(i.Write) > 0 {
		parts = append(parts, "write_actions("+FormatActions(i.Write)+")")
	}
	if i.MetadataMask != 0 {
		text := fmt.Sprintf("write_metadata:%#x", i.WriteMetadata)
		if i.MetadataMask != ^uint64(0) {
			text += fmt.Sprintf("/%#x", i.MetadataMask)
		}
		parts = append(parts, text)
	}
	if i.HasGoto {
		parts = append(parts, fmt.Sprintf("goto_table:%d", i.GotoTable))
	}
	if len(i.Raw) > 0 {
		parts = append(parts, "instruction:"+hex.EncodeToString(i.Raw))
	}
	if len(parts) == 0 {
		return "drop"
	}
	return strings.Join(parts, ",")
}

// FormatActions are the actions as ovs-ofctl(8) writes them; no actions are "drop". An action that
// this package does not interpret is "action:" with its bytes in hexadecimal.
func FormatActions(acts []Action) string {
	if len(acts) == 0 {
		return "drop"
	}
	var parts []string
	for _, a := range acts {
		parts = append(parts, formatAction(a))
	}
	return strings.Join(parts, ",")
}

func formatAction(a Action) string {
	switch a := a.(type) {
	case Output:
		return formatOutput(a)
	case Group:
		return fmt.Sprintf("group:%d", a.ID)
	case PushVLAN:
		return fmt.Sprintf("push_vlan:0x%04x", a.EtherType)
	case PopVLAN:
		return "pop_vlan"
	case SetQueue:
		return fmt.Sprintf("set_queue:%d", a.ID)
	case PopQueue:
		return "pop_queue"
	case SetTTL:
		return fmt.Sprintf("mod_nw_ttl:%d", a.TTL)
	case DecTTL:
		return "dec_ttl"
	case SetField:
		return "set_field:" + formatValue(a.Field, a.Value, a.Mask) + "->" + setName(a.Field)
	case RegLoad:
		return fmt.Sprintf("load:%s->%s", hexText(be.AppendUint64(nil, a.Value)), subfield(a.Field, a.Ofs, a.NBits))
	case RegMove:
		return "move:" + subfield(a.Src, a.SrcOfs, a.NBits) + "->" + subfield(a.Dst, a.DstOfs, a.NBits)
	case Resubmit:
		return formatResubmit(a)
	case Controller2:
		return formatController(a)
	}
	return formatRareAction(a)
}

// formatRareAction are the actions that are no part of the usual path of a packet.
func formatRareAction(a Action) string {
	switch a := a.(type) {
	case OutputReg:
		return "output:" + subfield(a.Field, a.Ofs, a.NBits)
	case StackPush:
		return "push:" + subfield(a.Field, a.Ofs, a.NBits)
	case StackPop:
		return "pop:" + subfield(a.Field, a.Ofs, a.NBits)
	case CheckPktLarger:
		return fmt.Sprintf("check_pkt_larger(%d)->%s", a.Len, subfield(a.Dst, a.Bit, 1))
	case Conjunction:
		return fmt.Sprintf("conjunction(%d,%d/%d)", a.ID, int(a.Clause)+1, a.N)
	case Multipath:
		return formatMultipath(a)
	case Note:
		return "note:" + dotted(a.Data)
	case Exit:
		return "exit"
	case CTClear:
		return "ct_clear"
	case Clone:
		return "clone(" + FormatActions(a.Actions) + ")"
	}
	return "action:" + hex.EncodeToString(AppendActions(nil, a))
}

func formatOutput(a Output) string {
	switch {
	case a.Port == PortController:
		return fmt.Sprintf("CONTROLLER:%d", a.MaxLen)
	case a.Port >= PortMax:
		return portText(a.Port)
	}
	return "output:" + portText(a.Port)
}

func formatResubmit(a Resubmit) string {
	port, table := "", ""
	if a.InPort != ResubmitKeepPort {
		port = portText(widenPort(a.InPort))
	}
	if a.Table != TableAll {
		table = strconv.Itoa(int(a.Table))
	} else if port != "" {
		return "resubmit:" + port
	}
	return "resubmit(" + port + "," + table + ")"
}

var reasonWords = [...]string{ReasonNoMatch: "no_match", ReasonAction: "action", ReasonInvalidTTL: "invalid_ttl",
	ReasonActionSet: "action_set", ReasonGroup: "group", ReasonPacketOut: "packet_out"}

func formatController(a Controller2) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if a.Reason != ReasonAction {
		if int(a.Reason) < len(reasonWords) {
			add("reason=%s", reasonWords[a.Reason])
		} else {
			add("reason=%d", a.Reason)
		}
	}
	if a.MaxLen != NoMaxLen {
		add("max_len=%d", a.MaxLen)
	}
	if a.ControllerID != 0 {
		add("id=%d", a.ControllerID)
	}
	if len(a.Userdata) > 0 {
		add("userdata=%s", dotted(a.Userdata))
	}
	if a.Pause {
		add("pause")
	}
	if a.MeterID != NoMeter {
		add("meter_id=%d", a.MeterID)
	}
	return "controller(" + strings.Join(parts, ",") + ")"
}

func dotted(b []byte) string {
	var parts []string
	for _, c := range b {
		parts = append(parts, fmt.Sprintf("%02x", c))
	}
	return strings.Join(parts, ".")
}

// setName is the name of a field after "->" of set_field.
func setName(f *Field) string {
	if f == InPort {
		return "in_port_oxm"
	}
	return f.Name
}

// subfield is a range of bits of a field, as move and load write it.
func subfield(f *Field, ofs, nbits uint16) string {
	name := nxmName(f)
	switch {
	case ofs == 0 && int(nbits) == f.Bits:
		return name + "[]"
	case nbits == 1:
		return fmt.Sprintf("%s[%d]", name, ofs)
	}
	return fmt.Sprintf("%s[%d..%d]", name, ofs, int(ofs)+int(nbits)-1)
}

// Names of ovs-fields(7) that are not the field's own in capitals with the class in front.
var nxmNames = map[*Field]string{
	EthSrc: "ETH_SRC", EthDst: "ETH_DST", IPECN: "IP_ECN", IPTTL: "IP_TTL", IPProto: "IP_PROTO",
	TunIPv4Src: "TUN_IPV4_SRC", TunIPv4Dst: "TUN_IPV4_DST", InPort: "IN_PORT",
	NDReserved: "ICMPV6_ND_RESERVED", NDOptionsType: "ICMPV6_ND_OPTIONS_TYPE",
	XReg0: "PKT_REG0", XReg1: "PKT_REG1", XReg2: "PKT_REG2", XReg3: "PKT_REG3",
	XReg4: "PKT_REG4", XReg5: "PKT_REG5", XReg6: "PKT_REG6", XReg7: "PKT_REG7",
}

var classNames = map[uint32]string{classNXM0: "NXM_OF_", classNXM1: "NXM_NX_", classEric: "ERICOXM_OF_",
	classBasic: "OXM_OF_", classPktReg: "OXM_OF_", classExperimenter: "ONFOXM_ET_"}

// nxmName is the name of a field in actions, under the number by which they name it.
func nxmName(f *Field) string {
	name, ok := nxmNames[f]
	if !ok {
		name = strings.ToUpper(f.Name)
	}
	return classNames[f.actionHeader()>>16] + name
}
