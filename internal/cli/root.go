package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/client"
)

// callTimeout bounds a question that isat can answer from memory.
const callTimeout = 10 * time.Second

// Main runs isat with the arguments, streams and signals of the process and
// ends the process.
func Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default action is back, so that a second one
	// ends a process that does not stop by itself.
	context.AfterFunc(ctx, stop)
	os.Exit(Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Run runs one command line and returns the exit code.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return report(stderr, root.ExecuteContext(ctx))
}

// app holds what every command that talks to a running isat needs.
type app struct {
	api string // address of the API
}

func (a *app) client() (*client.Client, error) {
	c, err := client.New(a.api)
	if err != nil {
		return nil, usageErrorf("%s", err)
	}
	return c, nil
}

func newRoot() *cobra.Command {
	a := &app{}
	root := group(&cobra.Command{
		Use:   "isat",
		Short: "Answers who-has: address resolution for Open vSwitch networks",
		Long: `isat is a controller for Open vSwitch that takes address resolution off the wire:
the switch itself answers ARP and IPv6 neighbour discovery for every host that
is known, and searches for the others instead of flooding.

"isat run" is the controller. The other commands ask it, through its REST API,
or make a network to try it on ("isat lab").`,
		SilenceErrors: true,
		SilenceUsage:  true,
	})
	root.SetFlagErrorFunc(flagError)
	root.PersistentPreRunE = noEmptyFlags
	root.PersistentFlags().StringVar(&a.api, "api", defaultAPI(), "`URL` of the REST API; the variable ISAT_API sets it too")
	root.PersistentFlags().Lookup("api").DefValue = client.DefaultURL
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run:"},
		&cobra.Group{ID: groupAsk, Title: "See and ask:"},
		&cobra.Group{ID: groupIntent, Title: "Say what is wanted:"},
		&cobra.Group{ID: groupOperate, Title: "Do by hand:"},
		&cobra.Group{ID: groupOther, Title: "Other:"},
	)
	root.SetHelpCommandGroupID(groupOther)
	root.SetCompletionCommandGroupID(groupOther)
	add := func(id string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	add(groupRun, newRunCommand(), newLabCommand(), newDemoCommand())
	add(groupAsk, newStatusCommand(a), newGetCommand(a), newResolveCommand(a), newProbeCommand(a), newExplainCommand(a),
		newFlowsCommand(a), newTraceCommand(a), newWatchCommand(a), newEventsCommand(a))
	add(groupIntent, newApplyCommand(a), newDeleteCommand(a), newEditCommand(a), newBindCommand(a), newUnbindCommand(a))
	add(groupOperate, newFlushCommand(a), newClearCommand(a), newBackupCommand(a), newRestoreCommand())
	add(groupOther, newVersionCommand(), newDocsCommand(), newBenchCommand())
	return root
}

const (
	groupRun     = "run"
	groupAsk     = "ask"
	groupOperate = "operate"
	groupIntent  = "intent"
	groupOther   = "other"
)

func defaultAPI() string {
	if s := os.Getenv("ISAT_API"); s != "" {
		return s
	}
	return client.DefaultURL
}
