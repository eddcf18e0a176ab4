package bench

import (
	"fmt"
	"net/netip"
	"sync/atomic"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// answering are hosts that answer when they are asked by unicast.
type answering struct {
	learn, reply punt         // the copy because the sender is not known, and the answer itself
	count        atomic.Int64 // answers
}

// letAnswer has the hosts of a switch answer the controller's questions.
func (f *fakeSwitch) letAnswer() *answering {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := &answering{learn: f.learn, reply: newPunt(pipeline.ReasonReply)}
	f.hear = a.asked
	return a
}

// asked has a host answer the packet-out that asks it. Its owner's flow is not
// there, so it is heard as an unknown sender, too.
func (a *answering) asked(f *fakeSwitch, message []byte) error {
	at := actionsAt + int(be.Uint16(message[actionsLenAt:]))
	var frame packet.Frame
	var request packet.ARP
	if at > len(message) || frame.Parse(message[at:]) != nil || request.Parse(frame.Payload) != nil || request.Op != packet.ARPRequest {
		return fmt.Errorf("not a question to a host: %s", describe(message))
	}
	i := int(be.Uint32(request.TPA[:]) & 0xffffff)
	if i >= f.hosts.count || f.hosts.switchOf(i) != f.index || frame.Dst != f.hosts.mac(i) {
		return fmt.Errorf("not a question to the owner of %v alone: %s", netip.AddrFrom4(request.TPA), describe(message))
	}
	for _, p := range []*punt{&a.learn, &a.reply} {
		start := len(f.out)
		f.out = p.append(f.out, f.hosts.port(i), f.hosts.mac(i), f.hosts.ip(i), request.SPA)
		answer := f.out[start+p.frame:]
		copy(answer, request.SHA[:])
		be.PutUint16(answer[frameOp:], packet.ARPReply)
		copy(answer[frameTHA:], request.SHA[:])
	}
	a.count.Add(1)
	return nil
}

// silent takes away the owners' flows of the hosts from..to-1 that are behind the
// switch, as if they had sent nothing for the flows' idle time.
func (f *fakeSwitch) silent(from, to int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := from; i < to; i++ {
		if f.hosts.switchOf(i) != f.index {
			continue
		}
		b := binding.Binding{Key: binding.NewKey(binding.Segment{Network: network}, netip.AddrFrom4(f.hosts.ip(i))),
			MAC: f.hosts.mac(i), Origin: binding.ARP, State: binding.Reachable}
		flow, _ := pipeline.OwnerFlow(&b)
		if err := f.flowMod(openflow.DeleteInPlace(openflow.Append(nil, 0, &flow))); err != nil {
			return err
		}
		f.out = openflow.Append(f.out, 0, &openflow.FlowRemoved{Cookie: flow.Cookie, Priority: flow.Priority,
			Reason: openflow.RemovedIdleTimeout, TableID: flow.TableID, IdleTimeout: uint16((benchAge / 2).Seconds()), Duration: benchAge / 2, Match: flow.Match})
	}
	if f.err != nil {
		return f.err
	}
	return f.flush()
}
