package bench

import (
	"bytes"
	"io"
	"math"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/isat-sdn/isat/bench/peers"
	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

var (
	routerMAC = packet.MAC{2, 0, 0, 0, 1, 1}
	hostMAC   = packet.MAC{2, 0, 0, 0, 0, 1}
	otherMAC  = packet.MAC{2, 0, 0, 0, 0, 3}
)

// request4 and request6 are echo requests as the prober sends them.
func request4() echo {
	return echo{dstMAC: routerMAC, srcMAC: hostMAC, src: netip.MustParseAddr("10.1.0.10"), dst: netip.MustParseAddr("10.2.1.3"), ttl: hostTTL, id: 7, seq: 4}
}

func request6() echo {
	return echo{dstMAC: routerMAC, srcMAC: hostMAC, src: netip.MustParseAddr("fd00:1::10"), dst: netip.MustParseAddr("fd00:2::103"), ttl: hostTTL, id: 7, seq: 4}
}

func replyTo(e echo) echo {
	return echo{dstMAC: e.srcMAC, srcMAC: e.dstMAC, src: e.dst, dst: e.src, reply: true, ttl: routedTTL, id: e.id, seq: e.seq}
}

func (e echo) frame() []byte { return e.appendTo(nil) }

// What is built is what an independent decoder reads, checksums included.
func TestEchoFrames(t *testing.T) {
	for _, want := range []echo{request4(), replyTo(request4()), request6(), replyTo(request6())} {
		frame := want.frame()
		if got, ok := parseEcho(frame); !ok || got != want {
			t.Errorf("parse: %+v, %v, want %+v", got, ok, want)
		}
		p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
		if p.ErrorLayer() != nil {
			t.Fatalf("%v: %v", want.dst, p.ErrorLayer().Error())
		}
		if m, ok := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6); ok {
			if err := m.SetNetworkLayerForChecksum(p.NetworkLayer()); err != nil {
				t.Fatal(err)
			}
		}
		err, mismatches := p.VerifyChecksums()
		if err != nil || len(mismatches) > 0 {
			t.Errorf("%v: wrong checksums %v, %v", want.dst, mismatches, err)
		}
		flow := p.NetworkLayer().NetworkFlow()
		if flow.Src().String() != want.src.String() || flow.Dst().String() != want.dst.String() {
			t.Errorf("addresses are %v", flow)
		}
		switch m := p.Layer(layers.LayerTypeICMPv4); {
		case m != nil:
			if m := m.(*layers.ICMPv4); m.Id != want.id || m.Seq != want.seq || (m.TypeCode.Type() == layers.ICMPv4TypeEchoReply) != want.reply {
				t.Errorf("message is %+v", m)
			}
		default:
			m, ok := p.Layer(layers.LayerTypeICMPv6Echo).(*layers.ICMPv6Echo)
			if !ok || m.Identifier != want.id || m.SeqNumber != want.seq {
				t.Errorf("message is %+v", m)
			}
		}
	}
}

// What is no echo message is left alone, and nothing makes the parser fail.
func FuzzParseEcho(f *testing.F) {
	for _, e := range []echo{request4(), replyTo(request4()), request6(), replyTo(request6())} {
		for n := range e.frame() {
			f.Add(e.frame()[:n])
		}
		f.Add(e.frame())
	}
	f.Add(packet.AppendARP(nil, packet.Broadcast, hostMAC, false, 0, &packet.ARP{Op: packet.ARPRequest}))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, ok := parseEcho(b)
		if !ok {
			return
		}
		if again, ok := parseEcho(e.frame()); !ok || again != e {
			t.Errorf("%+v comes back as %+v, %v", e, again, ok)
		}
	})
}

func TestPoolDealsFreshAddresses(t *testing.T) {
	const fresh = 600
	topology, pools, err := topologyWith(fresh, peers.Topology)
	if err != nil {
		t.Fatal(err)
	}
	if err := topology.Validate(); err != nil {
		t.Fatal(err)
	}
	seen := make(map[netip.Addr]bool)
	var owner lab.Host
	for _, h := range topology.Hosts {
		if h.Name == ownerHost {
			owner = h
			continue
		}
		for _, a := range h.Addresses {
			seen[a.Addr()] = true
		}
	}
	for _, a := range owner.Gateways {
		seen[a] = true
	}
	if len(pools) != 2 || len(owner.Addresses) != 2*(fresh+1) {
		t.Fatalf("%d pools, %d addresses", len(pools), len(owner.Addresses))
	}
	for _, p := range pools {
		for _, n := range []int{1, 0, fresh - 1} {
			list, err := p.take(n)
			if err != nil || len(list) != n {
				t.Fatalf("take %d: %v, %v", n, list, err)
			}
			for _, a := range list {
				if seen[a] || !p.prefix.Masked().Contains(a) || !slices.Contains(owner.Addresses, netip.PrefixFrom(a, p.prefix.Bits())) {
					t.Fatalf("%v is not a fresh address of %s in %v", a, ownerHost, p.prefix)
				}
				seen[a] = true
			}
		}
		if list, err := p.take(1); err == nil {
			t.Errorf("%v after all are taken", list)
		}
	}
}

// at gives a frame a time, in microseconds.
func at(us int, out bool, data []byte) lab.Frame {
	return lab.Frame{Time: time.UnixMicro(int64(us)), Out: out, Data: data}
}

func TestMatchEchoes(t *testing.T) {
	p := &prober{host: sourceHost, id: 7, replyTTL: routedTTL}
	request := func(seq uint16) echo {
		e := request4()
		e.seq = seq
		return e
	}
	target := request4().dst
	sent := []lab.Frame{at(10, true, request(0).frame()), at(11, true, request(1).frame()), at(12, true, request(2).frame())}
	stranger, old, hop, wide := replyTo(request(0)), replyTo(request(0)), replyTo(request(1)), replyTo(request(3))
	stranger.src = netip.MustParseAddr("10.2.9.9")
	old.id = 6
	hop.ttl = hostTTL
	for name, c := range map[string]struct {
		frames []lab.Frame
		want   string // of the error
		lost   int
		trips  []time.Duration
	}{
		"nothing comes back": {sent, "", 3, nil},
		"late, and one lost": {append(slices.Clone(sent), at(40, false, replyTo(request(2)).frame()), at(30, false, replyTo(request(0)).frame())),
			"", 1, []time.Duration{20 * time.Microsecond, 28 * time.Microsecond}},
		"of others": {append(slices.Clone(sent), at(30, false, stranger.frame()), at(30, false, old.frame()), at(31, false, wide.frame()),
			at(32, true, replyTo(request(0)).frame()), at(33, false, request(0).frame())), "", 3, nil},
		"twice": {append(slices.Clone(sent), at(30, false, replyTo(request(0)).frame()), at(31, false, replyTo(request(0)).frame())),
			"10.2.1.3 answered packet 1 twice", 0, nil},
		"not routed":    {append(slices.Clone(sent), at(30, false, hop.frame())), "the reply of 10.2.1.3 has TTL 64 instead of 63: its way was another one", 0, nil},
		"not even sent": {sent[:2], "the capture on a1 misses a packet to 10.2.1.3", 0, nil},
	} {
		outcomes, err := p.match(c.frames, []netip.Addr{target}, 3)
		if err != nil || c.want != "" {
			if err == nil || err.Error() != c.want {
				t.Errorf("%s: error %v, want %q", name, err, c.want)
			}
			continue
		}
		if got := outcomes[0]; got.lost() != c.lost || !slices.Equal(got.roundTrips(), c.trips) {
			t.Errorf("%s: %d lost, %v, want %d, %v", name, got.lost(), got.roundTrips(), c.lost, c.trips)
		}
	}
}

// A move ends with the first packet of the stream, routed, at the new MAC, after
// the announcement.
func TestMoveTimes(t *testing.T) {
	for _, request := range []echo{request4(), request6()} {
		m := &mover{prober: &prober{}, toMAC: otherMAC}
		announcement := m.announcement(request.dst)
		arrived := request
		arrived.dstMAC, arrived.srcMAC, arrived.ttl = otherMAC, routerMAC, routedTTL
		flooded, foreign, unrouted := arrived, arrived, arrived
		flooded.dstMAC = hostMAC
		foreign.dst = request.src
		unrouted.ttl = hostTTL
		frames := []lab.Frame{
			at(5, false, arrived.frame()), at(10, true, announcement), at(11, false, flooded.frame()), at(12, false, foreign.frame()),
			at(13, false, unrouted.frame()), at(14, false, replyTo(arrived).frame()), at(15, true, announcement), at(20, false, arrived.frame()), at(21, false, arrived.frame()),
		}
		announced, routed := m.times(frames, request.dst)
		if announced.UnixMicro() != 10 || routed.UnixMicro() != 20 {
			t.Errorf("%v: announced at %v, routed at %v", request.dst, announced.UnixMicro(), routed.UnixMicro())
		}
		if announced, routed = m.times(frames[:7], request.dst); announced.UnixMicro() != 10 || !routed.IsZero() {
			t.Errorf("%v, not yet moved: announced at %v, routed at %v", request.dst, announced.UnixMicro(), routed)
		}
		if announced, _ = m.times(frames[:1], request.dst); !announced.IsZero() {
			t.Errorf("%v, not announced: at %v", request.dst, announced)
		}
	}
}

func TestQuantiles(t *testing.T) {
	var times Times
	times.finish()
	if !math.IsNaN(times.value(times.P50)) {
		t.Error("nothing has a median")
	}
	for n := range 200 {
		times.add(time.Duration(200-n), true)
	}
	times.add(0, false)
	times.finish()
	if times.P50 != 100 || times.P99 != 198 || times.Missing != 1 {
		t.Errorf("p50 %d, p99 %d, %d missing", times.P50, times.P99, times.Missing)
	}
}

// routeReport is a report with one sample of each time, in milliseconds.
func routeReport(first, move float64, lost int, only bool) *RouteReport {
	ms := func(v float64) Times {
		return Times{Samples: []time.Duration{time.Duration(v * float64(time.Millisecond))}}
	}
	isat := FamilyReport{Name: "IPv4", First: Echoes{Sent: 1, Times: ms(first)}, Known: Echoes{Sent: 1, Times: ms(0.2)},
		Burst: Echoes{Sent: 5, Lost: lost, Times: ms(1)}, Flows: 2, FlowsPerBinding: 2, Move: ms(move)}
	ovn := FamilyReport{Name: "IPv4", First: Echoes{Sent: 1, Times: ms(2)}, Known: Echoes{Sent: 1, Times: ms(0.4)},
		Burst: Echoes{Sent: 5, Lost: 2, Times: ms(2)}, Flows: 2, FlowsPerBinding: 2, Move: ms(30)}
	r := &RouteReport{Processors: 2, Switch: "3.1.0", Addresses: 1, Moves: 1, Spins: []time.Duration{1000, 1500},
		Systems: []SystemReport{{Name: "isat", Families: []FamilyReport{isat}}}}
	if !only {
		r.Systems = append(r.Systems, SystemReport{Name: "OVN", Version: "23.03.1", Families: []FamilyReport{ovn}})
	}
	r.finish()
	return r
}

func TestRouteReport(t *testing.T) {
	nothing := routeReport(1, 3, 0, false)
	nothing.Systems[0].Families[0].First = Echoes{Sent: 1, Lost: 1}
	checkTexts(t, map[string]reportText{
		"reached": {routeReport(1, 3, 0, false), []string{"OVN 23.03.1  ratio  goal", "1.00 ms  2.00 ms      0.50   ≤ 0.50\n", "3.00 ms  30.00 ms     0.10",
			"lost of 5  0        2            0.00   none\n"}, []string{"MISSED"}},
		"slow":    {routeReport(1.1, 3, 0, false), []string{"≤ 0.50 MISSED"}, []string{"none MISSED"}},
		"lossy":   {routeReport(1, 3, 1, false), []string{"0.50   none MISSED"}, []string{"≤ 0.50 MISSED"}},
		"alone":   {routeReport(1, 3, 1, true), []string{"IPv4", "1.00 ms\n"}, []string{"ratio", "MISSED", "OVN"}},
		"nothing": {nothing, []string{"-        2.00 ms             ≤ 0.50 MISSED\n"}, []string{"NaN"}},
	})
}

// reportText is a report, and what its text has and lacks.
type reportText struct {
	report    interface{ Write(io.Writer) error }
	has, lack []string
}

func checkTexts(t *testing.T, cases map[string]reportText) {
	t.Helper()
	for name, c := range cases {
		var text bytes.Buffer
		if err := c.report.Write(&text); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.has {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%s: %q is not in the report:\n%s", name, want, &text)
			}
		}
		for _, not := range c.lack {
			if strings.Contains(text.String(), not) {
				t.Errorf("%s: %q is in the report:\n%s", name, not, &text)
			}
		}
	}
}

func TestAggregateFlows(t *testing.T) {
	n, err := aggregateFlows("NXST_AGGREGATE reply (xid=0x4): packet_count=3 byte_count=294 flow_count=449\n")
	if err != nil || n != 449 {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range []string{"", "flow_count=", "flow_count=many"} {
		if n, err := aggregateFlows(bad); err == nil {
			t.Errorf("%q has %d flows", bad, n)
		}
	}
}

func TestRouteConfig(t *testing.T) {
	for _, c := range []struct {
		config RouteConfig
		want   string // empty if it is right
	}{
		{RouteConfig{Addresses: 200, Moves: 50}, ""},
		{RouteConfig{Addresses: 1, Moves: 1, Only: "OVN"}, ""},
		{RouteConfig{Moves: 1}, "0 addresses and 1 moves: at least one of each is needed"},
		{RouteConfig{Addresses: 1}, "1 addresses and 0 moves: at least one of each is needed"},
		{RouteConfig{Addresses: 1000, Moves: 1}, "1000 addresses and 1 moves need a host with 2011 addresses: at most 2000 can be measured"},
		{RouteConfig{Addresses: 1, Moves: 1, Only: "ovn"}, `no system "ovn": there are isat, OVN`},
	} {
		err := c.config.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%+v: %v, want %q", c.config, err, c.want)
		}
	}
}

// A daemon that has ended, in order or not, is not measured on.
func TestDaemonsAlive(t *testing.T) {
	dir := t.TempDir()
	over := exec.Command("true")
	if err := over.Run(); err != nil {
		t.Fatal(err)
	}
	for name, pid := range map[string]string{"here": strconv.Itoa(os.Getpid()) + "\n", "gone": strconv.Itoa(over.Process.Pid) + "\n", "garbled": "?"} {
		if err := os.WriteFile(filepath.Join(dir, name+".pid"), []byte(pid), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := daemonsAlive(dir, "here", "here"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"gone", "garbled", "never"} {
		if err := daemonsAlive(dir, "here", name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
