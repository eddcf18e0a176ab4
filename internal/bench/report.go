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

// Report is the result of a measurement.
type Report struct {
	Bindings         int           `json:"bindings"`
	Switches         int           `json:"switches"`
	Processors       int           `json:"processors"`
	Rounds           int           `json:"rounds"`
	Duration         time.Duration `json:"durationNanoseconds"` // of each case, controller and round
	LearnedPerSecond float64       `json:"learnedPerSecond"`
	BindingFlows     float64       `json:"bindingFlows"` // per binding and switch, in the table bindings
	OwnerFlows       float64       `json:"ownerFlows"`   // per binding, in the table owners, on all switches
	Memory           Memory        `json:"memory"`
	Cases            []CaseReport  `json:"cases"`
	Change           ChangeReport  `json:"change"`
	// Spins are the times of the same computation before each case: how far
	// they differ is the machine's own noise.
	Spins []time.Duration `json:"spinsNanoseconds"`
}

// Memory is what isat has resident, in bytes.
type Memory struct {
	Empty uint64 `json:"empty"` // with the switches connected and no binding
	Known uint64 `json:"known"` // at once after every host was learned
	Asked uint64 `json:"asked"` // after the last round
}

// CaseReport is one load on both controllers.
type CaseReport struct {
	Case  Case       `json:"case"`
	Isat  Controller `json:"isat"`
	Floor Controller `json:"floor"`
}

// ChangeReport is one load on isat, without and with bindings that change.
type ChangeReport struct {
	Case      Case       `json:"case"`
	Still     Controller `json:"still"`
	Changing  Controller `json:"changing"`
	PerSecond float64    `json:"changesPerSecond"`
}

// Controller is what one controller did, in the median of the rounds.
type Controller struct {
	PerSecond float64       `json:"answersPerSecond"`
	CPU       float64       `json:"cpuNanosecondsPerAnswer"`
	P50       time.Duration `json:"p50Nanoseconds,omitempty"` // with one outstanding
	P99       time.Duration `json:"p99Nanoseconds,omitempty"`
	Samples   []Sample      `json:"samples"`
}

// Sample is one round of a case on a controller.
type Sample struct {
	Answers uint64        `json:"answers"`
	Took    time.Duration `json:"tookNanoseconds"`
	CPU     time.Duration `json:"cpuNanoseconds"` // of the controller's process
	P50     time.Duration `json:"p50Nanoseconds,omitempty"`
	P99     time.Duration `json:"p99Nanoseconds,omitempty"`

	latency []time.Duration
}

// add adds a part of the round.
func (s *Sample) add(part Sample) {
	s.Answers += part.Answers
	s.Took += part.Took
	s.CPU += part.CPU
	s.latency = append(s.latency, part.latency...)
}

func (s *Sample) finish() {
	if len(s.latency) == 0 {
		return
	}
	slices.Sort(s.latency)
	s.P50, s.P99 = s.latency[len(s.latency)/2], s.latency[len(s.latency)*99/100]
	s.latency = nil
}

func (s *Sample) perSecond() float64 { return float64(s.Answers) / s.Took.Seconds() }

func (s *Sample) cpu() float64 { return float64(s.CPU) / float64(max(s.Answers, 1)) }

// finish works out the medians.
func (r *Report) finish() {
	for i := range r.Cases {
		r.Cases[i].Isat.finish()
		r.Cases[i].Floor.finish()
	}
	r.Change.Still.finish()
	r.Change.Changing.finish()
}

func (c *Controller) finish() {
	c.PerSecond = median(c.Samples, (*Sample).perSecond)
	c.CPU = median(c.Samples, (*Sample).cpu)
	c.P50 = time.Duration(median(c.Samples, func(s *Sample) float64 { return float64(s.P50) }))
	c.P99 = time.Duration(median(c.Samples, func(s *Sample) float64 { return float64(s.P99) }))
}

// spread is how far the rounds differ, as a part of their median.
func (c *Controller) spread() float64 {
	values := sorted(c.Samples, (*Sample).perSecond)
	return (values[len(values)-1] - values[0]) / c.PerSecond
}

func sorted(samples []Sample, of func(*Sample) float64) []float64 {
	values := make([]float64, len(samples))
	for i := range samples {
		values[i] = of(&samples[i])
	}
	slices.Sort(values)
	return values
}

func median(samples []Sample, of func(*Sample) float64) float64 {
	values := sorted(samples, of)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// The goals.
const (
	GoalRatio        = 0.5 // of the floor's answers per second
	GoalLatencyRatio = 1.3 // of the floor's median latency
	GoalMemory       = 40e6
	GoalChangeRatio  = 0.8 // of the answers per second without changes
)

// Write prints the report as text.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d bindings, %d fake switches, %d processors; medians of %d rounds of %v; ± is how far the rounds differ\n\n",
		r.Bindings, r.Switches, r.Processors, r.Rounds, r.Duration)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "case\tisat\tfloor\tratio\tgoal\tCPU per answer, isat\tfloor")
	for i := range r.Cases {
		c := &r.Cases[i]
		if c.Case.Outstanding > 1 {
			ratio := c.Isat.PerSecond / c.Floor.PerSecond
			fmt.Fprintf(t, "%v\t%s\t%s\t%.2f\t%s\t%.2f µs\t%.2f µs\n", c.Case, c.Isat.rate(), c.Floor.rate(), ratio,
				goal(ratio >= GoalRatio, "≥ %.2f", GoalRatio), c.Isat.CPU/1e3, c.Floor.CPU/1e3)
			continue
		}
		ratio := float64(c.Isat.P50) / float64(c.Floor.P50)
		fmt.Fprintf(t, "%v, p50\t%s\t%s\t%.2f\t%s\t%.2f µs\t%.2f µs\n", c.Case, micros(c.Isat.P50), micros(c.Floor.P50), ratio,
			goal(ratio <= GoalLatencyRatio, "≤ %.2f", GoalLatencyRatio), c.Isat.CPU/1e3, c.Floor.CPU/1e3)
		fmt.Fprintf(t, "%v, p99\t%s\t%s\t%.2f\t\t\t\n", c.Case, micros(c.Isat.P99), micros(c.Floor.P99),
			float64(c.Isat.P99)/float64(c.Floor.P99))
	}
	t.Flush()
	b.WriteByte('\n')
	more := func(n uint64) float64 { return float64(n) - float64(r.Memory.Empty) }
	worst := max(more(r.Memory.Known), more(r.Memory.Asked))
	t = tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "resident memory\t%.1f MB without a binding, %.1f MB after learning, %.1f MB after the last round: %+.1f MB\t%s\n",
		float64(r.Memory.Empty)/1e6, float64(r.Memory.Known)/1e6, float64(r.Memory.Asked)/1e6, worst/1e6,
		goal(worst <= GoalMemory, "≤ %.0f MB more", GoalMemory/1e6))
	fmt.Fprintf(t, "flows per binding\t%g in bindings on each switch, %g in owners on all together\t%s\n", r.BindingFlows, r.OwnerFlows,
		goal(r.BindingFlows == 1 && r.OwnerFlows == 1, "1 each"))
	fmt.Fprintf(t, "learned\t%.0f hosts/s, each on %d switches\t\n", r.LearnedPerSecond, r.Switches)
	ratio := r.Change.Changing.PerSecond / r.Change.Still.PerSecond
	fmt.Fprintf(t, "while %.0f bindings/s change\t%s instead of %s, %v, one more of which learns: %.2f\t%s\n", r.Change.PerSecond,
		r.Change.Changing.rate(), r.Change.Still.rate(), r.Change.Case, ratio, goal(ratio >= GoalChangeRatio, "≥ %.2f", GoalChangeRatio))
	fmt.Fprintf(t, "noise\t%s\t\n", noise(r.Spins))
	t.Flush()
	return writeTrimmed(w, b.String())
}

// noise says how far the times of the same computation differ.
func noise(spins []time.Duration) string {
	low, high := slices.Min(spins), slices.Max(spins)
	return fmt.Sprintf("the same computation took %v to %v: the machine itself differs by %.0f %%",
		low.Round(time.Microsecond), high.Round(time.Microsecond), 100*float64(high-low)/float64(low))
}

// writeTrimmed writes text without the blanks at the ends of a table's lines.
func writeTrimmed(w io.Writer, text string) error {
	for line := range strings.Lines(text) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

func (c *Controller) rate() string {
	return fmt.Sprintf("%.0f/s ±%.0f %%", c.PerSecond, 100*c.spread()/2)
}

func micros(d time.Duration) string { return fmt.Sprintf("%.1f µs", float64(d)/1e3) }

func goal(reached bool, format string, v ...any) string {
	text := fmt.Sprintf(format, v...)
	if reached {
		return text
	}
	return text + " MISSED"
}

// spinSize is how much spin computes: some ten milliseconds.
const spinSize = 10_000_000

// spin computes always the same and returns how long it took.
func spin() time.Duration {
	began := time.Now()
	x := 1.0
	for range spinSize {
		x = math.FMA(x, 1.0000001, 1e-9)
	}
	if math.IsNaN(x) { // so that the computation is not left out
		panic("bench: not a number")
	}
	return time.Since(began)
}
