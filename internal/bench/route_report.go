package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// RouteReport is what Route measured.
type RouteReport struct {
	Processors int            `json:"processors"`
	Switch     string         `json:"openVSwitch"` // its version
	Addresses  int            `json:"addresses"`   // fresh ones of each measurement and family
	Moves      int            `json:"moves"`       // of each family
	Systems    []SystemReport `json:"systems"`     // isat first
	// Spins are the times of the same computation before each turn: how far they
	// differ is the machine's own noise.
	Spins []time.Duration `json:"spinsNanoseconds"`
}

// SystemReport is what one system's router did.
type SystemReport struct {
	Name     string         `json:"name"`
	Version  string         `json:"version,omitempty"` // of a peer
	Families []FamilyReport `json:"families"`          // IPv4, IPv6
}

// FamilyReport is what it did with one address family.
type FamilyReport struct {
	Name            string  `json:"name"`
	First           Echoes  `json:"first"` // one packet to addresses that the router does not know
	Known           Echoes  `json:"known"` // one packet to the same addresses later
	Burst           Echoes  `json:"burst"` // packets back to back to other such addresses
	Flows           int     `json:"flows"` // of the switch more with the addresses of First known
	FlowsPerBinding float64 `json:"flowsPerBinding"`
	Move            Times   `json:"move"` // from the announcement to the first packet at the new MAC
}

// Echoes are echo requests and what became of them.
type Echoes struct {
	Sent  int `json:"sent"`
	Lost  int `json:"lost"`
	Times     // round trips of the others
}

// Times are a distribution.
type Times struct {
	P50     time.Duration   `json:"p50Nanoseconds"`
	P99     time.Duration   `json:"p99Nanoseconds"`
	Max     time.Duration   `json:"maxNanoseconds"`
	Missing int             `json:"missing,omitempty"` // did not happen in time
	Samples []time.Duration `json:"samplesNanoseconds"`
}

func (e *Echoes) add(outcomes []outcome) {
	for i := range outcomes {
		e.Sent += len(outcomes[i].sent)
		e.Lost += outcomes[i].lost()
		e.Samples = append(e.Samples, outcomes[i].roundTrips()...)
	}
}

func (t *Times) add(took time.Duration, happened bool) {
	if happened {
		t.Samples = append(t.Samples, took)
	} else {
		t.Missing++
	}
}

// finish works out the quantiles: the smallest value that so many of the samples
// are not above.
func (t *Times) finish() {
	if len(t.Samples) == 0 {
		return
	}
	values := slices.Sorted(slices.Values(t.Samples))
	quantile := func(percent int) time.Duration { return values[(len(values)*percent+99)/100-1] }
	t.P50, t.P99, t.Max = quantile(50), quantile(99), quantile(100)
}

// value is a quantile for the report: not a number if nothing was measured.
func (t *Times) value(quantile time.Duration) float64 {
	if len(t.Samples) == 0 {
		return math.NaN()
	}
	return float64(quantile)
}

func (r *RouteReport) finish() {
	for i := range r.Systems {
		for j := range r.Systems[i].Families {
			f := &r.Systems[i].Families[j]
			for _, t := range []*Times{&f.First.Times, &f.Known.Times, &f.Burst.Times, &f.Move} {
				t.finish()
			}
		}
	}
}

// GoalFirstRatio is the most that the median first ping may take of a peer's.
const GoalFirstRatio = 0.5

// routeLine is a line of the report: a value of each system.
type routeLine struct {
	what  string
	value func(*FamilyReport) float64 // not a number if there is none
	text  func(float64) string
	goal  func(isat, peer float64) string // nil for none
}

func (r *RouteReport) lines() []routeLine {
	mean := func(v float64) string { return fmt.Sprintf("%.2f", v) }
	p50 := func(t func(*FamilyReport) *Times) func(*FamilyReport) float64 {
		return func(f *FamilyReport) float64 { return t(f).value(t(f).P50) }
	}
	p99 := func(t func(*FamilyReport) *Times) func(*FamilyReport) float64 {
		return func(f *FamilyReport) float64 { return t(f).value(t(f).P99) }
	}
	first := func(f *FamilyReport) *Times { return &f.First.Times }
	known := func(f *FamilyReport) *Times { return &f.Known.Times }
	move := func(f *FamilyReport) *Times { return &f.Move }
	none := func(isat, _ float64) string { return goal(isat == 0, "none") }
	faster := func(isat, peer float64) string {
		return goal(isat <= GoalFirstRatio*peer, "≤ %.2f", GoalFirstRatio)
	}
	return []routeLine{
		{"first ping, p50", p50(first), millis, faster},
		{"first ping, p99", p99(first), millis, nil},
		{fmt.Sprintf("first ping, lost of %d", r.Addresses), func(f *FamilyReport) float64 { return float64(f.First.Lost) }, plain, none},
		{fmt.Sprintf("first %d back to back, lost of %d", burst, burst*r.Addresses),
			func(f *FamilyReport) float64 { return float64(f.Burst.Lost) }, plain, none},
		{"ping to a known host, p50", p50(known), millis, nil},
		{"flows per binding", func(f *FamilyReport) float64 { return f.FlowsPerBinding }, mean, nil},
		{"announcement to new MAC, p50", p50(move), millis, nil},
		{"announcement to new MAC, p99", p99(move), millis, nil},
		{fmt.Sprintf("not moved within %v, of %d", moveTimeout, r.Moves), func(f *FamilyReport) float64 { return float64(f.Move.Missing) }, plain, none},
	}
}

// Write prints the report as text.
func (r *RouteReport) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d fresh addresses for each measurement, %d moves, Open vSwitch %s in its userspace datapath, %d processors\n",
		r.Addresses, r.Moves, r.Switch, r.Processors)
	for f := range r.Systems[0].Families {
		fmt.Fprintln(&b)
		r.writeFamily(&b, f)
	}
	fmt.Fprintf(&b, "\nnoise: %s\n", noise(r.Spins))
	return writeTrimmed(w, b.String())
}

// writeFamily prints one address family: a column for each system, and if there
// is a peer the ratio and the goal.
func (r *RouteReport) writeFamily(w io.Writer, f int) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, r.Systems[0].Families[f].Name)
	for _, s := range r.Systems {
		fmt.Fprintf(t, "\t%s", strings.TrimSpace(s.Name+" "+s.Version))
	}
	compare := len(r.Systems) > 1
	if compare {
		fmt.Fprint(t, "\tratio\tgoal")
	}
	fmt.Fprintln(t, "\t")
	for _, m := range r.lines() {
		fmt.Fprint(t, m.what)
		for i := range r.Systems {
			fmt.Fprintf(t, "\t%s", orNone(m.value(&r.Systems[i].Families[f]), m.text))
		}
		if compare {
			isat, peer := m.value(&r.Systems[0].Families[f]), m.value(&r.Systems[1].Families[f])
			fmt.Fprintf(t, "\t%s\t%s", ratio(isat, peer), m.judge(isat, peer))
		}
		fmt.Fprintln(t, "\t")
	}
	t.Flush()
}

func millis(v float64) string { return fmt.Sprintf("%.2f ms", v/float64(time.Millisecond)) }

func plain(v float64) string { return fmt.Sprintf("%g", v) }

// orNone prints a value, or that there is none.
func orNone(v float64, text func(float64) string) string {
	if math.IsNaN(v) {
		return "-"
	}
	return text(v)
}

func ratio(isat, peer float64) string {
	if peer == 0 || math.IsNaN(isat/peer) {
		return ""
	}
	return fmt.Sprintf("%.2f", isat/peer)
}

func (m routeLine) judge(isat, peer float64) string {
	if m.goal == nil {
		return ""
	}
	return m.goal(isat, peer)
}
