package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/view"
)

// flowsTimeout bounds the listing of one switch's flows, which may be a million.
const flowsTimeout = 40 * time.Second

const defaultFlows = 1000

// flowsQuery is what "isat flows" was asked for.
type flowsQuery struct {
	sw, table         string
	logical, openflow bool
	limit             int
}

func newFlowsCommand(a *app) *cobra.Command {
	var q flowsQuery
	cmd := &cobra.Command{
		Use:   "flows",
		Short: "Show the flows of the switches, with what they counted",
		Long: `Shows the flows of one switch or of all. The switch is asked, so this is what it
has, with the packets that each flow took. --logical, the default, shows logical
flows: one line is all the OpenFlow flows that it became, and their packets
together. Flows that exist once per host are lines of their own. --openflow shows
each OpenFlow flow as ovs-ofctl prints it.`,
		Example: "  isat flows --switch s1 --table routing\n  isat flows --openflow --switch s1 --table 20",
		Args:    noArgs,
	}
	cmd.Flags().StringVar(&q.sw, "switch", "", "only this switch, by `NAME` or datapath id")
	cmd.Flags().StringVar(&q.table, "table", "", "only this table, by `NAME` or number")
	cmd.Flags().BoolVar(&q.logical, "logical", false, "show logical flows (the default)")
	cmd.Flags().BoolVar(&q.openflow, "openflow", false, "show OpenFlow flows")
	cmd.Flags().IntVar(&q.limit, "limit", defaultFlows, fmt.Sprintf("show at most `N` lines of each table, up to %d", api.MaxLimit))
	complete(cmd, "switch", a.completeSwitches())
	complete(cmd, "table", completeTables)
	output := addOutput(cmd, outputTable, outputJSON, outputYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if q.logical && q.openflow {
			return usageErrorf("--logical and --openflow exclude each other: want one of them")
		}
		if q.limit < 1 || q.limit > api.MaxLimit {
			return usageErrorf("limit %d is not in 1..%d", q.limit, api.MaxLimit)
		}
		c, err := a.client()
		if err != nil {
			return err
		}
		return q.run(cmd, c, output.value)
	}
	return cmd
}

// completeTables offers the names of the tables.
func completeTables(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, t := range pipeline.Tables() {
		names = append(names, t.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (q *flowsQuery) run(cmd *cobra.Command, c *client.Client, output string) error {
	switches, err := q.switches(cmd.Context(), c, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	lists := make([]view.FlowList, 0, len(switches))
	for i, sw := range switches {
		ctx, cancel := context.WithTimeout(cmd.Context(), flowsTimeout)
		list, err := c.Flows(ctx, api.FlowQuery{Switch: sw.ID, Table: q.table, OpenFlow: q.openflow, Limit: q.limit})
		cancel()
		if err != nil {
			return err
		}
		if output != outputTable {
			lists = append(lists, list)
			continue
		}
		if err := q.print(cmd.OutOrStdout(), sw, list, i > 0); err != nil {
			return err
		}
	}
	switch output {
	case outputJSON:
		return printJSON(cmd.OutOrStdout(), lists)
	case outputYAML:
		return printYAML(cmd.OutOrStdout(), lists)
	}
	return nil
}

// switches are those to be asked: the one that was named, or all but those that
// are away.
func (q *flowsQuery) switches(ctx context.Context, c *client.Client, stderr io.Writer) ([]view.Switch, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := c.Switches(ctx)
	if err != nil {
		return nil, err
	}
	var out []view.Switch
	for _, sw := range list {
		switch {
		case q.sw != "" && q.sw != sw.ID && q.sw != sw.Name:
		case q.sw == "" && sw.State == "away":
			fmt.Fprintf(stderr, "switch %s is away\n", nameOf(sw))
		default:
			out = append(out, sw)
		}
	}
	switch {
	case q.sw != "" && len(out) == 0:
		return nil, fmt.Errorf("switch %q is not known: the switches are in \"isat get switches\"", q.sw)
	case q.sw != "" && len(out) > 1:
		return nil, fmt.Errorf("%d switches are named %q: give the datapath id", len(out), q.sw)
	case len(out) == 0:
		fmt.Fprintln(stderr, "no switch is connected")
	}
	return out, nil
}

func nameOf(sw view.Switch) string {
	if sw.Name != "" {
		return sw.Name
	}
	return sw.ID
}

// print shows the flows of a switch, with a heading for it and for each table.
func (q *flowsQuery) print(w io.Writer, sw view.Switch, list view.FlowList, more bool) error {
	var s strings.Builder
	if more {
		s.WriteByte('\n')
	}
	fmt.Fprintf(&s, "switch %s (%s)\n", nameOf(sw), sw.ID)
	left := make(map[string]view.FlowLeft)
	for _, l := range list.Left {
		left[l.Table] = l
	}
	for i := 0; i < len(list.Items); {
		table, end := list.Items[i].Table, i
		for end < len(list.Items) && list.Items[end].Table == table {
			end++
		}
		fmt.Fprintf(&s, "\ntable %d %s\n", list.Items[i].Number, table)
		q.lines(&s, list.Items[i:end])
		if l, ok := left[table]; ok {
			fmt.Fprintf(&s, "  … and %d more, with %d packets: --limit shows them, up to %d\n", l.Flows, l.Packets, api.MaxLimit)
			delete(left, table)
		}
		i = end
	}
	for _, l := range list.Left {
		if _, ok := left[l.Table]; ok {
			fmt.Fprintf(&s, "\ntable %s\n  %d flows, with %d packets\n", l.Table, l.Flows, l.Packets)
		}
	}
	_, err := io.WriteString(w, s.String())
	return err
}

// lines shows the flows of a table.
func (q *flowsQuery) lines(s *strings.Builder, flows []view.Flow) {
	if q.openflow {
		for _, f := range flows {
			fmt.Fprintf(s, "  %s\n", f.OpenFlow)
		}
		return
	}
	wide := 1
	for _, f := range flows {
		wide = max(wide, len(fmt.Sprint(f.Packets)))
	}
	for _, f := range flows {
		fmt.Fprintf(s, "  %5d  %*d  %s => %s", f.Priority, wide, f.Packets, f.Match, f.Actions)
		if text := remark(f.Owner, f.Doc); text != "" {
			fmt.Fprintf(s, "  # %s", text)
		}
		switch {
		case f.Flows == 0 && f.Missing == 0:
			s.WriteString(" [nothing on this switch matches it]")
		case f.Missing > 0:
			fmt.Fprintf(s, " [%d of its %d OpenFlow flows missing]", f.Missing, f.Flows+f.Missing)
		}
		s.WriteByte('\n')
	}
}

// remark is what a flow is there for, and what for.
func remark(owner, doc string) string {
	if owner != "" && doc != "" {
		return owner + ": " + doc
	}
	return owner + doc
}
