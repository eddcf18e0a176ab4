package daemon

import (
	"errors"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/pipeline"
)

// The flows of a switch are those that it was given, and a packet finds the way
// that they make.
func TestFlowsAndTrace(t *testing.T) {
	r := run(t, Config{})
	f := r.connect(t, 7)
	ctx := t.Context()
	f.punt(pipeline.ReasonLearn, 1, request(1, 1))
	f.punt(pipeline.ReasonLearn, 2, request(2, 2))
	waitFor(t, "their flows", func() bool { return f.flowCount(pipeline.Bindings) == 2 && f.flowCount(pipeline.Stations) == 2 })

	list, err := r.Flows(ctx, api.FlowQuery{Switch: "br0", Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	kinds := make(map[string]int)
	for _, flow := range list.Items {
		kinds[flow.Kind] += flow.Flows
		if flow.Missing != 0 {
			t.Errorf("missing: %+v", flow)
		}
	}
	for _, kind := range []string{"binding", "owner", "station", "forward"} {
		if kinds[kind] != 2 {
			t.Errorf("%d flows of kind %s: %v", kinds[kind], kind, kinds)
		}
	}
	if kinds["gone"]+kinds["foreign"] != 0 || kinds["rule"] == 0 || list.Switch != "0000000000000007" {
		t.Errorf("switch %s: %v", list.Switch, kinds)
	}
	stations, err := r.Flows(ctx, api.FlowQuery{Switch: "br0", Table: "22", OpenFlow: true, Limit: 1})
	if err != nil || len(stations.Items) != 1 || !strings.Contains(stations.Items[0].OpenFlow, "table=22, n_packets=0") ||
		len(stations.Left) == 0 {
		t.Errorf("stations: %+v, %v", stations, err)
	}

	got, err := r.Trace(ctx, api.TraceQuery{Switch: "br0", Port: "h1", Packet: "eth.src == 02:00:00:00:00:01 && arp.spa == 10.0.0.1 && arp.tpa == 10.0.0.2"})
	if err != nil || len(got.Outputs) != 1 || got.Outputs[0].Port != "h1" || len(got.Punts) != 0 {
		t.Errorf("a question that the switch answers: %+v, %v", got, err)
	}
	got, err = r.Trace(ctx, api.TraceQuery{Switch: "br0", Packet: `inport == "h1" && eth.src == 02:00:00:00:00:01 && arp.spa == 10.0.0.1 && arp.tpa == 10.0.0.9`})
	if err != nil || len(got.Outputs) != 0 || len(got.Punts) != 1 || got.Punts[0].Reason != "search" ||
		got.Punts[0].Does != "searches 10.0.0.9 in the network, and answers when its owner does" {
		t.Errorf("a question that nobody answers: %+v, %v", got, err)
	}
}

func TestFlowsAndTraceErrors(t *testing.T) {
	r := run(t, Config{})
	f := r.connect(t, 7)
	ctx := t.Context()
	for _, c := range []struct {
		name string
		ask  func() error
		kind error
		want string
	}{
		{"no such table", func() error {
			_, err := r.Flows(ctx, api.FlowQuery{Switch: "br0", Table: "attic", Limit: 1})
			return err
		},
			api.ErrNotFound, `there is no table "attic"`},
		{"no packet", func() error {
			_, err := r.Trace(ctx, api.TraceQuery{Switch: "br0", Port: "h1", Packet: "arp && ip4"})
			return err
		}, api.ErrInvalid, "packet: This contradicts"},
		{"no port", func() error {
			_, err := r.Trace(ctx, api.TraceQuery{Switch: "br0", Port: "h9", Packet: "arp"})
			return err
		},
			api.ErrInvalid, `the switch has no port "h9"`},
	} {
		if err := c.ask(); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	f.conn.Close()
	waitFor(t, "switch away", func() bool {
		list, err := r.Switches(ctx)
		return err == nil && list[0].State == "away"
	})
	if _, err := r.Flows(ctx, api.FlowQuery{Switch: "br0", Limit: 1}); !errors.Is(err, api.ErrConflict) || !strings.Contains(err.Error(), "is away") {
		t.Errorf("a switch that is away: %v", err)
	}
	// What it should do is known all the same.
	if got, err := r.Trace(ctx, api.TraceQuery{Switch: "br0", Port: "h1", Packet: "tcp.dst == 80"}); err != nil || len(got.Steps) == 0 {
		t.Errorf("a trace: %+v, %v", got, err)
	}
	if list, err := r.Routers(ctx); err != nil || len(list) != 0 {
		t.Errorf("routers %v, %v", list, err)
	}
	if list, err := r.Policies(ctx); err != nil || len(list) != 0 {
		t.Errorf("policies %v, %v", list, err)
	}
}
