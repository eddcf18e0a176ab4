package daemon

import (
	"context"
	"strconv"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/core"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/trace"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/openflow"
)

// dumpTimeout is how long a switch may take to list its flows.
const dumpTimeout = 30 * time.Second

// Routers implements api.Backend.
func (b backend) Routers(ctx context.Context) (list []view.Router, err error) {
	err = b.d.query(ctx, func(c *core.Core) { list = c.Routers() })
	return list, err
}

// Policies implements api.Backend.
func (b backend) Policies(ctx context.Context) (list []view.Policy, err error) {
	err = b.d.query(ctx, func(c *core.Core) { list = c.Policies() })
	return list, err
}

// picture shows a switch of a datapath id in 16 digits.
func (b backend) picture(ctx context.Context, dpid string) (p core.Picture, err error) {
	id, err := strconv.ParseUint(dpid, 16, 64)
	if err != nil {
		return p, api.Errorf(api.ErrInvalid, "%q is not a datapath id", dpid)
	}
	ok := false
	if err := b.d.query(ctx, func(c *core.Core) { p, ok = c.Picture(id) }); err != nil {
		return p, err
	}
	if !ok {
		return p, api.Errorf(api.ErrNotFound, "there is no switch %s any more: \"isat get switches\" lists them", dpid)
	}
	return p, nil
}

// Flows implements api.Backend.
func (b backend) Flows(ctx context.Context, q api.FlowQuery) (view.FlowList, error) {
	selector := openflow.AllFlows()
	if q.Table != "" {
		table, ok := pipeline.TableByName(q.Table)
		if n, err := strconv.ParseUint(q.Table, 10, 8); err == nil && uint8(n) != openflow.TableAll {
			table, ok = pipeline.Table(n), true
		}
		if !ok {
			return view.FlowList{}, api.Errorf(api.ErrNotFound, "there is no table %q: docs/tables.md lists them", q.Table)
		}
		selector.TableID = uint8(table)
	}
	p, err := b.picture(ctx, q.Switch)
	if err != nil {
		return view.FlowList{}, err
	}
	session := b.d.sessions.of(p.ID, p.Session)
	if session == nil {
		return view.FlowList{}, api.Errorf(api.ErrConflict, "switch %s is away, so it can't be asked for its flows", q.Switch)
	}
	listing := trace.NewListing(p.Catalogue(), selector.TableID, trace.ListOptions{OpenFlow: q.OpenFlow, Limit: q.Limit})
	ctx, cancel := context.WithTimeout(ctx, dumpTimeout)
	defer cancel()
	if err := session.Flows(ctx, selector, listing.Add); err != nil {
		return view.FlowList{}, err
	}
	return listing.List(p.ID), nil
}

// Trace implements api.Backend.
func (b backend) Trace(ctx context.Context, q api.TraceQuery) (view.Trace, error) {
	in, err := trace.ParsePacket(q.Packet)
	if err != nil {
		return view.Trace{}, api.Errorf(api.ErrInvalid, "packet: %v", err)
	}
	p, err := b.picture(ctx, q.Switch)
	if err != nil {
		return view.Trace{}, err
	}
	port, err := trace.PortOf(p.Ports, q.Port, in)
	if err != nil {
		return view.Trace{}, api.Errorf(api.ErrInvalid, "%v", err)
	}
	followed := trace.Switch{ID: p.ID, Ports: p.Ports, Base: p.Base, Catalogue: p.Catalogue(),
		Flows: func(v trace.Values) (flows []openflow.FlowMod, err error) {
			err = b.d.query(ctx, func(c *core.Core) { flows = c.FlowsOf(p.ID, v) })
			return flows, err
		}}
	return followed.Run(in.Frame, port)
}
