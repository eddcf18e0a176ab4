package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

// editTries is how often an edit is made of what somebody else keeps changing.
const editTries = 5

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
	return a.bindingCommand(cmd, func(ip netip.Addr, macs []packet.MAC, o intent.Object) (intent.Object, error) {
		return o.Bind(intent.Binding{IP: ip, MACs: macs})
	})
}

func newUnbindCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "unbind IP",
		Short:   "Take back a static binding",
		Long:    "Removes the static binding of an address from a network. What traffic says of the address counts from then on.",
		Example: "  isat unbind 10.0.0.9\n  isat unbind 10.1.0.10 --network blue",
		Args:    oneArg("an IP address"),
	}
	return a.bindingCommand(cmd, func(ip netip.Addr, _ []packet.MAC, o intent.Object) (intent.Object, error) {
		without, err := o.Unbind(ip)
		if err == nil && string(without.Text) == string(o.Text) {
			err = fmt.Errorf("%s has no static binding in network %q", ip, o.Name)
		}
		return without, err
	})
}

// bindingCommand completes a command that changes the bindings of a network.
func (a *app) bindingCommand(cmd *cobra.Command, change func(netip.Addr, []packet.MAC, intent.Object) (intent.Object, error)) *cobra.Command {
	var network string
	var dryRun bool
	cmd.ValidArgsFunction = a.completeAddresses()
	cmd.Flags().StringVar(&network, "network", defaultNetwork, "network of the address, by `NAME` or number")
	complete(cmd, "network", a.completeNetworks())
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would change, and change nothing")
	output := addOutput(cmd, outputText, outputJSON, outputYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := target(args[0], network, 0)
		if err != nil {
			return err
		}
		var macs []packet.MAC
		for _, s := range args[1:] {
			mac, err := packet.ParseMAC(s)
			if err != nil {
				return usageErrorf("%q is not a MAC such as 02:00:00:00:00:01", s)
			}
			macs = append(macs, mac)
		}
		c, err := a.client()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), editTimeout)
		defer cancel()
		done, err := editNetwork(ctx, c, network, dryRun, func(o intent.Object) (intent.Object, error) { return change(t.IP, macs, o) })
		if err != nil {
			return refusal(err)
		}
		return printEdit(cmd, done, output.value)
	}
	return cmd
}

// defaultNetwork is the network of an address of which nothing else is said.
const defaultNetwork = intent.DefaultName

// editNetwork changes the document of a network. If somebody else changes the
// network meanwhile, the change is made of what it is then.
func editNetwork(ctx context.Context, c *client.Client, network string, dryRun bool,
	change func(intent.Object) (intent.Object, error)) (view.IntentEdit, error) {
	for try := 1; ; try++ {
		o, err := networkDocument(ctx, c, network)
		if err != nil {
			return view.IntentEdit{}, err
		}
		if o, err = change(o); err != nil {
			return view.IntentEdit{}, err
		}
		file := api.IntentFile{Name: o.Ref().String(), Text: string(o.Edited())}
		done, err := c.EditIntent(ctx, api.IntentBody{Files: []api.IntentFile{file}, DryRun: dryRun})
		if e, ok := errors.AsType[*client.Error](err); !ok || len(e.Conflicts) == 0 || try == editTries {
			return done, err
		}
	}
}

// networkDocument finds the document of a network that may be given by its number.
func networkDocument(ctx context.Context, c *client.Client, network string) (intent.Object, error) {
	if _, err := strconv.ParseUint(network, 10, 32); err == nil {
		list, err := c.Networks(ctx)
		if err != nil {
			return intent.Object{}, err
		}
		named := func(n view.Network) bool { return n.Name == network }
		numbered := func(n view.Network) bool { return strconv.FormatUint(uint64(n.Number), 10) == network }
		if at := slices.IndexFunc(list, numbered); at >= 0 && !slices.ContainsFunc(list, named) {
			network = list[at].Name
		}
	}
	return document(ctx, c, intent.KindNetwork, network)
}
