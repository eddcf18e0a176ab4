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

// prober sends echo requests from a host of a lab through its router, and finds
// the replies.
type prober struct {
	lab    *lab.Lab
	host   string
	mac    packet.MAC // of the host
	router packet.MAC
	ip4    netip.Addr // of the host
	ip6    netip.Addr
	id     uint16 // of the last requests
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

func (p *prober) request(target netip.Addr, seq int) []byte {
	source := p.ip4
	if target.Is6() {
		source = p.ip6
	}
	return echo{dstMAC: p.router, srcMAC: p.mac, src: source, dst: target, ttl: hostTTL, id: p.id, seq: uint16(seq)}.appendTo(nil)
}

// probe sends n requests to each address, back to back, one address after the
// other, and waits for the replies. Both times are the kernel's, on the host's
// link, so that what this process does is in none of them. A reply that was not
// routed exactly once, or comes twice, is an error.
func (p *prober) probe(ctx context.Context, targets []netip.Addr, n int) ([]outcome, error) {
	capture, err := p.lab.Capture(p.host, "icmp|icmp6")
	if err != nil {
		return nil, err
	}
	defer capture.Close()
	p.id++
	tick := time.NewTicker(probeSpacing)
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
	if dropped, err := capture.Dropped(); err != nil || dropped > 0 {
		return nil, errors.Join(fmt.Errorf("the capture on %s dropped %d frames", p.host, dropped), err)
	}
	return p.match(frames, targets, n)
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
		case e.ttl != routedTTL:
			return nil, fmt.Errorf("the reply of %v has TTL %d: it was not routed once, for which it would have %d", remote, e.ttl, routedTTL)
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
