package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

// age is the age limit of these tests, and late how much later than it should
// something may happen: Open vSwitch looks for idle flows once a second, and the
// machine may be busy.
const (
	age  = 12 * time.Second
	late = 3 * time.Second
)

// early is how much earlier than it should something may be seen: clocks of the
// kernel and of Open vSwitch are rounded.
const early = 100 * time.Millisecond

const lifeIntent = `kind: network
name: default
number: 1
age: 12s
ports:
  - {switch: s1, port: h2}
  - {switch: s1, port: h5}
---
kind: network
name: blue
number: 100
age: 12s
ports:
  - {switch: s1, port: h2, vlan: 10}
  - {switch: s1, port: h5, vlan: 10}
`

// mute is an address whose owner has fallen silent.
type mute struct {
	host, network, ip string
	vlan              uint16
	heard             time.Time
	gone              time.Time
}

// Hosts of every kind grow old together: h1 is a kernel that gave its addresses
// up, h2 sends with tags and is silent then, h3 only sends, h4 only receives,
// and h5 looks on.
//
// conformance: R2
func TestBindingsAge(t *testing.T) {
	t.Parallel() // the times are long
	w := newWorld(t, hosts("life-age", 5), lifeIntent)
	at := map[string]*lab.Capture{}
	for i := range 5 {
		h := fmt.Sprintf("h%d", i+1)
		at[h] = w.capture(h)
	}
	talkers := w.oneWay("h3", "h4")
	mutes := w.fallSilent(at)
	w.eventually("the end of the silent", func() (bool, string) {
		left := ""
		for _, m := range mutes {
			if !m.gone.IsZero() {
				continue
			}
			if list := w.bindings(m.network, m.ip); len(list) == 0 {
				m.gone = time.Now()
			} else {
				left += fmt.Sprint(list)
			}
		}
		return left == "", left
	})
	for _, m := range mutes {
		w.run("R2-silent-"+m.ip, func(w *world) { w.checkMute(m, at) })
	}
	for _, b := range talkers {
		w.run("R2-one-way-"+b.ip, func(w *world) { w.checkTalker(b, at) })
	}
}

// fallSilent has every mute host be heard for the last time, and waits until its
// address is bound.
func (w *world) fallSilent(at map[string]*lab.Capture) []*mute {
	w.t.Helper()
	list := []*mute{
		{host: "h1", network: "default", ip: "10.0.0.1"}, {host: "h1", network: "default", ip: "fd00::1"},
		{host: "h2", network: "default", ip: "10.0.7.2", vlan: 7}, {host: "h2", network: "default", ip: "fd00:7::2", vlan: 7},
		{host: "h2", network: "blue", ip: "10.0.10.2", vlan: 10}, {host: "h2", network: "blue", ip: "fd00:10::2", vlan: 10},
	}
	w.must("h1", "ping", "-c", "1", "-W", "3", "10.0.0.5")
	w.must("h1", "ping", "-c", "1", "-W", "3", "fd00::5")
	w.must("h1", "sh", "-c", "ip addr del 10.0.0.1/24 dev eth0 && ip addr del fd00::1/64 dev eth0")
	for _, m := range list {
		w.send(m.host, tagged(announcement(w.mac(m.host), m.ip), m.vlan))
		w.learned(m.network, m.ip, "reachable")
		m.heard = w.lastHeard(at[m.host], m.ip)
	}
	return list
}

// checkMute checks that a silent owner was asked by unicast, at its own port
// only, at 1/2, 2/3 and 3/4 of the limit, and that nothing is left of it.
func (w *world) checkMute(m *mute, at map[string]*lab.Capture) {
	w.t.Helper()
	for host, c := range at {
		if n := len(questions(c, m.ip)); n != 0 && host != m.host {
			w.t.Errorf("%s was asked %d times for the address of %s", host, n, m.host)
		}
	}
	asked := questions(at[m.host], m.ip)
	if len(asked) != 3 {
		w.t.Fatalf("the owner was asked %d times, want 3", len(asked))
	}
	for i, after := range []time.Duration{age / 2, age * 2 / 3, age * 3 / 4} {
		var f packet.Frame
		if err := f.Parse(asked[i].Data); err != nil {
			w.t.Fatal(err)
		}
		if f.Dst != w.mac(m.host) || f.VLAN != m.vlan || f.Tagged != (m.vlan != 0) {
			w.t.Errorf("question %d went to %s with tag %d, want %s and %d", i+1, f.Dst, f.VLAN, w.mac(m.host), m.vlan)
		}
		w.onTime(fmt.Sprintf("question %d", i+1), asked[i].Time.Sub(m.heard), after)
	}
	// That it was silent is told to who watches, and not remembered.
	if got := w.events(m.ip); !slices.Equal(got, []string{"expired silent"}) {
		w.t.Errorf("the events are %q", got)
	}
	w.onTime("the end", m.gone.Sub(m.heard), age)
	for _, table := range []int{tableBindings, tableOwners} {
		if left := w.flowsOf(table, m.ip); left != "" {
			w.t.Errorf("there are flows left in table %d: %s", table, left)
		}
	}
}

// onTime checks when something happened, counted from when the owner was heard.
func (w *world) onTime(what string, took, want time.Duration) {
	w.t.Helper()
	if took < want-early || took > want+late {
		w.t.Errorf("%s came after %v, want %v", what, took, want)
	}
}

// talker is an address whose owner is alive.
type talker struct {
	host, ip string
	asked    bool
	learned  time.Time
}

// oneWay has one host send to another that does not answer, over IPv4 and IPv6,
// and none of them resolve anything.
func (w *world) oneWay(from, to string) []talker {
	w.t.Helper()
	w.must(to, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all && echo 1 >/proc/sys/net/ipv6/icmp/echo_ignore_all")
	var list []talker
	for _, format := range []string{"10.0.0.%s", "fd00::%s"} {
		for _, host := range []string{from, to} {
			ip := fmt.Sprintf(format, host[1:])
			w.send(host, announcement(w.mac(host), ip))
			list = append(list, talker{host: host, ip: ip, asked: host == to, learned: w.learned("default", ip, "reachable").Learned})
		}
		ip := fmt.Sprintf(format, to[1:])
		w.must(from, "ip", "neigh", "replace", ip, "lladdr", w.mac(to).String(), "dev", "eth0", "nud", "permanent")
		w.runs(from, "", "ping", "-n", "-i", "0.5", ip)
	}
	return list
}

// checkTalker checks that one who sends was never asked, that one who only
// receives was and has answered, and that both are known as they were.
func (w *world) checkTalker(b talker, at map[string]*lab.Capture) {
	w.t.Helper()
	n := 0
	for host, c := range at {
		for _, f := range questions(c, b.ip) {
			var v packet.Frame
			if err := v.Parse(f.Data); err != nil || host != b.host || v.Dst != w.mac(host) {
				w.t.Errorf("%s was asked for %s: %x", host, b.ip, f.Data)
			}
			n++
		}
	}
	switch {
	case b.asked && (n == 0 || n > 2):
		w.t.Errorf("it was asked %d times, want once or twice", n)
	case !b.asked && n != 0:
		w.t.Errorf("it was asked %d times, though it sends", n)
	}
	if got := w.events(b.ip, view.EventExpired); len(got) != 0 {
		w.t.Errorf("the events are %q", got)
	}
	if is := w.learned("default", b.ip, "reachable"); !is.Learned.Equal(b.learned) || is.MAC != w.mac(b.host).String() {
		w.t.Errorf("it is known as %+v", is)
	}
	for _, table := range []int{tableBindings, tableOwners} {
		if w.flowsOf(table, b.ip) == "" {
			w.t.Errorf("it has no flow in table %d", table)
		}
	}
}
