package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// ScaleReport is the result of Scale.
type ScaleReport struct {
	Bindings         int           `json:"bindings"`
	Switches         int           `json:"switches"`
	Processors       int           `json:"processors"`
	Duration         time.Duration `json:"durationNanoseconds"` // of each measurement of processor time
	LearnedPerSecond float64       `json:"learnedPerSecond"`
	LearnCPU         time.Duration `json:"cpuNanosecondsPerHostLearned"`
	// Resident memory, in bytes: without a binding, when every host was learned, at
	// the end, and the most that it ever was.
	Empty  uint64 `json:"memoryEmpty"`
	Known  uint64 `json:"memoryKnown"`
	Rested uint64 `json:"memoryRested"`
	Peak   uint64 `json:"memoryPeak"`
	// Parts of one processor: while nothing happens, and while the hosts are silent
	// but answer when they are asked.
	IdleCPU        float64 `json:"idleCPU"`
	SilentCPU      float64 `json:"silentCPU"`
	AskedPerSecond float64 `json:"askedPerSecond"`
	Asked          int     `json:"asked"`
}

// The goals for a million bindings.
const (
	GoalScaleMemory = 300e6
	GoalIdleCPU     = 0.01
)

// Write prints the report as text.
func (r *ScaleReport) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d bindings, each with a MAC of its own, %d fake switches, %d processors; processor time over %v\n\n",
		r.Bindings, r.Switches, r.Processors, r.Duration)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "resident memory\t%.1f MB: %.1f MB without a binding, %.1f MB after learning, %.1f MB at the most\t%s\n",
		mega(r.Rested), mega(r.Empty), mega(r.Known), mega(r.Peak), goal(mega(r.Rested) <= GoalScaleMemory/1e6, "≤ %.0f MB", GoalScaleMemory/1e6))
	fmt.Fprintf(t, "nothing happens\t%.2f %% of a processor\t%s\n", 100*r.IdleCPU, goal(r.IdleCPU <= GoalIdleCPU, "≤ %.0f %%", 100*GoalIdleCPU))
	fmt.Fprintf(t, "hosts only answer\t%.2f %% of a processor, for %.0f that are asked in a second\t%s\n", 100*r.SilentCPU, r.AskedPerSecond,
		goal(r.SilentCPU <= GoalIdleCPU, "≤ %.0f %%", 100*GoalIdleCPU))
	fmt.Fprintf(t, "learned\t%.0f hosts/s, each on %d switches: %.1f µs of a processor each\t\n", r.LearnedPerSecond, r.Switches, float64(r.LearnCPU)/1e3)
	t.Flush()
	return writeTrimmed(w, b.String())
}

func mega(bytes uint64) float64 { return float64(bytes) / 1e6 }
