package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

// The members of bench/peers/flood/topology.yaml that others have not.
const (
	scanHost  = "a2"
	floodHost = "b3"
)

// pingSpacing is between two pings of known hosts, and questionSpacing between two
// questions for them.
const (
	pingSpacing     = 10 * time.Millisecond
	questionSpacing = 5 * time.Millisecond
)

// startPlainSwitch makes the switch one that learns MACs and floods the rest.
func startPlainSwitch(_ context.Context, r *measured, _ setup) error {
	r.alive = func() error { return daemonsAlive(r.lab.Dir(), "ovs-vswitchd") }
	_, err := r.lab.Ofctl("add-flow", labSwitch, "actions=normal")
	return err
}

// settleFloodedIsat has everybody known, to isat and to each other.
func settleFloodedIsat(ctx context.Context, r *measured) error {
	if err := settleRouter(ctx, r); err != nil {
		return err
	}
	if err := r.pingOwn(ctx, scanHost, ownerHost); err != nil {
		return err
	}
	r.mover.spacing = pingSpacing
	return r.pingOwn(ctx, otherHost, ownerHost)
}

// settlePlainSwitch likewise. There is no router: who pings is in the same network,
// and sends to the owner itself.
func settlePlainSwitch(ctx context.Context, r *measured) error {
	if err := r.pingOwn(ctx, otherHost, ownerHost); err != nil {
		return err
	}
	owner, err := r.lab.Host(ownerHost)
	if err != nil {
		return err
	}
	p, err := newProber(r.lab, otherHost)
	if err != nil {
		return err
	}
	p.nextHop, p.replyTTL, p.spacing = owner.MAC, hostTTL, pingSpacing
	r.mover = &mover{prober: p}
	return nil
}

// beyondAll is where in the prefix nobody is, and how many addresses that are: the
// rest of a /16 behind the pool, but for the broadcast address.
func (p *pool) beyondAll() (first netip.Addr, count uint32) {
	const last16 = 1<<16 - 1
	begin := uint32(firstFresh + p.size)
	return p.at(p.size).Addr(), last16 - begin
}

// status asks isat for its status. A peer has none.
func (r *measured) status(ctx context.Context, program []string) (s view.Status, err error) {
	if r.isat == nil {
		return s, nil
	}
	args := append(program[:len(program):len(program)], "status", "-o", "json", "--api", r.isat.api)
	out, code, err := r.lab.Exec(ctx, labSwitch, args...)
	if err != nil {
		return s, err
	}
	if code != 0 {
		return s, fmt.Errorf("isat status: exit code %d: %s", code, strings.TrimSpace(out))
	}
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		return s, fmt.Errorf("read isat's status: %w", err)
	}
	return s, nil
}

// cachedFlows reads from what "ovs-appctl upcall/show" prints how many flows the
// datapath has.
func cachedFlows(out string) (int, error) {
	_, rest, ok := strings.Cut(out, "(current ")
	number, _, closed := strings.Cut(rest, ")")
	if !ok || !closed {
		return 0, fmt.Errorf("no number of flows in %q", out)
	}
	return strconv.Atoi(number)
}

// questions has the asker ask for the owner by ARP, one question after the other
// was answered. The times are those of the kernel.
func (r *measured) questions(ctx context.Context, count int) ([]outcome, error) {
	asker, owner, err := r.pair()
	if err != nil {
		return nil, err
	}
	capture, err := r.lab.CaptureOwn(otherHost, "arp")
	if err != nil {
		return nil, err
	}
	defer capture.Close()
	own, target := asker.Addresses[0].Addr(), owner.Addresses[0].Addr()
	question := packet.AppendARP(nil, packet.Broadcast, asker.MAC, false, 0,
		&packet.ARP{Op: packet.ARPRequest, SHA: asker.MAC, SPA: own.As4(), TPA: target.As4()})
	tick := time.NewTicker(questionSpacing)
	defer tick.Stop()
	outcomes := make([]outcome, count)
	for i := range outcomes {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		seen := len(capture.Frames())
		if err := r.lab.Send(otherHost, question); err != nil {
			return nil, err
		}
		outcomes[i] = outcome{target: target, sent: make([]time.Time, 1), got: make([]time.Time, 1)}
		if err := waitOutcome(ctx, capture, func(frames []lab.Frame) (bool, error) {
			return outcomes[i].answered(frames[seen:], question, owner.MAC)
		}); err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

// pair are the host that asks and the one that has what it asks for.
func (r *measured) pair() (asker, owner lab.Host, err error) {
	if asker, err = r.lab.Host(otherHost); err != nil {
		return asker, owner, err
	}
	owner, err = r.lab.Host(ownerHost)
	return asker, owner, err
}

// waitOutcome waits until something is there, or is lost.
func waitOutcome(ctx context.Context, capture *lab.Capture, there func([]lab.Frame) (bool, error)) error {
	waiting, cancel := context.WithTimeout(ctx, lossTimeout)
	defer cancel()
	var wrong error
	_, err := capture.Wait(waiting, func(frames []lab.Frame) bool {
		var ok bool
		ok, wrong = there(frames)
		return ok || wrong != nil
	})
	switch {
	case wrong != nil:
		return wrong
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && waiting.Err() == nil:
		return err
	}
	return nil
}

// answered looks for a question, and for the answer to it by the owner.
func (o *outcome) answered(frames []lab.Frame, question []byte, owner packet.MAC) (bool, error) {
	for _, f := range frames {
		arp, ok := parseARP(f.Data)
		switch {
		case !ok:
		case f.Out && string(f.Data) == string(question):
			o.sent[0] = f.Time
		case !f.Out && arp.Op == packet.ARPReply && arp.SPA == o.target.As4() && !o.sent[0].IsZero():
			if arp.SHA != owner {
				return false, fmt.Errorf("wrong answer: %v is said to be at %v and is at %v", o.target, arp.SHA, owner)
			}
			o.got[0] = f.Time
		}
	}
	return !o.sent[0].IsZero() && !o.got[0].IsZero(), nil
}

func parseARP(data []byte) (a packet.ARP, ok bool) {
	var f packet.Frame
	return a, f.Parse(data) == nil && f.EtherType == packet.EtherTypeARP && a.Parse(f.Payload) == nil
}

// pingEach pings one address after the other, once, as people do, and forgets them.
const pingEach = `for address; do ping -n -q -c 1 -W 3 "$address" >/dev/null; done; ip neigh flush dev eth0`

// firstPings has a host ping others that nobody has heard of, one after the other.
// The time of each is from the first question for it until its reply, both of
// the kernel.
func (r *measured) firstPings(ctx context.Context, targets []netip.Addr) ([]outcome, error) {
	_, owner, err := r.pair()
	if err != nil {
		return nil, err
	}
	capture, err := r.lab.CaptureOwn(otherHost, "arp|icmp")
	if err != nil {
		return nil, err
	}
	defer capture.Close()
	args := []string{"sh", "-c", pingEach, "sh"}
	for _, target := range targets {
		args = append(args, target.String())
	}
	if _, _, err := r.lab.Exec(ctx, otherHost, args...); err != nil {
		return nil, err
	}
	if err := whole(capture, otherHost); err != nil {
		return nil, err
	}
	return matchFirst(capture.Frames(), targets, owner.MAC)
}

// matchFirst finds for each target when it was first asked for, and when it replied.
func matchFirst(frames []lab.Frame, targets []netip.Addr, owner packet.MAC) ([]outcome, error) {
	outcomes := make([]outcome, len(targets))
	place := make(map[netip.Addr]*outcome, len(targets))
	for i, target := range targets {
		outcomes[i] = outcome{target: target, sent: make([]time.Time, 1), got: make([]time.Time, 1)}
		place[target] = &outcomes[i]
	}
	for _, f := range frames {
		if arp, ok := parseARP(f.Data); ok {
			o := place[netip.AddrFrom4(arp.TPA)]
			if o != nil && f.Out && arp.Op == packet.ARPRequest && o.sent[0].IsZero() {
				o.sent[0] = f.Time
			}
			continue
		}
		e, ok := parseEcho(f.Data)
		o := place[e.src]
		switch {
		case !ok || f.Out || !e.reply || o == nil:
		case e.srcMAC != owner:
			return nil, fmt.Errorf("%v replies from %v and is at %v", e.src, e.srcMAC, owner)
		case !o.got[0].IsZero():
			return nil, fmt.Errorf("%v answered one packet twice", e.src)
		default:
			o.got[0] = f.Time
		}
	}
	for i := range outcomes {
		if outcomes[i].sent[0].IsZero() {
			return nil, fmt.Errorf("%s was to ask for %v, and did not", otherHost, outcomes[i].target)
		}
	}
	return outcomes, nil
}
