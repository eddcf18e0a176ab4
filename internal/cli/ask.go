package cli

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/view"
)

// askTimeout bounds a search or a probe, which take three tries of one second.
const askTimeout = 10 * time.Second

func newResolveCommand(a *app) *cobra.Command {
	return newAskCommand(a, &cobra.Command{
		Use:   "resolve IP",
		Short: "Find out now who has an address, and where",
		Long: `Finds out who has an address. If it is not known, isat searches for it now and
the command waits for the answer. The exit code is 1 if nobody answers.`,
		Example: "  isat resolve 10.0.0.2\n  isat resolve fd00::2 --network blue",
	}, (*client.Client).Resolve)
}

func newProbeCommand(a *app) *cobra.Command {
	return newAskCommand(a, &cobra.Command{
		Use:   "probe IP",
		Short: "Ask the known owner of an address now, by unicast",
		Long: `Asks the known owner of an address by unicast whether it is still there, and
waits for the answer. The exit code is 1 if it is silent.`,
		Example: "  isat probe 10.0.0.2",
	}, (*client.Client).Probe)
}

type askFunc = func(*client.Client, context.Context, api.Target) (view.Resolution, error)

func newAskCommand(a *app, cmd *cobra.Command, ask askFunc) *cobra.Command {
	var network string
	var vlan uint16
	timeout := askTimeout
	a.addTarget(cmd, &network, &vlan, "network of the address, by `NAME` or number (default \"default\")")
	cmd.Flags().DurationVar(&timeout, "timeout", askTimeout, "give up after this `TIME`")
	output := addOutput(cmd, outputTable, outputJSON, outputYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := target(args[0], network, vlan)
		if err != nil {
			return err
		}
		if timeout <= 0 {
			return usageErrorf("timeout %s is not more than zero", timeout)
		}
		c, err := a.client()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
		defer cancel()
		r, err := ask(c, ctx, t)
		if err != nil {
			return err
		}
		return printResolution(cmd, c, r, output.value)
	}
	return cmd
}

// addTarget gives cmd the argument IP and the flags --network and --vlan.
func (a *app) addTarget(cmd *cobra.Command, network *string, vlan *uint16, networkUsage string) {
	cmd.Args = oneArg("an IP address")
	cmd.ValidArgsFunction = a.completeAddresses()
	cmd.Flags().StringVar(network, "network", "", networkUsage)
	cmd.Flags().Uint16Var(vlan, "vlan", 0, "VLAN `ID` inside the network, for hosts that tag their frames")
	complete(cmd, "network", a.completeNetworks())
}

func target(ip, network string, vlan uint16) (api.Target, error) {
	addr, err := netip.ParseAddr(ip)
	if err != nil || addr.Zone() != "" {
		return api.Target{}, usageErrorf("%q is not an IP address", ip)
	}
	if vlan > 4094 {
		return api.Target{}, usageErrorf("VLAN %d is not in 1..4094", vlan)
	}
	return api.Target{Network: network, VLAN: vlan, IP: addr.Unmap()}, nil
}

func printResolution(cmd *cobra.Command, c *client.Client, r view.Resolution, output string) error {
	out := cmd.OutOrStdout()
	var err error
	switch {
	case output == outputJSON:
		err = printJSON(out, r)
	case output == outputYAML:
		err = printYAML(out, r)
	case r.Found && r.Binding != nil:
		names, nameErr := namesFor(cmd.Context(), c)
		if nameErr != nil {
			return nameErr
		}
		_, err = fmt.Fprintf(out, "%s is at %s (%s)\n", r.IP, whereIs(*r.Binding, names), howFound(r))
	default:
		return fmt.Errorf("%s", nobody(r))
	}
	if err == nil && !r.Found {
		return exitStatus(exitFailed)
	}
	return err
}

func namesFor(ctx context.Context, c *client.Client) (*switchNames, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return loadSwitchNames(ctx, c)
}

// whereIs tells MAC, place and network of a binding.
func whereIs(b view.Binding, names *switchNames) string {
	var s strings.Builder
	s.WriteString(b.MAC)
	if b.Switch != "" {
		fmt.Fprintf(&s, ", port %s of %s", vlanText(b.Port, b.PortVLAN), names.name(b.Switch))
		if names.knows(b.Switch) {
			fmt.Fprintf(&s, " (%s)", b.Switch)
		}
	} else {
		s.WriteString(", at a place that is not known")
	}
	fmt.Fprintf(&s, ", network %s", vlanText(b.Network, b.VLAN))
	return s.String()
}

func howFound(r view.Resolution) string {
	if r.Sent == 0 {
		if r.Why != "" {
			return r.Why
		}
		return "known, so nobody was asked"
	}
	return fmt.Sprintf("answered in %s, %s", took(r.Took), count(r.Sent, "request"))
}

func nobody(r view.Resolution) string {
	s := fmt.Sprintf("nobody answers for %s in network %s", r.IP, vlanText(r.Network, r.VLAN))
	if r.Sent > 0 {
		s += fmt.Sprintf(" after %s (%s)", count(r.Sent, "request"), took(r.Took))
	}
	if r.Why != "" {
		s += ": " + r.Why
	}
	return s
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// took shows a Go duration with two digits or one decimal, as 1.2 ms or 3.0 s.
func took(s string) string {
	d, err := time.ParseDuration(s)
	if err != nil {
		return s
	}
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func newExplainCommand(a *app) *cobra.Command {
	var network string
	var vlan uint16
	cmd := &cobra.Command{
		Use:   "explain IP",
		Short: "Tell what is known of an address, and what happens to a request for it",
		Long: `Tells what isat knows of an address, where each fact came from, and what would
happen to a request for it now and why. Nothing is sent.`,
		Example: "  isat explain 10.0.0.2",
	}
	a.addTarget(cmd, &network, &vlan, "only this network, by `NAME` or number (default: every network that may hold the address)")
	output := addOutput(cmd, outputTable, outputJSON, outputYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := target(args[0], network, vlan)
		if err != nil {
			return err
		}
		return a.ask(cmd, func(ctx context.Context, c *client.Client) error {
			list, err := c.Explain(ctx, t)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				return fmt.Errorf("no network may hold %s: name one with --network", t.IP)
			}
			switch output.value {
			case outputJSON:
				return printJSON(cmd.OutOrStdout(), list)
			case outputYAML:
				return printYAML(cmd.OutOrStdout(), list)
			}
			names, err := loadSwitchNames(ctx, c)
			if err != nil {
				return err
			}
			return printExplanations(cmd.OutOrStdout(), list, names)
		})
	}
	return cmd
}

func printExplanations(w io.Writer, list []view.Explanation, names *switchNames) error {
	var s strings.Builder
	for i, e := range list {
		if i > 0 {
			s.WriteByte('\n')
		}
		fmt.Fprintf(&s, "%s in network %s\n", e.IP, vlanText(e.Network, e.VLAN))
		if b := e.Binding; b == nil {
			s.WriteString("  binding   none\n")
		} else {
			fmt.Fprintf(&s, "  binding   %s\n", whereIs(*b, names))
			fmt.Fprintf(&s, "            %s, from %s", b.State, b.Origin)
			if !b.Learned.IsZero() {
				fmt.Fprintf(&s, ", learned %s ago", age(b.Learned))
			}
			if !b.Heard.IsZero() {
				fmt.Fprintf(&s, ", heard %s ago", age(b.Heard))
			}
			s.WriteByte('\n')
		}
		label := "known"
		for _, f := range e.Facts {
			fmt.Fprintf(&s, "  %-9s %s", label, f.What)
			if f.Source != "" {
				fmt.Fprintf(&s, " (%s)", f.Source)
			}
			s.WriteByte('\n')
			label = ""
		}
		fmt.Fprintf(&s, "  request   %s: %s\n", e.Outcome, e.Why)
	}
	_, err := io.WriteString(w, s.String())
	return err
}
