package trace_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/trace"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/openflow"
)

// stats are the flows as a switch lists them: the nth took n packets.
func stats(flows []openflow.FlowMod) (out []openflow.FlowStats) {
	for i, f := range flows {
		out = append(out, openflow.FlowStats{TableID: f.TableID, Priority: f.Priority, Cookie: f.Cookie, HardTimeout: f.HardTimeout,
			Match: f.Match, Instructions: f.Instructions, PacketCount: uint64(i), ByteCount: uint64(100 * i), Duration: time.Duration(i) * time.Second})
	}
	return out
}

// TestListingHasEveryFlowOnce lists a whole switch: nothing is missing, gone or
// foreign, and every flow and packet is counted in one line.
func TestListingHasEveryFlowOnce(t *testing.T) {
	for _, w := range worlds() {
		flows := stats(w.Flows(t))
		for _, openFlow := range []bool{false, true} {
			l := trace.NewListing(switchOf(t, w).Catalogue, openflow.TableAll, trace.ListOptions{OpenFlow: openFlow, Limit: 10000})
			for i := 0; i < len(flows); i += 7 {
				l.Add(flows[i:min(i+7, len(flows))])
			}
			var n int
			var packets, want uint64
			got := l.List(1)
			for i, f := range got.Items {
				n += f.Flows
				packets += f.Packets
				if f.Missing != 0 || f.Kind == "gone" || f.Kind == "foreign" {
					t.Errorf("%s: %+v", w.Name, f)
				}
				if i > 0 && (f.Number < got.Items[i-1].Number || f.Number == got.Items[i-1].Number && f.Priority > got.Items[i-1].Priority) {
					t.Errorf("%s: out of order: %+v", w.Name, f)
				}
				if (f.OpenFlow != "") != openFlow {
					t.Errorf("%s: %+v", w.Name, f)
				}
			}
			for i := range flows {
				want += flows[i].PacketCount
			}
			if n != len(flows) || packets != want || len(got.Left) != 0 {
				t.Errorf("%s: %d flows with %d packets, want %d with %d; left %v", w.Name, n, packets, len(flows), want, got.Left)
			}
		}
	}
}

// TestListingLines are lines of every kind.
func TestListingLines(t *testing.T) {
	w := routedWorld()
	catalogue := switchOf(t, w).Catalogue
	flows := stats(w.Flows(t))
	for i := range flows {
		if f := &flows[i]; f.TableID == uint8(pipeline.Guard) && f.Priority == 1005 {
			flows = append(flows[:i], flows[i+1:]...) // of two
			break
		}
	}
	foreign := openflow.FlowStats{TableID: 0, Priority: 7, Cookie: 5, PacketCount: 9, Match: openflow.Match{}.U32(openflow.InPort, 4),
		Instructions: openflow.Apply(openflow.Output{Port: 1})}
	gone := foreign
	gone.Cookie, gone.Priority = 0x15a7_0001_0000_0001, 8
	l := trace.NewListing(catalogue, openflow.TableAll, trace.ListOptions{Limit: 1000})
	l.Add(append(flows, foreign, gone))
	var text strings.Builder
	for _, f := range l.List(1).Items {
		fmt.Fprintf(&text, "%s %s %d %s => %s # %s%s %d %d\n", f.Kind, f.Table, f.Priority, f.Match, f.Actions, f.Owner, f.Doc, f.Flows, f.Missing)
	}
	for _, want := range []string{
		"rule guard 1005 tcp.dst == 23 => drop; # policy \"no-telnet\"a policy of the operator 1 1\n",
		"foreign classify 7 in_port=4 => output:1 # not isat's 1 0\n",
		"gone classify 8 in_port=4 => output:1 # isat's own, and not wanted any more 1 0\n",
		`binding bindings 10 network == "b" && network.vlan == 0 && key4 == 10.2.0.3 => found = 1; found.router = 0; found.sponge = 0; found.mac = 02:00:00:00:00:03; # binding (static): who has the address 1 0`,
		`owner owners 10 network == "a" && network.vlan == 0 && key6 == 2001:db8:1::2 && owner.mac == 02:00:00:00:00:01 => flags.owner = 1; flags.stale = 0; flags.router = 0; # binding (arp)`,
		`station stations 10 network == "b" && network.vlan == 0 && inport == "p3@20" && eth.src == 02:00:00:00:00:03 => flags.station = 1;`,
		`forward l2 10 network == "b" && network.vlan == 0 && eth.dst == 02:00:00:00:00:03 => outport = "p3@20"; output;`,
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("there is no line %s", want)
		}
	}
	if t.Failed() {
		t.Log(text.String())
	}
}

// TestListingLimit keeps the first of a table, and counts the rest, whichever way
// they come.
func TestListingLimit(t *testing.T) {
	w := worlds()[0]
	all := list(t, w, 10000, false)
	for _, backwards := range []bool{false, true} {
		got := list(t, w, 3, backwards)
		left := make(map[string]view.FlowLeft)
		for _, l := range got.Left {
			left[l.Table] = l
		}
		byTable := func(l view.FlowList) map[string][]view.Flow {
			out := make(map[string][]view.Flow)
			for _, f := range l.Items {
				out[f.Table] = append(out[f.Table], f)
			}
			return out
		}
		few := byTable(got)
		for table, lines := range byTable(all) {
			n := min(3, len(lines))
			if diff := cmp.Diff(lines[:n], few[table]); diff != "" {
				t.Errorf("table %s: %s", table, diff)
			}
			want := view.FlowLeft{}
			for _, f := range lines[n:] {
				want = view.FlowLeft{Table: table, Flows: want.Flows + 1, Packets: want.Packets + f.Packets}
			}
			if left[table] != want {
				t.Errorf("table %s: left %+v, want %+v", table, left[table], want)
			}
		}
	}
}

func list(t *testing.T, w ovstest.World, limit int, backwards bool) view.FlowList {
	t.Helper()
	flows := stats(w.Flows(t))
	if backwards {
		slices.Reverse(flows)
	}
	l := trace.NewListing(switchOf(t, w).Catalogue, openflow.TableAll, trace.ListOptions{Limit: limit})
	l.Add(flows)
	return l.List(1)
}
