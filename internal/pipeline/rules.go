package pipeline

import (
	"net/netip"
	"slices"

	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// Rules returns the flows that do not depend on ports, networks or bindings,
// table by table.
func Rules() []Rule {
	return slices.Concat(guardRules(), learnRules(), puntRules(), answerRules(), replyRules(),
		replyNDRules(), searchRules(), l2Rules(), compareRules())
}

func guardRules() []Rule {
	malformed := []openflow.Action{punt(ReasonMalformed)}
	rules := []Rule{
		{Guard, 100, "a group address can't send (IEEE 802.3 §3.2.3)", group(all(), openflow.EthSrc), nil, noTable, false},
		{Guard, 100, "no host has the null MAC", all().MAC(openflow.EthSrc, packet.MAC{}), nil, noTable, false},
		{Guard, 100, "nobody sends as isat itself", all().MAC(openflow.EthSrc, MAC), nil, noTable, false},
		{Guard, 100, "frames for the bridge itself go no further (IEEE 802.1Q §8.6.3)",
			all().Masked(openflow.EthDst, []byte{0x01, 0x80, 0xc2, 0, 0, 0}, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xf0}), nil, noTable, false},
		{Guard, 90, "ARP that is not Ethernet and IPv4 with lengths 6 and 4, or has an opcode of 0 or over 255 (RFC 826)",
			arp().U16(openflow.ARPOp, 0), malformed, noTable, false},
	}
	for _, t := range []uint8{packet.NDSolicitation, packet.NDAdvertisement} {
		rules = append(rules,
			Rule{Guard, 95, "too short for a target (RFC 4861 §7.1), or the same link-layer option twice",
				nd(t).Bytes(openflow.NDTarget, make([]byte, 16)), malformed, noTable, false},
			Rule{Guard, 94, "a group address as the target (RFC 4861 §7.1)",
				nd(t).Masked(openflow.NDTarget, prefix16(0xff), prefix16(0xff)), malformed, noTable, false},
			Rule{Guard, 80, "ND that has not crossed a router (RFC 4861 §7.1)", nd(t).U8(openflow.IPTTL, 255), nil, Learn, false},
			Rule{Guard, 70, "other hop limits and codes (RFC 4861 §7.1)", ndType(t), malformed, noTable, false},
		)
	}
	solicitedNode, solicitedMask := solicitedNodePrefix()
	fromNobody := ns().Bytes(openflow.IPv6Src, make([]byte, 16))
	rules = append(rules,
		// A fragment has no ICMPv6 type for Open vSwitch, the first one neither;
		// but to a solicited-node address goes nothing else.
		Rule{Guard, 96, "fragmented ND (RFC 6980 §5)", ethType(openflow.EtherTypeIPv6).U8(openflow.IPProto, protoICMPv6).
			MaskedU64(openflow.IPFrag, 1, 1).Masked(openflow.IPv6Dst, solicitedNode, solicitedMask), malformed, noTable, false},
		Rule{Guard, 91, "a DAD probe: from ::, to the solicited-node address, without a link-layer option (RFC 4861 §7.1.1)",
			fromNobody.Masked(openflow.IPv6Dst, solicitedNode, solicitedMask).MAC(openflow.NDSLL, packet.MAC{}).U8(openflow.IPTTL, 255),
			nil, Learn, false},
		Rule{Guard, 90, "any other NS from ::", fromNobody, malformed, noTable, false})
	for _, solicited := range []uint32{0x40000000, 0x60000000, 0xc0000000, 0xe0000000} {
		rules = append(rules, Rule{Guard, 92, "an NA to a group says that it was solicited (RFC 4861 §7.1.2)",
			na().Masked(openflow.IPv6Dst, prefix16(0xff), prefix16(0xff)).U32(openflow.NDReserved, solicited), malformed, noTable, false})
	}
	return append(rules, Rule{Guard, 0, "everything else", all(), nil, Learn, false})
}

// prefix16 is an IPv6 address, or a mask, that begins with one byte.
func prefix16(first byte) []byte {
	b := make([]byte, 16)
	b[0] = first
	return b
}

// solicitedNodePrefix is ff02::1:ff00:0/104 (RFC 4291 §2.7.1).
func solicitedNodePrefix() (addr, mask []byte) {
	addr = netip.MustParseAddr("ff02::1:ff00:0").AsSlice()
	mask = make([]byte, 16)
	for i := range 13 {
		mask[i] = 0xff
	}
	return addr, mask
}

// notHosts are IPv4 addresses that no host has: nobody is learned under them,
// and nobody is searched (conformance A6, P1).
func notHosts() []string { return []string{"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"} }

func learnRules() []Rule {
	station := lookup(Stations)
	var rules []Rule
	for _, p := range notHosts() {
		rules = append(rules, Rule{Learn, 20, "an ARP sender without an address: only its MAC counts (RFC 5227 §2.1.1)",
			prefix4(arp(), openflow.ARPSPA, p), []openflow.Action{station}, PuntTable, false})
	}
	return append(rules,
		Rule{Learn, 10, "ARP: the sender's address and hardware address, whatever the opcode (RFC 826)", arp(),
			actions(move(openflow.ARPSPA, fieldKey4), move(openflow.ARPSHA, fieldOwner), raise(flagAddress), station, lookup(Owners)), PuntTable, false},
		Rule{Learn, 20, "a DAD probe: only the MAC counts (RFC 4862 §5.4.3)", ns().Bytes(openflow.IPv6Src, make([]byte, 16)),
			[]openflow.Action{station}, PuntTable, false},
		Rule{Learn, 15, "an NS that does not say its link-layer address", ns().MAC(openflow.NDSLL, packet.MAC{}),
			[]openflow.Action{station}, PuntTable, false},
		Rule{Learn, 10, "NS: the source and its link-layer option", ns(),
			actions(move(openflow.IPv6Src, fieldKey6), move(openflow.NDSLL, fieldOwner), raise(flagAddress), station, lookup(Owners)), PuntTable, false},
		Rule{Learn, 15, "an NA without a link-layer option: the frame's source stands for it (RFC 4861 §4.4)", na().MAC(openflow.NDTLL, packet.MAC{}),
			actions(move(openflow.NDTarget, fieldKey6), move(openflow.EthSrc, fieldOwner), raise(flagAddress), station, lookup(Owners)), PuntTable, false},
		Rule{Learn, 10, "NA: the target and its link-layer option", na(),
			actions(move(openflow.NDTarget, fieldKey6), move(openflow.NDTLL, fieldOwner), raise(flagAddress), station, lookup(Owners)), PuntTable, false},
		Rule{Learn, 0, "anything else: the MAC", all(), []openflow.Action{station}, PuntTable, false})
}

func puntRules() []Rule {
	copyIt := []openflow.Action{punt(ReasonLearn)}
	rules := []Rule{
		{PuntTable, 30, "a MAC that is not known on this port", without(all(), flagStation), copyIt, Answer, false},
		{PuntTable, 25, "an NS can't make a stale owner more than stale (conformance N8)", with(ns(), flagStale), nil, Answer, false},
		{PuntTable, 20, "an address that is not known as the sender's",
			flags(all(), map[flag]bool{flagAddress: true, flagOwner: false}), copyIt, Answer, false},
		{PuntTable, 0, "a known sender", all(), nil, Answer, false},
	}
	// nd_reserved has no mask in Open vSwitch: one flow per combination of the
	// R flag (the top bit) with S and O.
	for flagsSO := range uint32(4) {
		for _, router := range []bool{false, true} {
			reserved := flagsSO << 29
			if !router {
				reserved |= 1 << 31
			}
			rules = append(rules, Rule{PuntTable, 22, "an owner that became a router, or is none any more (RFC 4861 §7.2.5)",
				flags(na(), map[flag]bool{flagOwner: true, flagRouter: router}).U32(openflow.NDReserved, reserved), copyIt, Answer, false})
		}
	}
	return rules
}

func answerRules() []Rule {
	var rules []Rule
	for _, p := range notHosts() {
		rules = append(rules, Rule{Answer, 100, "nobody can have this address (conformance A6)",
			prefix4(arpRequest(), openflow.ARPTPA, p), nil, noTable, false})
	}
	return append(rules,
		Rule{Answer, 90, "broadcast ARP request: who is the target, and is it the asker", arpRequest(),
			actions(set(fieldFlags, 0), move(openflow.ARPTPA, fieldKey4), move(openflow.ARPSHA, fieldOwner),
				move(openflow.ARPSPA, fieldCompareA), move(openflow.ARPTPA, fieldCompareB),
				lookup(Compare), lookup(Owners), lookup(Bindings)), Reply, false},
		Rule{Answer, 90, "multicast NS: likewise", group(ns(), openflow.EthDst),
			actions(set(fieldFlags, 0), move(openflow.NDTarget, fieldKey6), move(openflow.EthSrc, fieldOwner),
				lookup(Owners), lookup(Bindings)), Reply, false},
		Rule{Answer, 0, "no question, or one by unicast, which is a liveness check and reaches the host (conformance A9, N10)", all(), nil, L2, false})
}

func replyRules() []Rule {
	toAll := "the asker's own address: everybody may hear it (conformance A7, N6, P4)"
	fromNobody := found(ns()).Bytes(openflow.IPv6Src, make([]byte, 16))
	// The length of Ethernet, IPv6 and NS; beyond it come options.
	const bare, option, tag = 14 + 40 + 24, 8, 4
	longer := func(than uint16) openflow.Action {
		return openflow.CheckPktLarger{Len: than, Dst: fieldFlags, Bit: uint16(flagLong)}
	}
	inVLAN := func(m openflow.Match) openflow.Match {
		return m.MaskedU64(openflow.VLANVID, uint64(openflow.VLANPresent), uint64(openflow.VLANPresent))
	}
	unsaid := found(ns()).MAC(openflow.NDSLL, packet.MAC{})
	return []Rule{
		{Reply, 100, toAll, with(all(), flagOwner), nil, Flood, false},
		{Reply, 100, toAll, with(all(), flagStale), nil, Flood, false},
		{Reply, 99, "an announcement, by whomever, is spread (conformance A6, P4)", without(arp(), flagDiffer), nil, Flood, false},
		{Reply, 90, "ARP: the request becomes the reply (RFC 826)", found(arp()), actions(
			move(openflow.EthSrc, openflow.EthDst), move(fieldFound, openflow.EthSrc),
			move(openflow.ARPSHA, openflow.ARPTHA), move(fieldFound, openflow.ARPSHA),
			move(openflow.ARPSPA, openflow.ARPTPA), move(fieldKey4, openflow.ARPSPA),
			set(openflow.ARPOp, 2), turnAround()), Deliver, false},
		{Reply, 96, "a DAD probe for a known address: its answer needs an option that the probe has no room for", fromNobody,
			[]openflow.Action{punt(ReasonAnswer)}, noTable, true},
		{Reply, 95, "without a controller the owner itself defends (RFC 6085)", fromNobody,
			actions(move(fieldFound, openflow.EthDst)), L2, false},
		{Reply, 94, "NS in a VLAN without a link-layer option: is there any option, perhaps a broken one", inVLAN(unsaid),
			actions(longer(bare + tag)), ReplyND, false},
		{Reply, 93, "NS without a link-layer option: is there any option, perhaps a broken one", unsaid, actions(longer(bare)), ReplyND, false},
		{Reply, 92, "NS in a VLAN: is there more than a link-layer option in it", inVLAN(found(ns())),
			actions(longer(bare + option + tag)), ReplyND, false},
		{Reply, 90, "NS: is there more than a link-layer option in it", found(ns()), actions(longer(bare + option)), ReplyND, false},
		{Reply, 0, "not known", all(), nil, Search, false},
	}
}

func replyNDRules() []Rule {
	end := func(naFlags uint64) []openflow.Action {
		return actions(set(openflow.NDReserved, naFlags), set(openflow.NDOptionsType, optionTLL),
			move(fieldFound, openflow.NDTLL), turnAround())
	}
	const solicitedOverride, router = 0x60000000, 0x80000000
	return []Rule{
		{ReplyND, 20, "other options: the controller tells a nonce from what only the owner can answer (RFC 3971; conformance N2)",
			with(ns(), flagLong), []openflow.Action{punt(ReasonAnswer)}, noTable, true},
		{ReplyND, 10, "without a controller the owner itself answers (RFC 6085)", with(ns(), flagLong),
			actions(move(fieldFound, openflow.EthDst)), L2, false},
		{ReplyND, 7, "an NS that needs a link-layer option and has none: the owner itself answers (RFC 6085)",
			ns().MAC(openflow.NDSLL, packet.MAC{}), actions(move(fieldFound, openflow.EthDst)), L2, false},
		{ReplyND, 5, "the NS becomes an NA to its source (RFC 4861 §7.2.4)", ns(), actions(
			move(openflow.EthSrc, openflow.EthDst), move(fieldFound, openflow.EthSrc),
			move(openflow.IPv6Src, openflow.IPv6Dst), move(fieldKey6, openflow.IPv6Src),
			set(openflow.ICMPv6Type, uint64(packet.NDAdvertisement))), ReplyNDEnd, false},
		{ReplyNDEnd, 20, "the owner routes: R, S and O set, with its link-layer option (RFC 9161 §3.3)",
			na().MaskedU64(fieldFoundHi, routerBit>>32, routerBit>>32), end(router | solicitedOverride), Deliver, false},
		{ReplyNDEnd, 10, "S and O set, with the owner's link-layer option", na(), end(solicitedOverride), Deliver, false},
	}
}

func searchRules() []Rule {
	search := []openflow.Action{punt(ReasonSearch)}
	rules := []Rule{
		{Search, 10, "the controller parks the asker and asks the wire", all(), search, noTable, true},
		{Search, 0, "without a controller: plain flooding", all(), nil, Flood, false},
	}
	// Whatever a network does with questions, its rivals for an address have to
	// hear of each other (conformance P3, N7).
	for _, probe := range []openflow.Match{arp().U32(openflow.ARPSPA, 0), ns().Bytes(openflow.IPv6Src, make([]byte, 16))} {
		rules = append(rules,
			Rule{Search, 30, "a probe reaches every other port, in networks that flood or drop requests, too (RFC 5227 §2.1.1, RFC 4862 §5.4)",
				probe, search, noTable, true},
			Rule{Search, 25, "likewise without a controller", probe, nil, Flood, false})
	}
	return rules
}

func l2Rules() []Rule {
	mine := func(m openflow.Match) openflow.Match { return m.MAC(openflow.EthDst, MAC) }
	reply := []openflow.Action{punt(ReasonReply)}
	return []Rule{
		{L2, 100, "an answer to isat's own question", mine(arp()), reply, noTable, false},
		{L2, 100, "an answer to isat's own question", mine(na()), reply, noTable, false},
		{L2, 90, "isat's MAC takes nothing else", mine(all()), nil, noTable, false},
		{L2, 0, "broadcast, multicast and unknown unicast", all(), nil, Flood, false},
	}
}

func compareRules() []Rule {
	var rules []Rule
	for bit := range 32 {
		for a := range uint64(2) {
			m := all().MaskedU64(fieldCompareA, a<<bit, 1<<bit).MaskedU64(fieldCompareB, (1-a)<<bit, 1<<bit)
			rules = append(rules, Rule{Compare, 10, "one bit differs", m, []openflow.Action{raise(flagDiffer)}, noTable, false})
		}
	}
	return rules
}
