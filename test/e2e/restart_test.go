package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

var noFilter api.Filter

// changing is what a dump shows of a flow that changes without the flow being
// changed.
var changing = regexp.MustCompile(`(duration|n_packets|n_bytes|idle_age|hard_age)=[^ ,]*,? ?`)

// flows dumps the flows of a switch, without counters, sorted.
func (w *world) flows(sw string) []string {
	w.t.Helper()
	out, err := w.lab.Ofctl("-O", "OpenFlow13", "dump-flows", sw)
	if err != nil {
		w.t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(out) {
		if strings.Contains(line, "cookie=") {
			list = append(list, strings.TrimSpace(changing.ReplaceAllString(line, "")))
		}
	}
	slices.Sort(list)
	return list
}

func difference(before, after []string) string {
	var b strings.Builder
	for _, f := range before {
		if !slices.Contains(after, f) {
			fmt.Fprintln(&b, "-", f)
		}
	}
	for _, f := range after {
		if !slices.Contains(before, f) {
			fmt.Fprintln(&b, "+", f)
		}
	}
	return b.String()
}

// A restarted controller rebuilds what it knew from the switch, sends no flow
// change, and no packet is lost meanwhile.
func TestRestartChangesNothing(t *testing.T) {
	w := newWorld(t, hosts("restart", 4), "")
	for i := 2; i <= 4; i++ {
		w.must("h1", "ping", "-c", "1", "-W", "3", fmt.Sprintf("10.0.0.%d", i))
		w.must("h1", "ping", "-c", "1", "-W", "3", fmt.Sprintf("fd00::%d", i))
	}
	w.confirmAll(4)
	w.settled()
	known := names(w)
	before := w.flows("s1")

	ctx, cancel := w.context()
	defer cancel()
	pings := make(chan error, 1)
	go func() { pings <- w.everyPing(ctx, "h1", "10.0.0.2", "0.05", 120) }()
	monitor := w.monitor(ctx)
	w.isat.kill()
	w.start(w.listen)
	w.synced()
	sync := w.switches()[0].Changes
	if sync.Added+sync.Changed+sync.Removed+sync.Groups+sync.Meters != 0 || sync.Kept == 0 {
		t.Errorf("a restart changed the switch: %+v", sync)
	}
	if diff := difference(before, w.flows("s1")); diff != "" {
		t.Errorf("flows changed:\n%s", diff)
	}
	if got := names(w); !slices.Equal(got, known) {
		t.Errorf("known after the restart: %v\nbefore: %v", got, known)
	}
	if err := <-pings; err != nil {
		t.Error(err)
	}
	if changes := monitor(); changes != "" {
		t.Errorf("the switch saw flow changes:\n%s", changes)
	}
	// And the switch still answers.
	punts := w.packetIns()
	w.must("h3", "ip", "neigh", "flush", "all")
	w.must("h3", "ping", "-c", "1", "-W", "3", "10.0.0.4")
	if n := w.packetIns() - punts; n > 1 { // h3's own request taught its address before
		t.Errorf("%d packet-ins", n)
	}
}

// confirmAll makes every address of the hosts h1…hn reachable. The kernels will
// check their neighbours within seconds, and would teach what is not known yet;
// some tests want a world that does not change.
func (w *world) confirmAll(n int) {
	w.t.Helper()
	for i := 1; i <= n; i++ {
		for _, ip := range []string{"10.0.0.%d", "fd00::%d", "fe80::ff:fe00:%d"} {
			w.resolve(fmt.Sprintf(ip, i))
		}
	}
}

// resolve searches an address that somebody has.
func (w *world) resolve(ip string) {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	r, err := w.client.Resolve(ctx, api.Target{IP: netip.MustParseAddr(ip)})
	if err != nil || !r.Found {
		w.t.Fatalf("resolve %s: %+v, %v", ip, r, err)
	}
}

// monitor watches the switch's flow tables through an independent connection,
// and returns a function that ends it and gives the changes but for the
// renewals of leases.
func (w *world) monitor(ctx context.Context) func() string {
	w.t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	cmd, err := w.lab.Command(ctx, "s1", "ovs-ofctl", "-O", "OpenFlow13", "monitor", "s1", "watch:!initial")
	if err != nil {
		w.t.Fatal(err)
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return func() string {
		cancel()
		_ = cmd.Wait()
		var changes []string
		for line := range strings.Lines(out.String()) {
			if strings.Contains(line, "event=") && !strings.Contains(line, "hard_timeout=15") &&
				!strings.Contains(line, "cookie=0x15a70802") && !strings.Contains(line, "cookie=0x15a70502") && !strings.Contains(line, "cookie=0x15a70602") {
				changes = append(changes, line)
			}
		}
		return strings.Join(changes, "")
	}
}

func names(w *world) (list []string) {
	for _, b := range w.bindings("", "") {
		list = append(list, fmt.Sprint(b.Network, b.IP, b.MAC, b.Port, b.Origin, b.State, b.Router))
	}
	slices.Sort(list)
	return list
}

// Without a controller known hosts are answered and forwarded, and once the
// leases have run out new ones are found by flooding. When it is back, searches
// replace floods again.
func TestControllerGone(t *testing.T) {
	w := newWorld(t, hosts("gone", 4), "")
	w.must("h1", "ping", "-c", "1", "-W", "3", "10.0.0.2")
	w.learned("default", "10.0.0.2", "reachable")
	w.settled()
	w.isat.kill()
	killed := time.Now()
	w.must("h1", "ip", "neigh", "flush", "all")
	bystander := w.capture("h4")
	w.must("h1", "ping", "-c", "2", "-W", "2", "10.0.0.2")
	if n := count(bystander.Frames(), broadcastRequest("10.0.0.2")); n != 0 {
		t.Errorf("a request for a known host was flooded %d times", n)
	}
	// h3 was never heard of.
	w.eventually("h3 found by flooding", func() (bool, string) {
		out, code := w.exec("h1", "ping", "-c", "1", "-W", "1", "10.0.0.3")
		return code == 0, out
	})
	if took := time.Since(killed); took > 20*time.Second {
		t.Errorf("requests were flooded only after %v", took)
	}
	w.must("h1", "ping", "-c", "1", "-W", "2", "fd00::3")
	if count(bystander.Frames(), broadcastRequest("10.0.0.3")) == 0 {
		t.Error("the request for the unknown host reached no bystander: it was not flooded")
	}
	w.start(w.listen)
	w.synced()
	before := w.counter("search-started")
	c := w.capture("h2")
	w.send("h2", request(w.mac("h2"), "10.0.0.2", "10.0.0.4"))
	w.wait(c, "the answer", isARP(packet.ARPReply, "10.0.0.4", "10.0.0.2"))
	if w.counter("search-started") == before {
		t.Error("the unknown host was not searched")
	}
}

// A switch that lost or gained flows is brought back with only the differences.
func TestReconnectSendsDifferences(t *testing.T) {
	w := newWorld(t, hosts("reconnect", 3), "")
	w.must("h1", "ping", "-c", "1", "-W", "3", "10.0.0.2")
	w.settled()
	before := w.flows("s1")
	ctx, cancel := w.context()
	defer cancel()
	// No controller at all would make Open vSwitch drop its flows.
	if err := w.lab.SetController(ctx, "tcp:127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	w.eventually("switch away", func() (bool, string) {
		list := w.switches()
		return list[0].State == "away", fmt.Sprint(list)
	})
	for _, args := range [][]string{
		{"add-flow", "s1", "table=0,priority=7777,in_port=1,actions=drop"},
		{"--strict", "del-flows", "s1", "table=20,priority=10,metadata=1,reg0=0x0a000002"},
		{"mod-flows", "s1", "table=21,reg0=0x0a000001,actions=drop"},
	} {
		if out, err := w.lab.Ofctl(append([]string{"-O", "OpenFlow13"}, args...)...); err != nil {
			t.Fatalf("%v: %v %s", args, err, out)
		}
	}
	if err := w.lab.SetController(ctx, w.listen); err != nil {
		t.Fatal(err)
	}
	w.synced()
	if s := w.switches()[0].Changes; s.Added != 1 || s.Changed != 1 || s.Removed != 1 || s.Kept < len(before)-2 {
		t.Errorf("differences %+v, want 1 added, 1 changed, 1 removed", s)
	}
	if diff := difference(before, w.flows("s1")); diff != "" {
		t.Errorf("flows differ from before:\n%s", diff)
	}
}

// 10 000 requests between known hosts send nothing to the controller, and each
// binding costs one flow in bindings and one in owners.
func TestKnownHostsCostNoPacketIn(t *testing.T) {
	w := newWorld(t, hosts("quiet", 3), "")
	for i := 1; i <= 3; i++ {
		for j := 1; j <= 3; j++ {
			if i != j {
				w.must(fmt.Sprintf("h%d", i), "ping", "-c", "1", "-W", "3", fmt.Sprintf("10.0.0.%d", j))
				w.must(fmt.Sprintf("h%d", i), "ping", "-c", "1", "-W", "3", fmt.Sprintf("fd00::%d", j))
			}
		}
	}
	w.confirmAll(3)
	w.settled()
	c, err := w.lab.Capture("h1", "in arp|na")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	before := w.packetIns()
	target := addr("fd00::2")
	mac := w.mac("h1")
	group := packet.SolicitedNode(target)
	ns := packet.AppendNS(nil, packet.MulticastMAC(group), mac, false, 0, addr("fd00::1"), group, target, &mac, nil)
	const each = 5000
	answers := func(f lab.Frame) bool {
		if a, ok := arpIn(f); ok {
			return a.Op == packet.ARPReply && a.SHA == w.mac("h2")
		}
		n, ok := ndIn(f)
		return ok && n.Type == packet.NDAdvertisement && n.TLL == w.mac("h2")
	}
	for i := 0; i < each; i++ {
		w.send("h1", request(mac, "10.0.0.1", "10.0.0.2"))
		w.send("h1", ns)
		if i%100 == 99 { // what is sent faster than the switch reads is lost in the socket
			ctx, cancel := w.context()
			_, err := c.Wait(ctx, func(all []lab.Frame) bool { return count(all, answers) >= 2*(i+1) })
			cancel()
			if err != nil {
				t.Fatalf("after %d requests: %d answers: %v", 2*(i+1), count(c.Frames(), answers), err)
			}
		}
	}
	if n := w.packetIns() - before; n != 0 {
		t.Errorf("%d packet-ins for %d requests", n, 2*each)
	}
	bindings := len(w.bindings("", ""))
	reachable := 0
	for _, b := range w.bindings("", "") {
		if b.State == "reachable" {
			reachable++
		}
	}
	tables := map[string]int{}
	for _, f := range w.flows("s1") {
		for _, table := range []string{"table=20,", "table=21,"} {
			if strings.Contains(f, table) {
				tables[table]++
			}
		}
	}
	if tables["table=20,"] != reachable || tables["table=21,"] != bindings {
		t.Errorf("%d flows in bindings for %d reachable bindings, %d in owners for %d", tables["table=20,"], reachable, tables["table=21,"], bindings)
	}
}
