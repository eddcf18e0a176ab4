package e2e

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

// Known unicast goes to its one port; unknown unicast, broadcast and multicast
// go to every other port of the network.
func TestForwarding(t *testing.T) {
	w := newWorld(t, hosts("forward", 4), "")
	at := map[string]*lab.Capture{}
	for _, h := range []string{"h1", "h2", "h3", "h4"} {
		at[h] = w.capture(h)
	}
	const experimental = 0x88b6
	receivers := func(frame []byte) (got []string) {
		for _, h := range []string{"h1", "h2", "h3", "h4"} {
			if count(at[h].Frames(), func(f lab.Frame) bool { return !f.Out && string(f.Data) == string(frame) }) > 0 {
				got = append(got, h)
			}
		}
		return got
	}
	// Every host is a station from its first frame of any kind.
	for _, h := range []string{"h1", "h2", "h3", "h4"} {
		w.send(h, frameOf(packet.MAC{0x02, 0xff}, w.mac(h), experimental, []byte("hello")))
	}
	w.eventually("four stations", func() (bool, string) {
		s := w.status()
		return s.Stations == 4, fmt.Sprint(s)
	})
	for _, c := range []struct {
		what string
		dst  packet.MAC
		want []string
	}{
		{"known unicast", w.mac("h3"), []string{"h3"}},
		{"unknown unicast", packet.MAC{0x02, 0xfe}, []string{"h2", "h3", "h4"}},
		{"broadcast", packet.Broadcast, []string{"h2", "h3", "h4"}},
		{"multicast", packet.MAC{0x01, 0, 0x5e, 1, 2, 3}, []string{"h2", "h3", "h4"}},
		{"its own address", w.mac("h1"), nil},
		{"a bridge's own multicast", packet.MAC{0x01, 0x80, 0xc2, 0, 0, 0x0e}, nil},
	} {
		frame := frameOf(c.dst, w.mac("h1"), experimental, []byte(c.what))
		w.send("h1", frame)
		for _, h := range []string{"h2", "h3", "h4"} {
			w.barrier("h1", h, at[h])
		}
		if got := receivers(frame); !slices.Equal(got, c.want) {
			t.Errorf("%s reached %v, want %v", c.what, got, c.want)
		}
	}
}

const twoNetworks = `
kind: network
name: blue
number: 100
subnets:
  - {prefix: 10.0.0.0/24, gateway: 10.0.0.254, gatewayMAC: "02:00:00:00:ff:01"}
ports:
  - {switch: s1, port: b1}
  - {switch: s1, port: 2}
  - {switch: s1, port: trunk, vlan: 10}
  - {switch: s1, port: nowhere}
bindings:
  - {ip: 10.0.0.50, mac: "02:00:00:00:00:50"}
---
kind: network
name: red
number: 200
ports:
  - {switch: s1, port: r1}
  - {switch: "0000000000000001", port: r2}
  - {switch: s1, port: trunk, vlan: 20}
`

func twoNetworksTopology(name string) lab.Topology {
	host := func(name string, port uint16, n int) lab.Host {
		return lab.Host{Name: name, Port: port, Addresses: []netip.Prefix{
			netip.MustParsePrefix(fmt.Sprintf("10.0.0.%d/24", n)), netip.MustParsePrefix(fmt.Sprintf("fd00::%d/64", n))}}
	}
	return lab.Topology{Name: name, Switches: []lab.Switch{{Name: "s1"}}, Hosts: []lab.Host{
		host("b1", 1, 1), host("b2", 2, 2), host("r1", 3, 1), host("r2", 4, 2), {Name: "trunk", Port: 5, VLANs: []lab.TaggedLink{
			{ID: 10, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.9/24"), netip.MustParsePrefix("fd00::9/64")}},
			{ID: 20, Addresses: []netip.Prefix{netip.MustParsePrefix("10.2.0.8/24"), netip.MustParsePrefix("fd02::8/64")}},
		}},
	}}
}

// The same addresses live in two networks of one switch and never mix; a trunk
// is in both.
func TestNetworksAreSeparate(t *testing.T) {
	w := newWorld(t, twoNetworksTopology("networks"), twoNetworks)
	for _, from := range []string{"b1", "r1"} {
		for _, to := range []string{"10.0.0.2", "fd00::2"} {
			w.must(from, "ping", "-c", "1", "-W", "3", to)
		}
	}
	w.must("b1", "ping", "-c", "1", "-W", "3", "10.0.0.9")
	w.must("b2", "ping", "-c", "1", "-W", "3", "fd00::9")
	w.must("r1", "ip", "addr", "add", "10.2.0.1/24", "dev", "eth0")
	w.must("r2", "ip", "addr", "add", "fd02::2/64", "dev", "eth0", "nodad")
	w.must("r1", "ping", "-c", "1", "-W", "3", "10.2.0.8")
	w.must("r2", "ping", "-c", "1", "-W", "3", "fd02::8")
	for _, c := range []struct{ network, ip, host string }{
		{"blue", "10.0.0.2", "b2"}, {"red", "10.0.0.2", "r2"}, {"blue", "10.0.0.9", "trunk"}, {"red", "10.2.0.8", "trunk"},
	} {
		b := w.learned(c.network, c.ip, "reachable")
		if b.Port != c.host || b.MAC != w.mac(c.host).String() {
			t.Errorf("%s in %s is %+v, want %s", c.ip, c.network, b, c.host)
		}
	}
	if b := w.learned("blue", "10.0.0.9", "reachable"); b.PortVLAN != 10 {
		t.Errorf("binding on the trunk: %+v", b)
	}
	// Neither reaches the other: 10.0.0.9 is blue's only.
	if _, code := w.exec("r1", "ping", "-c", "1", "-W", "1", "10.0.0.9"); code == 0 {
		t.Error("red reaches an address of blue")
	}
	// The gateway and static bindings are answered though nobody has them.
	c := w.capture("b1")
	for ip, mac := range map[string]string{"10.0.0.254": "02:00:00:00:ff:01", "10.0.0.50": "02:00:00:00:00:50"} {
		w.send("b1", request(w.mac("b1"), "10.0.0.1", ip))
		f := w.wait(c, "the answer for "+ip, isARP(packet.ARPReply, ip, "10.0.0.1"))
		if a, _ := arpIn(f); a.SHA.String() != mac {
			t.Errorf("%s is at %s, want %s", ip, a.SHA, mac)
		}
	}
	ctx, cancel := w.context()
	defer cancel()
	ports, err := w.client.Ports(ctx, noFilter)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(ports, func(p view.Port) bool {
		return p.Name == "nowhere" && p.State == "absent" && slices.Equal(p.Networks, []string{"blue"})
	}) {
		t.Errorf("port nowhere is not shown as absent: %+v", ports)
	}
	broadcastStaysInside(t, w)
}

func broadcastStaysInside(t *testing.T, w *world) {
	at := map[string]*lab.Capture{}
	for _, h := range []string{"b2", "r1", "r2", "trunk"} {
		at[h] = w.capture(h)
	}
	frame := frameOf(packet.Broadcast, w.mac("b1"), 0x88b6, []byte("blue only"))
	w.send("b1", frame)
	w.barrier("b1", "b2", at["b2"])
	w.barrier("r1", "r2", at["r2"])
	w.barrier("r2", "r1", at["r1"])
	tagged := append(append(append([]byte{}, frame[:12]...), 0x81, 0, 0, 10), frame[12:]...)
	w.wait(at["trunk"], "the broadcast with the tag of blue", func(f lab.Frame) bool { return string(f.Data) == string(tagged) })
	for h, want := range map[string]int{"b2": 1, "r1": 0, "r2": 0} {
		if n := count(at[h].Frames(), func(f lab.Frame) bool { return string(f.Data) == string(frame) }); n != want {
			t.Errorf("%s received the broadcast of blue %d times, want %d", h, n, want)
		}
	}
}

// SIGHUP reads the intent again: an equal file sends no flow change, a broken
// one changes nothing, another one is carried out.
func TestIntentIsReadAgain(t *testing.T) {
	w := newWorld(t, twoNetworksTopology("reload"), twoNetworks)
	w.must("b1", "ping", "-c", "1", "-W", "3", "10.0.0.2")
	w.learned("blue", "10.0.0.1", "reachable")
	w.settled()
	flows := w.flows("s1")
	reload := func(text, logged string) {
		t.Helper()
		w.reload(text, logged)
		w.settled()
	}
	reload(twoNetworks, "intent read again")
	if diff := difference(flows, w.flows("s1")); diff != "" {
		t.Errorf("an equal intent changed flows:\n%s", diff)
	}
	reload(strings.Replace(twoNetworks, "number: 200", "number: 100", 1), "intent not changed")
	if diff := difference(flows, w.flows("s1")); diff != "" {
		t.Errorf("a broken intent changed flows:\n%s", diff)
	}
	// b2 moves to red: what was learned of it in blue goes.
	moved := strings.Replace(strings.Replace(twoNetworks, "  - {switch: s1, port: 2}\n", "", 1),
		"  - {switch: s1, port: r1}\n", "  - {switch: s1, port: r1}\n  - {switch: s1, port: b2}\n", 1)
	reload(moved, "intent read again")
	w.eventually("10.0.0.2 forgotten in blue", func() (bool, string) {
		list := w.bindings("blue", "10.0.0.2")
		return len(list) == 0, fmt.Sprint(list)
	})
	if _, code := w.exec("b1", "ping", "-c", "1", "-W", "1", "10.0.0.2"); code == 0 {
		t.Error("b1 still reaches b2, which is in red now")
	}
}

// What was learned on a port goes with it; a port that comes is part of the
// network; one whose link goes down shows it.
func TestPortsAreFollowed(t *testing.T) {
	w := newWorld(t, hosts("ports", 3), "")
	w.must("h1", "ping", "-c", "1", "-W", "3", "10.0.0.2")
	w.learned("default", "10.0.0.2", "reachable")
	ctx, cancel := w.context()
	defer cancel()
	if err := w.lab.RemoveHost(ctx, "h2"); err != nil {
		t.Fatal(err)
	}
	w.eventually("10.0.0.2 forgotten", func() (bool, string) {
		list := w.bindings("default", "10.0.0.2")
		return len(list) == 0, fmt.Sprint(list)
	})
	if dump := strings.Join(w.flows("s1"), "\n"); strings.Contains(dump, "0xa000002") || strings.Contains(dump, "00:00:00:02") {
		t.Errorf("flows of h2 are left:\n%s", dump)
	}
	if err := w.lab.AddHost(ctx, lab.Host{Name: "late", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.7/24")}}); err != nil {
		t.Fatal(err)
	}
	w.eventually("port late", func() (bool, string) {
		ports, err := w.client.Ports(ctx, noFilter)
		return slices.ContainsFunc(ports, func(p view.Port) bool { return p.Name == "late" && p.State == "up" }), fmt.Sprint(ports, err)
	})
	w.must("h1", "ping", "-c", "1", "-W", "3", "10.0.0.7")
	if err := w.lab.SetLink("h3", false); err != nil {
		t.Fatal(err)
	}
	w.eventually("port h3 down", func() (bool, string) {
		ports, err := w.client.Ports(ctx, noFilter)
		return slices.ContainsFunc(ports, func(p view.Port) bool { return p.Name == "h3" && p.State == "down" }), fmt.Sprint(ports, err)
	})
}

// A port that gets another name belongs to the network that the intent gives to
// that name, though its number stays.
func TestRenamedPortFollowsIntent(t *testing.T) {
	topology := hosts("rename", 2)
	w := newWorld(t, topology, `
kind: network
name: blue
number: 100
ports:
  - {switch: s1, port: after}
`)
	networks := func(name string) string {
		ctx, cancel := w.context()
		defer cancel()
		ports, err := w.client.Ports(ctx, noFilter)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range ports {
			if p.Name == name {
				return fmt.Sprintf("%d %s %v", p.Number, p.State, p.Networks)
			}
		}
		return "none"
	}
	if got := networks("after"); got != "0 absent [blue]" {
		t.Errorf("before it exists: %s", got)
	}
	if out, err := w.lab.Vsctl("add-port", "s1", "before", "--", "set", "interface", "before", "type=internal", "ofport_request=77"); err != nil {
		t.Fatal(err, out)
	}
	w.eventually("port before in default", func() (bool, string) {
		got := networks("before")
		return strings.HasPrefix(got, "77 ") && strings.HasSuffix(got, " [default]"), got
	})
	if out, err := w.lab.Vsctl("del-port", "before", "--", "add-port", "s1", "after", "--", "set", "interface", "after", "type=internal", "ofport_request=77"); err != nil {
		t.Fatal(err, out)
	}
	w.eventually("port after in blue", func() (bool, string) {
		got := networks("after")
		return strings.HasPrefix(got, "77 ") && strings.HasSuffix(got, " [blue]"), got
	})
	if got := networks("before"); got != "none" {
		t.Errorf("the old name is still there: %s", got)
	}
	if flows := strings.Join(w.flows("s1"), "\n"); !strings.Contains(flows, "in_port=77 actions=load:0x64->OXM_OF_METADATA[0..23],") {
		t.Errorf("port 77 is not classified into network 100:\n%s", flows)
	}
}

// A switch that lost all its flows gets them again, with what is known.
func TestSwitchThatLostItsFlows(t *testing.T) {
	w := newWorld(t, hosts("lost", 3), "")
	w.must("h1", "ping", "-c", "1", "-W", "3", "10.0.0.2")
	w.learned("default", "10.0.0.2", "reachable")
	w.settled()
	before := w.flows("s1")
	ctx, cancel := w.context()
	defer cancel()
	// Open vSwitch drops its flows with its last controller.
	if err := w.lab.SetController(ctx, ""); err != nil {
		t.Fatal(err)
	}
	w.eventually("switch away", func() (bool, string) {
		list := w.switches()
		return list[0].State == "away", fmt.Sprint(list)
	})
	if err := w.lab.SetController(ctx, w.listen); err != nil {
		t.Fatal(err)
	}
	w.synced()
	if diff := difference(before, w.flows("s1")); diff != "" {
		t.Errorf("flows differ from before:\n%s", diff)
	}
}
