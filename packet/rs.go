package packet

// NDRouterSolicitation is the ICMPv6 type of a router solicitation (RFC 4861 §4.1).
const NDRouterSolicitation uint8 = 133

const rsLen = 8 // type, code, checksum, reserved

// RS is a view of a router solicitation (RFC 4861 §4.1).
type RS struct {
	Src, Dst [16]byte // of the IPv6 header; Src is :: if the host has no address yet
	HasSLL   bool
	SLL      MAC // source link-layer option, if HasSLL
}

// Parse fills the view from an IPv6 packet, whose payload length says where it ends; a
// frame's padding may follow. It makes the checks of RFC 4861 §6.1.1 and refuses fragments
// (RFC 6980 §5). The first source link-layer option that holds an Ethernet address counts,
// other options are ignored (RFC 4861 §4.1). The error is ErrNotRS for any packet that is
// no router solicitation, otherwise a *Malformed. On error the view is undefined.
func (r *RS) Parse(b []byte) error {
	var ip ipv6
	if err := ip.parse(b); err != nil {
		return err
	}
	if ip.protocol != nextICMPv6 || ip.later || len(ip.upper) < 1 || ip.upper[0] != NDRouterSolicitation {
		return ErrNotRS
	}
	r.Src, r.Dst = ip.src, ip.dst
	r.HasSLL, r.SLL = false, MAC{}
	if reason := checkEnvelope(&ip, rsLen); reason != ReasonNone {
		return malformed[reason]
	}
	anyLinkLayer := false
	for options := ip.upper[rsLen:]; len(options) > 0; {
		kind, value, rest, ok := cutOption(options)
		if !ok {
			return malformed[ReasonNDOptionLength]
		}
		options = rest
		if kind != optionSourceLinkLayer {
			continue
		}
		anyLinkLayer = true
		if len(value) == linkLayerOptionLen-2 && !r.HasSLL {
			r.HasSLL, r.SLL = true, MAC(value)
		}
	}
	switch {
	case r.Src[0] == 0xff:
		return malformed[ReasonNDSource]
	case r.Src == [16]byte{} && anyLinkLayer:
		return malformed[ReasonNDUnspecifiedLinkLayer]
	}
	return nil
}
