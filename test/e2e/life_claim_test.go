package e2e

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

const gatewayMAC = "02:00:00:00:00:fe"

// hold is for how long a duplicate is frozen.
const hold = 8 * time.Second

const claimIntent = `kind: network
name: default
number: 1
duplicates: {moves: 3, within: 1m, hold: 8s}
subnets:
  - {prefix: 10.0.0.0/24, gateway: 10.0.0.254, gatewayMAC: "` + gatewayMAC + `"}
  - {prefix: "fd00::/64", gateway: "fe80::fe", gatewayMAC: "` + gatewayMAC + `"}
ports:
  - {switch: s1, port: h4, security: off}
`

// Who claims what another one has: the owner is asked first, if there is one.
func TestClaims(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hosts("life-claim", 5), claimIntent)
	w.run("R4-owner-answers", ownerInsists)
	w.run("R4-kernel-finds-the-duplicate", kernelFindsDuplicate)
	w.run("R4-port-that-believes-anyone", openPort)
	w.run("P5-gateway", claimGateway)
	w.run("D3-without-authority", claimWithoutAuthority)
	w.run("S8-forged-solicitations", forgedSolicitations)
	w.run("R5-both-insist", bothInsist)
}

// A host announces what a kernel elsewhere has: it is refused as long as the
// kernel answers, and the kernel's announcement follows.
//
// conformance: R4
func ownerInsists(w *world) {
	for _, ip := range []string{"10.0.0.1", "fd00::1"} {
		w.resolve(ip)
		was := w.learned("default", ip, "reachable")
		refused, defended := w.counter("decision-refused-owner-answers"), w.counter("decision-defended-claimed")
		owner, bystander, claimant := w.capture("h1"), w.capture("h3"), w.capture("h2")
		for n := range 3 {
			w.send("h2", announcement(w.mac("h2"), ip))
			w.grown("decision-refused-owner-answers", refused+uint64(n))
		}
		w.wait(bystander, "the defence of "+ip, defends(w.mac("h1"), ip))
		w.barrier("h5", "h3", bystander)
		if n := count(bystander.Frames(), defends(w.mac("h1"), ip)); n != 1 {
			w.t.Errorf("%s was defended %d times, want once", ip, n)
		}
		if n := w.counter("decision-defended-claimed") - defended; n != 1 {
			w.t.Errorf("%d defences were decided, want 1", n)
		}
		if len(questions(owner, ip)) == 0 {
			w.t.Errorf("the owner of %s was not asked", ip)
		}
		for _, c := range []*lab.Capture{bystander, claimant} {
			if n := len(questions(c, ip)); n != 0 {
				w.t.Errorf("others were asked for %s %d times", ip, n)
			}
		}
		if is := w.learned("default", ip, "reachable"); is.MAC != was.MAC || !is.Learned.Equal(was.Learned) {
			w.t.Errorf("it is %+v, was %+v", is, was)
		}
		w.must("h5", "ping", "-c", "1", "-W", "3", ip)
	}
}

// grown waits until a counter is above a number.
func (w *world) grown(name string, above uint64) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("%s above %d", name, above), func() (bool, string) {
		n := w.counter(name)
		return n > above, fmt.Sprint(n)
	})
}

// defends matches what a host received of an announcement against a claim.
func defends(mac packet.MAC, ip string) func(lab.Frame) bool {
	return func(f lab.Frame) bool {
		if f.Out || sourceOf(f) != ownMAC {
			return false
		}
		if a, ok := arpIn(f); ok {
			return a.SPA == a.TPA && netip.AddrFrom4(a.SPA).String() == ip && a.SHA == mac
		}
		n, ok := ndIn(f)
		return ok && n.Type == packet.NDAdvertisement && !n.Solicited && n.Target == addr(ip) && n.TLL == mac
	}
}

// The kernel and the tools of a host that wants an address hear that it is
// taken, and nothing is taken from the owner.
//
// conformance: R4, P2, N6
func kernelFindsDuplicate(w *world) {
	w.noDelay("h2")
	w.takes("h2", "fd00::1", "dadfailed")
	w.must("h2", "ip", "addr", "del", "fd00::1/64", "dev", "eth0")
	if out, code := w.exec("h2", "arping", "-D", "-c", "2", "-w", "3", "-I", "eth0", "10.0.0.1"); code != 1 {
		w.t.Errorf("arping -D found no duplicate: code %d\n%s", code, out)
	}
	for _, ip := range []string{"10.0.0.1", "fd00::1"} {
		if b := w.learned("default", ip, "reachable"); b.MAC != w.mac("h1").String() {
			w.t.Errorf("%s is at %s", ip, b.MAC)
		}
	}
}

// A port with security off takes what it wants, and nobody is asked.
func openPort(w *world) {
	for _, ip := range []string{"10.0.0.1", "fd00::1"} {
		owner := w.capture("h1")
		w.send("h4", announcement(w.mac("h4"), ip))
		w.eventually(ip+" at h4", func() (bool, string) {
			list := w.bindings("default", ip)
			return len(list) == 1 && list[0].MAC == w.mac("h4").String(), fmt.Sprint(list)
		})
		if n := len(questions(owner, ip)); n != 0 {
			w.t.Errorf("the owner of %s was asked %d times", ip, n)
		}
		if got := w.events(ip, view.EventMoved); !slices.Equal(got, []string{"moved security-off"}) {
			w.t.Errorf("the moves of %s are %q", ip, got)
		}
	}
}

// A host claims the gateway's address, again and again: it is refused, and the
// gateway announced once in ten seconds.
//
// conformance: P5
func claimGateway(w *world) {
	mac, err := packet.ParseMAC(gatewayMAC)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, ip := range []string{"10.0.0.254", "fe80::fe"} {
		bystander := w.capture("h3")
		refused := w.counter("decision-refused-configured")
		for n := range 3 {
			w.send("h2", announcement(w.mac("h2"), ip))
			w.grown("decision-refused-configured", refused+uint64(n))
		}
		w.wait(bystander, "the defence of "+ip, defends(mac, ip))
		w.barrier("h5", "h3", bystander)
		if n := count(bystander.Frames(), defends(mac, ip)); n != 1 {
			w.t.Errorf("%s was defended %d times, want once", ip, n)
		}
		if b := w.learned("default", ip, "static"); b.MAC != gatewayMAC || b.Origin != "gateway" {
			w.t.Errorf("the gateway is %+v", b)
		}
	}
	out := w.must("h5", "arping", "-c", "1", "-w", "3", "-I", "eth0", "10.0.0.254")
	if !strings.Contains(strings.ToLower(out), gatewayMAC) {
		w.t.Errorf("the gateway is answered for with another MAC: %s", out)
	}
}

// An NA with O=0 of another MAC takes nothing: the owner is asked, and only if it
// does not answer the binding is stale.
//
// conformance: D3, N9
func claimWithoutAuthority(w *world) {
	const ip = "fd00::3"
	w.resolve(ip)
	owner, refused, doubted := w.capture("h3"), w.counter("decision-refused-owner-answers"), w.counter("decision-doubted-contradicted")
	all := packet.AllNodes()
	mac := w.mac("h2")
	contradiction := packet.AppendNA(nil, packet.MulticastMAC(all), mac, false, 0, addr(ip), all, addr(ip), mac, false, false, false)
	w.send("h2", contradiction)
	w.grown("decision-refused-owner-answers", refused)
	w.wait(owner, "the question", func(f lab.Frame) bool { return question(ip)(f) && f.Data[0]&1 == 0 })
	if b := w.learned("default", ip, "reachable"); b.MAC != w.mac("h3").String() {
		w.t.Errorf("%s is at %s", ip, b.MAC)
	}
	if n := w.counter("decision-doubted-contradicted"); n != doubted {
		w.t.Error("it was doubted although its owner answered")
	}
	w.must("h3", "ip", "addr", "del", ip+"/64", "dev", "eth0")
	w.send("h2", contradiction)
	w.grown("decision-doubted-contradicted", doubted)
	if b := w.learned("default", ip, "stale"); b.MAC != w.mac("h3").String() {
		w.t.Errorf("%s is at %s", ip, b.MAC)
	}
	w.must("h3", "ip", "addr", "add", ip+"/64", "dev", "eth0", "nodad")
	w.resolve(ip)
}

// A host solicits in the name of another one, from a kernel that would take its MAC
// for the other's (RFC 4861 §7.2.3): the kernel does not hear of it while the owner
// answers, and does when nobody has the address.
//
// conformance: S8
func forgedSolicitations(w *world) {
	const owner, nobody, victim, unknown = "fd00::5", "fd00::88", "fd00::3", "fd00::33"
	w.must("h3", "ip", "addr", "add", unknown+"/64", "dev", "eth0", "nodad")
	w.must("h3", "ping", "-c", "1", "-W", "3", owner)
	w.learned("default", owner, "reachable")
	liar := w.mac("h2")
	solicit := func(source, target string, to packet.MAC) {
		destination := addr(target)
		if to.IsMulticast() {
			destination = packet.SolicitedNode(addr(target))
		}
		w.send("h2", packet.AppendNS(nil, to, liar, false, 0, addr(source), destination, addr(target), &liar, nil))
	}
	neighbour := func(ip, mac string) {
		w.t.Helper()
		w.eventually("the neighbour "+ip+" of h3 at "+mac, func() (bool, string) {
			out := w.must("h3", "ip", "-6", "neigh", "show", ip)
			return strings.Contains(out, mac), out
		})
	}
	group := func(target string) packet.MAC { return packet.MulticastMAC(packet.SolicitedNode(addr(target))) }
	heard := w.capture("h3")
	for range 3 {
		solicit(owner, victim, w.mac("h3"))
		solicit(owner, victim, group(victim))
		solicit(owner, unknown, group(unknown))
	}
	// This is what becomes of a kernel that hears one.
	solicit(nobody, victim, w.mac("h3"))
	neighbour(nobody, liar.String())
	refused := w.counter("decision-refused-owner-answers")
	solicit(owner, victim, w.mac("h3"))
	w.grown("decision-refused-owner-answers", refused)
	w.barrier("h1", "h3", heard)
	if n := count(heard.Frames(), func(f lab.Frame) bool { return !f.Out && sourceOf(f) == liar && speaks(f, owner) }); n != 0 {
		w.t.Errorf("%d solicitations reached their victim", n)
	}
	neighbour(owner, w.mac("h5").String())
	if b := w.learned("default", owner, "reachable"); b.MAC != w.mac("h5").String() {
		w.t.Errorf("%s is at %s", owner, b.MAC)
	}
	w.must("h3", "ping", "-c", "1", "-W", "3", owner)
	// The owner has given its address up.
	w.must("h5", "ip", "addr", "del", owner+"/64", "dev", "eth0")
	solicit(owner, victim, w.mac("h3"))
	neighbour(owner, liar.String())
	w.must("h5", "ip", "addr", "add", owner+"/64", "dev", "eth0", "nodad")
	w.must("h3", "ip", "addr", "del", unknown+"/64", "dev", "eth0")
}

// Two hosts announce the same address in turns, and neither answers for it: after
// so many moves it is frozen, and nobody is answered, until its time is over.
//
// conformance: R4, R5
func bothInsist(w *world) {
	ips := []string{"10.0.0.77", "fd00::77"}
	asker, rival := w.capture("h5"), w.capture("h1")
	for _, ip := range ips {
		w.freeze(ip, "h1", "h2")
		if len(questions(rival, ip)) == 0 {
			w.t.Errorf("nobody was asked before %s moved", ip)
		}
	}
	frozen := time.Now()
	for _, ip := range ips {
		refused := w.counter("decision-refused-frozen")
		w.send("h1", announcement(w.mac("h1"), ip))
		w.grown("decision-refused-frozen", refused)
		for _, table := range []int{tableBindings, tableOwners} {
			if left := w.flowsOf(table, ip); left != "" {
				w.t.Errorf("the frozen address has flows: %s", left)
			}
		}
		// Whoever wants to know is heard by everybody.
		asked := asks(w.mac("h5"), ip)
		w.send("h5", asked)
		w.wait(rival, "the question of h5", func(f lab.Frame) bool { return !f.Out && string(f.Data) == string(asked) })
	}
	ctx, cancel := w.context()
	defer cancel()
	if n, err := w.client.ClearDuplicates(ctx, api.ScopeBody{IP: ips[1]}); err != nil || n != 1 {
		w.t.Errorf("clear %s: %d duplicates, %v", ips[1], n, err)
	}
	if took := time.Since(frozen); took > hold {
		w.t.Fatalf("it took %v until an operator could clear a duplicate", took)
	}
	w.learned("default", ips[1], "stale")
	w.learned("default", ips[0], "stale") // the hold-down is over
	if took := time.Since(frozen); took < hold-late {
		w.t.Errorf("%s was released after %v", ips[0], took)
	}
	for i, how := range []string{"released hold-down", "released operator"} {
		ip := ips[i]
		if n := count(asker.Frames(), func(f lab.Frame) bool { return !f.Out && speaks(f, ip) && f.Data[0]&1 == 0 }); n != 0 {
			w.t.Errorf("%s was answered for while it was frozen", ip)
		}
		want := []string{"moved owner-silent", "duplicate moves", "refused frozen", how}
		got := slices.Compact(w.events(ip, view.EventMoved, view.EventDuplicate, view.EventRefused, view.EventReleased))
		if !slices.Equal(got, want) {
			w.t.Errorf("the events are %q, want %q", got, want)
		}
		w.send("h1", announcement(w.mac("h1"), ip))
		if b := w.learned("default", ip, "reachable"); b.MAC != w.mac("h1").String() {
			w.t.Errorf("%s is at %s", ip, b.MAC)
		}
	}
}

// freeze has two hosts announce an address in turns until it is frozen.
func (w *world) freeze(ip string, rivals ...string) {
	w.t.Helper()
	w.send(rivals[0], announcement(w.mac(rivals[0]), ip))
	w.learned("default", ip, "reachable")
	for n, want := range []string{"reachable", "reachable", "duplicate"} { // the third move is one too many
		to := rivals[(n+1)%2]
		w.eventually(want+" "+ip+" at "+to, func() (bool, string) {
			// For a moment Open vSwitch may still treat it as before the last move.
			w.send(to, announcement(w.mac(to), ip))
			list := w.bindings("default", ip)
			return len(list) == 1 && list[0].State == want && list[0].MAC == w.mac(to).String(), fmt.Sprint(list)
		})
	}
}

// asks is a question that h5 puts to everybody.
func asks(mac packet.MAC, ip string) []byte {
	if netip.MustParseAddr(ip).Is4() {
		return request(mac, "10.0.0.5", ip)
	}
	group := packet.SolicitedNode(addr(ip))
	return packet.AppendNS(nil, packet.MulticastMAC(group), mac, false, 0, addr("fd00::5"), group, addr(ip), &mac, nil)
}
