package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/isat-sdn/isat/internal/view"
)

// FloodReport is what Flood measured.
type FloodReport struct {
	Processors int             `json:"processors"`
	Switch     string          `json:"openVSwitch"` // its version
	Hosts      int             `json:"hosts"`       // of each measurement, round and situation
	Rounds     int             `json:"rounds"`
	Rate       int             `json:"scanPacketsPerSecond"`
	Systems    []FloodedReport `json:"systems"` // isat, and the plain switch
	// Spins are the times of the same computation before each turn: how far they
	// differ is the machine's own noise.
	Spins []time.Duration `json:"spinsNanoseconds"`
}

// FloodedReport is one system, in the situations quiet, flood, scan, and scan's
// packets to known addresses; the plain switch has the first two.
type FloodedReport struct {
	Name       string            `json:"name"`
	Situations []SituationReport `json:"situations"`
}

// SituationReport is what others noticed of a situation, and what it cost.
type SituationReport struct {
	// Echoes are questions for a known host by ARP; first pings to hosts that were
	// not known; pings of known hosts, IPv4 and IPv6.
	Echoes    [echoKinds]Echoes `json:"echoes"`
	Sent      Sent              `json:"sent"`
	PacketIns uint64            `json:"packetIns"` // that reached the controller
	// What isat had more afterwards: bindings, new hosts included, stations, and
	// octets of resident memory.
	Bindings int   `json:"bindings"`
	Stations int   `json:"stations"`
	Memory   int64 `json:"memory"`
}

// echoKinds are the measurements of a situation.
const echoKinds = 4

// FirstPings is the place of the first pings among a situation's echoes.
const FirstPings = 1

// add adds the outcomes of a turn, of each kind, and says how many packets were lost.
func (s *SituationReport) add(kinds ...[]outcome) (lost int) {
	for i, outcomes := range kinds {
		before := s.Echoes[i].Lost
		s.Echoes[i].add(outcomes)
		lost += s.Echoes[i].Lost - before
	}
	return lost
}

// grown adds what isat has more.
func (s *SituationReport) grown(before, after view.Status) {
	const packetIns = "openflow-packet-ins"
	s.PacketIns += after.Counters[packetIns] - before.Counters[packetIns]
	s.Bindings += after.Bindings - before.Bindings
	s.Stations += after.Stations - before.Stations
	s.Memory += int64(after.Memory) - int64(before.Memory)
}

func (r *FloodReport) finish() {
	for i := range r.Systems {
		for j := range r.Systems[i].Situations {
			for k := range r.Systems[i].Situations[j].Echoes {
				r.Systems[i].Situations[j].Echoes[k].finish()
			}
		}
	}
}

// The goals: how long the first packet to a new host may take in a flood, and a
// scan the median of what others do, in parts of what as many packets to known
// addresses take it.
const (
	GoalFloodedFirst = 100 * time.Millisecond
	GoalScanRatio    = 1.3
)

// floodLine is a line of the report: a value of each situation.
type floodLine struct {
	what  string
	value func(*SituationReport) float64 // not a number if there is none
	text  func(float64) string
	goals [2]func(value, ratio float64) string // in a flood, in a scan; nil for none
	cost  bool                                 // of which a ratio says nothing
}

func (r *FloodReport) lines() (lines []floodLine) {
	asKnown := func(_, ratio float64) string { return goal(ratio <= GoalScanRatio, "≤ %.2f", GoalScanRatio) }
	none := func(value, _ float64) string { return goal(value == 0, "none") }
	soon := func(value, _ float64) string {
		return goal(value <= float64(GoalFloodedFirst), "≤ %d ms", GoalFloodedFirst.Milliseconds())
	}
	for kind, what := range [echoKinds]string{"answer for a known host", "first ping to a new host", "ping of known hosts, IPv4", "ping of known hosts, IPv6"} {
		times := func(of func(*Times) time.Duration) func(*SituationReport) float64 {
			return func(s *SituationReport) float64 { return s.Echoes[kind].value(of(&s.Echoes[kind].Times)) }
		}
		median := floodLine{what: what + ", p50", value: times(func(t *Times) time.Duration { return t.P50 }), text: millis}
		p99 := floodLine{what: "  p99", value: times(func(t *Times) time.Duration { return t.P99 }), text: millis}
		if kind == FirstPings {
			p99.goals[0] = soon
		} else {
			median.goals[1] = asKnown
		}
		lost := floodLine{what: "  lost", value: func(s *SituationReport) float64 { return float64(s.Echoes[kind].Lost) }, text: plain}
		lost.goals[0], lost.goals[1] = none, none
		lines = append(lines, median, p99,
			floodLine{what: "  longest", value: times(func(t *Times) time.Duration { return t.Max }), text: millis}, lost)
	}
	return append(lines, floodCosts...)
}

// floodCosts are the lines of what a situation is, and what it costs isat.
var floodCosts = []floodLine{
	{what: "packets sent in a second", value: (*SituationReport).perSecond, text: func(v float64) string { return fmt.Sprintf("%.0f", v) }, cost: true},
	{what: "packets to the controller", value: func(s *SituationReport) float64 { return float64(s.PacketIns) }, text: plain, cost: true},
	{what: "bindings more", value: func(s *SituationReport) float64 { return float64(s.Bindings) }, text: plain, cost: true},
	{what: "stations more", value: func(s *SituationReport) float64 { return float64(s.Stations) }, text: plain, cost: true},
	{what: "resident memory more", value: func(s *SituationReport) float64 { return float64(s.Memory) },
		text: func(v float64) string { return fmt.Sprintf("%+.1f MB", v/1e6) }, cost: true},
}

func (s *SituationReport) perSecond() float64 {
	if s.Sent.Took == 0 {
		return math.NaN()
	}
	return float64(s.Sent.Frames) / s.Sent.Took.Seconds()
}

// floodColumn is a column of a table of the report: the values of a situation, or
// how they relate to those of another one.
type floodColumn struct {
	head      string
	situation *SituationReport
	to        *SituationReport // nil for the values themselves
}

// Write prints the report as text.
func (r *FloodReport) Write(w io.Writer) error {
	isat, peer := r.Systems[0].Situations, r.Systems[1].Situations
	name := r.Systems[1].Name
	var b strings.Builder
	fmt.Fprintf(&b, "%d new hosts, questions for a known one, and pings of known ones of each family, in each of %d rounds; Open vSwitch %s in its userspace datapath, %d processors\n\n",
		r.Hosts, r.Rounds, r.Switch, r.Processors)
	r.writeTable(&b, "a port floods", 0, &isat[flooded], []floodColumn{
		{"isat quiet", &isat[quiet], nil}, {name, &peer[quiet], nil}, {"ratio", &isat[quiet], &peer[quiet]},
		{"isat in the flood", &isat[flooded], nil}, {name, &peer[flooded], nil}, {"ratio", &isat[flooded], &peer[flooded]}})
	fmt.Fprintln(&b)
	r.writeTable(&b, fmt.Sprintf("a port sends %d packets/s", r.Rate), 1, &isat[scanned], []floodColumn{
		{"isat quiet", &isat[quiet], nil}, {"to known hosts", &isat[streamed], nil}, {"as a scan", &isat[scanned], nil},
		{"ratio", &isat[scanned], &isat[streamed]}})
	fmt.Fprintf(&b, "\nnoise: %s\n", noise(r.Spins))
	return writeTrimmed(w, b.String())
}

// writeTable prints a table, whose last column but for the goals is a ratio of the
// situation that the goals are about.
func (r *FloodReport) writeTable(w io.Writer, title string, goals int, judged *SituationReport, columns []floodColumn) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, title)
	for _, c := range columns {
		fmt.Fprintf(t, "\t%s", c.head)
	}
	fmt.Fprintln(t, "\tgoal\t")
	base := columns[len(columns)-1].to
	for _, line := range r.lines() {
		fmt.Fprint(t, line.what)
		for _, c := range columns {
			text := ""
			if c.to == nil {
				text = orNone(line.value(c.situation), line.text)
			} else if !line.cost {
				text = ratio(line.value(c.situation), line.value(c.to))
			}
			fmt.Fprintf(t, "\t%s", text)
		}
		verdict := ""
		if judge := line.goals[goals]; judge != nil {
			value := line.value(judged)
			verdict = judge(value, value/line.value(base))
		}
		fmt.Fprintf(t, "\t%s\t\n", verdict)
	}
	t.Flush()
}
