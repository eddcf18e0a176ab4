package cli

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/demo"
)

func newDemoCommand() *cobra.Command {
	config := demo.Config{}
	var stop bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show isat at work in a lab of its own, and judge it",
		Long: `Brings up a lab with one switch and four hosts and a controller on free ports, has the hosts
resolve and ping each other over IPv4 and IPv6, and prints what was measured on the wire. Exits 0
only if the figures are right. Everything it started ends with it. It needs root.`,
		Example: `  sudo isat demo
  sudo isat demo --keep
  sudo isat demo --stop`,
		Args: noArgs,
	}
	cmd.Flags().BoolVar(&config.Keep, "keep", false, "leave the lab and the controller running to play with")
	cmd.Flags().BoolVar(&stop, "stop", false, "end what --keep left running")
	cmd.Flags().StringVar(&config.Name, "name", demo.DefaultName, "`NAME` of the lab")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if stop && config.Keep {
			return usageErrorf("either --keep or --stop")
		}
		config.Base = labBase()
		if stop {
			if err := demo.Stop(config); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "the demo has ended")
			return err
		}
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find the isat program: %w", err)
		}
		config.Self, config.Out = self, cmd.OutOrStdout()
		// A terminal that is closed, or a reader that has seen enough, must not leave a lab behind.
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP, syscall.SIGPIPE)
		defer stop()
		return demo.Run(ctx, config)
	}
	return cmd
}

// labBase is the directory of labs: the variable ISAT_LAB_DIR, or the default.
func labBase() string { return os.Getenv("ISAT_LAB_DIR") }
