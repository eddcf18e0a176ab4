package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

// The guest is a virtual machine that is now at one port and now at another.
var (
	guestMAC = packet.MAC{0x02, 0xcc, 0, 0, 0, 1}
	guestIPs = []string{"10.0.0.20", "fd00::20"}
)

// Hosts whose port goes down are asked for everywhere, and are found where they
// are now; a virtual machine that moves is without an answer for less than a
// second.
//
// conformance: R6
func TestBindingsFollowHosts(t *testing.T) {
	t.Parallel()
	topology := hosts("life-place", 3)
	for _, name := range []string{"va", "vb"} {
		topology.Hosts = append(topology.Hosts, lab.Host{Name: name, Down: true})
	}
	w := newWorld(t, topology, "")
	w.quietPorts("va", "vb")
	w.run("R6-port-down", portDown)
	w.run("R6-found-elsewhere", foundElsewhere)
	for _, m := range []migration{
		{from: "vb", to: "va", announced: true},
		{from: "va", to: "vb"},
		{from: "vb", to: "va", down: true, announced: true},
		{from: "va", to: "vb", down: true},
	} {
		w.run("R6-migration"+m.String(), m.run)
	}
}

// The same between two switches that are linked.
//
// conformance: R6
func TestBindingsFollowHostsFar(t *testing.T) {
	t.Parallel()
	topology := lab.Topology{Name: "life-far", Switches: []lab.Switch{{Name: "s1"}, {Name: "s2"}}, Links: []lab.Link{{A: "s1", B: "s2"}}}
	for i, sw := range []string{"s1", "s2"} {
		h := hosts("", 2).Hosts[i]
		h.Switch = sw
		topology.Hosts = append(topology.Hosts, h)
	}
	topology.Hosts = append(topology.Hosts, lab.Host{Name: "va", Switch: "s1", Down: true}, lab.Host{Name: "vb", Switch: "s2", Down: true})
	w := newWorld(t, topology, "")
	w.quietPorts("va", "vb")
	w.settle("va")
	for _, ip := range guestIPs {
		w.resolve(ip)
	}
	for _, m := range []migration{
		{from: "va", to: "vb"},
		{from: "vb", to: "va", announced: true},
		{from: "va", to: "vb", down: true},
		{from: "vb", to: "va", down: true, announced: true},
	} {
		w.run("R6-migration"+m.String(), m.run)
	}
}

// quietPorts has ports come up without an address of their own.
func (w *world) quietPorts(ports ...string) {
	w.t.Helper()
	for _, port := range ports {
		w.must(port, "sh", "-c", "ip link set eth0 addrgenmode none"+
			" && echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad && ip link set eth0 up")
	}
}

// portDown takes a host's link down: its addresses are asked for at every other
// port, three times, and are gone when nobody answers.
func portDown(w *world) {
	for _, ip := range []string{"10.0.0.3", "fd00::3"} {
		w.resolve(ip)
	}
	at := w.capture("h2")
	if err := w.lab.SetLink("h3", false); err != nil {
		w.t.Fatal(err)
	}
	for _, ip := range []string{"10.0.0.3", "fd00::3"} {
		w.wait(at, "a question for "+ip, question(ip))
		w.eventually("the end of "+ip, func() (bool, string) {
			list := w.bindings("default", ip)
			left := w.flowsOf(tableBindings, ip) + w.flowsOf(tableOwners, ip)
			return len(list) == 0 && left == "", fmt.Sprint(list, left)
		})
		if n := len(questions(at, ip)); n != 3 {
			w.t.Errorf("%s was asked for %d times, want 3", ip, n)
		}
		if got := w.events(ip); !slices.Equal(got, []string{"silent port-down", "expired place-gone"}) {
			w.t.Errorf("the events are %q", got)
		}
	}
}

// settle brings the guest to a port.
func (w *world) settle(host string) {
	w.t.Helper()
	w.must(host, "sh", "-c", "ip link set eth0 address "+guestMAC.String()+" && ip addr add 10.0.0.20/24 dev eth0 && ip addr add fd00::20/64 dev eth0 nodad && "+
		"ip neigh replace 10.0.0.2 lladdr "+w.mac("h2").String()+" dev eth0 nud permanent && "+
		"ip neigh replace fd00::2 lladdr "+w.mac("h2").String()+" dev eth0 nud permanent")
}

// leave takes the guest away from a port. Its MAC goes first, lest the kernel say
// goodbye as the guest.
func (w *world) leave(host string) {
	w.t.Helper()
	w.must(host, "sh", "-c", "ip link set eth0 address "+w.mac(host).String()+" && ip addr flush dev eth0")
}

// foundElsewhere has the guest leave without a word for a port where it only
// answers.
func foundElsewhere(w *world) {
	w.settle("va")
	for _, ip := range guestIPs {
		w.resolve(ip)
		if b := w.learned("default", ip, "reachable"); b.Port != "va" {
			w.t.Fatalf("%s is at %s", ip, b.Port)
		}
	}
	w.settled()
	if err := w.lab.SetLink("va", false); err != nil {
		w.t.Fatal(err)
	}
	w.settle("vb")
	for _, ip := range guestIPs {
		w.at("vb", ip)
		w.must("h1", "ping", "-c", "1", "-W", "3", ip)
	}
	w.leave("va")
	w.must("va", "ip", "link", "set", "eth0", "up")
}

// at waits until an address is reachable at a port.
func (w *world) at(port, ip string) {
	w.t.Helper()
	w.eventually(ip+" at "+port, func() (bool, string) {
		list := w.bindings("default", ip)
		return len(list) == 1 && list[0].Port == port && list[0].State == "reachable", fmt.Sprint(list)
	})
}

// migration is a move of the guest while another host pings it.
type migration struct {
	from, to  string
	down      bool // the old port goes down; otherwise it stays up, and is silent
	announced bool // as QEMU does, by RARP, and the guest by gratuitous ARP; otherwise the guest just sends on
}

func (m migration) String() string {
	name := map[bool]string{true: "-old-port-down", false: "-old-port-up"}[m.down]
	return name + map[bool]string{true: "-announced", false: "-sends-on"}[m.announced]
}

func (m migration) run(w *world) {
	streams := []*running{w.pings("h1", guestIPs[0]), w.pings("h1", guestIPs[1])}
	if m.down {
		w.must(m.from, "ip", "link", "set", "eth0", "down")
	} else {
		w.leave(m.from)
	}
	w.settle(m.to)
	if m.announced {
		w.send(m.to, frameOf(packet.Broadcast, guestMAC, 0x8035, rarp(guestMAC)))
		for _, ip := range guestIPs {
			w.send(m.to, announcement(guestMAC, ip))
		}
	} else {
		for _, ip := range []string{"10.0.0.2", "fd00::2"} {
			w.runs(m.to, "", "ping", "-n", "-i", "0.1", "-c", "20", ip)
		}
	}
	moved := time.Now()
	for i, s := range streams {
		w.unbroken(guestIPs[i], s, moved, time.Time{})
		b := w.learned("default", guestIPs[i], "reachable")
		if len(w.lab.Topology().Switches) == 1 && b.Port != m.to {
			w.t.Errorf("%s is at %s, want %s", b.IP, b.Port, m.to)
		}
	}
	if m.down {
		w.leave(m.from)
		w.must(m.from, "ip", "link", "set", "eth0", "up")
	}
}

// rarp is the request (RFC 903) that a hypervisor sends for a guest that has
// arrived.
func rarp(mac packet.MAC) []byte {
	b := []byte{0, 1, 8, 0, 6, 4, 0, 3}
	b = append(append(b, mac[:]...), 0, 0, 0, 0)
	return append(append(b, mac[:]...), 0, 0, 0, 0)
}
