package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/view"
)

const kindsHelp = `Kinds: learned, confirmed (heard again after a doubt), doubted (contradicted without
authority), moved, asked (its owner is, before anything is taken from it), silent,
expired (nobody answered), removed, duplicate (moved too often: frozen), released,
refused (a claim that is not believed, or a limit), defended.`

func newWatchCommand(a *app) *cobra.Command {
	var q api.EventQuery
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Follow what happens to addresses: learned, moved, expired, duplicate, refused",
		Long: `Shows what happens to addresses as it happens, one line each: when, what, who,
where and why. With --since or --last it begins with what was before, as "isat
events" shows it. It ends when interrupted, or when isat ends or can't wait for it
any longer; then it is an error.

` + kindsHelp,
		Example: `  isat watch
  isat watch --since 10m --kind duplicate --kind refused
  isat watch --switch s1 --port vm1 -o json`,
		Args: noArgs,
	}
	a.addEventFlags(cmd, &q)
	output := addOutput(cmd, outputLines, outputJSON)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.client()
		if err != nil {
			return err
		}
		ctx := cmd.Context()
		p := newEventPrinter(c, cmd.OutOrStdout(), output)
		err = c.WatchEvents(ctx, q, func(e view.Event) error { return p.print(ctx, e) })
		if ctx.Err() != nil {
			return nil // that the user ends it is no error
		}
		return err
	}
	return cmd
}

func newEventsCommand(a *app) *cobra.Command {
	var q api.EventQuery
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what happened to addresses lately",
		Long: `Shows what happened to addresses since isat was started, oldest first: of each kind
of event the last 256. What comes with every host (it is learned, has nothing to say,
is asked and heard again) is not remembered; "isat watch" shows it as it happens.

` + kindsHelp,
		Example: `  isat events --since 2h
  isat events --ip 10.0.0.5
  isat events --kind duplicate --last 10 -o json`,
		Args: noArgs,
	}
	a.addEventFlags(cmd, &q)
	output := addOutput(cmd, outputLines, outputJSON)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.ask(cmd, func(ctx context.Context, c *client.Client) error {
			list, err := c.Events(ctx, q)
			if err != nil {
				return err
			}
			if len(list) == 0 && output.value == outputLines {
				_, err := fmt.Fprintln(cmd.ErrOrStderr(), "no events")
				return err
			}
			p := newEventPrinter(c, cmd.OutOrStdout(), output)
			return p.print(ctx, list...)
		})
	}
	return cmd
}

func (a *app) addEventFlags(cmd *cobra.Command, q *api.EventQuery) {
	a.addFilter(cmd, &q.Filter, []string{"network", "switch", "port", "mac", "ip"})
	cmd.Flags().Var(&kindsFlag{&q.Kinds}, "kind", "only this `KIND` of event; may be repeated")
	cmd.Flags().Var(&sinceFlag{&q.Since}, "since", "of the past, events that are not older than this `TIME`, as 90s, 10m or 2h")
	cmd.Flags().Var(&lastFlag{&q.Last}, "last", "of the past, the youngest `N` events")
	var words []string
	for _, k := range view.EventKinds {
		words = append(words, string(k))
	}
	complete(cmd, "kind", cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// kindsFlag takes kinds of events, one at a time or separated by commas.
type kindsFlag struct{ kinds *[]view.EventKind }

func (f *kindsFlag) String() string { return "" }
func (f *kindsFlag) Type() string   { return "KIND" }

func (f *kindsFlag) Set(s string) error {
	for _, word := range strings.Split(s, ",") {
		kind := view.EventKind(word)
		if !slices.Contains(view.EventKinds, kind) {
			var words []string
			for _, k := range view.EventKinds {
				words = append(words, string(k))
			}
			if n := nearest(word, words); n != "" {
				return usageErrorf("there is no kind %q: did you mean %q?", word, n)
			}
			return usageErrorf("there is no kind %q: it is one of %s", word, strings.Join(words, ", "))
		}
		*f.kinds = append(*f.kinds, kind)
	}
	return nil
}

// sinceFlag takes a time of more than zero.
type sinceFlag struct{ since *time.Duration }

func (f *sinceFlag) String() string { return "" }
func (f *sinceFlag) Type() string   { return "TIME" }

func (f *sinceFlag) Set(s string) (err error) {
	if *f.since, err = time.ParseDuration(s); err != nil || *f.since <= 0 {
		return usageErrorf("it is not a time such as 90s, 10m or 2h")
	}
	return nil
}

// lastFlag takes a number from 1 to what one answer holds.
type lastFlag struct{ last *int }

func (f *lastFlag) String() string { return "" }
func (f *lastFlag) Type() string   { return "N" }

func (f *lastFlag) Set(s string) error {
	if _, err := fmt.Sscanf(s, "%d", f.last); err != nil || *f.last < 1 || *f.last > api.MaxLimit {
		return usageErrorf("it is not a number from 1 to %d", api.MaxLimit)
	}
	return nil
}

// eventCells are who and where: network, address, MAC, place.
type eventCells [4]string

// eventPrinter prints events in the order in which it gets them.
type eventPrinter struct {
	client *client.Client
	out    io.Writer
	json   bool
	colour bool
	names  switchNames
	asked  map[string]bool // switches whose names were asked for
	widths [len(eventCells{})]int
}

func newEventPrinter(c *client.Client, out io.Writer, output *outputFlag) *eventPrinter {
	return &eventPrinter{client: c, out: out, json: output.value == outputJSON, colour: colours(out), asked: make(map[string]bool)}
}

func (p *eventPrinter) print(ctx context.Context, list ...view.Event) error {
	if p.json {
		encoder := json.NewEncoder(p.out)
		encoder.SetEscapeHTML(false)
		for _, e := range list {
			if err := encoder.Encode(e); err != nil {
				return err
			}
		}
		return nil
	}
	for _, e := range list {
		if err := p.learnName(ctx, e.Switch); err != nil {
			return err
		}
		p.widen(p.cells(e))
	}
	var b strings.Builder
	for _, e := range list {
		p.line(&b, e)
	}
	_, err := io.WriteString(p.out, b.String())
	return err
}

// learnName asks for the names of switches, once for each that has none.
func (p *eventPrinter) learnName(ctx context.Context, id string) error {
	if id == "" || p.names.knows(id) || p.asked[id] {
		return nil
	}
	p.asked[id] = true
	fresh, err := namesFor(ctx, p.client)
	if err == nil {
		p.names = *fresh
	}
	return err
}

func (p *eventPrinter) cells(e view.Event) eventCells {
	cells := eventCells{vlanText(e.Network, e.VLAN), e.IP, e.MAC, p.names.name(e.Switch)}
	if e.Port != "" {
		cells[3] = e.Port + " of " + cells[3]
	}
	for i := range cells {
		if cells[i] == "" {
			cells[i] = "-"
		}
	}
	return cells
}

// widen keeps a column at least as wide as it was.
func (p *eventPrinter) widen(cells eventCells) {
	for i, cell := range cells {
		p.widths[i] = max(p.widths[i], utf8.RuneCountInString(cell))
	}
}

func (p *eventPrinter) line(b *strings.Builder, e view.Event) {
	kind := fmt.Sprintf("%-9s", e.Kind)
	if c := paint(string(e.Kind)); p.colour && c != "" {
		kind = c + kind + plain
	}
	b.WriteString(e.At.Local().Format("2006-01-02 15:04:05.000") + "  " + kind)
	for i, cell := range p.cells(e) {
		b.WriteString("  " + cell + strings.Repeat(" ", p.widths[i]-utf8.RuneCountInString(cell)))
	}
	b.WriteString("  " + e.Text + other(e) + "\n")
}

// other tells who else an event is about: who had the address before, or has it still.
func other(e view.Event) string {
	var text string
	if e.OldMAC != "" && e.OldMAC != e.MAC {
		text = " " + e.OldMAC
	}
	if e.OldPort != "" && e.OldPort != e.Port {
		text += " on " + e.OldPort
	}
	switch {
	case text == "":
		return ""
	case e.Kind == view.EventMoved || e.Kind == view.EventDuplicate:
		return " (was" + text + ")"
	}
	return " (owner" + text + ")"
}
