package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/view"
)

func newGetCommand(a *app) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "get",
		Short: "List what isat knows and what is asked for: bindings, stations, switches, networks and more",
		Example: `  isat get bindings --network blue
  isat get ports -o wide
  isat get switches -o json | jq -r '.[].id'
  isat get bindings --state duplicate
  isat get network blue -o yaml
  isat get bindings -w`,
	})
	for _, r := range resources() {
		cmd.AddCommand(newGetResource(a, r))
	}
	cmd.AddCommand(newGetLimits(a), newGetIntent(a))
	return cmd
}

// getter is one run of "isat get KIND".
type getter struct {
	resource
	client *client.Client
	filter api.Filter
	name   string // of the only object that is wanted; empty for all
	output string
	out    io.Writer
}

func newGetResource(a *app, r resource) *cobra.Command {
	var filter api.Filter
	var watch bool
	cmd := &cobra.Command{
		Use:     string(r.kind),
		Aliases: r.aliases,
		Short:   r.short,
		Args:    noArgs,
	}
	if r.document != "" {
		cmd.Use += " [NAME]"
		cmd.Args = maybeOneArg
		cmd.ValidArgsFunction = a.completeDocuments(r.document)
		cmd.Long = r.short + ". With -o yaml their documents, as \"isat apply\" takes them."
	}
	output := addOutput(cmd, outputTable, outputWide, outputJSON, outputYAML)
	if !r.still {
		cmd.Flags().BoolVarP(&watch, "watch", "w", false, "follow changes until interrupted")
	}
	a.addFilter(cmd, &filter, r.flags)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client()
		if err != nil {
			return err
		}
		g := &getter{resource: r, client: c, filter: filter, output: output.value, out: cmd.OutOrStdout()}
		if len(args) > 0 {
			g.name = args[0]
		}
		if watch {
			if g.name != "" {
				return usageErrorf("-w follows all %s: leave %q out", r.kind, g.name)
			}
			return g.watch(cmd.Context())
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), listTimeout(r.kind))
		defer cancel()
		return g.get(ctx, cmd.ErrOrStderr())
	}
	return cmd
}

// listTimeout bounds a list. Those of a million hosts come in a hundred pages.
func listTimeout(k view.Kind) time.Duration {
	if k == view.KindBinding || k == view.KindStation {
		return 2 * time.Minute
	}
	return callTimeout
}

// addFilter gives cmd the filter flags of those names.
func (a *app) addFilter(cmd *cobra.Command, f *api.Filter, names []string) {
	add := func(name string, p *string, usage string) {
		if slices.Contains(names, name) {
			cmd.Flags().StringVar(p, name, "", usage)
		}
	}
	add("network", &f.Network, "only this network, by `NAME` or number")
	add("switch", &f.Switch, "only this switch, by `NAME` or datapath id")
	add("port", &f.Port, "only this port, by `NAME`")
	add("mac", &f.MAC, "only this `MAC`")
	add("ip", &f.IP, "only this address or prefix `IP`")
	add("state", &f.State, "only bindings in this `STATE`: "+strings.Join(api.BindingWords("State"), ", "))
	add("origin", &f.Origin, "only bindings of this `ORIGIN`: "+strings.Join(api.BindingWords("Origin"), ", "))
	for name, field := range map[string]string{"state": "State", "origin": "Origin"} {
		if slices.Contains(names, name) {
			complete(cmd, name, cobra.FixedCompletions(api.BindingWords(field), cobra.ShellCompDirectiveNoFileComp))
		}
	}
	if slices.Contains(names, "network") {
		complete(cmd, "network", a.completeNetworks())
	}
	if slices.Contains(names, "switch") {
		complete(cmd, "switch", a.completeSwitches())
	}
}

func (g *getter) get(ctx context.Context, stderr io.Writer) error {
	if g.output == outputYAML && g.document != "" {
		return printDocuments(ctx, g.client, g.document, g.name, g.out)
	}
	objects, each, err := g.list(ctx, g.client, g.filter)
	if err != nil {
		return err
	}
	if g.name != "" {
		each = slices.DeleteFunc(each, func(o any) bool { return documentName(o) != g.name })
		if len(each) == 0 {
			return fmt.Errorf("there is no %s %q: \"isat get %s\" lists them", g.document, g.name, g.kind)
		}
		objects = each
	}
	switch g.output {
	case outputJSON:
		return printJSON(g.out, objects)
	case outputYAML:
		return printYAML(g.out, objects)
	}
	if len(each) == 0 {
		_, err := fmt.Fprintf(stderr, "no %s\n", g.kind)
		return err
	}
	names, err := loadSwitchNames(ctx, g.client)
	if err != nil {
		return err
	}
	wide := g.output == outputWide
	rows := make([][]string, len(each))
	for i, o := range each {
		rows[i] = g.row(o, names, wide)
	}
	return newTable(g.out, g.titles(wide)).print(rows)
}

// settle is how long a watch waits for more changes before it prints what it
// has, so that the rows of one moment are aligned with each other.
const settle = 50 * time.Millisecond

// watch prints changes until the stream or ctx ends. That the user ends it is
// no error, whatever was under way.
func (g *getter) watch(ctx context.Context) error {
	if err := g.follow(ctx); ctx.Err() == nil {
		return err
	}
	return nil
}

func (g *getter) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes := make(chan view.Change)
	result := make(chan error, 1)
	go func() {
		result <- g.client.Watch(ctx, g.kind, g.filter, func(c view.Change) error {
			select {
			case changes <- c:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	show := g.changePrinter(ctx)
	for {
		select {
		case c := <-changes:
			if err := show(collect(c, changes)); err != nil {
				return err
			}
		case err := <-result:
			return err
		}
	}
}

// collect returns first and the changes that follow it closely.
func collect(first view.Change, more <-chan view.Change) []view.Change {
	const most = 10000
	batch := []view.Change{first}
	timer := time.NewTimer(settle)
	defer timer.Stop()
	for len(batch) < most {
		select {
		case c := <-more:
			batch = append(batch, c)
		case <-timer.C:
			return batch
		}
	}
	return batch
}

// changePrinter returns what prints a batch of changes in the format that was
// asked for.
func (g *getter) changePrinter(ctx context.Context) func([]view.Change) error {
	switch g.output {
	case outputJSON:
		e := json.NewEncoder(g.out)
		e.SetEscapeHTML(false)
		return each(func(c view.Change) error { return e.Encode(c) })
	case outputYAML:
		return each(func(c view.Change) error {
			if _, err := io.WriteString(g.out, "---\n"); err != nil {
				return err
			}
			return printYAML(g.out, c)
		})
	}
	wide := g.output == outputWide
	t := newTable(g.out, append([]string{"CHANGE"}, g.titles(wide)...))
	names := &switchNames{}
	return func(batch []view.Change) error {
		if err := g.freshNames(ctx, names, batch); err != nil {
			return err
		}
		rows := make([][]string, len(batch))
		for i, c := range batch {
			rows[i] = append([]string{string(c.Type)}, g.row(c.Object, names, wide)...)
		}
		return t.print(rows)
	}
}

func each(f func(view.Change) error) func([]view.Change) error {
	return func(batch []view.Change) error {
		for _, c := range batch {
			if err := f(c); err != nil {
				return err
			}
		}
		return nil
	}
}

// freshNames asks for the names of switches again if a change is about one
// that is not known yet.
func (g *getter) freshNames(ctx context.Context, names *switchNames, batch []view.Change) error {
	if !slices.ContainsFunc(batch, func(c view.Change) bool {
		id := switchOf(c.Object)
		return id != "" && !names.knows(id)
	}) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	fresh, err := loadSwitchNames(ctx, g.client)
	if err != nil {
		return err
	}
	*names = *fresh
	return nil
}

func switchOf(o any) string {
	switch o := o.(type) {
	case view.Port:
		return o.Switch
	case view.Binding:
		return o.Switch
	case view.Station:
		return o.Switch
	}
	return ""
}
