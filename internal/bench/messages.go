package bench

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

var be = binary.BigEndian

// Where a frame with ARP in it has its fields (RFC 826).
const (
	frameSrc = 6
	frameOp  = 20
	frameSHA = 22
	frameSPA = 28
	frameTHA = 32
	frameTPA = 38
)

// punt is a packet-in as Open vSwitch sends it for one of the pipeline's
// reasons, in which the fields that differ from host to host can be set. It is
// encoded once: the load generator must not be what is measured.
type punt struct {
	message []byte
	inPort  int // where the fields stand in the message
	regs    [8]int
	frame   int
}

// What the flags register holds besides the reason: at a search, that the operands
// of compare, which are the sender's address and the target's, differ; at a copy,
// that the sender states an address, that nothing is known of it, and that so its
// MAC is not the one that was found.
const (
	flagsSearch = 1 << 4
	flagsLearn  = 1<<5 | 1<<4
)

// newPunt encodes a packet-in with userdata for a reason, in the order and with
// the metadata that Open vSwitch gives it in the table where that punt is made:
// the ingress port, the key of the last lookup in reg0, the port key in reg1,
// the sender's MAC in xreg2, the operands of compare in reg6 and reg7, the flags
// in reg8, and the segment in the metadata. Registers that are zero are absent.
func newPunt(reason pipeline.Reason) punt {
	// Each variable field has a value of its own here, by which it is found in
	// the encoded message.
	marker := func(n int) uint32 { return 0xf1e2d300 | uint32(n) }
	registers := []*openflow.Field{openflow.Reg0, openflow.Reg1, nil, nil, openflow.Reg4, openflow.Reg5, openflow.Reg6, openflow.Reg7}
	flags := uint32(flagsSearch)
	if reason == pipeline.ReasonLearn {
		registers = registers[:7] // compare had the high half of the MAC, and no other
		flags = flagsLearn
	}
	flags |= uint32(reason) << 16
	metadata := openflow.Match{}.U32(openflow.InPort, marker(8)).U64(openflow.Metadata, network).U32(openflow.Reg8, flags)
	for i, r := range registers {
		if r != nil {
			metadata = metadata.U32(r, marker(i))
		}
	}
	table, cookie := puntFlow(reason)
	frame := packet.AppendARP(nil, packet.Broadcast, packet.MAC{}, false, 0, &packet.ARP{Op: packet.ARPRequest})
	p := punt{message: openflow.Append(nil, 0, &openflow.PacketIn2{
		Packet: frame, BufferID: openflow.NoBuffer, TableID: table, Cookie: cookie,
		Reason: openflow.ReasonAction, Metadata: metadata, Userdata: []byte{byte(reason)},
	})}
	find := func(b []byte) int {
		at := bytes.Index(p.message, b)
		if at < 0 {
			panic(fmt.Sprintf("bench: %x is not in the packet-in", b))
		}
		return at
	}
	p.frame = find(frame)
	p.inPort = find(be.AppendUint32(nil, marker(8)))
	for i, r := range registers {
		if r != nil {
			p.regs[i] = find(be.AppendUint32(nil, marker(i)))
		}
	}
	return p
}

// puntFlow finds the flow that punts for a reason, as the pipeline makes it. Where
// each port has one it is that of port 1: the controller does not look at it.
func puntFlow(reason pipeline.Reason) (table uint8, cookie uint64) {
	port := fabric.Attachment{Network: network, Key: binding.NewPortKey(1, 0), Port: 1, Name: "p1"}
	flows := pipeline.NewProgram(intent.Default()).Base([]fabric.Attachment{port}).Flows
	slices.SortFunc(flows, func(a, b openflow.FlowMod) int { return cmp.Compare(a.TableID, b.TableID) })
	for _, f := range flows {
		for _, a := range f.Instructions.Apply {
			if c, ok := a.(openflow.Controller2); ok && bytes.Equal(c.Userdata, []byte{byte(reason)}) {
				return f.TableID, f.Cookie
			}
		}
	}
	panic(fmt.Sprintf("bench: no flow punts for %v", reason))
}

// append appends the packet-in for a request by a host at a port.
func (p *punt) append(b []byte, at binding.PortKey, mac packet.MAC, sender, target [4]byte) []byte {
	start := len(b)
	b = append(b, p.message...)
	m := b[start:]
	be.PutUint32(m[p.inPort:], pipeline.PortNumber(at))
	be.PutUint32(m[p.regs[1]:], uint32(at))
	be.PutUint32(m[p.regs[4]:], uint32(be.Uint16(mac[:])))
	copy(m[p.regs[5]:], mac[2:])
	if p.regs[7] != 0 { // the operands of compare: the key is the target's
		copy(m[p.regs[6]:], sender[:])
		copy(m[p.regs[7]:], target[:])
		copy(m[p.regs[0]:], target[:])
	} else {
		be.PutUint32(m[p.regs[6]:], uint32(be.Uint16(mac[:])))
		copy(m[p.regs[0]:], sender[:])
	}
	frame := m[p.frame:]
	copy(frame[frameSrc:], mac[:])
	copy(frame[frameSHA:], mac[:])
	copy(frame[frameSPA:], sender[:])
	copy(frame[frameTPA:], target[:])
	return b
}

// answer is the packet-out that answers a request, from the actions on: the
// only right one.
type answer struct {
	body  []byte
	key   int // where the port key stands
	frame int
	floor bool // the floor has no MAC to answer with: it swaps those of the request
}

// Where a packet-out has the length of its actions, and the actions themselves
// (OpenFlow 1.3.5 §7.3.7).
const (
	actionsLenAt = 16
	actionsAt    = 24
)

func newAnswer(floor bool) answer {
	const marker = 0xf1e2d3c4
	actions := pipeline.AppendDeliver(nil, marker)
	frame := packet.AppendARP(nil, packet.MAC{}, packet.Broadcast, false, 0, &packet.ARP{Op: packet.ARPReply})
	message := openflow.AppendPacketOut(nil, 0, openflow.PortController, actions, frame)
	body := message[actionsLenAt:]
	return answer{
		body: body, key: bytes.Index(body, be.AppendUint32(nil, marker)), frame: len(body) - len(frame), floor: floor,
	}
}

// set makes it the answer to the question of asker for target.
func (a *answer) set(h hosts, asker, target int) {
	be.PutUint32(a.body[a.key:], uint32(h.port(asker)))
	frame := a.body[a.frame:]
	to, from := h.mac(asker), h.ip(asker)
	copy(frame, to[:])
	copy(frame[frameTHA:], to[:])
	copy(frame[frameTPA:], from[:])
	ip := h.ip(target)
	copy(frame[frameSPA:], ip[:])
	if !a.floor {
		owner := h.mac(target)
		copy(frame[frameSrc:], owner[:])
		copy(frame[frameSHA:], owner[:])
	}
}

// is says whether a packet-out is the answer.
func (a *answer) is(message []byte) bool {
	return len(message) == actionsLenAt+len(a.body) && bytes.Equal(message[actionsLenAt:], a.body)
}

// describe tells of a packet-out what an answer is judged by.
func describe(message []byte) string {
	_, m, err := openflow.Decode(message)
	if err != nil {
		return err.Error()
	}
	out, ok := m.(*openflow.PacketOut)
	if !ok {
		return m.Type().String()
	}
	var frame packet.Frame
	var arp packet.ARP
	if frame.Parse(out.Data) != nil || arp.Parse(frame.Payload) != nil {
		return fmt.Sprintf("a packet-out of %x", out.Data)
	}
	return fmt.Sprintf("op %d, %v is at %v, to %v (frame from %v to %v), actions %x", arp.Op,
		netip.AddrFrom4(arp.SPA), arp.SHA, netip.AddrFrom4(arp.TPA), frame.Src, frame.Dst,
		openflow.AppendActions(nil, out.Actions...))
}
