package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// RestartReport is the result of Restart. Times are from the start of the process
// on, in nanoseconds.
type RestartReport struct {
	Bindings int           `json:"bindings"`
	Switches int           `json:"switches"`
	Rounds   int           `json:"rounds"`
	Cases    []RestartCase `json:"cases"`
}

// RestartCase is what a restarted isat found, and the medians of the rounds.
type RestartCase struct {
	Name string `json:"name"`
	RestartSample
	Samples []RestartSample `json:"samples"`
}

// RestartSample is one restart.
type RestartSample struct {
	Ready time.Duration `json:"ready"` // until isat listens
	First time.Duration `json:"first"` // until a host is answered
	Last  time.Duration `json:"last"`  // until one is answered on every switch
}

// GoalRestart is how long the first answer may take.
const GoalRestart = 2 * time.Second

func (r *RestartReport) finish() {
	for i := range r.Cases {
		c := &r.Cases[i]
		middle := func(of func(RestartSample) time.Duration) time.Duration {
			var values []time.Duration
			for _, s := range c.Samples {
				values = append(values, of(s))
			}
			slices.Sort(values)
			return values[len(values)/2]
		}
		c.Ready = middle(func(s RestartSample) time.Duration { return s.Ready })
		c.First = middle(func(s RestartSample) time.Duration { return s.First })
		c.Last = middle(func(s RestartSample) time.Duration { return s.Last })
	}
}

// Write prints the report as text.
func (r *RestartReport) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d bindings kept, %d fake switches; from the start of the process, medians of %d rounds\n\n", r.Bindings, r.Switches, r.Rounds)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "restart\tlistens\tfirst answer\tgoal\tan answer on every switch")
	for _, c := range r.Cases {
		fmt.Fprintf(t, "%s\t%.2f s\t%.2f s\t%s\t%.2f s\n", c.Name, c.Ready.Seconds(), c.First.Seconds(),
			goal(c.First <= GoalRestart, "≤ %.0f s", GoalRestart.Seconds()), c.Last.Seconds())
	}
	t.Flush()
	_, err := io.WriteString(w, b.String())
	return err
}
