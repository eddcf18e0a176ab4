package bench_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/isat-sdn/isat/internal/bench"
	"github.com/isat-sdn/isat/internal/lab"
)

// The whole measurement of both systems, on few hosts. What depends on how fast the
// machine is, and what the plain switch loses, is no matter of this test.
func TestFlood(t *testing.T) {
	lab.Require(t)
	t.Setenv(asIsat, "1")
	const hosts, rounds = 2, 2
	report, err := bench.Flood(t.Context(), bench.FloodConfig{Hosts: hosts, Rounds: rounds, Rate: 500, Base: t.TempDir(), Program: []string{os.Args[0]}})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Systems) != 2 || len(report.Systems[0].Situations) != 4 {
		t.Fatalf("report: %+v", report)
	}
	// The second is the flood, the third the scan; it is quiet before both.
	for i, s := range report.Systems[0].Situations {
		want := hosts * rounds
		if i == 0 {
			want *= 2
		}
		for _, e := range s.Echoes {
			if e.Sent != want || e.Lost != 0 || e.P50 <= 0 || e.P99 < e.P50 || e.Max < e.P99 {
				t.Errorf("situation %d: %+v", i, e)
			}
		}
		if i > 0 && (s.Sent.Frames == 0 || s.Sent.Took <= 0) {
			t.Errorf("situation %d: sent %+v", i, s.Sent)
		}
		if s.Bindings < want || s.PacketIns < uint64(want) {
			t.Errorf("situation %d: %d bindings and %d packet-ins more", i, s.Bindings, s.PacketIns)
		}
	}
	flood, scan, known := report.Systems[0].Situations[1], report.Systems[0].Situations[2], report.Systems[0].Situations[3]
	if flood.Stations == 0 || flood.Bindings <= hosts*rounds {
		t.Errorf("nothing was learned of the flood: %+v", flood)
	}
	if scan.PacketIns <= known.PacketIns {
		t.Errorf("%d packet-ins of a scan, %d of packets to known hosts", scan.PacketIns, known.PacketIns)
	}
	if plain := report.Systems[1].Situations[1]; plain.Sent.Frames == 0 || plain.Echoes[bench.FirstPings].Sent != hosts*rounds {
		t.Errorf("plain switch: %+v", plain)
	}
	var text bytes.Buffer
	if err := report.Write(&text); err != nil || text.Len() == 0 {
		t.Errorf("report: %q, %v", &text, err)
	}
}
