package flowsim

import "bytes"

// commit carries what actions changed in the key into the packet's bytes, in the order and with the
// arithmetic of Open vSwitch (commit_odp_actions in lib/odp-util.c). Checksums are updated, not made
// anew, except where Open vSwitch does that; so a wrong one stays wrong.
func (r *run) commit() {
	if r.base == r.key || len(r.packet) < ethernetLen {
		return
	}
	copy(r.packet, r.key.ethDst[:])
	copy(r.packet[6:], r.key.ethSrc[:])
	r.commitTags()
	if r.key.proto != 0 { // otherwise Open vSwitch takes it that there is no header
		switch {
		case isIPv4(&r.key):
			r.commitIPv4()
		case isIPv6(&r.key):
			r.commitIPv6()
		case isARP(&r.key):
			r.commitARP()
		}
		r.commitPorts()
		r.commitICMP()
	}
	r.base = r.key
}

// commitTags takes off the tags that are not wanted and puts on those that are missing. The tags
// that both have, counted from the innermost, stay as they are on the wire.
func (r *run) commitTags() {
	have, want := r.base.countTags()-1, r.key.countTags()-1
	for have >= 0 && want >= 0 && r.base.tags[have] == r.key.tags[want] {
		have, want = have-1, want-1
	}
	const macs = 12
	for ; have >= 0; have-- {
		if len(r.packet) < ethernetLen+tagLen || !isTagType(be.Uint16(r.packet[macs:])) {
			continue
		}
		r.packet = append(r.packet[:macs:macs], r.packet[macs+tagLen:]...)
		r.shift(-tagLen)
	}
	for ; want >= 0; want-- {
		tag := be.AppendUint16(nil, r.key.tags[want].tpid)
		tag = be.AppendUint16(tag, r.key.tags[want].tci&^tagPresent)
		r.packet = append(append(r.packet[:macs:macs], tag...), r.packet[macs:]...)
		r.shift(tagLen)
	}
}

func (r *run) shift(n int) {
	r.at.l3 += n
	r.at.end += n
	if r.at.l4 != 0 {
		r.at.l4 += n
	}
}

// upper is the transport header and all behind it, without padding.
func (r *run) upper() []byte {
	if r.at.l4 == 0 {
		return nil
	}
	return r.packet[r.at.l4:r.at.end]
}

func (r *run) commitARP() {
	a, b := &r.key, &r.base
	if a.proto == b.proto && a.ip4Src == b.ip4Src && a.ip4Dst == b.ip4Dst && a.sha == b.sha && a.tha == b.tha {
		return
	}
	h := r.packet[r.at.l3:]
	if len(h) < arpLen {
		return
	}
	be.PutUint16(h[6:], uint16(a.proto))
	copy(h[8:], a.sha[:])
	copy(h[14:], a.ip4Src[:])
	copy(h[18:], a.tha[:])
	copy(h[24:], a.ip4Dst[:])
}

func (r *run) commitIPv4() {
	h := r.packet[r.at.l3:r.at.end]
	if r.at.l4 == 0 {
		return
	}
	r.rewriteAddress(h[12:16], r.key.ip4Src[:], h[10:])
	r.rewriteAddress(h[16:20], r.key.ip4Dst[:], h[10:])
	if tos := r.key.tos; h[1] != tos {
		update(h[10:], []byte{0, h[1]}, []byte{0, tos})
		h[1] = tos
	}
	if ttl := r.key.ttl; h[8] != ttl {
		update(h[10:], []byte{h[8], 0}, []byte{ttl, 0})
		h[8] = ttl
	}
}

// rewriteAddress replaces an address in place, and brings the checksums that cover it up to date: the
// transport's, and the header's own if there is one.
func (r *run) rewriteAddress(old, now, header []byte) {
	if bytes.Equal(old, now) {
		return
	}
	u := r.upper()
	switch proto := r.key.proto; {
	case proto == protoTCP && len(u) >= 20:
		update(u[16:], old, now)
	case proto == protoUDP && len(u) >= 8:
		updateUDP(u, old, now)
	case proto == protoICMPv6 && isIPv6(&r.key) && len(u) >= 4:
		update(u[2:], old, now)
	}
	if header != nil {
		update(header, old, now)
	}
	copy(old, now)
}

func (r *run) commitIPv6() {
	h := r.packet[r.at.l3:r.at.end]
	if r.at.l4 == 0 {
		return
	}
	r.rewriteAddress(h[8:24], r.key.ip6Src[:], nil)
	r.rewriteAddress(h[24:40], r.key.ip6Dst[:], nil)
	be.PutUint32(h, be.Uint32(h)&0xf0000000|uint32(r.key.tos)<<20|r.key.label)
	h[7] = r.key.ttl
	if r.base.proto == protoICMPv6 {
		r.commitNDExtensions()
		r.commitND()
	}
}

// commitNDExtensions writes ND's flags and the type of its first option. Here Open vSwitch computes
// the checksum anew (packet_set_nd_ext).
func (r *run) commitNDExtensions() {
	u := r.upper()
	if r.key.ndReserved == r.base.ndReserved && r.key.tcpFlags == r.base.tcpFlags || len(u) < ndLen {
		return
	}
	be.PutUint32(u[4:], r.key.ndReserved)
	if len(r.packet) > r.at.l4+ndLen {
		r.packet[r.at.l4+ndLen] = byte(r.key.tcpFlags)
	}
	be.PutUint16(u[2:], 0)
	be.PutUint16(u[2:], r.checksumICMPv6(u))
}

func (r *run) checksumICMPv6(u []byte) uint16 {
	h := r.packet[r.at.l3:]
	sum := uint32(len(u)) + protoICMPv6
	for _, part := range [][]byte{h[8:40], u} {
		for i, c := range part {
			sum += uint32(c) << (8 * (1 - i&1))
		}
	}
	return ^fold(sum)
}

// commitND writes the target, and the link-layer address into the first link-layer option.
func (r *run) commitND() {
	a, b := &r.key, &r.base
	u := r.upper()
	if a.ndTarget == b.ndTarget && a.sha == b.sha && a.tha == b.tha || len(u) < ndLen {
		return
	}
	if !bytes.Equal(u[8:24], a.ndTarget[:]) {
		update(u[2:], u[8:24], a.ndTarget[:])
		copy(u[8:24], a.ndTarget[:])
	}
	for o := u[ndLen:]; len(o) >= ndOption && o[1] != 0; {
		if kind := o[0]; o[1] == 1 && (kind == optionSLL || kind == optionTLL) {
			mac := a.sha
			if kind == optionTLL {
				mac = a.tha
			}
			if [6]byte(o[2:8]) != mac {
				update(u[2:], o[2:8], mac[:])
				copy(o[2:8], mac[:])
			}
			return
		}
		if int(o[1])*8 > len(o) {
			return
		}
		o = o[int(o[1])*8:]
	}
}

func (r *run) commitPorts() {
	u := r.upper()
	if r.key.src == r.base.src && r.key.dst == r.base.dst || !isIP(&r.key) || r.key.frag&fragLater != 0 {
		return
	}
	ports := be.AppendUint16(be.AppendUint16(nil, r.key.src), r.key.dst)
	switch {
	case r.key.proto == protoTCP && isWholeTCP(u):
		update(u[16:], u[:4], ports)
	case r.key.proto == protoUDP && len(u) >= 8:
		updateUDP(u, u[:4], ports)
	default:
		return
	}
	copy(u, ports)
}

func (r *run) commitICMP() {
	u := r.upper()
	if r.key.src == r.base.src && r.key.dst == r.base.dst || !isICMPv4(&r.key) && !isICMPv6(&r.key) || len(u) < 8 {
		return
	}
	if now := []byte{byte(r.key.src), byte(r.key.dst)}; !bytes.Equal(u[:2], now) {
		update(u[2:], u[:2], now)
		copy(u, now)
	}
}

// update brings a checksum up to date when 16-bit words under it change (RFC 1624 §3).
func update(sum, old, now []byte) {
	for i := 0; i+1 < len(old); i += 2 {
		s := uint32(^be.Uint16(sum)) + uint32(^be.Uint16(old[i:])) + uint32(be.Uint16(now[i:]))
		be.PutUint16(sum, ^fold(s))
	}
}

// updateUDP is update for UDP's checksum, where zero says that there is none (RFC 768).
func updateUDP(u, old, now []byte) {
	if be.Uint16(u[6:]) == 0 {
		return
	}
	update(u[6:], old, now)
	if be.Uint16(u[6:]) == 0 {
		be.PutUint16(u[6:], 0xffff)
	}
}

// fold makes a ones' complement sum of 16 bits.
func fold(sum uint32) uint16 {
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}
