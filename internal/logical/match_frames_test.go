package logical_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"

	"github.com/isat-sdn/isat/openflow"
)

// frameWriter makes a random frame, and notes what fields Open vSwitch sees in it.
type frameWriter struct {
	*rand.Rand
	fields map[*openflow.Field][]byte
}

func newFrame(r *rand.Rand) (frame []byte, fields map[*openflow.Field][]byte) {
	w := frameWriter{r, make(map[*openflow.Field][]byte)}
	return w.ethernet(), w.fields
}

func (w *frameWriter) set(f *openflow.Field, v ...byte) []byte {
	w.fields[f] = v
	return v
}

func (w *frameWriter) set16(f *openflow.Field, v uint16) []byte {
	return w.set(f, byte(v>>8), byte(v))
}

func (w *frameWriter) mac(f *openflow.Field) []byte {
	mac, err := net.ParseMAC(choose(w.Rand, macValues()))
	if err != nil {
		panic(err)
	}
	return w.set(f, mac...)
}

func (w *frameWriter) address(f *openflow.Field, values []string) []byte {
	return w.set(f, netip.MustParseAddr(choose(w.Rand, values)).AsSlice()...)
}

func (w *frameWriter) byteOf(f *openflow.Field, values ...byte) byte {
	return w.set(f, choose(w.Rand, values))[0]
}

func (w *frameWriter) ethernet() []byte {
	b := append(w.mac(openflow.EthDst), w.mac(openflow.EthSrc)...)
	w.set16(openflow.VLANTCI, 0)
	if w.IntN(3) == 0 {
		tci := choose(w.Rand, []uint16{0, 5, 0x6005, 0x2001, 0xe000, 0xefff})
		b = append(b, 0x81, 0)
		b = binary.BigEndian.AppendUint16(b, tci)
		w.set16(openflow.VLANTCI, tci|0x1000)
	}
	kind := choose(w.Rand, []uint16{0x0800, 0x0800, 0x86dd, 0x86dd, 0x0806, 0x88cc})
	b = append(b, w.set16(openflow.EthType, kind)...)
	switch kind {
	case 0x0800:
		b = append(b, w.ipv4()...)
	case 0x86dd:
		b = append(b, w.ipv6()...)
	case 0x0806:
		b = append(b, w.arp()...)
	}
	return append(b, make([]byte, max(0, 64-len(b)))...)
}

func (w *frameWriter) arp() []byte {
	b := []byte{0, 1, 8, 0, 6, 4, 0, w.byteOf(openflow.ARPOp, 1, 2, 3)}
	w.set(openflow.ARPOp, 0, b[7])
	b = append(append(b, w.mac(openflow.ARPSHA)...), w.address(openflow.ARPSPA, ip4Values())...)
	return append(append(b, w.mac(openflow.ARPTHA)...), w.address(openflow.ARPTPA, ip4Values())...)
}

// trafficClass chooses DSCP and ECN.
func (w *frameWriter) trafficClass() byte {
	return w.byteOf(openflow.IPDSCP, 0, 10, 46)<<2 | w.byteOf(openflow.IPECN, 0, 1, 3)
}

// fragment chooses whether the packet is one: 0 none, 1 the first, 3 a later one.
func (w *frameWriter) fragment() byte { return w.byteOf(openflow.IPFrag, 0, 0, 0, 1, 3) }

func (w *frameWriter) ipv4() []byte {
	b := []byte{0x45, w.trafficClass(), 0, 0, 0, 0, 0, 0, w.byteOf(openflow.IPTTL, 0, 1, 64, 255), w.byteOf(openflow.IPProto, 1, 6, 17, 132), 0, 0}
	frag := w.fragment()
	switch frag {
	case 1:
		b[6] = 0x20
	case 3:
		b[7] = 1
	}
	b = append(append(b, w.address(openflow.IPv4Src, ip4Values())...), w.address(openflow.IPv4Dst, ip4Values())...)
	b = append(b, w.transport(b[9], frag)...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

func (w *frameWriter) ipv6() []byte {
	label := choose(w.Rand, []uint32{0, 1, 0x12345, 0xfffff})
	w.set(openflow.IPv6Label, binary.BigEndian.AppendUint32(nil, label)...)
	b := binary.BigEndian.AppendUint32(nil, 6<<28|uint32(w.trafficClass())<<20|label)
	proto := w.byteOf(openflow.IPProto, 6, 17, 58, 58, 58)
	b = append(b, 0, 0, proto, w.byteOf(openflow.IPTTL, 0, 1, 64, 255, 255, 255))
	b = append(append(b, w.address(openflow.IPv6Src, ip6Values())...), w.address(openflow.IPv6Dst, ip6Values())...)
	frag := w.fragment()
	if frag != 0 {
		b[6] = 44
		offset := [4]byte{1: 1, 3: 8}[frag] // first: more fragments; later: at offset 8
		b = append(b, proto, 0, 0, offset, 0, 0, 0, 1)
	}
	if frag == 3 {
		// Open vSwitch stops at the fragment header there.
		w.set(openflow.IPProto, 44)
	}
	b = append(b, w.transport(proto, frag)...)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
	return b
}

// transport makes the transport header. Open vSwitch reads none of a later fragment: its ports, or
// ICMP type and code, are 0, and it has no TCP flags.
func (w *frameWriter) transport(proto, frag byte) []byte {
	var b []byte
	switch proto {
	case 1:
		b = []byte{w.byteOf(openflow.ICMPv4Type, 0, 3, 8), w.byteOf(openflow.ICMPv4Code, 0, 1), 0, 0, 0, 0, 0, 0}
	case 6:
		b = append(w.ports(openflow.TCPSrc, openflow.TCPDst), make([]byte, 16)...)
		flags := choose(w.Rand, []uint16{0, 2, 0x12, 0xfff})
		w.set16(openflow.TCPFlags, flags)
		b[12], b[13] = 0x50|byte(flags>>8), byte(flags)
	case 17:
		b = append(w.ports(openflow.UDPSrc, openflow.UDPDst), 0, 8, 0, 0)
	case 58:
		b = w.icmp6()
	case 132:
		b = append(w.ports(openflow.SCTPSrc, openflow.SCTPDst), make([]byte, 8)...)
	}
	hidden := []*openflow.Field{openflow.ICMPv4Type, openflow.ICMPv4Code, openflow.TCPSrc, openflow.TCPDst, openflow.UDPSrc, openflow.UDPDst,
		openflow.SCTPSrc, openflow.SCTPDst, openflow.ICMPv6Type, openflow.ICMPv6Code, openflow.TCPFlags}
	for _, f := range hidden {
		if v := w.fields[f]; v != nil && frag == 3 {
			w.fields[f] = make([]byte, len(v))
		}
	}
	return b
}

func (w *frameWriter) ports(src, dst *openflow.Field) []byte {
	values := []uint16{0, 1, 22, 80, 443, 1024, 8080, 65535}
	b := append([]byte(nil), w.set16(src, choose(w.Rand, values))...)
	return append(b, w.set16(dst, choose(w.Rand, values))...)
}

func (w *frameWriter) icmp6() []byte {
	b := []byte{w.byteOf(openflow.ICMPv6Type, 0, 128, 133, 135, 135, 136, 136), w.byteOf(openflow.ICMPv6Code, 0, 0, 0, 1), 0, 0}
	reserved := w.set(openflow.NDReserved, choose(w.Rand, []byte{0, 0x60}), 0, 0, 0)
	b = append(b, reserved...)
	if b[0] != 135 && b[0] != 136 {
		return b
	}
	b = append(b, w.address(openflow.NDTarget, ip6Values())...)
	var zero [6]byte
	w.set(openflow.NDSLL, zero[:]...)
	w.set(openflow.NDTLL, zero[:]...)
	w.set(openflow.NDOptionsType, 0)
	if w.IntN(3) == 0 {
		return b
	}
	option, f := byte(1), openflow.NDSLL
	if b[0] == 136 {
		option, f = 2, openflow.NDTLL
	}
	w.set(openflow.NDOptionsType, option)
	return append(append(b, option, 1), w.mac(f)...)
}
