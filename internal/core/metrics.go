package core

import (
	"github.com/isat-sdn/isat/internal/view"
)

// Metrics describes and gives every number that the core keeps. Its cost grows with
// the networks, switches and limits, not with what is known in them.
func (c *Core) Metrics() []view.Metric {
	n := c.table.Len()
	searches, parked, silent := c.searches.Counts()
	held, nextHops, bytes := c.holds.Counts()
	levels := []view.Metric{
		c.switchMetric(),
		view.Level("isat_networks", "networks of the intent", len(c.intent.Networks)),
		view.Level("isat_bindings", "bindings known", n.Bindings),
		view.Level("isat_stations", "stations known", n.Stations),
	}
	levels = append(levels, c.networkMetrics()...)
	levels = append(levels,
		view.Level("isat_searches", "searches under way", searches),
		view.Level("isat_parked_askers", "askers that wait for a search", parked),
		view.Level("isat_silent_addresses", "addresses remembered as silent", silent),
		view.Level("isat_waiting_packets", "routed packets that wait for their next hop", held),
		view.Level("isat_waiting_packets_bytes", "memory that they take", bytes),
		view.Level("isat_waited_for_next_hops", "next hops that they wait for", nextHops),
	)
	return append(levels, c.counters.metrics()...)
}

func (c *Core) switchMetric() view.Metric {
	var byState [len(connectionNames)]int
	for _, sw := range c.switches {
		byState[sw.state]++
	}
	m := view.Metric{Name: "isat_switches", Help: "switches that are, or were, connected", Gauge: true, Labels: []string{"state"}}
	for state, name := range connectionNames {
		m.Values = append(m.Values, view.Sample{Labels: []string{name}, Value: float64(byState[state])})
	}
	return m
}

// networkMetrics are those that exist once per network: the intent bounds them.
func (c *Core) networkMetrics() []view.Metric {
	bindings := view.Metric{Name: "isat_network_bindings", Help: "bindings known in a network", Gauge: true, Labels: []string{"network"}}
	stations := view.Metric{Name: "isat_network_stations", Help: "stations known in a network", Gauge: true, Labels: []string{"network"}}
	for i := range c.intent.Networks {
		n := &c.intent.Networks[i]
		known, labels := c.table.CountsIn(n.Number), []string{n.Name}
		bindings.Values = append(bindings.Values, view.Sample{Labels: labels, Value: float64(known.Bindings)})
		stations.Values = append(stations.Values, view.Sample{Labels: labels, Value: float64(known.Stations)})
	}
	return []view.Metric{bindings, stations}
}
