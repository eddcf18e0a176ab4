package bench_test

import (
	"errors"
	"os"
	"testing"

	"github.com/isat-sdn/isat/internal/bench"
	"github.com/isat-sdn/isat/internal/cli"
	"github.com/isat-sdn/isat/internal/lab"
)

// asIsat makes this test program isat.
const asIsat = "ISAT_BENCH_TEST_AS_ISAT"

func init() {
	if os.Getenv(asIsat) == "1" {
		cli.Main()
	}
}

// The whole measurement of each system's router, on few addresses. What depends on
// how fast the machine is, and what a peer loses, is no matter of this test.
func TestRoute(t *testing.T) {
	for _, only := range []string{"isat", "OVN"} {
		t.Run(only, func(t *testing.T) {
			lab.Require(t)
			t.Setenv(asIsat, "1")
			const addresses, moves = 3, 1
			report, err := bench.Route(t.Context(), bench.RouteConfig{Addresses: addresses, Moves: moves, Only: only, Base: t.TempDir(), Program: []string{os.Args[0]}})
			if errors.Is(err, bench.ErrNoOVN) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Systems) != 1 || report.Systems[0].Name != only || len(report.Systems[0].Families) != 2 {
				t.Fatalf("report: %+v", report)
			}
			for _, f := range report.Systems[0].Families {
				if f.First.Sent != addresses || f.First.Lost != 0 || f.First.P50 <= 0 || f.Known.Lost != 0 || f.Burst.Sent != 5*addresses {
					t.Errorf("%s: first %+v, known %+v, burst %+v", f.Name, f.First, f.Known, f.Burst)
				}
				if f.Flows < addresses || f.Move.Missing != 0 || len(f.Move.Samples) != moves || f.Move.P50 <= 0 {
					t.Errorf("%s: %d flows, moves %+v", f.Name, f.Flows, f.Move)
				}
				if only == "isat" && f.Burst.Lost != 0 {
					t.Errorf("%s: %d of %d packets lost", f.Name, f.Burst.Lost, f.Burst.Sent)
				}
			}
		})
	}
}
