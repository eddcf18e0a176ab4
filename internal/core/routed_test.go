package core

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// ipFrame is an IP packet with a number for its contents. Neither header has more in it than what
// the core looks at.
func ipFrame(dst, src packet.MAC, from, to netip.Addr, number byte) []byte {
	b := append(append([]byte(nil), dst[:]...), src[:]...)
	if from.Is4() {
		header := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 63, 253, 0, 0}
		header = append(append(header, from.AsSlice()...), to.AsSlice()...)
		binary.BigEndian.PutUint16(header[2:], 28)
		sum := uint32(0)
		for i := 0; i < len(header); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(header[i:]))
		}
		binary.BigEndian.PutUint16(header[10:], ^uint16(sum>>16+sum&0xffff))
		b = append(append(b, 0x08, 0x00), header...)
	} else {
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 253, 63)
		b = append(append(b, from.AsSlice()...), to.AsSlice()...)
	}
	return append(b, 0, 0, 0, 0, 0, 0, 0, number)
}

// routedCommand pauses packets as the table request does. The words are HOST FROM TO ROUTER NETWORK
// NUMBER..., see testdata/README.
func (p *player) routedCommand(words []string) {
	mac, sw, port := p.sender(words[0])
	from, to := netip.MustParseAddr(words[1]), netip.MustParseAddr(words[2])
	router, ok := p.core.intent.RouterByName(words[3])
	egress, ok2 := p.core.intent.ByName(words[4])
	if !ok || !ok2 {
		p.fail("no such router or network")
	}
	key := binding.NewKey(binding.Segment{Network: egress.Number}, to)
	silent := pipeline.SilentFlow(key, 1)
	for _, word := range words[5:] {
		number, _ := strconv.ParseUint(word, 10, 8)
		if sw.has(silent) || sw.has(pipeline.RefusedFlow(key, binding.NewPortKey(port, 0))) {
			p.tell(fmt.Sprintf("%s drops packet %d", sw.Name(), number))
			continue
		}
		segment, at, _, _ := p.classify(sw, port, 0)
		out, _ := router.InterfaceOn(egress.Number)
		p.tell(fmt.Sprintf("%s pauses packet %d", sw.Name(), number))
		p.step(pausedEvent(sw, at, pipeline.Waiting{Key: key, Router: router.Number, From: segment.Network},
			pipeline.ReasonHold, ipFrame(mac, out.MAC, from, to, byte(number))))
	}
}

// pausedEvent is a packet that a switch pauses.
func pausedEvent(sw *modelSwitch, at binding.PortKey, waiting pipeline.Waiting, reason pipeline.Reason, frame []byte) Paused {
	view := openflow.PacketIn2{Userdata: []byte{byte(reason)}, Packet: frame, BufferID: openflow.NoBuffer, Continuation: []byte("rest"),
		Metadata: openflow.Match{}.U64(openflow.Metadata, uint64(waiting.Key.Network))}
	return Paused{Switch: sw.ID, Port: at, Limit: reason == pipeline.ReasonRateLimit, Waiting: waiting, Resume: openflow.Append(nil, 0, &openflow.Resume{PacketIn2: view}), Frame: frame}
}

// solicitCommand sends a router solicitation: HOST FROM.
func (p *player) solicitCommand(words []string) {
	mac, sw, port := p.sender(words[0])
	segment, at, _, _ := p.classify(sw, port, 0)
	group := netip.MustParseAddr("ff02::2").As16()
	from := netip.MustParseAddr(words[1]).As16()
	message := []byte{packet.NDRouterSolicitation, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint16(message[2:], packet.ICMPv6Checksum(from, group, message))
	to := packet.MulticastMAC(group)
	frame := append(append(append([]byte(nil), to[:]...), mac[:]...), 0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 58, 255)
	frame = append(append(append(frame, from[:]...), group[:]...), message...)
	p.step(Punt{Switch: sw.ID, Reason: pipeline.ReasonSolicitation, Segment: segment, Port: at, Frame: frame})
}

// composeCommand has a packet made for a logical flow: KIND HOST FROM TO.
func (p *player) composeCommand(words []string) {
	mac, sw, port := p.sender(words[1])
	ops := map[string]logical.Op{"arp": logical.OpComposeARP, "icmp4": logical.OpComposeICMP4, "icmp6": logical.OpComposeICMP6, "nd_ns": logical.OpComposeNS}
	frame := ipFrame(hostMAC(200), mac, netip.MustParseAddr(words[2]), netip.MustParseAddr(words[3]), 1)
	p.step(Composed{Switch: sw.ID, InPort: port, Frame: frame, Make: pipeline.Composition{Op: ops[words[0]],
		Actions: pipeline.FloodActions(nil, binding.Segment{Network: 1})}})
}

// ipLine describes a packet that is neither ARP nor neighbour discovery.
func ipLine(frame []byte) (string, bool) {
	var f packet.Frame
	if f.Parse(frame) != nil {
		return "", false
	}
	b := f.Payload
	switch {
	case f.EtherType == 0x0800 && len(b) >= 28 && b[9] == 1:
		return fmt.Sprintf("icmp %d/%d from %s to %s", b[20], b[21], netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))), true
	case f.EtherType == packet.EtherTypeIPv6 && len(b) >= 48 && b[6] == 58 && b[40] == packet.NDRouterAdvertisement:
		return fmt.Sprintf("ra from %s to %s, lifetime %d s", netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40])),
			binary.BigEndian.Uint16(b[46:])), true
	case f.EtherType == packet.EtherTypeIPv6 && len(b) >= 48 && b[6] == 58 && b[40] < 128:
		return fmt.Sprintf("icmp6 %d/%d from %s to %s", b[40], b[41], netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))), true
	}
	return "", false
}

// routedOut tells of a packet-out that is routed: what addresses its actions give it, and where it
// goes then.
func (w *world) routedOut(sw *modelSwitch, m *openflow.PacketOut) bool {
	last, ok := m.Actions[len(m.Actions)-1].(openflow.Resubmit)
	if !ok || pipeline.Table(last.Table) != pipeline.Routing {
		return false
	}
	line, _ := ipLine(m.Data)
	w.tell(fmt.Sprintf("%s routes %s, as %s", sw.Name(), line, strings.ReplaceAll(openflow.FormatActions(m.Actions[:len(m.Actions)-1]), ",", " ")))
	return true
}
