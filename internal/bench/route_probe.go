package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

const (
	// probeSpacing is between the first packets to two addresses: each is to meet
	// a system at rest, and no rate limit.
	probeSpacing = 50 * time.Millisecond
	// lossTimeout is how long after the last packet a reply may come. What comes
	// later is as good as lost, to whoever waits for it.
	lossTimeout = 3 * time.Second
)

// prober sends echo requests from a host of a lab, and finds the replies.
type prober struct {
	lab      *lab.Lab
	host     string
	mac      packet.MAC // of the host
	nextHop  packet.MAC // the router, or the target itself
	replyTTL uint8      // that a right reply has
	spacing  time.Duration
	ip4      netip.Addr // of the host
	ip6      netip.Addr
	id       uint16 // of the last requests
}

// newProber is a prober that has yet to be told its next hop, a router.
func newProber(l *lab.Lab, name string) (*prober, error) {
	host, err := l.Host(name)
	if err != nil {
		return nil, err
	}
	p := &prober{lab: l, host: name, mac: host.MAC, replyTTL: routedTTL, spacing: probeSpacing}
	for _, prefix := range host.Addresses {
		if a := prefix.Addr(); a.Is4() {
			p.ip4 = a
		} else {
			p.ip6 = a
		}
	}
	return p, nil
}

// outcome is what became of the echo requests to one address.
type outcome struct {
	target netip.Addr
	sent   []time.Time // when the request with this number left the host
	got    []time.Time // when its reply came; zero for none
}

// lost counts the requests without a reply.
func (o *outcome) lost() (n int) {
	for _, got := range o.got {
		if got.IsZero() {
			n++
		}
	}
	return n
}

// roundTrips returns the times of those that were answered.
func (o *outcome) roundTrips() (list []time.Duration) {
	for i, got := range o.got {
		if !got.IsZero() {
			list = append(list, got.Sub(o.sent[i]))
		}
	}
	return list
}

// source is the host's own address of another one's family.
func (p *prober) source(target netip.Addr) netip.Addr {
	if target.Is6() {
		return p.ip6
	}
	return p.ip4
}

func (p *prober) request(target netip.Addr, seq int) []byte {
	return echo{dstMAC: p.nextHop, srcMAC: p.mac, src: p.source(target), dst: target, ttl: hostTTL, id: p.id, seq: uint16(seq)}.appendTo(nil)
}

// probe sends n requests to each address, back to back, one address after the
// other, and waits for the replies. Both times are the kernel's, on the host's
// link, so that what this process does is in none of them. A reply with another
// TTL than it should have, or one that comes twice, is an error.
func (p *prober) probe(ctx context.Context, targets []netip.Addr, n int) ([]outcome, error) {
	capture, err := p.lab.CaptureOwn(p.host, "icmp|icmp6")
	if err != nil {
		return nil, err
	}
	defer capture.Close()
	p.id++
	tick := time.NewTicker(p.spacing)
	defer tick.Stop()
	frames := make([][]byte, n)
	for i, target := range targets {
		if i > 0 {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		for seq := range frames {
			frames[seq] = p.request(target, seq)
		}
		for _, frame := range frames {
			if err := p.lab.Send(p.host, frame); err != nil {
				return nil, err
			}
		}
	}
	return p.collect(ctx, capture, targets, n)
}

// collect waits until every reply is there, or as long as it makes sense.
func (p *prober) collect(ctx context.Context, capture *lab.Capture, targets []netip.Addr, n int) ([]outcome, error) {
	waiting, cancel := context.WithTimeout(ctx, lossTimeout)
	defer cancel()
	answered := func(frames []lab.Frame) bool { return p.countReplies(frames) >= len(targets)*n }
	frames, err := capture.Wait(waiting, answered)
	if err != nil && !errors.Is(waiting.Err(), context.DeadlineExceeded) {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := whole(capture, p.host); err != nil {
		return nil, err
	}
	return p.match(frames, targets, n)
}

// whole says what a capture misses.
func whole(capture *lab.Capture, host string) error {
	dropped, err := capture.Dropped()
	if err != nil {
		return err
	}
	if dropped > 0 {
		return fmt.Errorf("the capture on %s dropped %d frames", host, dropped)
	}
	return nil
}

func (p *prober) countReplies(frames []lab.Frame) (n int) {
	for _, f := range frames {
		if e, ok := parseEcho(f.Data); ok && !f.Out && e.reply && e.id == p.id {
			n++
		}
	}
	return n
}

// match finds for each request when it left and when its reply came.
func (p *prober) match(frames []lab.Frame, targets []netip.Addr, n int) ([]outcome, error) {
	outcomes := make([]outcome, len(targets))
	place := make(map[netip.Addr]int, len(targets))
	for i, target := range targets {
		outcomes[i] = outcome{target: target, sent: make([]time.Time, n), got: make([]time.Time, n)}
		place[target] = i
	}
	for _, f := range frames {
		e, ok := parseEcho(f.Data)
		if !ok || e.id != p.id || f.Out == e.reply || int(e.seq) >= n {
			continue
		}
		remote := e.dst
		if e.reply {
			remote = e.src
		}
		i, ok := place[remote]
		if !ok {
			continue
		}
		o := &outcomes[i]
		switch {
		case !e.reply:
			o.sent[e.seq] = f.Time
		case e.ttl != p.replyTTL:
			return nil, fmt.Errorf("the reply of %v has TTL %d instead of %d: its way was another one", remote, e.ttl, p.replyTTL)
		case !o.got[e.seq].IsZero():
			return nil, fmt.Errorf("%v answered packet %d twice", remote, e.seq+1)
		default:
			o.got[e.seq] = f.Time
		}
	}
	for i := range outcomes {
		if slices.ContainsFunc(outcomes[i].sent, time.Time.IsZero) {
			return nil, fmt.Errorf("the capture on %s misses a packet to %v", p.host, outcomes[i].target)
		}
	}
	return outcomes, nil
}
