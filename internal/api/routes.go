package api

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/danielgtaylor/huma/v2"

	"github.com/isat-sdn/isat/internal/view"
)

// Page is one page of a list.
type Page[T any] struct {
	Items []T    `json:"items" nullable:"false" doc:"The objects of this page"`
	Next  string `json:"next,omitempty" doc:"If there is more: the value for the parameter after that gets the next page"`
}

type output[T any] struct{ Body T }

func reply[T any](v T) *output[T] { return &output[T]{Body: v} }

// PortParams narrow a list of ports. Like the other parameters they are exported
// because the OpenAPI document is made from exported fields only.
type PortParams struct {
	Network string `query:"network" doc:"Only this network, by name or number" example:"default"`
	Switch  string `query:"switch" doc:"Only this switch, by datapath id or name" example:"0000000000000001"`
}

// ListParams narrow a list of bindings or stations, or a watch.
type ListParams struct {
	PortParams
	Port string `query:"port" doc:"Only this port, by name" example:"h1"`
	MAC  string `query:"mac" doc:"Only this MAC" example:"02:00:00:00:00:01"`
	IP   string `query:"ip" doc:"Only this address, or the addresses of this prefix" example:"10.0.0.0/24"`
}

// BindingParams narrow a list of bindings.
type BindingParams struct {
	State  string `query:"state" doc:"Only bindings in this state" example:"stale"`
	Origin string `query:"origin" doc:"Only bindings of this origin" example:"static"`
}

// PageParams choose a page of a list.
type PageParams struct {
	ListParams
	Limit int    `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"The most objects to return"`
	After string `query:"after" doc:"Continue behind this cursor, which an earlier answer gave as next"`
}

type bindingsParams struct {
	PageParams
	BindingParams
}

// TargetBody names the address of a search or a probe.
type TargetBody struct {
	IP      string `json:"ip" doc:"IPv4 or IPv6 address" example:"10.0.0.2"`
	Network string `json:"network,omitempty" doc:"Network by name or number; without it the default network"`
	VLAN    uint16 `json:"vlan,omitempty" maximum:"4094" doc:"VLAN inside the network, for frames that hosts tag themselves"`
}

type targetInput struct{ Body TargetBody }

type explainParams struct {
	IP      string `query:"ip" required:"true" doc:"IPv4 or IPv6 address" example:"10.0.0.2"`
	Network string `query:"network" doc:"Network by name or number; without it every network that may hold the address"`
	VLAN    uint16 `query:"vlan" maximum:"4094" doc:"VLAN inside the network"`
}

// handlers serves the operations; its methods are registered one by one.
type handlers struct{ backend Backend }

func register(a huma.API, b Backend) {
	h := &handlers{backend: b}
	const lists, addresses = "lists", "addresses"
	huma.Register(a, plain(get("status", "/v1/status", lists, "The daemon at a glance")), h.status)
	huma.Register(a, plain(get("list-switches", "/v1/switches", lists, "Switches that are, or were, connected")), h.switches)
	huma.Register(a, get("list-ports", "/v1/ports", lists, "Ports of the switches, and those that the intent names and that are absent"), h.ports)
	huma.Register(a, plain(get("list-networks", "/v1/networks", lists, "Networks")), h.networks)
	huma.Register(a, get("list-bindings", "/v1/bindings", lists, "Bindings: which MAC an address has, and where"), h.bindings)
	huma.Register(a, get("list-stations", "/v1/stations", lists, "Stations: where a MAC is"), h.stations)
	huma.Register(a, plain(get("list-routers", "/v1/routers", lists, "Routers of the intent")), h.routers)
	huma.Register(a, plain(get("list-policies", "/v1/policies", lists, "Policies of the intent")), h.policies)
	huma.Register(a, get("explain", "/v1/explain", addresses, "What isat knows of an address, and what a request for it meets now"), h.explain)
	huma.Register(a, post("resolve", "/v1/resolve", "Search for an address now and wait for the answer",
		"Answers with found=false if nobody answered. A search takes at most a few seconds; closing the connection gives it up."), h.resolve)
	huma.Register(a, post("probe", "/v1/probe", "Ask the known owner of an address by unicast now",
		"Answers with found=false if the owner is silent, and 404 if no owner is known."), h.probe)
	registerFlows(a, h)
	registerIntent(a, h)
	registerWatch(a, h)
	registerEvents(a, h)
	registerOperate(a, h)
	registerBackup(a, h)
}

func get(id, path, tag, summary string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Tags: []string{tag},
		Errors: []int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict},
	}
}

// plain marks an operation that takes no parameters, so none can be wrong.
func plain(op huma.Operation) huma.Operation {
	op.Errors = nil
	return op
}

func post(id, path, summary, description string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodPost, Path: path, Summary: summary, Description: description,
		Tags: []string{"addresses"}, MaxBodyBytes: maxBody,
		Errors: []int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusServiceUnavailable},
	}
}

func (h *handlers) status(ctx context.Context, _ *struct{}) (*output[view.Status], error) {
	s, err := h.backend.Status(ctx)
	if err != nil {
		return nil, problem(err)
	}
	return reply(normal(s)), nil
}

func (h *handlers) switches(ctx context.Context, _ *struct{}) (*output[Page[view.Switch]], error) {
	list, err := h.backend.Switches(ctx)
	if err != nil {
		return nil, problem(err)
	}
	return reply(pageOf(list, "")), nil
}

func (h *handlers) ports(ctx context.Context, p *PortParams) (*output[Page[view.Port]], error) {
	f, err := h.check(ctx, Filter{Network: p.Network, Switch: p.Switch})
	if err != nil {
		return nil, problem(err)
	}
	list, err := h.backend.Ports(ctx)
	if err != nil {
		return nil, problem(err)
	}
	m := newMatcher(f)
	kept := list[:0]
	for i := range list {
		if m.port(&list[i]) {
			kept = append(kept, list[i])
		}
	}
	return reply(pageOf(kept, "")), nil
}

func (h *handlers) networks(ctx context.Context, _ *struct{}) (*output[Page[view.Network]], error) {
	list, err := h.backend.Networks(ctx)
	if err != nil {
		return nil, problem(err)
	}
	return reply(pageOf(list, "")), nil
}

func (h *handlers) routers(ctx context.Context, _ *struct{}) (*output[Page[view.Router]], error) {
	list, err := h.backend.Routers(ctx)
	if err != nil {
		return nil, problem(err)
	}
	return reply(pageOf(list, "")), nil
}

func (h *handlers) policies(ctx context.Context, _ *struct{}) (*output[Page[view.Policy]], error) {
	list, err := h.backend.Policies(ctx)
	if err != nil {
		return nil, problem(err)
	}
	return reply(pageOf(list, "")), nil
}

func (h *handlers) bindings(ctx context.Context, p *bindingsParams) (*output[Page[view.Binding]], error) {
	f := p.filter()
	f.State, f.Origin = p.State, p.Origin
	return listPage(ctx, h, f, &p.PageParams, h.backend.Bindings, SelectBindings, BindingCursor)
}

func (h *handlers) stations(ctx context.Context, p *PageParams) (*output[Page[view.Station]], error) {
	return listPage(ctx, h, p.filter(), p, h.backend.Stations, SelectStations, StationCursor)
}

// listPage asks for one object more than the page holds, to know whether there
// is a next page.
func listPage[T any](
	ctx context.Context, h *handlers, f Filter, p *PageParams,
	list func(context.Context, Filter) ([]T, error),
	sel func([]T, Filter) ([]T, error),
	cursorOf func(T) string,
) (*output[Page[T]], error) {
	f, err := h.checkListed(ctx, f)
	if err != nil {
		return nil, problem(err)
	}
	f.Limit, f.After = p.Limit+1, p.After
	all, err := list(ctx, f)
	if err != nil {
		return nil, problem(err)
	}
	items, err := sel(all, f)
	if err != nil {
		return nil, problem(err)
	}
	next := ""
	if len(items) > p.Limit {
		items = items[:p.Limit]
		next = cursorOf(items[p.Limit-1])
	}
	return reply(pageOf(items, next)), nil
}

func pageOf[T any](items []T, next string) Page[T] {
	out := Page[T]{Items: items, Next: next}
	if items == nil {
		out.Items = []T{}
	}
	for i := range items {
		items[i] = normal(items[i])
	}
	return out
}

func (h *handlers) explain(ctx context.Context, p *explainParams) (*output[Page[view.Explanation]], error) {
	t, err := h.target(ctx, TargetBody{IP: p.IP, Network: p.Network, VLAN: p.VLAN})
	if err != nil {
		return nil, problem(err)
	}
	list, err := h.backend.Explain(ctx, t)
	if err != nil {
		return nil, problem(err)
	}
	return reply(pageOf(list, "")), nil
}

func (h *handlers) resolve(ctx context.Context, in *targetInput) (*output[view.Resolution], error) {
	return h.ask(ctx, in, h.backend.Resolve)
}

func (h *handlers) probe(ctx context.Context, in *targetInput) (*output[view.Resolution], error) {
	return h.ask(ctx, in, h.backend.Probe)
}

func (h *handlers) ask(
	ctx context.Context, in *targetInput, f func(context.Context, Target) (view.Resolution, error),
) (*output[view.Resolution], error) {
	t, err := h.target(ctx, in.Body)
	if err != nil {
		return nil, problem(err)
	}
	r, err := f(ctx, t)
	if err != nil {
		return nil, problem(err)
	}
	return reply(r), nil
}

func (h *handlers) target(ctx context.Context, b TargetBody) (Target, error) {
	ip, err := netip.ParseAddr(b.IP)
	if err != nil || ip.Zone() != "" {
		return Target{}, Errorf(ErrInvalid, "%q is not an IP address", b.IP)
	}
	ip = ip.Unmap()
	if ip.IsUnspecified() || ip.IsMulticast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return Target{}, Errorf(ErrInvalid, "%s is not the address of a host", ip)
	}
	network, err := h.networkName(ctx, b.Network)
	if err != nil {
		return Target{}, err
	}
	return Target{Network: network, VLAN: b.VLAN, IP: ip}, nil
}
