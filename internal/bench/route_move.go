package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

const (
	// streamInterval is between two packets to an address that moves.
	streamInterval = time.Millisecond
	// streamBefore is how many of them the old host gets before the move.
	streamBefore = 20
	// moveTimeout is how long packets may go the old way after an announcement.
	moveTimeout = 10 * time.Second
)

// mover moves addresses from one host to another, as a bond that fails over to
// its other network card does: another port, another MAC, one announcement.
type mover struct {
	*prober
	from, to string // hosts
	toMAC    packet.MAC
}

// move moves an address and returns how long after the announcement left the new
// host the first routed packet came to its MAC. moved is false if none did
// within moveTimeout.
func (m *mover) move(ctx context.Context, address netip.Prefix) (took time.Duration, moved bool, err error) {
	target := address.Addr()
	before, err := m.lab.Capture(m.from, "in icmp|icmp6")
	if err != nil {
		return 0, false, err
	}
	defer before.Close()
	after, err := m.lab.Capture(m.to, "")
	if err != nil {
		return 0, false, err
	}
	defer after.Close()
	stop := m.stream(ctx, target)
	defer func() { err = errors.Join(err, stop()) }()
	waiting, cancel := context.WithTimeout(ctx, lossTimeout)
	defer cancel()
	if _, err := before.Wait(waiting, func(frames []lab.Frame) bool { return len(frames) >= streamBefore }); err != nil {
		return 0, false, fmt.Errorf("packets to %v at its old place: %w", target, err)
	}
	if err := m.readdress(ctx, address); err != nil {
		return 0, false, err
	}
	if err := m.lab.Send(m.to, m.announcement(target)); err != nil {
		return 0, false, err
	}
	return m.firstRouted(ctx, after, target)
}

// stream sends echo requests until stop is called.
func (m *mover) stream(ctx context.Context, target netip.Addr) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	var sending sync.WaitGroup
	var failed error
	sending.Go(func() {
		tick := time.NewTicker(streamInterval)
		defer tick.Stop()
		for seq := 0; ; seq++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if failed = m.lab.Send(m.host, m.request(target, seq)); failed != nil {
				return
			}
		}
	})
	return func() error {
		cancel()
		sending.Wait()
		return failed
	}
}

// readdress takes the address from the old host and gives it to the new one.
// Neither kernel says anything about it (net.ipv4.conf.*.arp_notify is 0).
func (m *mover) readdress(ctx context.Context, address netip.Prefix) error {
	del := []string{"ip", "addr", "del", address.String(), "dev", "eth0"}
	add := []string{"ip", "addr", "add", address.String(), "dev", "eth0"}
	if address.Addr().Is6() {
		add = append(add, "nodad")
	}
	for _, step := range []struct {
		host    string
		command []string
	}{{m.from, del}, {m.to, add}} {
		out, code, err := m.lab.Exec(ctx, step.host, step.command...)
		if err != nil {
			return err
		}
		if code != 0 {
			return fmt.Errorf("move %v: ip on %s: %s", address, step.host, out)
		}
	}
	return nil
}

// announcement is a gratuitous ARP request (RFC 5227 §1.1: an ARP announcement),
// or an unsolicited neighbour advertisement that overrides (RFC 4861 §7.2.6).
func (m *mover) announcement(target netip.Addr) []byte {
	if target.Is4() {
		return packet.AppendARP(nil, packet.Broadcast, m.toMAC, false, 0,
			&packet.ARP{Op: packet.ARPRequest, SHA: m.toMAC, SPA: target.As4(), TPA: target.As4()})
	}
	all, own := packet.AllNodes(), target.As16()
	return packet.AppendNA(nil, packet.MulticastMAC(all), m.toMAC, false, 0, own, all, own, m.toMAC, false, false, true)
}

// firstRouted waits for the first packet of the stream at the new host.
func (m *mover) firstRouted(ctx context.Context, capture *lab.Capture, target netip.Addr) (time.Duration, bool, error) {
	waiting, cancel := context.WithTimeout(ctx, moveTimeout)
	defer cancel()
	var announced, routed time.Time
	look := func(frames []lab.Frame) bool {
		announced, routed = m.times(frames, target)
		return !routed.IsZero()
	}
	_, err := capture.Wait(waiting, look)
	switch {
	case ctx.Err() != nil:
		return 0, false, context.Cause(ctx)
	case err != nil && !errors.Is(waiting.Err(), context.DeadlineExceeded):
		return 0, false, err
	case announced.IsZero():
		return 0, false, fmt.Errorf("the capture on %s misses the announcement of %v", m.to, target)
	}
	return routed.Sub(announced), !routed.IsZero(), nil
}

// times finds when the announcement left, and when the first packet came after it.
func (m *mover) times(frames []lab.Frame, target netip.Addr) (announced, routed time.Time) {
	announcement := string(m.announcement(target))
	for _, f := range frames {
		if f.Out && announced.IsZero() && string(f.Data) == announcement {
			announced = f.Time
		}
		e, ok := parseEcho(f.Data)
		if ok && !f.Out && !announced.IsZero() && !e.reply && e.dst == target && e.dstMAC == m.toMAC && e.ttl == routedTTL {
			return announced, f.Time
		}
	}
	return announced, time.Time{}
}
