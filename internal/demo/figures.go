package demo

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// stage is one part of the demo, and says what its figures have to be.
type stage int

const (
	firstContact stage = iota // nobody is known
	known                     // everybody is known
	nobody                    // the address is no one's
)

func (s stage) String() string {
	return [...]string{firstContact: "first contact", known: "known hosts", nobody: "unknown address"}[s]
}

// tries is how often the wire is asked for an address that nobody answers for
// (RFC 4861 §10, MAX_MULTICAST_SOLICIT).
const tries = 3

// figures are one row of the table.
type figures struct {
	stage     stage
	family    family
	wire      traffic
	pings     []ping
	bySwitch  int // answers that the switch made, by the counters of its flows
	searches  int // that the controller began
	packetIns int
	lostFrame int // frames that a capture had no room for
	silent    bool
}

func (f *figures) lost() (n int) {
	for _, p := range f.pings {
		if !p.answered {
			n++
		}
	}
	return n
}

// firstPing gives the median and the longest time from a question to the reply
// to the ping that waited for its answer.
func (f *figures) firstPing() (median, longest time.Duration, ok bool) {
	var times []time.Duration
	for _, p := range f.pings {
		if p.answered && p.resolved {
			times = append(times, p.took)
		}
	}
	if len(times) == 0 {
		return 0, 0, false
	}
	slices.Sort(times)
	return times[len(times)/2], times[len(times)-1], true
}

// wrong lists the figures that are not what they have to be.
func (f *figures) wrong() []string {
	var list []string
	want := func(what string, got, expected int) {
		if got != expected {
			list = append(list, fmt.Sprintf("%s, %s: %s: %d instead of %d", f.family, f.stage, what, got, expected))
		}
	}
	atLeast := func(what string, got, least int) {
		if got < least {
			list = append(list, fmt.Sprintf("%s, %s: %s: %d instead of %d or more", f.family, f.stage, what, got, least))
		}
	}
	want("frames that a capture missed", f.lostFrame, 0)
	switch f.stage {
	case firstContact:
		want("pings lost", f.lost(), 0)
		atLeast("requests sent", f.wire.sent, 1)
		atLeast("searches", f.searches, 1)
	case known:
		want("pings lost", f.lost(), 0)
		atLeast("requests sent", f.wire.sent, len(f.pings))
		want("requests answered by the switch", f.bySwitch, f.wire.sent)
		want("answers on the wire", f.wire.answers, f.wire.sent)
		want("answers by hosts", f.wire.fromOwner, 0)
		want("searches", f.searches, 0)
		want("requests that reached bystanders", f.wire.atOthers, 0)
		want("requests that reached their target", f.wire.atOwner, 0)
		want("packet-ins", f.packetIns, 0)
	case nobody:
		want("pings answered", len(f.pings)-f.lost(), 0)
		atLeast("requests sent", f.wire.sent, 1)
		want("requests answered by the switch", f.bySwitch, 0)
		want("answers on the wire", f.wire.answers, 0)
		want("searches", f.searches, 1)
		for host, n := range f.wire.reached {
			want("requests that reached "+host, n, tries)
		}
		if !f.silent {
			list = append(list, fmt.Sprintf("%s, %s: it is not remembered as silent", f.family, f.stage))
		}
	}
	slices.Sort(list)
	return list
}

// printFigures writes the table.
func printFigures(w io.Writer, rows []*figures) error {
	table := [][]string{
		{"", "requests", "answered by", "by", "", "reached", "packet-", "first ping", "", "pings"},
		{"", "sent", "switch", "host", "searched", "bystanders", "ins", "median", "longest", "lost"},
	}
	for _, f := range rows {
		median, longest := "-", "-"
		if m, l, ok := f.firstPing(); ok {
			median, longest = milliseconds(m), milliseconds(l)
		}
		lost := fmt.Sprintf("%d of %d", f.lost(), len(f.pings))
		if f.stage == nobody {
			lost = "silent"
			if !f.silent {
				lost = "not silent"
			}
		}
		table = append(table, []string{
			fmt.Sprintf("%s, %s", f.family, f.stage), strconv.Itoa(f.wire.sent), strconv.Itoa(f.bySwitch), strconv.Itoa(f.wire.fromOwner),
			strconv.Itoa(f.searches), strconv.Itoa(f.wire.atOthers), strconv.Itoa(f.packetIns), median, longest, lost,
		})
	}
	widths := make([]int, len(table[0]))
	for _, row := range table {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	var b strings.Builder
	for _, row := range table {
		fmt.Fprintf(&b, "%-*s", widths[0], row[0])
		for i, cell := range row[1:] {
			fmt.Fprintf(&b, "  %*s", widths[i+1], cell)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1e3) }
