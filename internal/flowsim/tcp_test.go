package flowsim_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/gopacket/gopacket/layers"

	"github.com/isat-sdn/isat/internal/flowsim"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// TestTCPHeaders sends TCP headers of every length that their data offset can say, with and without
// that much behind it: Open vSwitch reads and writes ports only of a header that is whole.
func TestTCPHeaders(t *testing.T) {
	b := newBench(t)
	var any openflow.Match
	var flows []openflow.FlowMod
	spread := openflow.Multipath{Fields: openflow.HashSymmetricL3L4UDP, Algorithm: openflow.LinkModuloN, MaxLink: 0xfffe, Dst: openflow.Reg2, NBits: 16}
	for _, six := range []bool{false, true} {
		tcp, address := any.U16(openflow.EthType, openflow.EtherTypeIPv4).U8(openflow.IPProto, 6), openflow.SetUint(openflow.IPv4Src, 0x0a090909)
		if six {
			tcp, address = any.U16(openflow.EthType, openflow.EtherTypeIPv6).U8(openflow.IPProto, 6), openflow.SetUint(openflow.IPv6Src, 9)
		}
		change := func(out uint32) openflow.Instructions {
			return openflow.Apply(spread, address, openflow.SetUint(openflow.TCPSrc, 7), openflow.Output{Port: out}, openflow.Controller([]byte{1}))
		}
		flows = append(flows, addFlow(0, 2, tcp.U16(openflow.TCPSrc, 22), change(2)), addFlow(0, 1, tcp, change(3)))
	}
	sim, err := flowsim.New(flows, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.wire.Replace(flows)
	p := ipPacket{dst: packet.MAC{2, 0, 0, 0, 0, 2}, src: packet.MAC{2, 0, 0, 0, 0, 1}, ttl: 64, proto: layers.IPProtocolTCP, ports: [2]uint16{22, 80}}
	for _, addresses := range [][2]string{{"10.0.0.1", "10.0.0.2"}, {"fd00::1", "fd00::2"}} {
		p.from, p.to = addresses[0], addresses[1]
		for words := range 16 {
			for _, behind := range []int{0, 3, 48} {
				frame := p.frame()
				frame = frame[:len(frame)-48+behind]
				header, length := 34, 16
				if addresses[0][0] == 'f' {
					header, length = 54, 18
				}
				binary.BigEndian.PutUint16(frame[length:], binary.BigEndian.Uint16(frame[length:])-48+uint16(behind))
				frame[header+12] = byte(words)<<4 | frame[header+12]&0xf
				if err := difference(sim.Run(frame, 1), b.wire.Send(1, frame)); err != nil {
					t.Error(fmt.Errorf("%s, header of %d bytes, %d there: %w", p.from, 4*words, 20+behind, err))
				}
			}
		}
	}
}
