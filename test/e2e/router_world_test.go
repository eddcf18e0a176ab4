package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

// A site is a network with a router's interface and hosts behind it. Site 1 is
// called a, has the hosts a1, a2…, the prefixes 10.1.1.0/24 and fd00:1::/64, and
// its router is 10.1.1.1 and fd00:1::1.
type site int

func (s site) name() string     { return string('a' + rune(s) - 1) }
func (s site) gateway4() string { return fmt.Sprintf("10.1.%d.1", s) }
func (s site) gateway6() string { return fmt.Sprintf("fd00:%d::1", s) }

func (s site) host(n int) string { return fmt.Sprintf("%s%d", s.name(), n) }
func (s site) ip4(n int) string  { return fmt.Sprintf("10.1.%d.%d", s, 10+n) }
func (s site) ip6(n int) string  { return fmt.Sprintf("fd00:%d::%d", s, 10+n) }

// hosts are the site's hosts 1…n, with the router as their default gateway.
func (s site) hosts(n int) (list []lab.Host) {
	for i := 1; i <= n; i++ {
		list = append(list, lab.Host{
			Name: s.host(i), NoDAD: true,
			Addresses: []netip.Prefix{netip.MustParsePrefix(s.ip4(i) + "/24"), netip.MustParsePrefix(s.ip6(i) + "/64")},
			Gateways:  []netip.Addr{netip.MustParseAddr(s.gateway4()), netip.MustParseAddr(s.gateway6())},
		})
	}
	return list
}

// network is the intent of the site's network with the hosts 1…n.
func (s site) network(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "---\nkind: network\nname: %s\nnumber: %d\nports:\n", s.name(), 100+s)
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "  - {switch: s1, port: %s}\n", s.host(i))
	}
	return b.String()
}

// routerInterface is the intent of a router's interface in the site.
func (s site) routerInterface() string {
	return fmt.Sprintf("  - {network: %s, addresses: [%s/24, %q]}\n", s.name(), s.gateway4(), s.gateway6()+"/64")
}

// routerMAC is the MAC of a site's router, as its gateways' bindings say.
func (w *world) routerMAC(s site) packet.MAC {
	w.t.Helper()
	mac, err := packet.ParseMAC(w.learned(s.name(), s.gateway4(), "static").MAC)
	if err != nil {
		w.t.Fatal(err)
	}
	return mac
}

// joined is a lab with one switch and the sites 1…sites, each with n hosts, and
// the intent with which one router joins them.
func joined(name string, sites, n int) (lab.Topology, string) {
	t := lab.Topology{Name: name, Switches: []lab.Switch{{Name: "s1"}}}
	networks, router := "", "---\nkind: router\nname: r1\ninterfaces:\n"
	for s := site(1); s <= site(sites); s++ {
		t.Hosts = append(t.Hosts, s.hosts(n)...)
		networks += s.network(n)
		router += s.routerInterface()
	}
	return t, networks + router
}

// run runs a subtest on the same world.
func (w *world) run(name string, f func(w *world)) {
	w.t.Run(name, func(t *testing.T) {
		sub := *w
		sub.t = t
		f(&sub)
	})
}

// reload gives isat another intent, and waits until it says that it has read it.
func (w *world) reload(intent, logged string) {
	w.t.Helper()
	if err := os.WriteFile(w.intent, []byte(intent), 0o644); err != nil {
		w.t.Fatal(err)
	}
	before := strings.Count(w.isat.log.String(), logged)
	if err := w.isat.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		w.t.Fatal(err)
	}
	w.eventually("the log line "+logged, func() (bool, string) {
		return strings.Count(w.isat.log.String(), logged) > before, w.isat.log.String()
	})
}

// resolveIn searches an address of a network that somebody has.
func (w *world) resolveIn(network, ip string) {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	r, err := w.client.Resolve(ctx, api.Target{IP: netip.MustParseAddr(ip), Network: network})
	if err != nil || !r.Found {
		w.t.Fatalf("resolve %s in %s: %+v, %v", ip, network, r, err)
	}
}

// confirm makes every address of the lab's hosts reachable, those of the sites
// and the link-local ones, so that nothing is left to be learned.
func (w *world) confirm() {
	w.t.Helper()
	for _, h := range w.lab.Topology().Hosts {
		network := h.Name[:1]
		for _, a := range h.Addresses {
			w.resolveIn(network, a.Addr().String())
		}
		w.resolveIn(network, linkLocal(h.MAC))
	}
	w.settled()
}

// linkLocal is the address that a kernel makes of its MAC (RFC 4291 §2.5.1).
func linkLocal(m packet.MAC) string {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]}).String()
}

// ping is one echo request and what became of it.
type ping struct {
	from, to string
	ttl      int    // of the reply, 0 if there was none
	out      string // what the tool said
}

// pingScript sends one echo request to each of its arguments in turn.
const pingScript = `for ip; do echo "to $ip"; ping -n -c 1 -W 4 "$ip"; done`

var pingTTL = regexp.MustCompile(`ttl=(\d+)`)

// pingOnce sends one echo request from each host to each of its targets, the
// hosts at the same time.
func (w *world) pingOnce(targets map[string][]string) (list []ping) {
	w.t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	ctx, cancel := w.context()
	defer cancel()
	for from, ips := range targets {
		all.Add(1)
		go func() {
			defer all.Done()
			out, _, err := w.lab.Exec(ctx, from, append([]string{"sh", "-c", pingScript, "sh"}, ips...)...)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				w.t.Errorf("pings of %s: %v\n%s", from, err, out)
			}
			list = append(list, pingsIn(from, out)...)
		}()
	}
	all.Wait()
	return list
}

func pingsIn(from, out string) (list []ping) {
	for _, part := range strings.Split(out, "to ")[1:] {
		to, rest, ok := strings.Cut(part, "\n")
		if !ok || strings.Contains(to, " ") {
			continue
		}
		p := ping{from: from, to: to, out: rest}
		if m := pingTTL.FindStringSubmatch(rest); m != nil {
			p.ttl, _ = strconv.Atoi(m[1])
		}
		list = append(list, p)
	}
	return list
}

// everyPair is every host with the addresses of all others, and the number of
// pairs.
func (w *world) everyPair() (targets map[string][]string, pairs int) {
	targets = make(map[string][]string)
	hosts := w.lab.Topology().Hosts
	for _, from := range hosts {
		for _, to := range hosts {
			if from.Name == to.Name {
				continue
			}
			for _, a := range to.Addresses {
				targets[from.Name] = append(targets[from.Name], a.Addr().String())
				pairs++
			}
		}
	}
	return targets, pairs
}

// checkPings checks that no echo request was lost, and that each reply's TTL is
// what as many routers leave of it.
func (w *world) checkPings(list []ping, pairs int, routers func(p ping) int) {
	w.t.Helper()
	if len(list) != pairs {
		w.t.Errorf("%d pings, want %d", len(list), pairs)
	}
	lost := 0
	for _, p := range list {
		switch want := 64 - routers(p); p.ttl {
		case want:
		case 0:
			lost++
			w.t.Errorf("%s to %s was lost:\n%s", p.from, p.to, p.out)
		default:
			w.t.Errorf("%s to %s: TTL %d, want %d", p.from, p.to, p.ttl, want)
		}
	}
	w.t.Logf("%d of %d pings were lost", lost, pairs)
}

// intentText is the intent that isat was given last.
func (w *world) intentText() string {
	w.t.Helper()
	text, err := os.ReadFile(w.intent)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// waitAll waits for something that holds of all frames of a capture together.
func (w *world) waitAll(c *lab.Capture, what string, hold func([]lab.Frame) bool) {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	if _, err := c.Wait(ctx, hold); err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}

// isatCommand runs isat as a client of the running one.
func (w *world) isatCommand(args ...string) string {
	w.t.Helper()
	out, err := exec.Command(binary, append(args, "--api", w.isat.api)...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("isat %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
