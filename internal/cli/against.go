package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/trace"
	"github.com/isat-sdn/isat/internal/view"
)

// compare asks Open vSwitch for the way of the same packet, and says whether it is
// the one of the trace.
func (q *traceQuery) compare(cmd *cobra.Command, t view.Trace, name, output string) error {
	bridge := q.bridge
	if bridge == "" {
		bridge = name
	}
	words := strings.Fields(q.appctl)
	if len(words) == 0 {
		return usageErrorf("--appctl names no command")
	}
	args := append(words[1:], "ofproto/trace", "--names", bridge, fmt.Sprintf("in_port=%d", t.InPort&0xffff), t.Frame)
	run := exec.CommandContext(cmd.Context(), words[0], args...)
	var out, stderr bytes.Buffer
	run.Stdout, run.Stderr = &out, &stderr
	if err := run.Run(); err != nil {
		return fmt.Errorf("ask Open vSwitch with %q (--appctl says with what to ask instead): %w", strings.Join(append(words, "ofproto/trace"), " "), withText(err, stderr.String()))
	}
	ways, err := trace.ParseTrace(out.String())
	if err != nil {
		return fmt.Errorf("compare with bridge %s: %w: %s", bridge, err, firstLine(out.String()))
	}
	w := cmd.OutOrStdout()
	if output != outputTable {
		w = cmd.ErrOrStderr() // what reads the trace wants nothing else
	}
	if difference := trace.Compare(t, ways); difference != "" {
		fmt.Fprintln(w, difference)
		return exitStatus(exitFailed)
	}
	_, err = fmt.Fprintln(w, "same")
	return err
}

// withText adds what a program said last before it failed.
func withText(err error, stderr string) error {
	if text := firstLine(stderr); text != "" {
		return errors.New(text)
	}
	return err
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
