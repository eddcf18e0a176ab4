package core

import (
	"maps"
	"net/netip"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/trace"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/openflow"
)

// Picture is what a switch should have apart from the flows of hosts, for
// whoever shows it. It does not change.
type Picture struct {
	ID        uint64
	Session   uint64 // of the connection, 0 while there is none
	Ports     map[uint32]fabric.Port
	Base      pipeline.Base
	Catalogue func() *pipeline.Catalogue // takes its time: not to be called where the core is waited for
}

// Picture shows a switch. ok is false if there is none of that datapath id.
func (c *Core) Picture(id uint64) (p Picture, ok bool) {
	sw := c.switches[id]
	if sw == nil {
		return Picture{}, false
	}
	in, base, attachments := c.intent, sw.base, sw.attachments
	p = Picture{ID: id, Ports: maps.Clone(sw.Ports), Base: base, Catalogue: func() *pipeline.Catalogue {
		return pipeline.NewCatalogue(base, pipeline.NewPrinter(in, attachments))
	}}
	if sw.state != away {
		p.Session = sw.session
	}
	return p, true
}

// FlowsOf returns the flows that a switch should have besides its base for hosts
// and next hops: those that one of the values names.
func (c *Core) FlowsOf(id uint64, v trace.Values) []openflow.FlowMod {
	sw := c.switches[id]
	if sw == nil {
		return nil
	}
	var flows []openflow.FlowMod
	for _, segment := range v.Segments {
		for _, addr := range v.Addresses {
			flows = append(flows, c.addressFlows(sw, binding.NewKey(segment, addr))...)
		}
		for _, mac := range v.MACs {
			s := c.table.Station(binding.StationKey{Switch: id, Segment: segment, MAC: mac})
			if s != nil && sw.member(s.Port, segment.Network) {
				pair := pipeline.StationFlows(s.StationKey, s.Port, s.Idle)
				flows = append(flows, pair[:]...)
			}
		}
	}
	return flows
}

// addressFlows are the flows of an address on a switch.
func (c *Core) addressFlows(sw *switchState, key binding.Key) (flows []openflow.FlowMod) {
	b := c.table.Lookup(key)
	owned := b != nil && ownedOn(b, sw)
	if b == nil {
		b = sw.held[key]
	}
	if f, ok := pipeline.BindingFlow(b); ok {
		flows = append(flows, f)
	}
	if f, ok := pipeline.OwnerFlow(b); ok && owned {
		flows = append(flows, f)
	}
	if until := c.silenced[key]; until > c.now {
		flows = append(flows, pipeline.SilentFlow(key, 0))
	}
	return flows
}

// Routers returns every router, by name.
func (c *Core) Routers() []view.Router {
	out := make([]view.Router, 0, len(c.intent.Routers))
	for i := range c.intent.Routers {
		r := &c.intent.Routers[i]
		v := view.Router{Name: r.Name, Number: r.Number, Interfaces: []view.Interface{}, Routes: []view.Route{}}
		for n := range r.Interfaces {
			i := &r.Interfaces[n]
			shown := view.Interface{Network: i.Network, MAC: i.MAC.String(), Addresses: texts(i.Addresses), Advertise: i.Advertise != nil}
			if i.HasIPv6() {
				shown.LinkLocal = i.LinkLocal().String()
			}
			v.Interfaces = append(v.Interfaces, shown)
		}
		for _, route := range r.Routes {
			shown := view.Route{Prefix: route.Prefix.String(), NextHops: []string{}}
			for _, hop := range route.NextHops {
				shown.NextHops = append(shown.NextHops, hop.Addr.String()+"@"+c.names[hop.Network])
			}
			v.Routes = append(v.Routes, shown)
		}
		out = append(out, v)
	}
	return out
}

func texts(prefixes []netip.Prefix) []string {
	out := make([]string, len(prefixes))
	for i, p := range prefixes {
		out[i] = p.String()
	}
	return out
}

// Policies returns every policy, in the order of the intent: by table, falling
// priority and name.
func (c *Core) Policies() []view.Policy {
	out := make([]view.Policy, 0, len(c.intent.Policies))
	for _, p := range c.intent.Policies {
		out = append(out, view.Policy{Name: p.Name, Table: p.Table, Priority: p.Priority, Match: p.Match, Actions: p.Actions})
	}
	return out
}
