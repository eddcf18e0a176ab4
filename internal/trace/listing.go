package trace

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"time"

	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/openflow"
)

// ListOptions says what of a switch's flows is listed, and how.
type ListOptions struct {
	// OpenFlow lists OpenFlow flows, otherwise the logical flows that they are.
	OpenFlow bool
	// Limit is the most lines of a table.
	Limit int
}

// Listing takes the flows of a switch as they come, and keeps no more of them
// than it lists.
type Listing struct {
	ListOptions
	catalogue *pipeline.Catalogue
	table     uint8                 // that is listed, or openflow.TableAll
	rules     []tally               // of the catalogue's rules, if these are listed
	tables    map[uint8]*tableFlows // flows that are lines of their own
}

// tally sums what flows counted.
type tally struct {
	flows          int
	packets, bytes uint64
	age            time.Duration // of the youngest
}

func (t *tally) add(f *openflow.FlowStats) {
	if t.flows == 0 || f.Duration < t.age {
		t.age = f.Duration
	}
	t.flows++
	t.packets += f.PacketCount
	t.bytes += f.ByteCount
}

// NewListing makes a listing of what is in a catalogue: of one table, or of all
// if table is [openflow.TableAll].
func NewListing(c *pipeline.Catalogue, table uint8, o ListOptions) *Listing {
	return &Listing{ListOptions: o, catalogue: c, table: table, rules: make([]tally, len(c.Logical)), tables: make(map[uint8]*tableFlows)}
}

func (l *Listing) selected(table uint8) bool { return l.table == openflow.TableAll || l.table == table }

// Add takes flows of the switch. It does not keep the slice.
func (l *Listing) Add(flows []openflow.FlowStats) {
	for i := range flows {
		f := &flows[i]
		if !l.selected(f.TableID) {
			continue
		}
		kind, rule := l.catalogue.Kind(f.TableID, f.Priority, f.Cookie)
		if kind == pipeline.FlowRule && !l.OpenFlow {
			l.rules[rule].add(f)
			continue
		}
		t := l.tables[f.TableID]
		if t == nil {
			t = new(tableFlows)
			l.tables[f.TableID] = t
		}
		t.add(f, l.Limit)
	}
}

// List is what was asked for of the flows of a switch.
func (l *Listing) List(id uint64) view.FlowList {
	byTable := make(map[uint8][]view.Flow)
	if !l.OpenFlow {
		for i := range l.catalogue.Logical {
			if f := &l.catalogue.Logical[i]; l.selected(uint8(f.Table)) {
				byTable[uint8(f.Table)] = append(byTable[uint8(f.Table)], ruleLine(f, &l.rules[i]))
			}
		}
	}
	left := make(map[uint8]tally)
	for n, t := range l.tables {
		slices.SortFunc(t.kept, compareFlows)
		for i := range t.kept {
			byTable[n] = append(byTable[n], l.line(&t.kept[i]))
		}
		left[n] = t.left
	}
	out := view.FlowList{Switch: fabric.FormatID(id), Items: []view.Flow{}, Left: []view.FlowLeft{}}
	for n := range openflow.TableAll {
		lines, rest := byTable[n], left[n]
		slices.SortStableFunc(lines, func(a, b view.Flow) int { return cmp.Compare(b.Priority, a.Priority) })
		for _, f := range lines[min(len(lines), l.Limit):] {
			rest.flows++
			rest.packets += f.Packets
		}
		out.Items = append(out.Items, lines[:min(len(lines), l.Limit)]...)
		if rest.flows > 0 {
			out.Left = append(out.Left, view.FlowLeft{Table: pipeline.Table(n).String(), Flows: rest.flows, Packets: rest.packets})
		}
	}
	return out
}

func ruleLine(f *pipeline.Flow, t *tally) view.Flow {
	return view.Flow{
		Table: f.Table.String(), Number: uint8(f.Table), Priority: f.Priority, Match: f.Match, Actions: f.Actions,
		Kind: string(pipeline.FlowRule), Owner: f.Owner, Doc: f.Doc,
		Flows: t.flows, Missing: max(len(f.Mods)-t.flows, 0), Packets: t.packets, Bytes: t.bytes, Age: int64(t.age / time.Second),
	}
}

func (l *Listing) line(f *openflow.FlowStats) view.Flow {
	mod := &openflow.FlowMod{TableID: f.TableID, Priority: f.Priority, Cookie: f.Cookie, IdleTimeout: f.IdleTimeout,
		HardTimeout: f.HardTimeout, Flags: f.Flags, Match: f.Match, Instructions: f.Instructions}
	kind, r := l.catalogue.Describe(mod)
	line := view.Flow{
		Table: r.Table.String(), Number: f.TableID, Priority: f.Priority, Match: r.Match, Actions: r.Actions,
		Kind: string(kind), Owner: r.Owner, Doc: r.Doc, Flows: 1, Packets: f.PacketCount, Bytes: f.ByteCount, Age: int64(f.Duration / time.Second),
	}
	if l.OpenFlow {
		mod.Cookie, mod.TableID = 0, 0 // FormatFlow has them elsewhere, and no counters
		line.OpenFlow = fmt.Sprintf("cookie=%#x, duration=%.3fs, table=%d, n_packets=%d, n_bytes=%d, %s",
			f.Cookie, f.Duration.Seconds(), f.TableID, f.PacketCount, f.ByteCount, openflow.FormatFlow(mod))
	}
	return line
}

// tableFlows are the first flows of a table, and how many there are besides. It
// is a heap with the last of them on top.
type tableFlows struct {
	kept []openflow.FlowStats
	left tally
}

// compareFlows orders flows of a table by falling priority, then by match, which
// puts addresses in order.
func compareFlows(a, b openflow.FlowStats) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Match.Key(), b.Match.Key()))
}

func (t *tableFlows) add(f *openflow.FlowStats, limit int) {
	if len(t.kept) < limit {
		heap.Push(t, *f)
		return
	}
	if limit == 0 || compareFlows(*f, t.kept[0]) >= 0 {
		t.left.add(f)
		return
	}
	t.left.add(&t.kept[0])
	t.kept[0] = *f
	heap.Fix(t, 0)
}

// Len implements heap.Interface, with the methods below.
func (t *tableFlows) Len() int           { return len(t.kept) }
func (t *tableFlows) Less(i, j int) bool { return compareFlows(t.kept[i], t.kept[j]) > 0 }
func (t *tableFlows) Swap(i, j int)      { t.kept[i], t.kept[j] = t.kept[j], t.kept[i] }

// Push adds a flow at the end.
func (t *tableFlows) Push(f any) { t.kept = append(t.kept, f.(openflow.FlowStats)) }

// Pop takes the flow at the end.
func (t *tableFlows) Pop() any {
	last := len(t.kept) - 1
	f := t.kept[last]
	t.kept = t.kept[:last]
	return f
}
