package flowsim_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/internal/flowsim"
	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/openflow"
)

// TestStepsAreTheTrace compares the way of frames with what ofproto/trace says: the same tables, and
// the same flows in them.
func TestStepsAreTheTrace(t *testing.T) {
	for _, w := range ovstest.Worlds() {
		t.Run(w.Name, func(t *testing.T) {
			b := newBoth(t, w)
			rapid.Check(t, func(r *rapid.T) {
				port, frame := drawFrame(r, w)
				got := b.sim.Run(frame, port)
				if slices.ContainsFunc(got.Steps, asksForLength) {
					return // a trace shows both outcomes, or never ends
				}
				text, err := b.trace(port, frame)
				if err != nil {
					r.Fatal(err)
				}
				if diff := cmp.Diff(traced(text), steps(got)); diff != "" {
					r.Fatalf("in the switch -, in the simulation +:\n%s\n%s", diff, text)
				}
			})
		})
	}
}

// asksForLength says whether the flow of a step has check_pkt_larger.
func asksForLength(s flowsim.Step) bool {
	return s.Flow != nil && slices.ContainsFunc(s.Flow.Instructions.Apply, func(a openflow.Action) bool {
		_, ok := a.(openflow.CheckPktLarger)
		return ok
	})
}

// tableLine is a line of a trace that names a table: with the flow's cookie, or without a flow.
var tableLine = regexp.MustCompile(`^ *(\d+)\. (?:No match\.|.*priority (\d+)(?:, cookie (0x[0-9a-f]+))?)`)

func traced(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if m := tableLine.FindStringSubmatch(line); m != nil {
			out = append(out, fmt.Sprintf("table %s priority %s cookie %s", m[1], m[2], m[3]))
		}
	}
	return out
}

func steps(r flowsim.Result) []string {
	var out []string
	for _, s := range r.Steps {
		if s.Flow == nil {
			out = append(out, fmt.Sprintf("table %d priority  cookie ", s.Table))
			continue
		}
		out = append(out, fmt.Sprintf("table %d priority %d cookie %#x", s.Table, s.Flow.Priority, s.Flow.Cookie))
	}
	return out
}
