package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// The values of --output.
const (
	outputTable = "table"
	outputWide  = "wide"
	outputJSON  = "json"
	outputYAML  = "yaml"
	outputLines = "lines"
)

// outputFlag is a --output flag that accepts only some values.
type outputFlag struct {
	value   string
	allowed []string
}

func (o *outputFlag) String() string { return o.value }
func (o *outputFlag) Type() string   { return strings.Join(o.allowed, "|") }

func (o *outputFlag) Set(s string) error {
	if !slices.Contains(o.allowed, s) {
		return usageErrorf("it is one of %s", strings.Join(o.allowed, ", "))
	}
	o.value = s
	return nil
}

// addOutput gives cmd the flag -o, whose first value is the default.
func addOutput(cmd *cobra.Command, allowed ...string) *outputFlag {
	o := &outputFlag{value: allowed[0], allowed: allowed}
	cmd.Flags().VarP(o, "output", "o", "output format")
	complete(cmd, "output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return allowed, cobra.ShellCompDirectiveNoFileComp
	})
	return o
}

// byteSize is a number of bytes in the decimal unit that leaves one to three
// digits before the point.
func byteSize(n uint64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	size, unit := float64(n), 0
	const units = "kMGTPE"
	for size /= 1000; size >= 999.95; size /= 1000 {
		unit++
	}
	return fmt.Sprintf("%.1f %cB", size, units[unit])
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printYAML prints v with the names of its JSON form.
func printYAML(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	text, err = yaml.JSONToYAML(text)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// colours reports whether w is a terminal whose user wants colours
// (https://no-color.org).
func colours(w io.Writer) bool {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// The colours of the terminal's own palette (ECMA-48 SGR).
const (
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

// paint returns the colour of a word that says how something is.
func paint(word string) string {
	switch word {
	case "connected", "up", "reachable", "added", "learned", "confirmed", "released":
		return green
	case "syncing", "stale", "modified", "silent", "probing", "doubted", "moved", "asked":
		return yellow
	case "away", "down", "absent", "deleted", "duplicate", "expired", "removed", "refused", "defended":
		return red
	}
	return ""
}

// table prints aligned columns. Rows can come in several batches: a column
// then keeps at least the width that it had.
type table struct {
	w       io.Writer
	colour  bool
	titles  []string
	widths  []int
	started bool
}

func newTable(w io.Writer, titles []string) *table {
	t := &table{w: w, colour: colours(w), titles: titles, widths: make([]int, len(titles))}
	t.widen(titles)
	return t
}

func (t *table) widen(row []string) {
	for i, cell := range row {
		t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cell))
	}
}

// print writes the rows, with the titles before the first of all.
func (t *table) print(rows [][]string) error {
	for _, r := range rows {
		for i := range r {
			if r[i] == "" {
				r[i] = "-"
			}
		}
		t.widen(r)
	}
	var b strings.Builder
	if !t.started {
		t.line(&b, t.titles, func(string) string { return bold })
		t.started = true
	}
	for _, r := range rows {
		t.line(&b, r, paint)
	}
	_, err := io.WriteString(t.w, b.String())
	return err
}

func (t *table) line(b *strings.Builder, row []string, colourOf func(string) string) {
	for i, cell := range row {
		text := cell
		if c := colourOf(cell); t.colour && c != "" {
			text = c + cell + plain
		}
		b.WriteString(text)
		if i < len(row)-1 {
			b.WriteString(strings.Repeat(" ", t.widths[i]-utf8.RuneCountInString(cell)+2))
		}
	}
	b.WriteByte('\n')
}
