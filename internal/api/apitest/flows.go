package apitest

import (
	"context"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/view"
)

func routers() []view.Router {
	return []view.Router{{Name: "r1", Number: 7, Interfaces: []view.Interface{
		{Network: "default", MAC: "02:69:73:52:00:07", Addresses: []string{"10.0.0.254/24"}},
		{Network: "blue", MAC: "02:69:73:52:00:07", Addresses: []string{"10.1.0.254/24", "fd01::1/64"}, LinkLocal: "fe80::69:73ff:fe52:7", Advertise: true},
	}, Routes: []view.Route{{Prefix: "0.0.0.0/0", NextHops: []string{"10.0.0.1@default", "10.0.0.2@default"}}}}}
}

func policies() []view.Policy {
	return []view.Policy{{Name: "no-telnet", Table: "guard", Priority: 10, Match: "tcp.dst == 23", Actions: "drop;"}}
}

func flowList(id string) view.FlowList {
	return view.FlowList{Switch: id, Items: []view.Flow{
		{Table: "guard", Number: 1, Priority: 1010, Match: "tcp.dst == 23", Actions: "drop;", Kind: "rule", Owner: `policy "no-telnet"`,
			Doc: "a policy of the operator", Flows: 2, Packets: 3, Bytes: 222, Age: 60},
		{Table: "guard", Number: 1, Match: "1", Actions: "next;", Kind: "rule", Doc: "everything else", Flows: 1, Packets: 4242, Bytes: 424242, Age: 60},
		{Table: "l2", Number: 10, Priority: 10, Match: `network == "default" && eth.dst == 02:00:00:00:00:01`, Actions: `outport = "h1"; output;`,
			Kind: "forward", Doc: "station", Flows: 1, Missing: 1, Packets: 1, Bytes: 60, Age: 5},
	}, Left: []view.FlowLeft{{Table: "bindings", Flows: 999000, Packets: 5}}}
}

// The packets of the traces.
const (
	Ping = "020000000002020000000001080045000000"
	Lost = "0200000000020200000000010800450000ff"
)

func traces(id string) map[string]view.Trace {
	guard := view.TraceStep{Table: "guard", Number: 1, Kind: "rule", Priority: 0, Match: "1", Actions: "next;", Doc: "everything else",
		Cookie: "0x15a7010100000001", OpenFlow: "cookie=0x15a7010100000001, table=1, priority=0 actions=resubmit(,2)"}
	lookup := view.TraceStep{Depth: 1, Table: "stations", Number: 22}
	l2 := view.TraceStep{Table: "l2", Number: 10, Kind: "forward", Priority: 10, Match: "eth.dst == 02:00:00:00:00:02", Actions: `outport = "h2"; output;`,
		Cookie: "0x15a70a0500000002", Changes: []view.TraceChange{{Field: "outport", Before: "0", After: `"h2"`}}}
	last := view.TraceStep{Table: "routing", Number: 13, Notes: []string{"the time to live is over"}}
	return map[string]view.Trace{
		Ping: {Switch: id, Port: "h1", InPort: 1, Frame: Ping, Steps: []view.TraceStep{guard, lookup, l2},
			Outputs: []view.TraceOutput{{Port: "h2", Number: 2, VLAN: 10, Frame: Ping}},
			Punts:   []view.TracePunt{{Reason: "learn", Does: "learns the sender", Table: "punt", Frame: Ping}}},
		Lost: {Switch: id, Port: "h1", InPort: 1, Frame: Lost, Steps: []view.TraceStep{guard, last}, Dropped: true, Why: "no flow of table routing takes it"},
	}
}

// Flows returns the flows that b has for the switch.
func (b *Backend) Flows(_ context.Context, q api.FlowQuery) (view.FlowList, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list, ok := b.FlowLists[q.Switch]
	if !ok && b.Err == nil {
		return list, api.Errorf(api.ErrConflict, "switch %s is away, so it can't be asked for its flows", q.Switch)
	}
	out := view.FlowList{Switch: list.Switch, Left: list.Left}
	for _, f := range list.Items {
		if q.Table != "" && q.Table != f.Table {
			continue
		}
		if q.OpenFlow {
			f.OpenFlow = "cookie=0x1, table=" + f.Table
		}
		out.Items = append(out.Items, f)
	}
	return out, b.Err
}

// Trace returns the trace that b has for the packet.
func (b *Backend) Trace(_ context.Context, q api.TraceQuery) (view.Trace, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, ok := b.Traces[q.Packet]
	if !ok && b.Err == nil {
		return t, api.Errorf(api.ErrInvalid, "packet: %q is none that is known here", q.Packet)
	}
	return t, b.Err
}
