package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/view"
)

func newStatusCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the running isat at a glance",
		Long:  "Shows the running isat at a glance. With -o wide all event counters are shown too.",
		Args:  noArgs,
	}
	output := addOutput(cmd, outputTable, outputWide, outputJSON, outputYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.ask(cmd, func(ctx context.Context, c *client.Client) error {
			s, err := c.Status(ctx)
			if err != nil {
				return err
			}
			switch output.value {
			case outputJSON:
				return printJSON(cmd.OutOrStdout(), s)
			case outputYAML:
				return printYAML(cmd.OutOrStdout(), s)
			}
			return printStatus(cmd.OutOrStdout(), s, output.value == outputWide)
		})
	}
	return cmd
}

func printStatus(w io.Writer, s view.Status, wide bool) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("isat", "%s, running for %s", s.Version, age(s.Started))
	line("listening", "%s", strings.Join(s.Listen, ", "))
	if s.Intent != "" {
		line("intent", "%s", s.Intent)
	}
	switch {
	case s.NotKept != "":
		line("keeping", "nothing: %s", s.NotKept)
	case s.DataDir != "" && s.Intent != "":
		line("keeping", "bindings in %s", s.DataDir)
	case s.DataDir != "":
		line("keeping", "intent and bindings in %s", s.DataDir)
	}
	line("switches", "%d connected, %s", s.Switches, count(s.Ports, "port"))
	line("networks", "%d", s.Networks)
	line("known", "%s, %s", count(s.Bindings, "binding"), count(s.Stations, "station"))
	line("searching", "%d under way, %d waiting for them, %d silent", s.Searches, s.Parked, s.Silent)
	line("holding", "%d routed packets, %s", s.Held, byteSize(uint64(s.HeldBytes)))
	line("memory", "%s", byteSize(s.Memory))
	if wide && len(s.Counters) > 0 {
		names := slices.Sorted(maps.Keys(s.Counters))
		width := 0
		for _, n := range names {
			width = max(width, len(n))
		}
		b.WriteByte('\n')
		for _, n := range names {
			fmt.Fprintf(&b, "%-*s  %d\n", width, n, s.Counters[n])
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
