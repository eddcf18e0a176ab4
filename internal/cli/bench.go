package cli

import (
	"context"
	"fmt"
	"io"
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
	cmd.AddCommand(newBenchAnswerCommand(), newBenchScaleCommand(), newBenchRestartCommand(), newBenchRouteCommand(),
		newBenchFloodCommand(), newBenchFloorCommand(), newBenchSenderCommand())
	return cmd
}

// measures has a command take a measurement, of a configuration that check has
// nothing against, and print the report.
func measures[R interface{ Write(io.Writer) error }](cmd *cobra.Command, json string, check func() error, run func(context.Context, func(string)) (R, error)) {
	asJSON := cmd.Flags().Bool("json", false, json)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		name := "bench " + cmd.Name()
		if err := check(); err != nil {
			return usageErrorf("%s: %s", name, err)
		}
		// A terminal that is closed, or a reader that has seen enough, must leave neither
		// a lab nor a process behind.
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP, syscall.SIGPIPE)
		defer stop()
		report, err := run(ctx, func(s string) { fmt.Fprintf(cmd.ErrOrStderr(), "bench: %s\n", s) })
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), report)
		}
		return report.Write(cmd.OutOrStdout())
	}
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
	measures(cmd, "print JSON, with every round", func() error { return config.Check() }, func(ctx context.Context, progress func(string)) (*bench.Report, error) {
		config.Progress = progress
		return bench.Answer(ctx, config)
	})
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
	measures(cmd, "print JSON", func() error { return config.Check() }, func(ctx context.Context, progress func(string)) (*bench.ScaleReport, error) {
		config.Progress = progress
		return bench.Scale(ctx, config)
	})
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
	measures(cmd, "print JSON, with every round", func() error { return config.Check() }, func(ctx context.Context, progress func(string)) (*bench.RestartReport, error) {
		config.Progress = progress
		return bench.Restart(ctx, config)
	})
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
	measures(cmd, "print JSON, with every time", func() error { return config.Check() }, func(ctx context.Context, progress func(string)) (*bench.RouteReport, error) {
		config.Base = labBase()
		config.Progress = progress
		return bench.Route(ctx, config)
	})
	return cmd
}

func newBenchFloodCommand() *cobra.Command {
	config := bench.FloodConfig{Hosts: 40, Rounds: 5, Rate: 4000}
	cmd := &cobra.Command{
		Use:   "flood",
		Short: "Measure what a flood and a scan do to others, beside a plain switch",
		Long: `Brings up two labs with the same hosts, one with isat as the controller of its
switch and one whose switch only learns MACs and floods the rest. In turns, while
nothing else goes on and while one port floods ARP requests as fast as one process
can, it measures what hosts on other ports notice: answers for a known host, the
first ping to new ones, and pings of known ones. isat's are also measured while one
port scans a /16 and a /64 through the router, and while it sends as many packets
to known addresses. A packet that isat loses, or a wrong answer, fails the run. A
goal that is missed is shown, and does not. It needs root.`,
		Example: `  sudo isat bench flood
  sudo isat bench flood --hosts 20 --rounds 10 --rate 20000
  sudo isat bench flood --json`,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.IntVar(&config.Hosts, "hosts", config.Hosts, "`NUMBER` of new hosts, questions and pings of each measurement")
	f.IntVar(&config.Rounds, "rounds", config.Rounds, "`NUMBER` of rounds")
	f.IntVar(&config.Rate, "rate", config.Rate, "`NUMBER` of packets that are scanned with in a second")
	measures(cmd, "print JSON, with every time", func() error { return config.Check() }, func(ctx context.Context, progress func(string)) (*bench.FloodReport, error) {
		config.Base = labBase()
		config.Progress = progress
		return bench.Flood(ctx, config)
	})
	return cmd
}

// newBenchSenderCommand is the process that "bench flood" starts on hosts.
func newBenchSenderCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "sender",
		Short:  "Flood or scan from a link",
		Hidden: true,
		Args:   noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return bench.ServeSender(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
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
