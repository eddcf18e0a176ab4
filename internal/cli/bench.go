package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/bench"
)

func newBenchCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "bench",
		Short: "Measure how fast isat is",
	})
	cmd.AddCommand(newBenchAnswerCommand(), newBenchFloorCommand())
	return cmd
}

func newBenchAnswerCommand() *cobra.Command {
	config := bench.Config{Bindings: 100_000, Duration: 5 * time.Second, Rounds: 3}
	cmd := &cobra.Command{
		Use:   "answer",
		Short: "Measure answers per second, beside the fastest controller that could be",
		Long: `Fake switches, which behave as Open vSwitch does, connect over loopback to a
controller of their own, make the hosts known, and punt ARP requests for them.
Beside it, in turns, they do the same with the floor: a controller that only
swaps bytes. Every answer is checked; a wrong or missing one fails the run. A goal
that is missed is shown, and does not.`,
		Example: `  isat bench answer
  isat bench answer --bindings 10000 --duration 1s --rounds 5 --json`,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.IntVar(&config.Bindings, "bindings", config.Bindings, "`NUMBER` of hosts that are known")
	f.DurationVar(&config.Duration, "duration", config.Duration, "`TIME` of each case, controller and round")
	f.IntVar(&config.Rounds, "rounds", config.Rounds, "`NUMBER` of rounds, of which the medians are shown")
	asJSON := f.Bool("json", false, "print JSON, with every round")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := config.Check(); err != nil {
			return usageErrorf("bench answer: %s", err)
		}
		config.Progress = func(s string) { fmt.Fprintf(cmd.ErrOrStderr(), "bench: %s\n", s) }
		report, err := bench.Answer(cmd.Context(), config)
		if err != nil {
			return fmt.Errorf("bench answer: %w", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), report)
		}
		return report.Write(cmd.OutOrStdout())
	}
	return cmd
}

// newBenchFloorCommand is the process that "bench answer" starts for itself.
func newBenchFloorCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "floor",
		Short:  "Run the controller that only swaps bytes",
		Hidden: true,
		Args:   noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return bench.ServeFloor(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}
