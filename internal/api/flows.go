package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/isat-sdn/isat/internal/view"
)

// FlowParams choose flows of a switch.
type FlowParams struct {
	Switch string `query:"switch" required:"true" doc:"Datapath id or name of the switch" example:"0000000000000001"`
	Table  string `query:"table" doc:"Only this table, by name or number" example:"routing"`
	Form   string `query:"form" enum:"logical,openflow" default:"logical" doc:"Logical flows, with what their OpenFlow flows counted together, or each OpenFlow flow"`
	Limit  int    `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"The most lines of each table"`
}

// TraceBody names a packet and where it comes in.
type TraceBody struct {
	Switch string `json:"switch" doc:"Datapath id or name of the switch" example:"0000000000000001"`
	Port   string `json:"port,omitempty" doc:"Port that it comes in on, by name or number; may be left out if the packet says inport" example:"h1"`
	Packet string `json:"packet" doc:"A frame in hexadecimal, or an expression such as eth.src == 02:00:00:00:00:01 && ip4.dst == 10.0.0.2 && icmp4.type == 8"`
}

func registerFlows(a huma.API, h *handlers) {
	const flows = "flows"
	list := get("list-flows", "/v1/flows", flows, "Flows of a switch, with what they counted")
	list.Description = "Asks the switch. Flows that exist once per binding or station are lines of their own; of each table come as many lines as limit says."
	list.Errors = append(list.Errors, http.StatusConflict)
	huma.Register(a, list, h.flows)
	trace := post("trace", "/v1/trace", "Follow a packet through the flows of a switch",
		"The flows are those that isat wants on the switch; nothing is sent. The packet is followed up to where it comes out, or to the controller.")
	trace.Tags, trace.MaxBodyBytes = []string{flows}, maxTraceBody
	huma.Register(a, trace, h.trace)
}

func (h *handlers) flows(ctx context.Context, p *FlowParams) (*output[view.FlowList], error) {
	id, err := h.datapath(ctx, p.Switch)
	if err != nil {
		return nil, problem(err)
	}
	list, err := h.backend.Flows(ctx, FlowQuery{Switch: id, Table: p.Table, OpenFlow: p.Form == "openflow", Limit: p.Limit})
	if err != nil {
		return nil, problem(err)
	}
	return reply(normal(list)), nil
}

func (h *handlers) trace(ctx context.Context, in *struct{ Body TraceBody }) (*output[view.Trace], error) {
	id, err := h.datapath(ctx, in.Body.Switch)
	if err != nil {
		return nil, problem(err)
	}
	t, err := h.backend.Trace(ctx, TraceQuery{Switch: id, Port: in.Body.Port, Packet: in.Body.Packet})
	if err != nil {
		return nil, problem(err)
	}
	return reply(normal(t)), nil
}

// datapath is the datapath id of a switch that is, or was, connected.
func (h *handlers) datapath(ctx context.Context, name string) (string, error) {
	id, err := h.switchID(ctx, name)
	if err != nil {
		return "", err
	}
	if _, err := strconv.ParseUint(id, 16, 64); err != nil || len(id) != 16 {
		return "", Errorf(ErrConflict, "switch %q has not connected yet, so it has no flows", name)
	}
	return id, nil
}
