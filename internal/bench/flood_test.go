package bench

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/isat-sdn/isat/bench/peers"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

func TestFloodConfig(t *testing.T) {
	for _, c := range []struct {
		config FloodConfig
		want   string // empty if it is right
	}{
		{FloodConfig{Hosts: 40, Rounds: 5, Rate: 4000}, ""},
		{FloodConfig{Hosts: 1, Rounds: 1, Rate: maxScanRate}, ""},
		{FloodConfig{Rounds: 1, Rate: 1}, "0 hosts in 1 rounds: at least one of each is needed"},
		{FloodConfig{Hosts: 1, Rate: 1}, "1 hosts in 0 rounds: at least one of each is needed"},
		{FloodConfig{Hosts: 100, Rounds: 5, Rate: 1}, "100 hosts in 5 rounds need more than 2000 addresses: fewer of either can be measured"},
		{FloodConfig{Hosts: 1 << 62, Rounds: 1, Rate: 1}, "4611686018427387904 hosts in 1 rounds need more than 2000 addresses: fewer of either can be measured"},
		{FloodConfig{Hosts: 1, Rounds: 1}, "a scan of 0 packets a second: from 1 to 100000 can be sent"},
	} {
		err := c.config.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%+v: %v, want %q", c.config, err, c.want)
		}
	}
}

// Every turn has the same situations, and before a flood and a scan it is quiet.
func TestFloodOrder(t *testing.T) {
	for _, router := range []bool{true, false} {
		first := order(router, 0)
		for round := range 4 {
			turn := order(router, round)
			if !slices.Equal(slices.Sorted(slices.Values(turn)), slices.Sorted(slices.Values(first))) {
				t.Errorf("round %d: %v instead of %v", round, turn, first)
			}
			if i := slices.Index(turn, flooded); turn[i-1] != quiet {
				t.Errorf("round %d: %v before the flood", round, turn[i-1])
			}
			if slices.Contains(turn, scanned) != router || slices.Contains(turn, streamed) != router {
				t.Errorf("router %v, round %d: %v", router, round, turn)
			}
		}
	}
}

// The flood is where nobody is, and isat would learn its senders; a scan goes
// where nobody is, and the packets beside it where somebody is.
func TestFloodTargets(t *testing.T) {
	config := FloodConfig{Hosts: 3, Rounds: 2, Rate: 1}
	topology, pools, err := topologyWith(config.fresh(), peers.FloodTopology)
	if err != nil {
		t.Fatal(err)
	}
	text, err := peers.Read(peers.FloodIntent)
	if err != nil {
		t.Fatal(err)
	}
	asked, err := intent.Parse(peers.FloodIntent, text)
	if err != nil {
		t.Fatal(err)
	}
	learned := false
	for _, n := range asked.Networks {
		for _, s := range n.Subnets {
			learned = learned || s.Prefix == FloodPrefix
		}
	}
	if !learned {
		t.Errorf("%v is in no network", FloodPrefix)
	}
	taken := make(map[netip.Addr]bool)
	for _, h := range topology.Hosts {
		for _, a := range h.Addresses {
			taken[a.Addr()] = true
			if FloodPrefix.Contains(a.Addr()) {
				t.Errorf("%v of %s is among the flood's", a, h.Name)
			}
		}
	}
	for range 1000 {
		if a := netip.AddrFrom4(flooding()); !FloodPrefix.Contains(a) {
			t.Fatalf("%v is not in %v", a, FloodPrefix)
		}
	}
	sweep := &Sweep{MAC: hostMAC, Router: routerMAC}
	for _, p := range pools {
		r := Range{From: p.prefix.Addr()}
		r.First, r.Count = p.beyondAll()
		sweep.Ranges = append(sweep.Ranges, r)
	}
	seen := make(map[netip.Addr]bool)
	for n := range 2 * int(sweep.Ranges[0].Count) {
		e, ok := parseEcho(sweep.packet(n).appendTo(nil))
		if !ok || !e.reply || e.ttl != hostTTL || e.dstMAC != routerMAC || e.srcMAC != hostMAC {
			t.Fatalf("packet %d is %+v, %v", n, e, ok)
		}
		p := pools[n%2].prefix
		if taken[e.dst] || seen[e.dst] || !p.Masked().Contains(e.dst) || e.src != p.Addr() {
			t.Fatalf("packet %d goes from %v to %v", n, e.src, e.dst)
		}
		seen[e.dst] = true
	}
	if again := sweep.packet(2 * int(sweep.Ranges[0].Count)); again.dst != sweep.Ranges[0].First || seen[netip.MustParseAddr("10.2.255.255")] {
		t.Errorf("the scan goes on with %v", again.dst)
	}
}

// arpFrame is a frame with ARP between two hosts.
func arpFrame(op uint16, from packet.MAC, spa, tpa string) []byte {
	return packet.AppendARP(nil, packet.Broadcast, from, false, 0,
		&packet.ARP{Op: op, SHA: from, SPA: netip.MustParseAddr(spa).As4(), TPA: netip.MustParseAddr(tpa).As4()})
}

func TestAnswered(t *testing.T) {
	const own, target = "10.2.0.11", "10.2.0.10"
	question := arpFrame(packet.ARPRequest, hostMAC, own, target)
	right, wrong := arpFrame(packet.ARPReply, otherMAC, target, own), arpFrame(packet.ARPReply, routerMAC, target, own)
	for name, c := range map[string]struct {
		frames []lab.Frame
		took   time.Duration // 0 for no answer
		want   string        // of the error
	}{
		"nothing":       {nil, 0, ""},
		"no answer":     {[]lab.Frame{at(10, true, question), at(11, false, arpFrame(packet.ARPReply, otherMAC, "10.2.0.12", own))}, 0, ""},
		"answer":        {[]lab.Frame{at(10, true, question), at(14, false, right)}, 4 * time.Microsecond, ""},
		"of one before": {[]lab.Frame{at(9, false, right), at(10, true, question)}, 0, ""},
		"another MAC":   {[]lab.Frame{at(10, true, question), at(14, false, wrong)}, 0, "wrong answer: 10.2.0.10 is said to be at 02:00:00:00:01:01 and is at 02:00:00:00:00:03"},
	} {
		o := outcome{target: netip.MustParseAddr(target), sent: make([]time.Time, 1), got: make([]time.Time, 1)}
		ok, err := o.answered(c.frames, question, otherMAC)
		if (err != nil || c.want != "") && (err == nil || err.Error() != c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if ok != (c.took > 0) || ok && o.roundTrips()[0] != c.took {
			t.Errorf("%s: %v, %v", name, ok, o.roundTrips())
		}
	}
}

// A first ping takes from the first question until the reply.
func TestMatchFirst(t *testing.T) {
	request := request4()
	request.dst = netip.MustParseAddr("10.2.1.3")
	reply := replyTo(request)
	reply.srcMAC = otherMAC
	elsewhere, stranger := reply, reply
	elsewhere.srcMAC = routerMAC
	stranger.src = netip.MustParseAddr("10.2.9.9")
	ask := arpFrame(packet.ARPRequest, hostMAC, "10.2.0.11", "10.2.1.3")
	asked := []lab.Frame{at(10, true, ask), at(20, true, ask), at(25, true, request.frame())}
	for name, c := range map[string]struct {
		frames []lab.Frame
		took   time.Duration // 0 for a lost one
		want   string        // of the error
	}{
		"found":       {append(slices.Clone(asked), at(30, false, stranger.frame()), at(31, false, reply.frame())), 21 * time.Microsecond, ""},
		"lost":        {asked, 0, ""},
		"twice":       {append(slices.Clone(asked), at(31, false, reply.frame()), at(32, false, reply.frame())), 0, "10.2.1.3 answered one packet twice"},
		"elsewhere":   {append(slices.Clone(asked), at(31, false, elsewhere.frame())), 0, "10.2.1.3 replies from 02:00:00:00:01:01 and is at 02:00:00:00:00:03"},
		"never asked": {nil, 0, "b2 was to ask for 10.2.1.3, and did not"},
	} {
		outcomes, err := matchFirst(c.frames, []netip.Addr{request.dst}, otherMAC)
		if err != nil || c.want != "" {
			if err == nil || err.Error() != c.want {
				t.Errorf("%s: error %v, want %q", name, err, c.want)
			}
			continue
		}
		if trips := outcomes[0].roundTrips(); (c.took == 0) != (len(trips) == 0) || c.took > 0 && trips[0] != c.took {
			t.Errorf("%s: %v", name, trips)
		}
	}
}

// Packets that are lost are counted, and told of.
func TestSituationAdds(t *testing.T) {
	answered := outcome{sent: []time.Time{time.UnixMicro(1)}, got: []time.Time{time.UnixMicro(3)}}
	lost := outcome{sent: []time.Time{time.UnixMicro(1)}, got: make([]time.Time, 1)}
	var s SituationReport
	if n := s.add([]outcome{lost, answered}, []outcome{answered}, nil, []outcome{lost}); n != 2 {
		t.Errorf("%d lost", n)
	}
	if n := s.add([]outcome{lost}); n != 1 {
		t.Errorf("%d more lost", n)
	}
	if s.Echoes[0].Sent != 3 || s.Echoes[0].Lost != 2 || s.Echoes[FirstPings].Lost != 0 || s.Echoes[3].Lost != 1 || len(s.Echoes[0].Samples) != 1 {
		t.Errorf("%+v", s.Echoes)
	}
}

func TestCachedFlows(t *testing.T) {
	n, err := cachedFlows("netdev@ovs-netdev:\n  flows         : (current 449) (avg 12) (max 501) (limit 10000)\n")
	if err != nil || n != 449 {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range []string{"", "(current ", "(current many)", "(max 1)"} {
		if n, err := cachedFlows(bad); err == nil {
			t.Errorf("%q has %d flows", bad, n)
		}
	}
}

// floodReport is a report in which the first ping in a flood, and an answer in a
// scan, take so many milliseconds.
func floodReport(first, scan float64, lost int) *FloodReport {
	situation := func(ms float64) SituationReport {
		var s SituationReport
		for i := range s.Echoes {
			s.Echoes[i] = Echoes{Sent: 1, Times: Times{Samples: []time.Duration{time.Duration(ms * float64(time.Millisecond))}}}
		}
		return s
	}
	r := &FloodReport{Processors: 2, Switch: "3.1.0", Hosts: 1, Rounds: 1, Rate: 4000, Spins: []time.Duration{1000, 1500}}
	isat := FloodedReport{Name: "isat", Situations: []SituationReport{situation(1), situation(3), situation(scan), situation(2)}}
	isat.Situations[flooded].Echoes[FirstPings] = situation(first).Echoes[FirstPings]
	isat.Situations[flooded].Echoes[0].Lost = lost
	isat.Situations[flooded].Sent = Sent{Frames: 3000, Took: 2 * time.Second}
	isat.Situations[flooded].grown(view.Status{Memory: 5e6, Bindings: 2, Counters: map[string]uint64{"openflow-packet-ins": 4}},
		view.Status{Memory: 7e6, Bindings: 9, Stations: 3, Counters: map[string]uint64{"openflow-packet-ins": 44}})
	r.Systems = []FloodedReport{isat, {Name: "plain switch", Situations: []SituationReport{situation(2), situation(4), {}, {}}}}
	r.finish()
	return r
}

func TestFloodReport(t *testing.T) {
	checkTexts(t, map[string]reportText{
		"reached": {floodReport(100, 2.6, 0), []string{"a port sends 4000 packets/s", "answer for a known host, p50    1.00 ms     2.00 ms       0.50   3.00 ms            4.00 ms       0.75",
			"≤ 100 ms\n", "≤ 1.30\n", "none\n", "packets sent in a second        -           -                    1500", "bindings more                   0           0                    7",
			"+2.0 MB", "packets to the controller       0           0                    40"}, []string{"MISSED", "NaN", "Inf"}},
		"slow":  {floodReport(101, 2.6, 0), []string{"≤ 100 ms MISSED"}, []string{"≤ 1.30 MISSED", "none MISSED"}},
		"scan":  {floodReport(100, 2.7, 0), []string{"≤ 1.30 MISSED"}, []string{"≤ 100 ms MISSED", "none MISSED"}},
		"lossy": {floodReport(100, 2.6, 1), []string{"none MISSED"}, []string{"≤ 1.30 MISSED", "≤ 100 ms MISSED"}},
	})
}
