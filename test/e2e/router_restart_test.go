package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// A restarted controller finds a router's world as it left it: no flow changes,
// and no routed packet is lost. Without a controller known hosts are routed.
func TestRouterRestart(t *testing.T) {
	t.Parallel()
	topology, intent := joined("route-restart", 2, 2)
	intent += "routes:\n  - {prefix: 10.7.0.0/24, via: [10.1.2.11, 10.1.2.12]}\n"
	intent += "---\nkind: policy\nname: no-telnet\ntable: l2\npriority: 10\nmatch: tcp && tcp.dst == 23\nactions: drop;\n"
	w := newWorld(t, topology, intent)
	targets, pairs := w.everyPair()
	w.checkPings(w.pingOnce(targets), pairs, routersBetween(1))
	w.confirm()
	known, before := names(w), w.flows("s1")

	w.restartUnderTraffic(len(before))
	if diff := difference(before, w.flows("s1")); diff != "" {
		t.Errorf("flows changed:\n%s", diff)
	}
	if got := names(w); !slices.Equal(got, known) {
		t.Errorf("known after the restart: %v\nbefore: %v", got, known)
	}
	w.run("nothing-is-punted", func(w *world) {
		counters := w.status().Counters
		w.checkPings(w.pingOnce(targets), pairs, routersBetween(1))
		w.unpunted(counters)
	})
	w.run("without-a-controller", func(w *world) {
		w.isat.kill()
		for _, h := range topology.Hosts {
			w.must(h.Name, "ip", "neigh", "flush", "all") // the switch answers for the router, too
		}
		w.checkPings(w.pingOnce(targets), pairs, routersBetween(1))
		// When the leases have run out, nothing has changed for those who are known.
		killed := time.Now()
		w.eventually("leases that ran out", func() (bool, string) {
			left := strings.Join(w.flows("s1"), "\n")
			return !strings.Contains(left, "hard_timeout=15"), left
		})
		w.t.Logf("the leases ran out after %v", time.Since(killed).Round(time.Second))
		w.checkPings(w.pingOnce(targets), pairs, routersBetween(1))
		w.checkPings(w.pingOnce(map[string][]string{"a1": {"10.1.2.1", "fd00:2::1"}}), 2, func(ping) int { return 64 - 255 })
		w.start(w.listen)
		w.synced()
	})
}

// restartUnderTraffic kills isat and starts it again while a1 pings b1, and
// checks that no ping was lost and no flow of the switch's was sent again.
func (w *world) restartUnderTraffic(flows int) {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	pings := make(chan error, 2)
	for _, ip := range []string{site(2).ip4(1), site(2).ip6(1)} {
		go func() { pings <- w.everyPing(ctx, "a1", ip, "0.05", 150) }()
	}
	monitor := w.monitor(ctx)
	w.isat.kill()
	w.start(w.listen)
	w.synced()
	if sync := w.switches()[0].Changes; sync.Added+sync.Changed+sync.Removed+sync.Groups+sync.Meters != 0 || sync.Kept != flows {
		w.t.Errorf("a restart changed the switch, which had %d flows: %+v", flows, sync)
	}
	for range 2 {
		if err := <-pings; err != nil {
			w.t.Error(err)
		}
	}
	if changes := monitor(); changes != "" {
		w.t.Errorf("the switch saw flow changes:\n%s", changes)
	}
}
