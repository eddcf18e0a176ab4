package api

import (
	"context"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// ScopeBody says which bindings are meant: those that fit everything that is given.
// For every binding, give all alone.
type ScopeBody struct {
	IP      string `json:"ip,omitempty" doc:"IPv4 or IPv6 address" example:"10.0.0.2"`
	Network string `json:"network,omitempty" doc:"Network by name or number"`
	Switch  string `json:"switch,omitempty" doc:"Switch by datapath id or name"`
	Port    string `json:"port,omitempty" doc:"Port by name; its switch may be left out if no other has a port of that name"`
	All     bool   `json:"all,omitempty" doc:"Every binding"`
}

type scopeInput struct{ Body ScopeBody }

// Meant says how many bindings a scope had.
type Meant struct {
	Bindings int `json:"bindings" doc:"How many bindings were meant"`
}

func registerOperate(a huma.API, h *handlers) {
	huma.Register(a, operation(post("flush", "/v1/flush", "Doubt what was learned",
		"The owners are asked at once, and what nobody answers for is removed. Static bindings are not touched.")),
		func(ctx context.Context, in *scopeInput) (*output[Meant], error) {
			return h.operate(ctx, in, h.backend.Flush)
		})
	huma.Register(a, operation(post("clear-duplicates", "/v1/duplicates/clear", "Release addresses that are frozen as duplicates",
		"Whoever speaks next has the address.")),
		func(ctx context.Context, in *scopeInput) (*output[Meant], error) {
			return h.operate(ctx, in, h.backend.ClearDuplicates)
		})
}

func operation(op huma.Operation) huma.Operation {
	op.Tags = []string{"operations"}
	return op
}

func (h *handlers) operate(ctx context.Context, in *scopeInput, f func(context.Context, Scope) (int, error)) (*output[Meant], error) {
	s, err := h.scope(ctx, in.Body)
	if err != nil {
		return nil, problem(err)
	}
	n, err := f(ctx, s)
	if err != nil {
		return nil, problem(err)
	}
	return reply(Meant{Bindings: n}), nil
}

// scope turns what the user wrote into what [Scope] promises. That everything is
// meant has to be said.
func (h *handlers) scope(ctx context.Context, b ScopeBody) (s Scope, err error) {
	nothing := b.IP == "" && b.Network == "" && b.Switch == "" && b.Port == ""
	switch {
	case nothing && !b.All:
		return s, Errorf(ErrInvalid, "it is not said which bindings are meant: give an address, a network, a switch or port, or all")
	case b.All && !nothing:
		return s, Errorf(ErrInvalid, "all means every binding, and something narrower is given, too: leave one of them out")
	}
	if b.IP != "" {
		t, err := h.target(ctx, TargetBody{IP: b.IP})
		if err != nil {
			return s, err
		}
		s.IP = t.IP
	}
	if s.Network, err = h.networkName(ctx, b.Network); err != nil {
		return s, err
	}
	if s.Switch, err = h.switchID(ctx, b.Switch); err != nil {
		return s, err
	}
	if b.Port != "" {
		s.Port = b.Port
		s.Switch, err = h.switchOfPort(ctx, b.Port, s.Switch)
	}
	return s, err
}

// switchOfPort finds the switch of a port, which may be named already.
func (h *handlers) switchOfPort(ctx context.Context, port, sw string) (string, error) {
	found, err := h.switchesWith(ctx, port, sw)
	switch {
	case err != nil:
		return "", err
	case len(found) > 1:
		return "", Errorf(ErrConflict, "port %q is on %d switches, %s: name the one that is meant", port, len(found), strings.Join(found, ", "))
	}
	return found[0], nil
}

// switchesWith finds the switches, one if it is named already, that have a port of that
// name, or for which the intent names one. That there is none is an error.
func (h *handlers) switchesWith(ctx context.Context, port, sw string) (found []string, err error) {
	ports, err := h.backend.Ports(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range ports {
		if p.Name == port && is(sw, p.Switch) {
			found = append(found, p.Switch)
		}
	}
	switch {
	case len(found) > 0:
		return slices.Compact(found), nil
	case sw != "":
		return nil, Errorf(ErrNotFound, "switch %s has no port %q: the ports are in \"isat get ports\"", sw, port)
	}
	return nil, Errorf(ErrNotFound, "no switch has a port %q: the ports are in \"isat get ports\"", port)
}
