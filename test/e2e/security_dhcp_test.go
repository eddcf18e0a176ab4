package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/internal/view"
)

const dhcpIntent = `
kind: network
name: default
number: 1
ports:
  - {switch: s1, port: server, trusted: true}
  - {switch: s1, port: s1-s2, trusted: true}
  - {switch: s2, port: s2-s1, trusted: true}
`

// Real servers and real clients, on two switches: what a server gives on a trusted port is a lease
// of its client, and a server on another port reaches nobody.
//
// conformance: S4, S6
func TestDHCP(t *testing.T) {
	need(t, "dnsmasq", "dhclient")
	topology := lab.Topology{Name: "dhcp", Switches: []lab.Switch{{Name: "s1"}, {Name: "s2"}}, Links: []lab.Link{{A: "s1", B: "s2"}}, Hosts: []lab.Host{
		{Name: "server", Switch: "s1", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("fd00::1/64")}},
		{Name: "client", Switch: "s2"},
		{Name: "rogue", Switch: "s2", Addresses: []netip.Prefix{netip.MustParsePrefix("10.9.0.1/24"), netip.MustParsePrefix("fd00:9::1/64")}},
		{Name: "thief", Switch: "s1", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.3/24"), netip.MustParsePrefix("fd00::3/64")}},
	}}
	w := newWorld(t, topology, dhcpIntent)
	c := &dhcpClient{world: w, dir: t.TempDir()}
	c.prepare()
	w.daemon("rogue", dnsmasq(t, "10.9.0", "fd00:9")...)
	w.run("rogue", func(w *world) { rogueServer(w, c) })
	w.daemon("server", dnsmasq(t, "10.0.0", "fd00")...)
	w.run("four", func(w *world) { leaseOfFour(w, c) })
	w.run("six", func(w *world) { leaseOfSix(w, c) })
}

// dnsmasq serves DHCP, for 2 minutes, which is its shortest lease, and nothing else.
func dnsmasq(t *testing.T, four, six string) []string {
	dir := t.TempDir()
	return []string{"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=eth0", "--except-interface=lo",
		"--user=root", "--log-dhcp", "--log-facility=-", "--dhcp-leasefile=" + filepath.Join(dir, "leases"), "--pid-file=" + filepath.Join(dir, "pid"),
		"--dhcp-authoritative", "--dhcp-range=" + four + ".100," + four + ".150,2m", "--dhcp-range=" + six + "::1000," + six + "::1fff,64,2m"}
}

// dhcpClient runs DHCP clients that touch nothing but the address of eth0.
type dhcpClient struct {
	*world
	dir string
}

func (c *dhcpClient) path(name string) string { return filepath.Join(c.dir, name) }

func (c *dhcpClient) prepare() {
	const script = `#!/bin/sh
case "$reason" in
BOUND | RENEW) ip addr replace "$new_ip_address/24" dev eth0 ;;
BOUND6 | RENEW6) ip addr replace "$new_ip6_address/64" dev eth0 nodad ;;
esac
`
	for name, text := range map[string]string{"script": script, "conf": "timeout 5;\n"} {
		if err := os.WriteFile(c.path(name), []byte(text), 0o755); err != nil {
			c.t.Fatal(err)
		}
	}
}

// run asks for an address of a family ("-4", "-6"), or gives it back with "-r".
func (c *dhcpClient) run(w *world, family, mode string) (string, int) {
	return w.exec("client", "timeout", "20", "dhclient", family, mode, "-v", "-cf", c.path("conf"), "-sf", c.path("script"),
		"-lf", c.path("leases"+family), "-pf", c.path("pid"+family), "eth0")
}

// leased finds what a server gave to the client.
func leased(w *world, prefix string) (found []view.Binding) {
	for _, b := range w.bindings("default", "") {
		if b.Origin == "dhcp" && strings.HasPrefix(b.IP, prefix) {
			found = append(found, b)
		}
	}
	return found
}

func rogueServer(w *world, c *dhcpClient) {
	seen := w.capture("client")
	if out, code := c.run(w, "-4", "-1"); code == 0 {
		w.t.Errorf("a client took what a server gave it on a port that is not trusted:\n%s", out)
	}
	w.eventually("the refused server in the counters", func() (bool, string) {
		n := w.counter("decision-refused-dhcp-server")
		return n > 0, fmt.Sprint(n)
	})
	if log := w.isat.log.String(); !strings.Contains(log, "a DHCP server on a port that is not trusted") || !strings.Contains(log, "trusted: true") {
		w.t.Errorf("the log does not tell what to do:\n%s", log)
	}
	rogue := w.mac("rogue")
	if n := count(seen.Frames(), func(f lab.Frame) bool { return !f.Out && string(f.Data[6:12]) == string(rogue[:]) && f.Data[23] == 17 }); n > 0 {
		w.t.Errorf("%d packets of the server reached the client", n)
	}
}

// lease has the client get an address, and waits until that is its own.
func (c *dhcpClient) lease(w *world, family, prefix string) (b view.Binding) {
	w.t.Helper()
	if out, code := c.run(w, family, "-1"); code != 0 {
		w.t.Fatalf("no address:\n%s", out)
	}
	w.eventually("the lease", func() (bool, string) {
		found := leased(w, prefix)
		if len(found) == 1 {
			b = found[0]
		}
		return len(found) == 1, fmt.Sprint(w.bindings("default", ""))
	})
	if b.MAC != w.mac("client").String() || b.Port != "client" {
		w.t.Fatalf("the lease is %+v", b)
	}
	w.must("thief", "ping", "-c", "1", "-W", "5", b.IP)
	return b
}

// release has the client give its address back, and waits until it is free.
func (c *dhcpClient) release(w *world, family string, b view.Binding) {
	w.t.Helper()
	if out, code := c.run(w, family, "-r"); code != 0 {
		w.t.Fatalf("can't give it back:\n%s", out)
	}
	w.eventually("the lease given back", func() (bool, string) {
		n := w.counter("decision-removed-released")
		return n > 0 && len(leased(w, b.IP)) == 0, fmt.Sprint(n, w.bindings("default", b.IP))
	})
}

func leaseOfFour(w *world, c *dhcpClient) {
	b := c.lease(w, "-4", "10.0.0.1")
	// Nobody else gets it, even while its owner does not answer.
	w.must("client", "ip", "link", "set", "eth0", "arp", "off")
	thief := w.mac("thief")
	w.send("thief", request(thief, b.IP, b.IP))
	w.eventually("the thief refused", func() (bool, string) {
		n := w.counter("decision-refused-leased")
		return n > 0, fmt.Sprint(n)
	})
	if now := leased(w, b.IP); len(now) != 1 || now[0].MAC != b.MAC {
		w.t.Errorf("after a theft the lease is %+v", now)
	}
	w.must("client", "ip", "link", "set", "eth0", "arp", "on")
	c.release(w, "-4", b)
}

func leaseOfSix(w *world, c *dhcpClient) {
	c.release(w, "-6", c.lease(w, "-6", "fd00::1"))
}
