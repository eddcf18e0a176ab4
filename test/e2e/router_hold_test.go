package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/isat-sdn/isat/internal/lab"
)

// What is sent before a next hop is known waits for it.
func TestRouterHolds(t *testing.T) {
	t.Parallel()
	topology, intent := joined("route-hold", 2, 2)
	w := newWorld(t, topology, intent)
	w.run("five-at-once", fiveAtOnce)
	w.run("two-senders", heldForOne)
	w.run("fragments", heldFragments)
	w.args = []string{"--hold-packets", "4"}
	w.isat.kill()
	w.start(w.listen)
	w.synced()
	w.run("oldest-goes-first", oldestGoesFirst)
	w.args = []string{"--hold-time", "500ms"}
	w.isat.kill()
	w.start(w.listen)
	w.synced()
	w.run("not-for-long", notForLong)
}

// burst sends numbered datagrams back to back from a host of site 1.
func (w *world) burst(from, to string, n int) {
	w.t.Helper()
	k := int(from[1] - '0')
	g := guest{mac: w.mac(from), ip: site(1).ip4(k), ip6: site(1).ip6(k)}
	mac := w.routerMAC(1)
	frames := make([][]byte, n)
	for i := range frames {
		frames[i] = udp(g, mac, to, fmt.Sprintf("%s number %d", from, i+1)).frame()
	}
	for _, frame := range frames {
		w.send(from, frame)
	}
}

// arrived is what datagrams of burst a host has received for an address, in
// order.
func arrived(frames []lab.Frame, to string) (texts []string) {
	for _, f := range frames {
		p := gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.Default)
		if p.NetworkLayer() == nil || p.NetworkLayer().NetworkFlow().Dst().String() != to || p.ApplicationLayer() == nil {
			continue
		}
		if text := string(p.ApplicationLayer().Payload()); !f.Out && strings.Contains(text, " number ") {
			texts = append(texts, text)
		}
	}
	return texts
}

func numbered(from string, first, last int) (texts []string) {
	for i := first; i <= last; i++ {
		texts = append(texts, fmt.Sprintf("%s number %d", from, i))
	}
	return texts
}

// arrive waits for as many datagrams as are wanted, and checks which they are.
func (w *world) arrive(c *lab.Capture, to string, want []string) {
	w.t.Helper()
	w.waitAll(c, fmt.Sprintf("%d datagrams for %s", len(want), to), func(all []lab.Frame) bool { return len(arrived(all, to)) >= len(want) })
	if got := arrived(c.Frames(), to); !slices.Equal(got, want) {
		w.t.Errorf("%s received %q, want %q", to, got, want)
	}
}

// Five packets back to back are the first that anybody sends to an address: all
// arrive, in their order.
func fiveAtOnce(w *world) {
	const addresses = 20
	for i := range addresses {
		w.must("b1", "ip", "addr", "add", fmt.Sprintf("10.1.2.%d/24", 100+i), "dev", "eth0")
		w.must("b1", "ip", "addr", "add", fmt.Sprintf("fd00:2::%x/64", 0x100+i), "dev", "eth0", "nodad")
	}
	seen := w.capture("b1")
	before := w.status().Counters
	for i := range addresses {
		for _, to := range []string{fmt.Sprintf("10.1.2.%d", 100+i), fmt.Sprintf("fd00:2::%x", 0x100+i)} {
			if list := w.bindings("b", to); len(list) != 0 {
				w.t.Fatalf("%s is known already: %v", to, list)
			}
			w.burst("a1", to, 5)
			w.arrive(seen, to, numbered("a1", 1, 5))
		}
	}
	after := w.status().Counters
	if held, resumed := after["held"]-before["held"], after["held-resumed"]-before["held-resumed"]; held < 2*addresses || resumed < held {
		w.t.Errorf("%d packets were held and %d resumed, want at least %d", held, resumed, 2*addresses)
	}
}

// Two who send to the same unknown address: the wire is asked once a second,
// and what both sent arrives.
func heldForOne(w *world) {
	const to = "10.1.2.140"
	before, began := w.counter("search-requests"), time.Now()
	w.burst("a1", to, 3)
	w.burst("a2", to, 3)
	w.eventually("6 packets held", func() (bool, string) {
		return inFlight(w.status().Counters) == 6, fmt.Sprint(w.status().Counters)
	})
	seen := w.capture("b1")
	w.must("b1", "ip", "addr", "add", to+"/24", "dev", "eth0")
	w.send("b1", request(w.mac("b1"), to, to))
	w.arrive(seen, to, slices.Concat(numbered("a1", 1, 3), numbered("a2", 1, 3)))
	// It is asked again each second.
	if n := w.counter("search-requests") - before; n > 2+uint64(time.Since(began)/time.Second) {
		w.t.Errorf("the wire was asked %d times", n)
	}
}

// A first packet that comes in fragments arrives whole.
func heldFragments(w *world) {
	w.must("b1", "ip", "addr", "add", "10.1.2.170/24", "dev", "eth0")
	w.must("b1", "ip", "addr", "add", "fd00:2::170/64", "dev", "eth0", "nodad")
	for _, to := range []string{"10.1.2.170", "fd00:2::170"} {
		held := w.counter("held")
		if out, code := w.exec("a1", "ping", "-n", "-c", "1", "-W", "4", "-s", "8000", to); code != 0 {
			w.t.Errorf("8000 octets to %s were lost:\n%s", to, out)
		}
		if n := w.counter("held") - held; n == 0 {
			w.t.Errorf("nothing was held for %s", to)
		}
	}
}

// inFlight is how many packets are held, as the counters say.
func inFlight(counters map[string]uint64) int {
	n := int(counters["held"])
	for _, ends := range []string{"held-resumed", "held-dropped-next-hop", "held-dropped-memory", "held-expired", "held-refused", "held-unanswered", "held-lost"} {
		n -= int(counters[ends])
	}
	return n
}

// More than --hold-packets for one next hop: the last ones are kept.
func oldestGoesFirst(w *world) {
	const to = "10.1.2.150"
	seen := w.capture("b1")
	w.burst("a1", to, 10)
	w.eventually("the second request of the search", func() (bool, string) {
		c := w.status().Counters
		return c["held"] == 10 && c["search-requests"] >= 2, fmt.Sprint(c)
	})
	if n := inFlight(w.status().Counters); n != 4 {
		w.t.Errorf("%d packets are held, want 4", n)
	}
	w.must("b1", "ip", "addr", "add", to+"/24", "dev", "eth0") // it answers the third
	w.arrive(seen, to, numbered("a1", 7, 10))
	c := w.status().Counters
	if c["held-dropped-next-hop"] != 6 || c["held-resumed"] != 4 {
		w.t.Errorf("%d were dropped and %d resumed, want 6 and 4: %v", c["held-dropped-next-hop"], c["held-resumed"], c)
	}
}

// Longer than --hold-time nothing is held, though the search goes on.
func notForLong(w *world) {
	const to = "10.1.2.160"
	seen := w.capture("b1")
	told := w.capture("a1")
	w.burst("a1", to, 3)
	w.eventually("3 packets given up", func() (bool, string) {
		c := w.status().Counters
		return c["held-expired"] == 3, fmt.Sprint(c)
	})
	f := w.wait(told, "host unreachable", func(f lab.Frame) bool {
		m, err := icmpIn(f.Data)
		return !f.Out && err == nil && m.kind == 3
	})
	if m, _ := icmpIn(f.Data); m.code != 1 || m.src != "10.1.1.1" {
		w.t.Errorf("told %+v", m)
	}
	w.must("b1", "ip", "addr", "add", to+"/24", "dev", "eth0")
	w.send("b1", request(w.mac("b1"), to, to)) // the search may be over by now
	w.learned("b", to, "reachable")
	w.burst("a1", to, 1)
	w.arrive(seen, to, numbered("a1", 1, 1))
}
