package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/bench"
	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

// floodLimits leave a flood something to fill.
const floodLimits = `kind: limits
bindingsPerPort: 500
stationsPerPort: 500
`

// A flood of ARP from one port, as fast as one sender can, changes nothing for the
// others: who is known is answered by the switch, who is new is found, and what is
// kept stays within its limits (conformance: L1, L2, L3, L5).
func TestFlood(t *testing.T) {
	topology := lab.Topology{Name: "flood", Switches: []lab.Switch{{Name: "s1"}}}
	for n := 1; n <= 5; n++ {
		topology.Hosts = append(topology.Hosts, lab.Host{Name: fmt.Sprintf("h%d", n), Addresses: []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("10.0.0.%d/8", n))}})
	}
	w := newWorld(t, topology, floodLimits)
	w.must("h4", "ping", "-c", "1", "10.0.0.5")
	w.must("h2", "ping", "-c", "1", "10.0.0.3")
	for n := 2; n <= 5; n++ {
		w.learned("default", fmt.Sprintf("10.0.0.%d", n), "reachable")
	}
	const known, fresh, flooded = 500, 200, 500
	var add strings.Builder
	for n := range fresh {
		fmt.Fprintf(&add, "ip addr add 10.7.0.%d/32 dev eth0\n", n+1)
	}
	w.must("h3", "sh", "-c", add.String())

	start := w.status()
	flood := w.startFlood("h1")
	w.eventually("a flood", func() (bool, string) {
		c := w.status().Counters
		return c["punt-learn"] > start.Counters["punt-learn"]+100, fmt.Sprint(c)
	})
	w.questions("h4", "10.0.0.4", "10.0.0.5", known)
	for n := range fresh {
		w.must("h2", "ping", "-n", "-c", "1", "-W", "10", fmt.Sprintf("10.7.0.%d", n+1))
	}
	w.eventually("a limit that is reached", func() (bool, string) {
		c := w.status().Counters
		return c["station-refused-port"] > 0, fmt.Sprint(c)
	})
	if sent, err := flood.Stop(); err != nil || sent.Frames == 0 {
		t.Fatalf("flood: %+v, %v", sent, err)
	}
	end := w.status()
	if end.Bindings > start.Bindings+flooded+fresh || end.Stations > start.Stations+flooded {
		t.Errorf("%d bindings and %d stations: more than the limits", end.Bindings, end.Stations)
	}
	if end.Memory > start.Memory+64<<20 {
		t.Errorf("memory grew from %d to %d", start.Memory, end.Memory)
	}
}

// startFlood has a host flood as fast as it can.
func (w *world) startFlood(host string) *bench.Sender {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w.t.Cleanup(cancel)
	cmd, err := w.lab.Command(ctx, host, append([]string{binary}, bench.SenderCommand...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	f, err := bench.StartSender(cmd, bench.Traffic{Link: "eth0"})
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// questions asks for a known host so many times, one after the other. No answer
// may be missing.
func (w *world) questions(host, own, target string, times int) {
	w.t.Helper()
	seen, err := w.lab.CaptureOwn(host, "in arp")
	if err != nil {
		w.t.Fatal(err)
	}
	defer seen.Close()
	isAnswer := isARP(packet.ARPReply, target, own)
	for n := range times {
		w.send(host, request(w.mac(host), own, target))
		ctx, cancel := w.context()
		_, err := seen.Wait(ctx, func(all []lab.Frame) bool {
			answers := 0
			for _, f := range all {
				if isAnswer(f) {
					answers++
				}
			}
			return answers > n
		})
		cancel()
		if err != nil {
			w.t.Fatalf("question %d for %s: %v", n+1, target, err)
		}
	}
}
