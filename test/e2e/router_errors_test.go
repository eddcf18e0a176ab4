package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

// What kernels make of a router's errors.
func TestRouterErrors(t *testing.T) {
	t.Parallel()
	topology, intent := joined("route-errors", 2, 2)
	// b2 is a router of its own, to networks behind it.
	intent += "routes:\n  - {prefix: 10.7.0.0/24, via: 10.1.2.12}\n  - {prefix: \"fd00:7::/64\", via: \"fd00:2::12\"}\n"
	w := newWorld(t, topology, intent)
	w.run("replies", routerReplies)
	w.run("unreachable", hostUnreachable)
	w.run("L4-silent", silentIsDropped)
	w.run("no-route", networkUnreachable)
	w.run("refused", portUnreachable)
	w.run("TCP", tcpStream)
	w.run("path-MTU", pathMTU)
}

func routerReplies(w *world) {
	ctx, cancel := w.context()
	defer cancel()
	before := w.counter("punt-compose")
	for _, gateway := range []site{1, 2} {
		for _, ip := range []string{gateway.gateway4(), gateway.gateway6()} {
			if err := w.everyPing(ctx, "a1", ip, "0.05", 3); err != nil {
				w.t.Errorf("the router does not reply: %v", err)
			}
		}
	}
	if out, code := w.exec("a1", "ping", "-n", "-c", "1", "-W", "4", linkLocal(w.routerMAC(1))+"%eth0"); code != 0 {
		w.t.Errorf("its link-local address does not reply:\n%s", out)
	}
	if n := w.counter("punt-compose") - before; n != 0 {
		w.t.Errorf("%d replies went by way of the controller", n)
	}
}

// unreachable runs one ping to an address that nobody has, and checks who says
// so, with which words, and when.
func (w *world) unreachable(from, to, by, words string, limit time.Duration) {
	w.t.Helper()
	began := time.Now()
	out, code := w.exec(from, "ping", "-n", "-c", "1", "-W", "6", to)
	took := time.Since(began)
	want := regexp.MustCompile(`From ` + regexp.QuoteMeta(by) + `:? icmp_seq=1 ` + words)
	if code != 1 || !want.MatchString(out) {
		w.t.Errorf("ping from %s to %s: code %d, want %q from %s:\n%s", from, to, code, words, by, out)
	}
	if took > limit {
		w.t.Errorf("ping from %s to %s: told after %v, want %v at most", from, to, took, limit)
	}
}

// searchTime is how long a search takes that nobody answers. Whoever is told sooner
// has not waited for one.
const searchTime = 3 * time.Second

// hostWait is how long a sender may wait to be told that a host is not there: the
// machine may be busy.
const hostWait = searchTime + late

func hostUnreachable(w *world) {
	w.unreachable("a1", "10.1.2.99", "10.1.1.1", "Destination Host Unreachable", hostWait)
	w.unreachable("a1", "fd00:2::99", "fd00:1::1", "Destination unreachable: Address unreachable", hostWait)
	// Everybody who waits is told.
	for _, p := range w.pingOnce(map[string][]string{"a1": {"10.1.2.96"}, "a2": {"10.1.2.96"}}) {
		if !strings.Contains(p.out, "From 10.1.1.1 icmp_seq=1 Destination Host Unreachable") {
			w.t.Errorf("%s to %s:\n%s", p.from, p.to, p.out)
		}
	}
	// A next hop of a route is an address like any other.
	w.reload(strings.Replace(w.intentText(), "via: 10.1.2.12", "via: 10.1.2.98", 1), "intent read again")
	w.unreachable("a2", "10.7.0.9", "10.1.1.1", "Destination Host Unreachable", hostWait)
	w.reload(strings.Replace(w.intentText(), "via: 10.1.2.98", "via: 10.1.2.12", 1), "intent read again")
}

// silentFlow returns how many packets the switch has dropped for a silent next
// hop; ok is false if there is no flow for it.
func (w *world) silentFlow(network int, ip string) (dropped int, ok bool) {
	w.t.Helper()
	a := addr(ip)
	out, err := w.lab.Ofctl("-O", "OpenFlow13", "dump-flows", "s1", fmt.Sprintf("table=16,metadata=%#x,reg0=%#x", network, a[12:16]))
	if err != nil {
		w.t.Fatal(err, out)
	}
	m := regexp.MustCompile(`n_packets=(\d+),.*actions=drop`).FindStringSubmatch(out)
	if m == nil {
		return 0, false
	}
	dropped, _ = strconv.Atoi(m[1])
	return dropped, true
}

// conformance: L4
func silentIsDropped(w *world) {
	const silent = "10.1.2.97"
	// Each failure doubles the silence; four make it last, for 8 s, longer than this
	// takes.
	for range 4 {
		unanswered := w.counter("search-unanswered")
		w.eventually("a search that fails", func() (bool, string) {
			w.sendTo("a1", silent)
			return w.counter("search-unanswered") > unanswered, fmt.Sprint(w.status())
		})
	}
	before, ok := w.silentFlow(102, silent)
	if !ok {
		w.t.Fatalf("no flow drops what is for %s", silent)
	}
	punts := w.counter("punt-hold")
	out, _ := w.exec("a1", "ping", "-n", "-c", "5", "-i", "0.1", "-W", "1", silent)
	if strings.Contains(out, "nreachable") {
		w.t.Errorf("told again while it is silent:\n%s", out)
	}
	w.eventually("5 packets dropped by the switch", func() (bool, string) {
		n, _ := w.silentFlow(102, silent)
		return n-before >= 5, fmt.Sprint(n - before)
	})
	if n := w.counter("punt-hold") - punts; n != 0 {
		w.t.Errorf("%d packets to a silent address were sent to the controller", n)
	}
	// It comes up, and says so: no more waiting.
	w.must("b1", "ip", "addr", "add", silent+"/24", "dev", "eth0")
	w.send("b1", request(w.mac("b1"), silent, silent))
	w.learned("b", silent, "reachable")
	if out, err := w.lab.Appctl("revalidator/purge"); err != nil { // what the switch did with it before is cached for a while
		w.t.Fatal(err, out)
	}
	w.checkPings(w.pingOnce(map[string][]string{"a1": {silent}}), 1, func(ping) int { return 1 })
	if _, ok := w.silentFlow(102, silent); ok {
		w.t.Errorf("a flow still drops what is for %s", silent)
	}
}

// sendTo sends a UDP datagram to an address by the router.
func (w *world) sendTo(from, to string) {
	w.t.Helper()
	g := guest{mac: w.mac(from), ip: site(from[0] - 'a' + 1).ip4(int(from[1] - '0'))}
	w.send(from, udp(g, w.routerMAC(site(from[0]-'a'+1)), to, "hello").frame())
}

func networkUnreachable(w *world) {
	w.unreachable("a1", "198.51.100.1", "10.1.1.1", "Destination Net Unreachable", searchTime)
	w.unreachable("a1", "2001:db8::1", "fd00:1::1", "Destination unreachable: No route", searchTime)
}

func portUnreachable(w *world) {
	for _, ip := range []string{"10.1.1.1", "10.1.2.1", "fd00:1::1", "fd00:2::1"} {
		for _, network := range []string{"tcp", "udp"} {
			if err := w.exchangeWith("a1", network, net.JoinHostPort(ip, "7")); !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ENOPROTOOPT) {
				w.t.Errorf("%s to the router's %s: %v, want it refused", network, ip, err)
			}
		}
	}
}

// exchangeWith opens a connection from a host, writes, and waits for an answer.
func (w *world) exchangeWith(from, network, to string) error {
	return w.lab.In(from, func() error {
		c, err := (&net.Dialer{Timeout: 4 * time.Second}).Dial(network, to)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(4 * time.Second)); err != nil {
			return err
		}
		if _, err := c.Write([]byte("hello")); err != nil {
			return err
		}
		_, err = c.Read(make([]byte, 16))
		return err
	})
}

// A stream passes the router as it is, in both directions.
func tcpStream(w *world) {
	for _, ip := range []string{site(2).ip4(1), site(2).ip6(1)} {
		var server net.Listener
		if err := w.lab.In("b1", func() (err error) {
			server, err = net.Listen("tcp", net.JoinHostPort(ip, "0"))
			return err
		}); err != nil {
			w.t.Fatal(err)
		}
		defer server.Close()
		echoed := make(chan error, 1)
		go func() {
			c, err := server.Accept()
			if err == nil {
				_, err = io.Copy(c, c)
				c.Close()
			}
			echoed <- err
		}()
		sent := make([]byte, 1<<20)
		for i := range sent {
			sent[i] = byte(i * 7 >> 3)
		}
		var c net.Conn
		if err := w.lab.In("a1", func() (err error) {
			c, err = net.DialTimeout("tcp", server.Addr().String(), deadline)
			return err
		}); err != nil {
			w.t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(deadline)); err != nil {
			w.t.Fatal(err)
		}
		go func() {
			_, _ = c.Write(sent)
			_ = c.(*net.TCPConn).CloseWrite()
		}()
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, sent) {
			w.t.Errorf("by %s %d of %d octets came back: %v", ip, len(got), len(sent), err)
		}
		if err := <-echoed; err != nil {
			w.t.Errorf("b1: %v", err)
		}
	}
}

// pathMTU sends more than a link behind b2 takes: b2's error passes the router,
// and the sender's kernel believes it (RFC 1191, RFC 8201).
func pathMTU(w *world) {
	w.must("b2", "sh", "-c", `ip link add small type veth peer name far &&
		ip link set far up && ip link set small mtu 1300 up &&
		ip addr add 10.7.0.1/24 dev small && ip addr add fd00:7::1/64 dev small nodad &&
		ip neigh add 10.7.0.9 lladdr 02:00:00:00:00:99 dev small && ip neigh add fd00:7::9 lladdr 02:00:00:00:00:99 dev small &&
		echo 1 >/proc/sys/net/ipv4/ip_forward && echo 1 >/proc/sys/net/ipv6/conf/all/forwarding &&
		ip -6 route replace default via fd00:2::1`)
	for _, c := range []struct{ ip, by string }{{"10.7.0.9", "10.1.2.12"}, {"fd00:7::9", "fd00:2::12"}} {
		out, code := w.exec("a1", "ping", "-n", "-c", "1", "-W", "4", "-M", "do", "-s", "1400", c.ip)
		if code != 1 || !strings.Contains(out, "From "+c.by) || !strings.Contains(out, "mtu") || !strings.Contains(out, "1300") {
			w.t.Errorf("large ping to %s: code %d\n%s", c.ip, code, out)
		}
		if route := w.must("a1", "ip", "route", "get", c.ip); !strings.Contains(route, "mtu 1300") {
			w.t.Errorf("the sender's route to %s has no MTU of 1300: %s", c.ip, route)
		}
	}
	// What fits, passes: a large one in fragments, which the router forwards.
	seen := w.capture("b2")
	w.exec("a1", "ping", "-n", "-c", "1", "-W", "1", "-M", "dont", "-s", "2000", "10.7.0.9")
	w.wait(seen, "a later fragment", func(f lab.Frame) bool {
		return !f.Out && len(f.Data) > 34 && f.Data[12] == 8 && f.Data[13] == 0 && f.Data[20]&0x1f|f.Data[21] != 0 &&
			packet.MAC(f.Data[6:12]) == w.routerMAC(2)
	})
}
