package cli

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/client"
)

func newFlushCommand(a *app) *cobra.Command {
	return newScopeCommand(a, &cobra.Command{
		Use:   "flush [IP]",
		Short: "Doubt what was learned: ask the owners now, and forget who does not answer",
		Long: `Makes isat doubt what it learned of an address, behind a port or a switch, in a
network, or everywhere: the owners are asked at once, and what nobody answers for is
removed. Static bindings stay.

What is meant has to be said: an address, or flags, or --all. Flags narrow each
other and the address. An address that is in several networks needs --network.`,
		Example: `  isat flush 10.0.0.5
  isat flush 10.0.0.5 --network blue
  isat flush --switch s1 --port vm1
  isat flush --network blue
  isat flush --all`,
	}, (*client.Client).Flush, func(n int) string {
		return fmt.Sprintf("%s doubted: owners are asked, and what nobody answers for is removed", count(n, "binding"))
	})
}

func newClearCommand(a *app) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "clear",
		Short: "Clear a condition that isat would keep for a while",
	})
	cmd.AddCommand(newScopeCommand(a, &cobra.Command{
		Use:     "duplicate [IP]",
		Aliases: []string{"duplicates"},
		Short:   "Release addresses that are frozen because they moved too often",
		Long: `Releases addresses that are frozen as duplicates, before their time is over. Whoever
speaks next has the address: see first that only one host has it. "isat get
bindings --state duplicate" lists them.

What is meant has to be said: an address, or flags, or --all. Flags narrow each
other and the address. An address that is in several networks needs --network.`,
		Example: `  isat clear duplicate 10.0.0.5
  isat clear duplicate --network blue
  isat clear duplicate --all`,
	}, (*client.Client).ClearDuplicates, func(n int) string {
		return count(n, "duplicate") + " released"
	}))
	return cmd
}

type scopeFunc = func(*client.Client, context.Context, api.ScopeBody) (int, error)

// newScopeCommand makes cmd one that does something to the bindings of a scope.
func newScopeCommand(a *app, cmd *cobra.Command, do scopeFunc, say func(n int) string) *cobra.Command {
	var f api.Filter
	var all bool
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usageErrorf("%q takes one address, but got %q too%s", cmd.CommandPath(), args[1], seeHelp(cmd))
		}
		return nil
	}
	cmd.ValidArgsFunction = a.completeAddresses()
	a.addFilter(cmd, &f, []string{"network", "switch", "port"})
	cmd.Flags().BoolVar(&all, "all", false, "every binding")
	output := addOutput(cmd, outputTable, outputJSON)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := scope(cmd, args, f, all)
		if err != nil {
			return err
		}
		return a.ask(cmd, func(ctx context.Context, c *client.Client) error {
			n, err := do(c, ctx, s)
			if err != nil {
				return err
			}
			if output.value == outputJSON {
				return printJSON(cmd.OutOrStdout(), api.Meant{Bindings: n})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), say(n))
			return err
		})
	}
	return cmd
}

// scope refuses what does not say which bindings are meant.
func scope(cmd *cobra.Command, args []string, f api.Filter, all bool) (s api.ScopeBody, err error) {
	s = api.ScopeBody{Network: f.Network, Switch: f.Switch, Port: f.Port, All: all}
	if len(args) > 0 {
		ip, err := netip.ParseAddr(args[0])
		if err != nil || ip.Zone() != "" {
			return s, usageErrorf("%q is not an IP address", args[0])
		}
		s.IP = ip.Unmap().String()
	}
	switch narrow := s.IP != "" || s.Network != "" || s.Switch != "" || s.Port != ""; {
	case !narrow && !all:
		return s, usageErrorf("%q needs an address, --network, --switch, --port, or --all%s", cmd.CommandPath(), seeHelp(cmd))
	case narrow && all:
		return s, usageErrorf("--all means every binding: leave it out, or all the rest%s", seeHelp(cmd))
	}
	return s, nil
}
