package cli

import (
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/bench"
)

func newBenchCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "bench",
		Short: "Measure how fast isat is",
	})
	cmd.AddCommand(newBenchAnswerCommand(), newBenchScaleCommand(), newBenchRestartCommand(), newBenchRouteCommand(), newBenchFloorCommand())
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

func newBenchScaleCommand() *cobra.Command {
	config := bench.ScaleConfig{Bindings: 1_000_000, Duration: 30 * time.Second}
	cmd := &cobra.Command{
		Use:   "scale",
		Short: "Measure what a million bindings cost",
		Long: `Fake switches, which behave as Open vSwitch does, make many hosts known to a
controller of their own. Then it is measured what that takes: resident memory,
processor time while nothing happens, and processor time while no host says
anything but answers when it is asked whether it is still there, at the default age
limit. A question that goes elsewhere than to the owner fails the run, and so does a
host that is not watched again after its answer. A goal that is missed is shown, and
does not.`,
		Example: `  isat bench scale
  isat bench scale --bindings 100000 --duration 10s --json`,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.IntVar(&config.Bindings, "bindings", config.Bindings, "`NUMBER` of hosts that are known")
	f.DurationVar(&config.Duration, "duration", config.Duration, "`TIME` of each measurement of processor time")
	asJSON := f.Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := config.Check(); err != nil {
			return usageErrorf("bench scale: %s", err)
		}
		config.Progress = func(s string) { fmt.Fprintf(cmd.ErrOrStderr(), "bench: %s\n", s) }
		report, err := bench.Scale(cmd.Context(), config)
		if err != nil {
			return fmt.Errorf("bench scale: %w", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), report)
		}
		return report.Write(cmd.OutOrStdout())
	}
	return cmd
}

func newBenchRestartCommand() *cobra.Command {
	config := bench.RestartConfig{Bindings: 100_000, Rounds: 3}
	cmd := &cobra.Command{
		Use:   "restart",
		Short: "Measure how soon a restarted isat answers",
		Long: `Fake switches make hosts known to a controller of their own that keeps its bindings
in a data directory. When all are written it is killed and started again, the
switches connect to it, once with their flows and once without any, and hosts ask for
others until they are answered, or their question is handed to its owner alone. A
wrong answer fails the run. A goal that is missed is shown, and does not.`,
		Example: `  isat bench restart
  isat bench restart --bindings 10000 --rounds 5 --json`,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.IntVar(&config.Bindings, "bindings", config.Bindings, "`NUMBER` of hosts that are known")
	f.IntVar(&config.Rounds, "rounds", config.Rounds, "`NUMBER` of rounds, of which the medians are shown")
	asJSON := f.Bool("json", false, "print JSON, with every round")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := config.Check(); err != nil {
			return usageErrorf("bench restart: %s", err)
		}
		config.Progress = func(s string) { fmt.Fprintf(cmd.ErrOrStderr(), "bench: %s\n", s) }
		report, err := bench.Restart(cmd.Context(), config)
		if err != nil {
			return fmt.Errorf("bench restart: %w", err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), report)
		}
		return report.Write(cmd.OutOrStdout())
	}
	return cmd
}

func newBenchRouteCommand() *cobra.Command {
	config := bench.RouteConfig{Addresses: 200, Moves: 50}
	cmd := &cobra.Command{
		Use:   "route",
		Short: "Measure a router's first packets, beside OVN's",
		Long: `Brings up two labs with the same hosts and networks, one with isat as the
controller of its switch and one with OVN, and measures both routers in turns: the
first ping to addresses that the router does not know, packets lost of five sent back
to back as the first, flows of the switch for each address known, and the time from
the announcement of an address at another place to the first packet routed there.
A packet that is routed wrongly fails the run. A goal that is missed is shown, and
does not. It needs root, and OVN (scripts/install-deps bench).`,
		Example: `  sudo isat bench route
  sudo isat bench route --addresses 500 --moves 200
  sudo isat bench route --only isat --json`,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.IntVar(&config.Addresses, "addresses", config.Addresses, "`NUMBER` of fresh addresses of each measurement, IPv4 and IPv6 each")
	f.IntVar(&config.Moves, "moves", config.Moves, "`NUMBER` of addresses that move, IPv4 and IPv6 each")
	f.StringVar(&config.Only, "only", "", "measure one `SYSTEM` alone: isat or OVN")
	complete(cmd, "only", cobra.FixedCompletions([]string{"isat", "OVN"}, cobra.ShellCompDirectiveNoFileComp))
	asJSON := f.Bool("json", false, "print JSON, with every time")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := config.Check(); err != nil {
			return usageErrorf("bench route: %s", err)
		}
		config.Base = labBase()
		config.Progress = func(s string) { fmt.Fprintf(cmd.ErrOrStderr(), "bench: %s\n", s) }
		// A terminal that is closed, or a reader that has seen enough, must not leave a lab behind.
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP, syscall.SIGPIPE)
		defer stop()
		report, err := bench.Route(ctx, config)
		if err != nil {
			return fmt.Errorf("bench route: %w", err)
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
