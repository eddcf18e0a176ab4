package flowsim

import "github.com/isat-sdn/isat/openflow"

// access reads and writes a field of a key, as the bytes of its OXM form.
type access struct {
	get func(k *key, b []byte) []byte // appends the field to b
	set func(*key, []byte)
	// exists says whether the packet has the field at all; nil for always.
	exists func(*key) bool
}

func u8(at func(*key) *uint8) access {
	return access{
		get: func(k *key, b []byte) []byte { return append(b, *at(k)) },
		set: func(k *key, v []byte) { *at(k) = v[0] },
	}
}

func u16(at func(*key) *uint16) access {
	return access{
		get: func(k *key, b []byte) []byte { return be.AppendUint16(b, *at(k)) },
		set: func(k *key, v []byte) { *at(k) = be.Uint16(v) },
	}
}

// low8 is a field of one byte in a member of two.
func low8(at func(*key) *uint16) access {
	return access{
		get: func(k *key, b []byte) []byte { return append(b, byte(*at(k))) },
		set: func(k *key, v []byte) { *at(k) = uint16(v[0]) },
	}
}

func u32(at func(*key) *uint32) access {
	return access{
		get: func(k *key, b []byte) []byte { return be.AppendUint32(b, *at(k)) },
		set: func(k *key, v []byte) { *at(k) = be.Uint32(v) },
	}
}

func u64(at func(*key) *uint64) access {
	return access{
		get: func(k *key, b []byte) []byte { return be.AppendUint64(b, *at(k)) },
		set: func(k *key, v []byte) { *at(k) = be.Uint64(v) },
	}
}

func raw(at func(*key) []byte) access {
	return access{
		get: func(k *key, b []byte) []byte { return append(b, at(k)...) },
		set: func(k *key, v []byte) { copy(at(k), v) },
	}
}

// words is a register made of several.
func words(first, n int) access {
	return access{
		get: func(k *key, b []byte) []byte {
			for _, r := range k.regs[first : first+n] {
				b = be.AppendUint32(b, r)
			}
			return b
		},
		set: func(k *key, v []byte) {
			for i := range n {
				k.regs[first+i] = be.Uint32(v[4*i:])
			}
		},
	}
}

func (a access) when(exists func(*key) bool) access {
	a.exists = exists
	return a
}

func isARP(k *key) bool  { return k.ethType == typeARP || k.ethType == typeRARP }
func isIPv4(k *key) bool { return k.ethType == typeIPv4 }
func isIPv6(k *key) bool { return k.ethType == typeIPv6 }
func isIP(k *key) bool   { return isIPv4(k) || isIPv6(k) }
func isTagged(k *key) bool {
	return k.tags[0].tci&tagPresent != 0
}

func hasTransport(proto uint8) func(*key) bool {
	return func(k *key) bool { return isIP(k) && k.proto == proto && k.frag&fragLater == 0 }
}

// isICMPv4 is true for later fragments, too, though what they have there is no ICMP header.
func isICMPv4(k *key) bool { return isIPv4(k) && k.proto == protoICMP }
func isICMPv6(k *key) bool { return k.isICMPv6() }

func isND(types ...uint16) func(*key) bool {
	return func(k *key) bool {
		for _, t := range types {
			if k.isICMPv6() && k.dst == 0 && k.src == t {
				return true
			}
		}
		return false
	}
}

// fields are the fields that are simulated.
var fields = fieldAccess()

func fieldAccess() map[*openflow.Field]access {
	m := map[*openflow.Field]access{
		openflow.ConjID: u32(func(k *key) *uint32 { return &k.conjID }),
		openflow.InPort: u32(func(k *key) *uint32 { return &k.inPort }),
		openflow.InPortNX: {
			get: func(k *key, b []byte) []byte { return be.AppendUint16(b, uint16(k.inPort)) },
			set: func(k *key, v []byte) { k.inPort = widenPort(be.Uint16(v)) },
		},
		openflow.Metadata: u64(func(k *key) *uint64 { return &k.metadata }),
		openflow.TunnelID: u64(func(k *key) *uint64 { return &k.tunnelID }),
		openflow.PktMark:  u32(func(k *key) *uint32 { return &k.mark }),

		openflow.EthDst:  raw(func(k *key) []byte { return k.ethDst[:] }),
		openflow.EthSrc:  raw(func(k *key) []byte { return k.ethSrc[:] }),
		openflow.EthType: u16(func(k *key) *uint16 { return &k.ethType }),
		openflow.VLANTCI: u16(func(k *key) *uint16 { return &k.tags[0].tci }),
		openflow.VLANVID: access{
			get: func(k *key, b []byte) []byte { return be.AppendUint16(b, k.tags[0].tci&0x1fff) },
			set: func(k *key, v []byte) { k.tags[0].tci = k.tags[0].tci&^0x1fff | be.Uint16(v)&0x1fff },
		}.when(isTagged),
		openflow.VLANPCP: access{
			get: func(k *key, b []byte) []byte { return append(b, byte(k.tags[0].tci>>13)) },
			set: func(k *key, v []byte) { k.tags[0].tci = k.tags[0].tci&0x1fff | uint16(v[0])<<13 | tagPresent },
		}.when(isTagged),
	}
	for _, more := range []map[*openflow.Field]access{networkFields(), transportFields(), registerFields()} {
		for f, a := range more {
			m[f] = a
		}
	}
	return m
}

func registerFields() map[*openflow.Field]access {
	m := make(map[*openflow.Field]access)
	for i := range 16 {
		m[openflow.Reg(i)] = u32(func(k *key) *uint32 { return &k.regs[i] })
	}
	for i, f := range []*openflow.Field{openflow.XReg0, openflow.XReg1, openflow.XReg2, openflow.XReg3,
		openflow.XReg4, openflow.XReg5, openflow.XReg6, openflow.XReg7} {
		m[f] = words(2*i, 2)
	}
	for i, f := range []*openflow.Field{openflow.XXReg0, openflow.XXReg1, openflow.XXReg2, openflow.XXReg3} {
		m[f] = words(4*i, 4)
	}
	return m
}

func networkFields() map[*openflow.Field]access {
	return map[*openflow.Field]access{
		openflow.IPv4Src:   raw(func(k *key) []byte { return k.ip4Src[:] }).when(isIPv4),
		openflow.IPv4Dst:   raw(func(k *key) []byte { return k.ip4Dst[:] }).when(isIPv4),
		openflow.IPv6Src:   raw(func(k *key) []byte { return k.ip6Src[:] }).when(isIPv6),
		openflow.IPv6Dst:   raw(func(k *key) []byte { return k.ip6Dst[:] }).when(isIPv6),
		openflow.IPv6Label: u32(func(k *key) *uint32 { return &k.label }).when(isIPv6),
		openflow.IPProto:   u8(func(k *key) *uint8 { return &k.proto }).when(isIP),
		openflow.IPTTL:     u8(func(k *key) *uint8 { return &k.ttl }).when(isIP),
		openflow.IPFrag:    u8(func(k *key) *uint8 { return &k.frag }).when(isIP),
		openflow.IPDSCP: access{
			get: func(k *key, b []byte) []byte { return append(b, k.tos>>2) },
			set: func(k *key, v []byte) { k.tos = k.tos&3 | v[0]<<2 },
		}.when(isIP),
		openflow.IPECN: access{
			get: func(k *key, b []byte) []byte { return append(b, k.tos&3) },
			set: func(k *key, v []byte) { k.tos = k.tos&^3 | v[0]&3 },
		}.when(isIP),
		openflow.ARPOp: access{
			get: func(k *key, b []byte) []byte { return append(b, 0, k.proto) },
			set: func(k *key, v []byte) { k.proto = v[1] },
		}.when(isARP),
		openflow.ARPSPA: raw(func(k *key) []byte { return k.ip4Src[:] }).when(isARP),
		openflow.ARPTPA: raw(func(k *key) []byte { return k.ip4Dst[:] }).when(isARP),
		openflow.ARPSHA: raw(func(k *key) []byte { return k.sha[:] }).when(isARP),
		openflow.ARPTHA: raw(func(k *key) []byte { return k.tha[:] }).when(isARP),
	}
}

func transportFields() map[*openflow.Field]access {
	src, dst := func(k *key) *uint16 { return &k.src }, func(k *key) *uint16 { return &k.dst }
	anyND := isND(ndSolicit, ndAdvertise)
	return map[*openflow.Field]access{
		openflow.TCPSrc:   u16(src).when(hasTransport(protoTCP)),
		openflow.TCPDst:   u16(dst).when(hasTransport(protoTCP)),
		openflow.UDPSrc:   u16(src).when(hasTransport(protoUDP)),
		openflow.UDPDst:   u16(dst).when(hasTransport(protoUDP)),
		openflow.SCTPSrc:  u16(src).when(hasTransport(protoSCTP)),
		openflow.SCTPDst:  u16(dst).when(hasTransport(protoSCTP)),
		openflow.TCPFlags: u16(func(k *key) *uint16 { return &k.tcpFlags }).when(hasTransport(protoTCP)),

		openflow.ICMPv4Type: low8(src).when(isICMPv4),
		openflow.ICMPv4Code: low8(dst).when(isICMPv4),
		openflow.ICMPv6Type: low8(src).when(isICMPv6),
		openflow.ICMPv6Code: low8(dst).when(isICMPv6),

		openflow.NDTarget:      raw(func(k *key) []byte { return k.ndTarget[:] }).when(anyND),
		openflow.NDReserved:    u32(func(k *key) *uint32 { return &k.ndReserved }).when(anyND),
		openflow.NDOptionsType: low8(func(k *key) *uint16 { return &k.tcpFlags }).when(anyND),
		openflow.NDSLL:         raw(func(k *key) []byte { return k.sha[:] }).when(isND(ndSolicit)),
		openflow.NDTLL:         raw(func(k *key) []byte { return k.tha[:] }).when(isND(ndAdvertise)),
	}
}

// widenPort turns a 16-bit port number into that of OpenFlow 1.3, whose reserved ports are at the
// top of 32 bits (OpenFlow 1.3.5 §A.2.1).
func widenPort(p uint16) uint32 {
	if p >= 0xff00 {
		return uint32(p) | 0xffff0000
	}
	return uint32(p)
}

// writable says whether actions may set a field and have it carried into the packet.
func writable(f *openflow.Field) bool {
	switch f {
	case openflow.EthType, openflow.IPProto, openflow.IPFrag, openflow.TCPFlags, openflow.InPort, openflow.ConjID:
		return false
	}
	_, ok := fields[f]
	return ok
}

// read gives a field, or nil if the packet has no such field.
func (k *key) read(f *openflow.Field) []byte {
	a := fields[f]
	if a.exists != nil && !a.exists(k) {
		return nil
	}
	return a.get(k, nil)
}

// write sets a field that the packet has.
func (k *key) write(f *openflow.Field, v []byte) {
	a := fields[f]
	if a.exists == nil || a.exists(k) {
		a.set(k, v)
	}
}

func bit(b []byte, i int) byte { return b[len(b)-1-i/8] >> (i % 8) & 1 }

// copyBits copies n bits, counted from the least significant.
func copyBits(dst []byte, dstOfs int, src []byte, srcOfs, n int) {
	for i := range n {
		at := len(dst) - 1 - (dstOfs+i)/8
		shift := (dstOfs + i) % 8
		dst[at] = dst[at]&^(1<<shift) | bit(src, srcOfs+i)<<shift
	}
}
