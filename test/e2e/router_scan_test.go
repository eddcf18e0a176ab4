package e2e

import (
	"fmt"
	"testing"
	"time"
)

// A scan through the router: what is held stays within its bounds, and those who
// are known do not notice: none of their packets is lost, or goes by way of the
// controller (conformance: L2, L5).
func TestRouterScan(t *testing.T) {
	topology, intent := joined("route-scan", 2, 2)
	w := newWorld(t, topology, intent)
	targets, pairs := w.everyPair()
	w.checkPings(w.pingOnce(targets), pairs, routersBetween(1))
	w.confirm()
	start := w.status()
	scan := scanner{world: w}
	pinged, scanned := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(scanned)
		scan.run(pinged)
	}()
	w.eventually("a search that is refused", func() (bool, string) {
		c := w.status().Counters
		return c["search-refused-port"] > 0, fmt.Sprint(c)
	})
	ctx, cancel := w.context()
	defer cancel()
	if err := w.everyPing(ctx, "a2", site(2).ip4(2), "0.01", 400); err != nil {
		t.Error(err)
	}
	close(pinged)
	<-scanned
	if scan.err != nil {
		t.Fatal(scan.err)
	}
	c := w.status().Counters
	const perPort, perNextHop = 64, 64
	t.Logf("%d packets were sent, %d reached the controller, %d were refused; most held at once: %d", scan.sent,
		c["punt-hold"]-start.Counters["punt-hold"], c["held-refused"], scan.held)
	if scan.held > perPort*perNextHop {
		t.Errorf("%d packets were held at once", scan.held)
	}
	// Nobody answers the scan: what was resumed can only be a known host's.
	if n := c["held-resumed"] - start.Counters["held-resumed"]; n != 0 {
		t.Errorf("%d packets of known hosts went by way of the controller", n)
	}
	w.eventually("nothing held any more", func() (bool, string) {
		s := w.status()
		return inFlight(s.Counters) == 0 && s.Searches == 0, fmt.Sprint(s)
	})
	end := w.status()
	t.Logf("memory before the scan %d KiB, after it %d KiB", start.Memory>>10, end.Memory>>10)
	if end.Memory > start.Memory+48<<20 {
		t.Errorf("memory grew from %d to %d", start.Memory, end.Memory)
	}
	// Those who are known still are, and nobody else is.
	w.checkPings(w.pingOnce(targets), pairs, routersBetween(1))
	if list := w.bindings("b", ""); len(list) != 2*3+3 {
		t.Errorf("%d bindings in b: %v", len(list), list)
	}
}

// scanner sends from a1 to every address of b's IPv4 prefix, and to as many of
// the IPv6 one, over and over.
type scanner struct {
	*world
	sent int
	held int // most packets that were held at once
	err  error
}

// run scans until done, at 3200 packets per second.
func (s *scanner) run(done <-chan struct{}) {
	const burst, interval, look = 16, 5 * time.Millisecond, 20
	g := guest{mac: s.mac("a1"), ip: site(1).ip4(1), ip6: site(1).ip6(1)}
	mac := s.routerMAC(1)
	pace := time.NewTicker(interval)
	defer pace.Stop()
	for n := 0; s.err == nil; n++ {
		select {
		case <-done:
			return
		case <-pace.C:
		}
		for range burst {
			host := s.sent / 2 % 254
			to := fmt.Sprintf("10.1.2.%d", host+1)
			if s.sent%2 == 1 {
				to = fmt.Sprintf("fd00:2::1:%x", host+1)
			}
			if s.err = s.lab.Send("a1", udp(g, mac, to, "scan").frame()); s.err != nil {
				return
			}
			s.sent++
		}
		if n%look == 0 {
			s.look()
		}
	}
}

func (s *scanner) look() {
	ctx, cancel := s.context()
	defer cancel()
	status, err := s.client.Status(ctx)
	if s.err = err; err == nil {
		s.held = max(s.held, inFlight(status.Counters))
	}
}
