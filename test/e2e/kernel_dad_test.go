package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

// dadState is what the kernel says of an address: "" if it is settled,
// "tentative", "dadfailed", or "absent".
func (w *world) dadState(host, ip string) string {
	w.t.Helper()
	for line := range strings.Lines(w.must(host, "ip", "-6", "-o", "addr", "show", "dev", "eth0")) {
		switch {
		case !strings.Contains(line, " "+ip+"/"):
		case strings.Contains(line, "dadfailed"):
			return "dadfailed"
		case strings.Contains(line, "tentative"):
			return "tentative"
		default:
			return ""
		}
	}
	return "absent"
}

// dadLimit is how long the kernel may take for duplicate address detection: one
// probe, and a second of waiting for an answer (RFC 4862 §5.1), with a margin
// for a busy machine. The random delay before the probe is switched off.
const dadLimit = 5 * time.Second

// takes gives an address to a host, and waits for the kernel's verdict.
func (w *world) takes(host, ip, want string) {
	w.t.Helper()
	began := time.Now()
	w.must(host, "ip", "addr", "add", ip+"/64", "dev", "eth0")
	w.verdict(host, ip, want)
	if took := time.Since(began); took > dadLimit {
		w.t.Errorf("%s: the verdict on %s took %v", host, ip, took)
	}
}

func (w *world) verdict(host, ip, want string) {
	w.t.Helper()
	var got string
	w.eventually("the kernel's verdict on "+ip+" at "+host, func() (bool, string) {
		got = w.dadState(host, ip)
		return got != "tentative", got
	})
	if got != want {
		w.t.Errorf("%s at %s is %q, want %q", ip, host, got, want)
	}
}

// noDelay has the kernel send its probes at once.
func (w *world) noDelay(host string) {
	w.t.Helper()
	w.must(host, "sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/eth0/router_solicitation_delay")
}

// dadProbe matches a DAD probe that a host received.
func dadProbe(target string) func(lab.Frame) bool {
	return func(f lab.Frame) bool {
		n, ok := ndIn(f)
		return ok && !f.Out && n.Type == packet.NDSolicitation && n.IsDAD() && n.Target == addr(target)
	}
}

// Duplicate address detection by the kernel: honest addresses come up, and real
// duplicates are found, whoever knows what.
func TestKernelDAD(t *testing.T) {
	t.Parallel() // the kernel's times are long
	w := newWorld(t, hosts("dad", 4), "")
	for i := range 4 {
		w.noDelay(fmt.Sprintf("h%d", i+1))
	}
	sub := func(name string, f func(w *world)) {
		t.Run(name, func(t *testing.T) {
			c := *w
			c.t = t
			f(&c)
		})
	}
	sub("N6-honest-addresses", honestAddresses)
	sub("N6-owner-known", duplicateOfKnown)
	sub("N7-owner-unknown", duplicateOfUnknown)
	sub("N8-owner-stale", duplicateOfStale)
	sub("N7-back-after-a-link-failure", backAfterLinkFailure)
	sub("N13-the-kernel-answers-what-is-handed-to-it", kernelTakesUnicastFrames)
	sub("N10-ndisc6", askWithNdisc6)
}

// conformance: N6, N7
func honestAddresses(w *world) {
	for i := 1; i <= 4; i++ {
		w.verdict(fmt.Sprintf("h%d", i), fmt.Sprintf("fd00::%d", i), "")
		w.must(fmt.Sprintf("h%d", i), "ip", "addr", "add", fmt.Sprintf("fd00::1:%d/64", i), "dev", "eth0")
	}
	for i := 1; i <= 4; i++ {
		w.verdict(fmt.Sprintf("h%d", i), fmt.Sprintf("fd00::1:%d", i), "")
	}
	// Now that the others know it, too: taken away and given back.
	w.must("h1", "ping", "-c", "1", "-W", "3", "fd00::1:2")
	w.learned("default", "fd00::1:2", "reachable")
	w.must("h2", "ip", "addr", "del", "fd00::1:2/64", "dev", "eth0")
	w.takes("h2", "fd00::1:2", "")
}

// conformance: N6
func duplicateOfKnown(w *world) {
	w.must("h3", "ping", "-c", "1", "-W", "3", "fd00::1")
	w.learned("default", "fd00::1", "reachable")
	owner := w.capture("h1")
	w.takes("h2", "fd00::1", "dadfailed")
	w.barrier("h3", "h1", owner)
	if n := count(owner.Frames(), dadProbe("fd00::1")); n != 0 {
		w.t.Errorf("the owner was asked %d times, though isat knows it", n)
	}
	w.must("h2", "ip", "addr", "del", "fd00::1/64", "dev", "eth0")
	// And nobody's view of the owner has suffered.
	w.must("h3", "ip", "neigh", "flush", "all")
	w.must("h3", "ping", "-c", "1", "-W", "3", "fd00::1")
	if b := w.learned("default", "fd00::1", "reachable"); b.MAC != w.mac("h1").String() {
		w.t.Errorf("fd00::1 is at %s", b.MAC)
	}
}

// conformance: N7
func duplicateOfUnknown(w *world) {
	w.must("h1", "ip", "addr", "add", "fd00::2:1/64", "dev", "eth0", "nodad")
	if list := w.bindings("default", "fd00::2:1"); len(list) != 0 {
		w.t.Fatalf("fd00::2:1 is known: %v", list)
	}
	owner := w.capture("h1")
	w.takes("h2", "fd00::2:1", "dadfailed")
	w.wait(owner, "the probe at the owner", dadProbe("fd00::2:1"))
	if b := w.learned("default", "fd00::2:1", "reachable"); b.MAC != w.mac("h1").String() {
		w.t.Errorf("fd00::2:1 is at %s, want the one who defended it", b.MAC)
	}
	w.must("h2", "ip", "addr", "del", "fd00::2:1/64", "dev", "eth0")
}

// conformance: N8
func duplicateOfStale(w *world) {
	// All that is known of the owner comes from its own question.
	w.must("h1", "ip", "addr", "add", "fd00::3:1/64", "dev", "eth0", "nodad")
	w.must("h1", "ping", "-c", "1", "-W", "3", "fd00::3")
	w.send("h1", packet.AppendNS(nil, packet.MulticastMAC(packet.SolicitedNode(addr("fd00::3"))), w.mac("h1"), false, 0,
		addr("fd00::3:1"), packet.SolicitedNode(addr("fd00::3")), addr("fd00::3"), ptr(w.mac("h1")), nil))
	w.learned("default", "fd00::3:1", "stale")
	w.takes("h2", "fd00::3:1", "dadfailed")
	w.must("h2", "ip", "addr", "del", "fd00::3:1/64", "dev", "eth0")
}

func ptr[T any](v T) *T { return &v }

// A host whose link fails and comes back probes for its own address, which isat
// may have learned meanwhile: that is no duplicate.
//
// conformance: N6, N7
func backAfterLinkFailure(w *world) {
	w.must("h1", "ping", "-c", "1", "-W", "3", "fd00::4")
	w.learned("default", "fd00::4", "reachable")
	if err := w.lab.SetLink("h4", false); err != nil {
		w.t.Fatal(err)
	}
	if err := w.lab.SetLink("h4", true); err != nil {
		w.t.Fatal(err)
	}
	w.verdict("h4", "fd00::4", "")
	w.must("h1", "ping", "-c", "1", "-W", "3", "fd00::4")
}

// conformance: N13
func kernelTakesUnicastFrames(w *world) {
	w.must("h1", "ping", "-c", "1", "-W", "3", "fd00::3")
	w.learned("default", "fd00::3", "reachable")
	asker := w.capture("h1")
	mac, target := w.mac("h1"), addr("fd00::3")
	m := message{eth: mac, src: "fd00::1", dst: solicitedNode("fd00::3"), kind: packet.NDSolicitation, target: "fd00::3", hops: 255,
		options: append(option(1, mac[:]...), option(200, 1, 2, 3, 4, 5, 6)...)}
	bystander, owner := w.capture("h2"), w.capture("h3")
	w.send("h1", m.frame())
	w.wait(owner, "the NS in a unicast frame", func(f lab.Frame) bool { return !f.Out && string(f.Data) == string(toMAC(m.frame(), w.mac("h3"))) })
	w.wait(asker, "the owner's answer", func(f lab.Frame) bool {
		n, ok := ndIn(f)
		return ok && !f.Out && n.Type == packet.NDAdvertisement && n.Target == target && n.Solicited
	})
	w.barrier("h4", "h2", bystander)
	if n := count(bystander.Frames(), func(f lab.Frame) bool { n, ok := ndIn(f); return ok && !f.Out && n.Target == target }); n != 0 {
		w.t.Errorf("a bystander received %d of the frames", n)
	}
}

// conformance: N4, N10
func askWithNdisc6(w *world) {
	w.must("h2", "ping", "-c", "1", "-W", "3", "fd00::3")
	w.learned("default", "fd00::3", "reachable")
	bystander := w.capture("h4")
	if out := w.must("h1", "ndisc6", "-1", "-m", "fd00::3", "eth0"); !strings.Contains(strings.ToLower(out), w.mac("h3").String()) {
		w.t.Errorf("ndisc6 found another: %s", out)
	}
	if out, code := w.exec("h1", "ndisc6", "-1", "-r", "1", "-w", "200", "fd00::dead", "eth0"); code == 0 {
		w.t.Errorf("ndisc6 found somebody at a free address: %s", out)
	}
	w.barrier("h2", "h4", bystander)
	asked := func(target string) int {
		return count(bystander.Frames(), func(f lab.Frame) bool { n, ok := ndIn(f); return ok && !f.Out && n.Target == addr(target) })
	}
	if n := asked("fd00::3"); n != 0 {
		w.t.Errorf("a bystander was asked %d times for a known address", n)
	}
	if asked("fd00::dead") == 0 {
		w.t.Error("nobody was asked for an unknown address")
	}
	// The kernel's own reachability probes, by unicast, are answered by the host.
	owner := w.capture("h3")
	w.must("h1", "ping", "-c", "1", "-W", "3", "fd00::3")
	w.must("h1", "ip", "neigh", "change", "fd00::3", "lladdr", w.mac("h3").String(), "dev", "eth0", "nud", "probe")
	w.wait(owner, "a unicast NS", func(f lab.Frame) bool {
		n, ok := ndIn(f)
		return ok && !f.Out && n.Type == packet.NDSolicitation && n.Target == addr("fd00::3") && n.Dst == n.Target
	})
	w.eventually("a reachable neighbour", func() (bool, string) {
		out := w.must("h1", "ip", "-6", "neigh", "show", "fd00::3", "dev", "eth0")
		return strings.Contains(out, "REACHABLE"), out
	})
}

// Without a controller the switch hands a probe for a known address to its
// owner, and floods one for an unknown address.
//
// conformance: N6, N7
func TestKernelDADControllerGone(t *testing.T) {
	t.Parallel() // the leases are long
	w := newWorld(t, hosts("dad-alone", 3), "")
	w.noDelay("h2")
	w.must("h3", "ping", "-c", "1", "-W", "3", "fd00::1")
	w.learned("default", "fd00::1", "reachable")
	w.must("h1", "ip", "addr", "add", "fd00::5:1/64", "dev", "eth0", "nodad")
	w.settled()
	w.isat.kill()
	// Until the leases end, what only isat can answer is lost.
	w.eventually("the end of the leases", func() (bool, string) {
		list := w.flows("s1")
		for _, f := range list {
			if strings.Contains(f, "hard_timeout=") {
				return false, f
			}
		}
		return true, ""
	})
	bystander := w.capture("h3")
	w.takes("h2", "fd00::1", "dadfailed")
	w.takes("h2", "fd00::5:1", "dadfailed")
	w.takes("h2", "fd00::5:2", "")
	if n := count(bystander.Frames(), dadProbe("fd00::1")); n != 0 {
		w.t.Errorf("a probe for a known address reached a bystander %d times", n)
	}
}

// Two hosts that take the same address in the same second: every probe reaches
// the other, so that they don't both keep it. A kernel that hears its rival
// gives up without a word, so one of them may be left with the address.
//
// conformance: N7
func TestKernelDADAtOnce(t *testing.T) {
	t.Parallel()
	const shared = "fd00::7"
	twins := []string{"h1", "h2"}
	w := newWorld(t, hosts("twins", 3), "")
	at := map[string]*lab.Capture{"h3": w.capture("h3")}
	for _, name := range twins {
		w.noDelay(name)
		at[name] = w.capture(name)
	}
	ctx, cancel := w.context()
	defer cancel()
	done := make(chan error, len(twins))
	for _, name := range twins {
		go func() {
			out, code, err := w.lab.Exec(ctx, name, "ip", "addr", "add", shared+"/64", "dev", "eth0")
			if err == nil && code != 0 {
				err = fmt.Errorf("exit code %d: %s", code, out)
			}
			done <- err
		}()
	}
	for range twins {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	verdicts := map[string]string{}
	for _, name := range twins {
		w.eventually("the verdict at "+name, func() (bool, string) {
			verdicts[name] = w.dadState(name, shared)
			return verdicts[name] != "tentative", verdicts[name]
		})
	}
	if verdicts["h1"] != "dadfailed" && verdicts["h2"] != "dadfailed" {
		t.Errorf("the verdicts are %q, want a failure", verdicts)
	}
	sent := 0
	for i, name := range twins {
		for _, f := range at[name].Frames() {
			if f.Out && dadProbe(shared)(lab.Frame{Data: f.Data}) {
				sent++
				for _, other := range []string{twins[1-i], "h3"} {
					w.wait(at[other], "the probe of "+name+" at "+other, func(g lab.Frame) bool { return !g.Out && string(g.Data) == string(f.Data) })
				}
			}
		}
	}
	if sent == 0 {
		t.Error("nobody probed")
	}
}
