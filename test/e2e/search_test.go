package e2e

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

func broadcastRequest(tpa string) func(lab.Frame) bool {
	return func(f lab.Frame) bool {
		a, ok := arpIn(f)
		return ok && !f.Out && a.Op == packet.ARPRequest && netip.AddrFrom4(a.TPA).String() == tpa
	}
}

// A request for an unknown address reaches every other port once, unchanged;
// the answer goes straight to the asker and is learned on the way.
func TestSearchFindsUnknownHost(t *testing.T) {
	w := newWorld(t, hosts("search", 4), "")
	at := map[string]*lab.Capture{}
	for _, h := range []string{"h1", "h2", "h3", "h4"} {
		at[h] = w.capture(h)
	}
	asked := request(w.mac("h1"), "10.0.0.1", "10.0.0.3")
	w.send("h1", asked)
	w.wait(at["h1"], "the answer", isARP(packet.ARPReply, "10.0.0.3", "10.0.0.1"))
	for _, h := range []string{"h2", "h3", "h4"} {
		f := w.wait(at[h], "the request at "+h, broadcastRequest("10.0.0.3"))
		if string(f.Data) != string(asked) {
			t.Errorf("%s got the request as %x, sent as %x", h, f.Data, asked)
		}
	}
	w.learned("default", "10.0.0.3", "reachable")
	w.learned("default", "10.0.0.1", "reachable")

	// From now on the switch answers, and nobody else hears of it.
	before := w.packetIns()
	w.send("h2", request(w.mac("h2"), "10.0.0.2", "10.0.0.1"))
	w.wait(at["h2"], "the switch's answer", isARP(packet.ARPReply, "10.0.0.1", "10.0.0.2"))
	w.barrier("h3", "h4", at["h4"])
	for _, h := range []string{"h1", "h3", "h4"} {
		if n := count(at[h].Frames(), broadcastRequest("10.0.0.1")); n != 0 {
			t.Errorf("%s received %d requests for a known address", h, n)
		}
	}
	// h2 was unknown with its address: one copy, nothing else.
	if n := w.packetIns() - before; n > 2 {
		t.Errorf("%d packet-ins for one request of a new asker", n)
	}
	if n := count(at["h1"].Frames(), isARP(packet.ARPReply, "10.0.0.3", "10.0.0.1")); n != 1 {
		t.Errorf("h1 got %d answers", n)
	}
}

// However many ask, the wire is asked once a second per target, three times,
// and then the address is silent (conformance: A5, N12, L4).
func TestSearchIsBounded(t *testing.T) {
	w := newWorld(t, hosts("bounded", 4), "")
	c := w.capture("h4")
	const absent = "10.0.0.77"
	for round := range 10 {
		for i := 1; i <= 3; i++ {
			h := fmt.Sprintf("h%d", i)
			w.send(h, request(w.mac(h), "10.0.0."+fmt.Sprint(i), absent))
		}
		_ = round
	}
	w.eventually("a search that gives up", func() (bool, string) {
		s := w.status()
		return s.Silent == 1 && s.Searches == 0, fmt.Sprint(s)
	})
	var times []time.Time
	for _, f := range c.Frames() {
		if broadcastRequest(absent)(f) {
			times = append(times, f.Time)
		}
	}
	if len(times) != 3 {
		t.Fatalf("the wire was asked %d times, want 3", len(times))
	}
	for i := 1; i < len(times); i++ {
		if d := times[i].Sub(times[i-1]); d < 900*time.Millisecond {
			t.Errorf("request %d came %v after the one before", i+1, d)
		}
	}
	// Silent: asking again at once puts nothing on the wire. Where that took longer than
	// the silence the address is searched again, and is silent for longer.
	want := 3
	for refused := false; !refused; {
		was := w.status().Counters
		w.send("h1", request(w.mac("h1"), "10.0.0.1", absent))
		w.eventually("the request refused", func() (bool, string) {
			is := w.status().Counters
			refused = is["search-silent"] > was["search-silent"]
			return refused || is["search-unanswered"] > was["search-unanswered"], fmt.Sprint(is)
		})
		if !refused {
			want += 3
		}
	}
	if n := count(c.Frames(), broadcastRequest(absent)); n != want {
		t.Errorf("a silent address was searched: %d requests, want %d", n, want)
	}
	// Any sign of life clears it.
	w.must("h3", "ip", "addr", "add", absent+"/24", "dev", "eth0")
	w.send("h3", request(w.mac("h3"), absent, absent))
	w.learned("default", absent, "reachable")
	if s := w.status(); s.Silent != 0 {
		t.Errorf("%d silent addresses left", s.Silent)
	}
	w.must("h1", "ping", "-c", "1", "-W", "2", absent)
}

// All who wait for a search are answered when it finds somebody (conformance: A5).
func TestWaitingAskersAreAnswered(t *testing.T) {
	topology := hosts("parked", 5)
	w := newWorld(t, topology, "")
	w.must("h5", "ip", "link", "set", "eth0", "arp", "off") // present, and not answering yet
	at := map[string]*lab.Capture{}
	for _, h := range []string{"h1", "h2", "h3"} {
		at[h] = w.capture(h)
		w.send(h, request(w.mac(h), "10.0.0."+h[1:], "10.0.0.5"))
	}
	w.eventually("three waiting", func() (bool, string) {
		s := w.status()
		return s.Parked == 3 && s.Searches == 1, fmt.Sprint(s)
	})
	w.send("h5", request(w.mac("h5"), "10.0.0.5", "10.0.0.5")) // announces itself
	for h, c := range at {
		f := w.wait(c, "the answer at "+h, isARP(packet.ARPReply, "10.0.0.5", "10.0.0."+h[1:]))
		if a, _ := arpIn(f); a.SHA != w.mac("h5") {
			t.Errorf("%s was told %s", h, a.SHA)
		}
	}
}

// The kernel's own hosts: every pair resolves and pings, IPv4 and IPv6.
func TestKernelHostsResolve(t *testing.T) {
	w := newWorld(t, hosts("kernel", 4), "")
	for i := 1; i <= 4; i++ {
		for j := 1; j <= 4; j++ {
			if i == j {
				continue
			}
			from := fmt.Sprintf("h%d", i)
			w.must(from, "ping", "-c", "1", "-W", "3", fmt.Sprintf("10.0.0.%d", j))
			w.must(from, "ping", "-c", "1", "-W", "3", fmt.Sprintf("fd00::%d", j))
		}
	}
	out, code := w.exec("h1", "arping", "-D", "-c", "2", "-w", "3", "-I", "eth0", "10.0.0.2")
	if code != 1 || !strings.Contains(out, "Received 1") && !strings.Contains(out, "Received 2") {
		t.Errorf("arping -D found no duplicate: code %d\n%s", code, out)
	}
	if out, code := w.exec("h1", "arping", "-D", "-c", "2", "-w", "3", "-I", "eth0", "10.0.0.1"); code != 0 {
		t.Errorf("arping -D of h1's own address: code %d\n%s", code, out)
	}
	if out, code := w.exec("h1", "arping", "-D", "-c", "2", "-w", "3", "-I", "eth0", "10.0.0.200"); code != 0 {
		t.Errorf("arping -D of a free address: code %d\n%s", code, out)
	}
}

// An address that is asked for again and again, and that nobody has, is answered for
// by the switch with the sink's MAC, also to those whose questions came while it was
// searched; never to who probes for it, and not once it shows a sign of life
// (conformance: P3, L4).
func TestSponge(t *testing.T) {
	w := newWorld(t, hosts("sponge", 4), "kind: network\nname: default\nsponge: {asked: 6}\n")
	const sink = "02:69:73:61:74:02"
	// Isat tells what it has decided as soon as that is on its way to the switch.
	answering := func(absent, want, not string) {
		w.eventually("a switch with "+want+" alone for "+absent, func() (bool, string) {
			got := w.flowsOf(tableBindings, absent)
			return strings.Contains(got, want) && !strings.Contains(got, not), got
		})
	}
	const ofSponge, ofBinding = "priority=5,", "priority=10,"
	for _, absent := range []string{"10.0.0.77", "fd00::77"} {
		for range 7 {
			w.send("h1", asks(w.mac("h1"), absent))
		}
		w.eventually("the sponge", func() (bool, string) {
			got := w.events(absent)
			return slices.Contains(got, "silent sponged"), fmt.Sprint(got)
		})
		answering(absent, ofSponge, ofBinding)
		before := w.packetIns()
		w.exec("h2", "ping", "-c", "1", "-W", "1", absent)
		if got := w.must("h2", "ip", "neigh", "show", absent); !strings.Contains(got, sink) {
			t.Errorf("h2 has %q for %s", got, absent)
		}
		if n := w.packetIns() - before; n > 2 { // h2's own address may be new
			t.Errorf("%d packet-ins for an address that the switch answers for", n)
		}
		if got := w.bindings("default", absent); len(got) != 0 {
			t.Errorf("the sponge is a binding: %v", got)
		}

		// The kernel and arping find that nobody has it, and take it.
		if netip.MustParseAddr(absent).Is4() {
			if out, code := w.exec("h3", "arping", "-D", "-c", "2", "-w", "3", "-I", "eth0", absent); code != 0 {
				t.Errorf("a probe was answered:\n%s", out)
			}
			w.must("h3", "ip", "addr", "add", absent+"/24", "dev", "eth0")
			w.send("h3", announcement(w.mac("h3"), absent))
		} else {
			w.must("h3", "ip", "addr", "add", absent+"/64", "dev", "eth0")
			w.eventually("an address without a rival", func() (bool, string) {
				got := w.must("h3", "ip", "-6", "addr", "show", "dev", "eth0", "to", absent)
				return !strings.Contains(got, "tentative"), got
			})
			w.send("h3", announcement(w.mac("h3"), absent))
		}
		w.learned("default", absent, "reachable")
		answering(absent, ofBinding, ofSponge)
		w.must("h4", "ping", "-c", "1", "-W", "10", absent)
		if got := w.events(absent); !slices.Contains(got, "released sign-of-life") {
			t.Errorf("%s: %v", absent, got)
		}
	}
}
