package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/lab"
)

const (
	// defaultLabController is where "isat run" listens unless told otherwise.
	defaultLabController = "tcp:127.0.0.1:6653"
	// noLabController is the word for switches without a controller.
	noLabController = "none"
	// labSettleTime bounds the wait for duplicate address detection, which takes the kernel 2 to 3 s.
	labSettleTime = 10 * time.Second
)

func newLabCommand() *cobra.Command {
	base := lab.DefaultBase
	if s := os.Getenv("ISAT_LAB_DIR"); s != "" {
		base = s
	}
	cmd := group(&cobra.Command{
		Use:   "lab",
		Short: "Make a real network on this machine to try isat on",
		Long: `A lab is a network of its own: one Open vSwitch (userspace datapath, no kernel module) and one
network namespace per host, with the kernel's own ARP and neighbour discovery. The machine's own
Open vSwitch, interfaces and routes are not touched. It needs root.`,
		Example: `  sudo isat lab up demo
  isat run &
  sudo isat lab exec h1 -- ping -c 3 10.0.0.2
  sudo isat lab exec s1 -- ovs-ofctl -O OpenFlow13 dump-flows s1
  sudo isat lab down`,
	})
	cmd.PersistentFlags().StringVar(&base, "dir", base, "`directory` of labs; the variable ISAT_LAB_DIR sets it too")
	cmd.PersistentFlags().Lookup("dir").DefValue = lab.DefaultBase
	cmd.AddCommand(newLabUp(&base), newLabExec(&base), newLabList(&base), newLabDown(&base), newLabHelper())
	return cmd
}

func newLabUp(base *string) *cobra.Command {
	var controller string
	var backoff time.Duration
	cmd := &cobra.Command{
		Use:   "up FILE|NAME",
		Short: "Bring up a topology: a file, or a built-in one",
		Long:  "Brings up a topology, which is a YAML file or one of\n\n" + builtinTopologies() + "\n" + topologyFormat,
		Args:  oneArg("a topology: a file, or one of " + strings.Join(lab.Builtin(), ", ")),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return lab.Builtin(), cobra.ShellCompDirectiveDefault
		},
	}
	cmd.Flags().StringVar(&controller, "controller", defaultLabController,
		"`target` of the switches, tcp:HOST:PORT as seen from this machine, or none; instead of the topology's own")
	cmd.Flags().DurationVar(&backoff, "max-backoff", time.Second,
		"longest time between a switch's attempts to reach its controller, at least 1s")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if backoff < time.Second {
			return usageErrorf("--max-backoff %v: Open vSwitch takes 1s or more", backoff)
		}
		topology, err := lab.Load(args[0])
		if err != nil {
			return topologyError(err)
		}
		switch {
		case cmd.Flags().Changed("controller") && controller == noLabController:
			topology.Controller = ""
		case cmd.Flags().Changed("controller") || topology.Controller == "":
			topology.Controller = controller
		}
		return labUp(cmd.Context(), topology, lab.Options{Base: *base, MaxBackoff: backoff}, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

func builtinTopologies() string {
	var b strings.Builder
	for _, name := range lab.Builtin() {
		t, err := lab.LoadBuiltin(name)
		if err != nil {
			continue // a test loads every one
		}
		fmt.Fprintf(&b, "  %-13s %s\n", name, t.Description)
	}
	return b.String()
}

const topologyFormat = `A topology file says

  name: mine                  # of the lab
  controller: tcp:HOST:PORT   # optional, as seen from this machine
  switches:
    - name: s1
      dpid: 0000000000000001  # optional: 16 hexadecimal digits
      protocols: [OpenFlow13] # optional
  hosts:
    - name: h1
      switch: s1              # optional if there is one switch
      port: 1                 # optional: OpenFlow port number
      mac: 02:00:00:00:00:01  # optional
      addresses: [10.0.0.1/24, "fd00::1/64"]
      gateways: [10.0.0.254]  # optional: default routes
      vlan: 10                # optional: the addresses are on eth0.10
      vlans:                  # optional: further tagged interfaces
        - {id: 20, addresses: [10.2.0.1/24]}
      up: false               # optional: leave the link down
      dad: false              # optional: no duplicate address detection
  links:                      # optional: between switches
    - {a: s1, b: s2}
`

// topologyError introduces the list of what is wrong with a topology file.
func topologyError(err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) < 2 {
		return err
	}
	return fmt.Errorf("the topology has %d errors:\n%w", len(joined.Unwrap()), err)
}

func labUp(ctx context.Context, topology lab.Topology, opts lab.Options, out, errOut io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the isat program: %w", err)
	}
	opts.Helper = []string{self, "lab", "helper", "--"}
	l, err := lab.Up(ctx, topology, opts)
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, labSettleTime)
	defer cancel()
	if err := l.WaitAddresses(wait); err != nil {
		fmt.Fprintln(errOut, "isat: "+err.Error()+"; the lab is up all the same")
	}
	list, err := lab.List(opts.Base)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.Name == l.Name() {
			return announceLab(out, s)
		}
	}
	return nil
}

// announceLab says what there is now and what can be done with it.
func announceLab(out io.Writer, s lab.Summary) error {
	controller := "no controller"
	if s.Controller != "" {
		controller = "controller " + s.Controller
	}
	fmt.Fprintf(out, "lab %s is up: %s, %s, %s\n\n", s.Name,
		plural(len(s.Switches), "switch", "switches"), plural(len(s.Hosts), "host", "hosts"), controller)
	if err := printLabs(out, []lab.Summary{s}, false); err != nil {
		return err
	}
	fmt.Fprintln(out)
	if from, to, ok := neighbours(s.Hosts); ok {
		fmt.Fprintf(out, "try: isat lab exec %s -- ping %s\n", from, to)
	}
	_, err := fmt.Fprintf(out, "end: isat lab down %s\n", s.Name)
	return err
}

// neighbours returns the first host that has another one in its subnet and VLAN, and the other's address.
func neighbours(hosts []lab.HostSummary) (from string, to netip.Addr, ok bool) {
	type place struct {
		host   string
		vlan   uint16
		prefix netip.Prefix
	}
	var places []place
	for _, h := range hosts {
		for _, i := range h.Interfaces {
			for _, p := range i.Addresses {
				places = append(places, place{h.Name, i.VLAN, p})
			}
		}
	}
	for _, a := range places {
		for _, b := range places {
			if a.host != b.host && a.vlan == b.vlan && a.prefix.Masked() == b.prefix.Masked() && a.prefix != b.prefix {
				return a.host, b.prefix.Addr(), true
			}
		}
	}
	return "", netip.Addr{}, false
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func newLabExec(base *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec [LAB/]HOST [-- CMD...]",
		Short: "Run a command in a host, or a shell",
		Long: `Runs a command in a host's namespace, with this terminal and the command's own exit code; without
a command, a shell. HOST may also be a switch: there, ovs-ofctl, ovs-vsctl and ovs-appctl find the
lab's Open vSwitch by themselves.`,
		Example: `  isat lab exec h1 -- ping -c 1 fd00::2
  isat lab exec s1 -- ovs-ofctl -O OpenFlow13 dump-flows s1
  isat lab exec h2`,
		DisableFlagsInUseLine: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageErrorf("%q needs a host%s", cmd.CommandPath(), seeHelp(cmd))
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return labMembers(*base), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().SetInterspersed(false) // flags behind HOST are the command's
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		member, command := args[0], args[1:]
		if len(command) > 0 && command[0] == "--" {
			command = command[1:]
		}
		if len(command) == 0 {
			command = []string{shell()}
		}
		l, member, err := lab.Find(*base, "", member)
		if err != nil {
			return err
		}
		err = l.Become(member, command...)
		if c, ok := errors.AsType[*lab.CommandError](err); ok {
			fmt.Fprintln(cmd.ErrOrStderr(), "isat: "+err.Error())
			return exitStatus(c.ExitCode())
		}
		return err
	}
	return cmd
}

func shell() string {
	if s := os.Getenv("SHELL"); s != "" {
		return s
	}
	return "/bin/sh"
}

func labMembers(base string) []string {
	var names []string
	list, err := lab.List(base)
	if err != nil {
		return nil // completion has nobody to tell
	}
	for _, s := range list {
		for _, h := range s.Hosts {
			names = append(names, h.Name)
		}
		for _, sw := range s.Switches {
			names = append(names, sw.Name)
		}
	}
	return names
}

func newLabList(base *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List labs and their hosts",
		Args:    noArgs,
	}
	output := addOutput(cmd, outputTable, outputWide, outputJSON, outputYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		list, err := lab.List(*base)
		if err != nil {
			return err
		}
		switch output.value {
		case outputJSON:
			return printJSON(cmd.OutOrStdout(), list)
		case outputYAML:
			return printYAML(cmd.OutOrStdout(), list)
		}
		if len(list) == 0 {
			fmt.Fprintln(cmd.ErrOrStderr(), "no lab is up: start one with isat lab up")
			return nil
		}
		for _, s := range list {
			if s.Reason != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "isat: lab %s is broken: %s (isat lab down %s cleans it up)\n", s.Name, s.Reason, s.Name)
			}
		}
		return printLabs(cmd.OutOrStdout(), list, output.value == outputWide)
	}
	return cmd
}

func printLabs(w io.Writer, list []lab.Summary, wide bool) error {
	titles := []string{"LAB", "STATE", "HOST", "LINK", "SWITCH", "PORT", "MAC", "ADDRESSES"}
	if wide {
		titles = append(titles, "SWITCH-ID", "NAMESPACE", "CONTROLLER")
	}
	var rows [][]string
	for _, s := range list {
		ids := map[string]string{}
		for _, sw := range s.Switches {
			ids[sw.Name] = sw.Dpid
		}
		for _, h := range s.Hosts {
			link := "down"
			if h.Up {
				link = "up"
			}
			row := []string{s.Name, s.State, h.Name, link, h.Switch, strconv.Itoa(int(h.Port)), h.MAC, addressText(h)}
			if wide {
				row = append(row, ids[h.Switch], h.Namespace, s.Controller)
			}
			rows = append(rows, row)
		}
		if len(s.Hosts) == 0 {
			row := make([]string, len(titles))
			row[0], row[1] = s.Name, s.State
			rows = append(rows, row)
		}
	}
	return newTable(w, titles).print(rows)
}

// addressText shows a host's addresses, those of a tagged interface as ADDRESS@VLAN.
func addressText(h lab.HostSummary) string {
	var out []string
	for _, i := range h.Interfaces {
		for _, a := range i.Addresses {
			text := a.String()
			if i.VLAN != 0 {
				text += "@" + strconv.Itoa(int(i.VLAN))
			}
			out = append(out, text)
		}
	}
	return strings.Join(out, ",")
}

func newLabDown(base *string) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "down [NAME]",
		Short: "End a lab, whole or broken, with everything that runs in it",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageErrorf("%q takes one lab, but got %q too%s", cmd.CommandPath(), args[1], seeHelp(cmd))
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return labNames(*base), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "end every lab")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if all && len(args) > 0 {
			return usageErrorf("either a name or --all")
		}
		if all {
			names, err := lab.DownAll(*base)
			for _, name := range names {
				fmt.Fprintf(cmd.OutOrStdout(), "lab %s is down\n", name)
			}
			return err
		}
		name, err := labToEnd(*base, args)
		if err != nil {
			return err
		}
		if err := lab.Down(*base, name); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "lab %s is down\n", name)
		return err
	}
	return cmd
}

// labToEnd returns the lab that was named, or the only one.
func labToEnd(base string, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	switch names := labNames(base); len(names) {
	case 0:
		return "", fmt.Errorf("%w", lab.ErrNoLab)
	case 1:
		return names[0], nil
	default:
		return "", usageErrorf("say which lab, or --all: %s are up", strings.Join(names, ", "))
	}
}

func labNames(base string) []string {
	list, err := lab.List(base)
	if err != nil {
		return nil // lab.Down will say what is the matter
	}
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	return names
}

// newLabHelper is what "isat lab up" starts inside a lab's namespaces.
func newLabHelper() *cobra.Command {
	return &cobra.Command{
		Use:    "helper KIND ARGS...",
		Short:  "Carry frames or connections for a lab (started by isat lab up)",
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return lab.RunHelper(cmd.Context(), args)
		},
	}
}
