package api

import (
	"context"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/isat-sdn/isat/internal/view"
)

func (p *ListParams) filter() Filter {
	return Filter{Network: p.Network, Switch: p.Switch, Port: p.Port, MAC: p.MAC, IP: p.IP}
}

// checkListed is check for a list of what is there now. What happened may be of a port
// that is gone, or that comes.
func (h *handlers) checkListed(ctx context.Context, f Filter) (Filter, error) {
	f, err := h.check(ctx, f)
	if err == nil && f.Port != "" {
		_, err = h.switchesWith(ctx, f.Port, f.Switch)
	}
	return f, err
}

// check turns what the user wrote into what [Filter] promises. What does not
// exist is an error, so that a typing error is not taken for an empty list.
func (h *handlers) check(ctx context.Context, f Filter) (Filter, error) {
	var err error
	if f.Network, err = h.networkName(ctx, f.Network); err != nil {
		return f, err
	}
	if f.Switch, err = h.switchID(ctx, f.Switch); err != nil {
		return f, err
	}
	if f.MAC != "" {
		mac, err := net.ParseMAC(f.MAC)
		if err != nil || len(mac) != 6 {
			return f, Errorf(ErrInvalid, "%q is not a MAC such as 02:00:00:00:00:01", f.MAC)
		}
		f.MAC = mac.String()
	}
	if f.IP != "" {
		p, err := parsePrefix(f.IP)
		if err != nil {
			return f, Errorf(ErrInvalid, "%s", err)
		}
		if f.IP = p.String(); p.IsSingleIP() {
			f.IP = p.Addr().String()
		}
	}
	if err := checkWord("State", f.State); err != nil {
		return f, err
	}
	return f, checkWord("Origin", f.Origin)
}

// BindingWords lists the values of a field of view.Binding.
func BindingWords(field string) []string {
	f, _ := reflect.TypeFor[view.Binding]().FieldByName(field)
	return strings.Split(f.Tag.Get("enum"), ",")
}

// checkWord refuses what can't be the value of a field of view.Binding.
func checkWord(field, s string) error {
	if words := BindingWords(field); s != "" && !slices.Contains(words, s) {
		return Errorf(ErrInvalid, "%q is no %s of a binding: there are %s", s, strings.ToLower(field), strings.Join(words, ", "))
	}
	return nil
}

// networkName accepts the name or the number of a network.
func (h *handlers) networkName(ctx context.Context, s string) (string, error) {
	if s == "" {
		return "", nil
	}
	list, err := h.backend.Networks(ctx)
	if err != nil {
		return "", err
	}
	for _, n := range list {
		if n.Name == s {
			return s, nil
		}
	}
	if number, err := strconv.ParseUint(s, 10, 32); err == nil {
		for _, n := range list {
			if n.Number == uint32(number) {
				return n.Name, nil
			}
		}
	}
	return "", Errorf(ErrNotFound, "network %q is not known: the networks are in \"isat get networks\"", s)
}

// switchID accepts a datapath id, the name of a switch, or the name under
// which the intent waits for one.
func (h *handlers) switchID(ctx context.Context, s string) (string, error) {
	if s == "" {
		return "", nil
	}
	switches, err := h.backend.Switches(ctx)
	if err != nil {
		return "", err
	}
	var ids []string
	for _, sw := range switches {
		if sw.ID == s {
			return s, nil
		}
		if sw.Name == s {
			ids = append(ids, sw.ID)
		}
	}
	switch len(ids) {
	case 1:
		return ids[0], nil
	case 0:
	default:
		return "", Errorf(ErrConflict, "%d switches are named %q: give the datapath id", len(ids), s)
	}
	ports, err := h.backend.Ports(ctx)
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(ports, func(p view.Port) bool { return p.Switch == s }) {
		return s, nil
	}
	return "", Errorf(ErrNotFound, "switch %q is not known: the switches are in \"isat get switches\"", s)
}

// normal returns v with empty lists in place of missing ones, so that clients
// in any language can iterate without a check for null.
func normal[T any](v T) T {
	switch o := any(&v).(type) {
	case *view.Status:
		fill(&o.Listen)
		if o.Counters == nil {
			o.Counters = map[string]uint64{}
		}
	case *view.Port:
		fill(&o.Networks)
	case *view.Network:
		fill(&o.Subnets)
	case *view.Station:
		fill(&o.Bindings)
	case *view.Explanation:
		fill(&o.Facts)
	case *view.Router:
		fill(&o.Interfaces)
		fill(&o.Routes)
		for i := range o.Interfaces {
			fill(&o.Interfaces[i].Addresses)
		}
		for i := range o.Routes {
			fill(&o.Routes[i].NextHops)
		}
	case *view.FlowList:
		fill(&o.Items)
		fill(&o.Left)
	case *view.Trace:
		fill(&o.Steps)
		fill(&o.Outputs)
		fill(&o.Punts)
		for i := range o.Steps {
			fill(&o.Steps[i].Changes)
			fill(&o.Steps[i].Notes)
		}
	}
	return v
}

func fill[T any](s *[]T) {
	if *s == nil {
		*s = []T{}
	}
}
