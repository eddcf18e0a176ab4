package packet

// ICMPv6 types of neighbour discovery that are read here (RFC 4861 §4.3, §4.4).
const (
	NDSolicitation  uint8 = 135
	NDAdvertisement uint8 = 136
)

// Neighbour discovery options (RFC 4861 §4.6.1, RFC 3971 §5.3.2).
const (
	optionSourceLinkLayer = 1
	optionTargetLinkLayer = 2
	optionNonce           = 14

	linkLayerOptionLen = 8 // for Ethernet (RFC 2464 §6)
)

// Flags of an advertisement (RFC 4861 §4.4).
const (
	flagRouter    = 0x80
	flagSolicited = 0x40
	flagOverride  = 0x20
)

const (
	ndLen = 24 // type, code, checksum, flags or reserved, target
)

// ND is a view of a neighbour solicitation or advertisement (RFC 4861 §4.3, §4.4).
type ND struct {
	Type      uint8    // NDSolicitation or NDAdvertisement
	HopLimit  uint8    // always 255 after a Parse without error
	Src, Dst  [16]byte // of the IPv6 header
	Target    [16]byte
	HasSLL    bool
	SLL       MAC // source link-layer option, if HasSLL
	HasTLL    bool
	TLL       MAC    // target link-layer option, if HasTLL
	Router    bool   // R flag of an advertisement
	Solicited bool   // S flag of an advertisement
	Override  bool   // O flag of an advertisement
	Nonce     []byte // value of the nonce option, nil without one (RFC 3971 §5.3.2, RFC 7527)
	// UnknownOptions: it carries an option that has no meaning here: in a solicitation
	// anything but one source link-layer and one nonce option, in an advertisement
	// anything but one target link-layer option. Such a solicitation must be left to the
	// host itself, as it may be a secured one (RFC 3971).
	UnknownOptions bool
}

// Parse fills the view from an IPv6 packet, whose payload length says where it ends; a
// frame's padding may follow. It makes the checks of RFC 4861 §7.1.1 and §7.1.2 and
// refuses fragments (RFC 6980 §5). The error is ErrNotND for any packet that is no
// solicitation or advertisement, otherwise a *Malformed. On error the view is undefined.
func (n *ND) Parse(b []byte) error {
	var ip ipv6
	if err := ip.parse(b); err != nil {
		return err
	}
	if ip.protocol != nextICMPv6 || ip.later || len(ip.upper) < 1 {
		return ErrNotND
	}
	n.Type = ip.upper[0]
	if n.Type != NDSolicitation && n.Type != NDAdvertisement {
		return ErrNotND
	}
	n.HopLimit, n.Src, n.Dst = ip.hopLimit, ip.src, ip.dst
	if r := checkEnvelope(&ip, ndLen); r != ReasonNone {
		return malformed[r]
	}
	message := ip.upper
	n.Target = [16]byte(message[8:24])
	flags := message[4]
	if n.Type == NDSolicitation {
		flags = 0 // reserved there, ignored by the receiver
	}
	n.Router = flags&flagRouter != 0
	n.Solicited = flags&flagSolicited != 0
	n.Override = flags&flagOverride != 0
	if !n.parseOptions(message[ndLen:]) {
		return malformed[ReasonNDOptionLength]
	}
	if r := n.checkAddresses(); r != ReasonNone {
		return malformed[r]
	}
	return nil
}

// checkEnvelope checks what comes before the fields of a message of at least least octets.
func checkEnvelope(ip *ipv6, least int) Reason {
	switch {
	case ip.fragmented:
		return ReasonNDFragmented
	case ip.truncated:
		return ReasonIPv6Truncated
	case ip.hopLimit != maxHopLimit:
		return ReasonNDHopLimit
	case len(ip.upper) < least:
		return ReasonNDTruncated
	case ICMPv6Checksum(ip.src, ip.dst, ip.upper) != 0:
		return ReasonNDChecksum
	case ip.upper[1] != 0:
		return ReasonNDCode
	}
	return ReasonNone
}

func (n *ND) checkAddresses() Reason {
	switch {
	case n.Target[0] == 0xff:
		return ReasonNDTarget
	case n.Src[0] == 0xff:
		return ReasonNDSource
	case n.Type == NDSolicitation && n.IsDAD() && !IsSolicitedNode(n.Dst):
		return ReasonNDUnspecifiedDestination
	case n.Type == NDSolicitation && n.IsDAD() && n.HasSLL:
		return ReasonNDUnspecifiedLinkLayer
	case n.Type == NDAdvertisement && n.Dst[0] == 0xff && n.Solicited:
		return ReasonNDSolicitedMulticast
	}
	return ReasonNone
}

// IsDAD says whether the message comes from the unspecified address: a solicitation for
// duplicate address detection (RFC 4862 §5.4.2). It teaches nothing about its sender.
func (n *ND) IsDAD() bool { return n.Src == [16]byte{} }

// parseOptions reads the options; false means that one has a length that can't be. The
// first of several equal options counts, and a link-layer option that isn't an Ethernet
// address is an unknown one.
func (n *ND) parseOptions(b []byte) bool {
	n.HasSLL, n.HasTLL, n.Nonce, n.UnknownOptions = false, false, nil, false
	n.SLL, n.TLL = MAC{}, MAC{}
	for len(b) > 0 {
		kind, value, rest, ok := cutOption(b)
		if !ok {
			return false
		}
		n.readOption(kind, value)
		b = rest
	}
	return true
}

// cutOption takes the first option off b (RFC 4861 §4.6); ok is false if it has a length
// that can't be.
func cutOption(b []byte) (kind uint8, value, rest []byte, ok bool) {
	if len(b) < 2 || b[1] == 0 {
		return 0, nil, nil, false
	}
	length := 8 * int(b[1])
	if length > len(b) {
		return 0, nil, nil, false
	}
	return b[0], b[2:length:length], b[length:], true
}

func (n *ND) readOption(kind uint8, value []byte) {
	solicitation := n.Type == NDSolicitation
	ethernet := len(value) == linkLayerOptionLen-2
	switch {
	case kind == optionSourceLinkLayer && solicitation && ethernet && !n.HasSLL:
		n.HasSLL, n.SLL = true, MAC(value)
	case kind == optionTargetLinkLayer && !solicitation && ethernet && !n.HasTLL:
		n.HasTLL, n.TLL = true, MAC(value)
	case kind == optionNonce && solicitation && n.Nonce == nil:
		n.Nonce = value
	default:
		n.UnknownOptions = true
	}
}

// AppendNS appends a frame with a neighbour solicitation (RFC 4861 §4.3). With tagged, the
// frame carries one customer tag with the tag control information tci. A nil sll and an
// empty nonce leave their options out; a nonce is filled with zeros to a whole option, so
// its length is best 6, or 6 and a multiple of 8 (RFC 3971 §5.3.2); beyond 2038 octets it
// is cut.
func AppendNS(b []byte, dst, src MAC, tagged bool, tci uint16, srcIP, dstIP, target [16]byte, sll *MAC, nonce []byte) []byte {
	b = appendHeader(b, dst, src, tagged, tci, EtherTypeIPv6)
	nonce = nonce[:min(len(nonce), 255*8-2)]
	length := ndLen
	if sll != nil {
		length += linkLayerOptionLen
	}
	nonceLen := 0
	if len(nonce) > 0 {
		nonceLen = (2 + len(nonce) + 7) / 8 * 8
	}
	b, start := appendND(b, srcIP, dstIP, target, NDSolicitation, 0, length+nonceLen)
	if sll != nil {
		b = appendLinkLayerOption(b, optionSourceLinkLayer, *sll)
	}
	if nonceLen > 0 {
		b = append(b, optionNonce, uint8(nonceLen/8))
		b = append(b, nonce...)
		for range nonceLen - 2 - len(nonce) {
			b = append(b, 0)
		}
	}
	return sealICMPv6(b, start, srcIP, dstIP)
}

// AppendNA appends a frame with a neighbour advertisement and a target link-layer option
// (RFC 4861 §4.4). With tagged, the frame carries one customer tag with the tag control
// information tci.
func AppendNA(b []byte, dst, src MAC, tagged bool, tci uint16, srcIP, dstIP, target [16]byte, tll MAC, router, solicited, override bool) []byte {
	b = appendHeader(b, dst, src, tagged, tci, EtherTypeIPv6)
	return appendAdvertisement(b, srcIP, dstIP, target, tll, advertisementFlags(router, solicited, override))
}

// AppendNDReply appends the advertisement with which owner answers the solicitation that
// came in frame f, with the request's tags: unicast and S=1 to a source that has an
// address, to all nodes with S=0 to one that has none yet (RFC 4861 §7.2.4). router says
// what the owner is, override whether the answer may replace what the requester knows.
func AppendNDReply(b []byte, f *Frame, request *ND, owner MAC, router, override bool) []byte {
	dst, dstIP, solicited := f.Src, request.Src, true
	if request.IsDAD() {
		dstIP, solicited = AllNodes(), false
		dst = MulticastMAC(dstIP)
	}
	b = appendReplyHeader(b, dst, owner, f)
	return appendAdvertisement(b, request.Target, dstIP, request.Target, owner, advertisementFlags(router, solicited, override))
}

func advertisementFlags(router, solicited, override bool) uint8 {
	var flags uint8
	if router {
		flags |= flagRouter
	}
	if solicited {
		flags |= flagSolicited
	}
	if override {
		flags |= flagOverride
	}
	return flags
}

func appendAdvertisement(b []byte, srcIP, dstIP, target [16]byte, tll MAC, flags uint8) []byte {
	b, start := appendND(b, srcIP, dstIP, target, NDAdvertisement, flags, ndLen+linkLayerOptionLen)
	b = appendLinkLayerOption(b, optionTargetLinkLayer, tll)
	return sealICMPv6(b, start, srcIP, dstIP)
}

func appendLinkLayerOption(b []byte, kind uint8, mac MAC) []byte {
	b = append(b, kind, linkLayerOptionLen/8)
	return append(b, mac[:]...)
}

// appendND appends the IPv6 header and the message without its options, and says where
// the message starts. length is that of the whole message.
func appendND(b []byte, srcIP, dstIP, target [16]byte, kind, flags uint8, length int) ([]byte, int) {
	b, start := appendIPv6Header(b, srcIP, dstIP, length)
	b = append(b, kind, 0, 0, 0, flags, 0, 0, 0)
	return append(b, target[:]...), start
}
