package cli

import (
	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/packet"
)

func newBindCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bind IP MAC...",
		Short: "Bind an address to a MAC by hand",
		Long: `Gives a network a static binding, in place of any other of the address: traffic
neither changes nor removes it. Of several MACs each may hold the address; the
first is answered until another one announces itself. It is the same as a line
under "bindings" in the network's document.`,
		Example: `  isat bind 10.0.0.9 02:00:00:00:00:09
  isat bind 10.1.0.10 02:00:00:00:00:0a 02:00:00:00:00:0b --network blue`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usageErrorf("%q needs an IP address and a MAC%s", cmd.CommandPath(), seeHelp(cmd))
			}
			return nil
		},
	}
	return a.bindingCommand(cmd)
}

func newUnbindCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "unbind IP",
		Short:   "Take back a static binding",
		Long:    "Removes the static binding of an address from a network. What traffic says of the address counts from then on.",
		Example: "  isat unbind 10.0.0.9\n  isat unbind 10.1.0.10 --network blue",
		Args:    oneArg("an IP address"),
	}
	return a.bindingCommand(cmd)
}

// bindingCommand completes a command that changes the bindings of a network: of an
// address, and MACs unless it takes them back.
func (a *app) bindingCommand(cmd *cobra.Command) *cobra.Command {
	var network string
	var body api.IntentBody
	cmd.ValidArgsFunction = a.completeAddresses()
	cmd.Flags().StringVar(&network, "network", defaultNetwork, "network of the address, by `NAME` or number")
	complete(cmd, "network", a.completeNetworks())
	cmd.Flags().BoolVar(&body.DryRun, "dry-run", false, "say what would change, and change nothing")
	output := addOutput(cmd, outputText, outputJSON, outputYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := target(args[0], network, 0)
		if err != nil {
			return err
		}
		for _, s := range args[1:] {
			if _, err := packet.ParseMAC(s); err != nil {
				return usageErrorf("%q is not a MAC such as 02:00:00:00:00:01", s)
			}
		}
		body.Bindings = []api.IntentBinding{{Network: network, IP: t.IP.String(), MACs: args[1:]}}
		return a.edit(cmd, "", body, output.value)
	}
	return cmd
}

// defaultNetwork is the network of an address of which nothing else is said.
const defaultNetwork = intent.DefaultName
