package core

import (
	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/view"
)

// Metrics describes and gives every number that the core keeps. Its cost grows with
// the networks, switches and limits, not with what is known in them.
func (c *Core) Metrics() []view.Metric {
	n := c.table.Len()
	searches, parked, silent := c.searches.Counts()
	held, nextHops, bytes := c.holds.Counts()
	levels := append(c.switchMetrics(),
		view.Level("isat_networks", "networks of the intent", len(c.intent.Networks)),
		c.bindingMetric(),
		view.Level("isat_stations", "stations known", n.Stations),
		view.Level("isat_leases", "leases that DHCP servers gave", c.table.Leases()),
	)
	levels = append(levels, c.networkMetrics()...)
	levels = append(levels,
		view.Level("isat_searches", "searches under way", searches),
		view.Level("isat_parked_askers", "askers that wait for a search", parked),
		view.Level("isat_silent_addresses", "addresses remembered as silent", silent),
		view.Level("isat_waiting_packets", "routed packets that wait for their next hop", held),
		view.Level("isat_waiting_packets_bytes", "memory that they take", bytes),
		view.Level("isat_waited_for_next_hops", "next hops that they wait for", nextHops),
	)
	levels = append(levels, c.limitMetrics()...)
	return append(levels, c.counters.metrics()...)
}

// limitMetrics are the limits. Those that are times have a metric of their own, for
// one metric has one unit, and its name ends with it.
func (c *Core) limitMetrics() []view.Metric {
	numbers := view.Metric{Name: "isat_limit", Help: "limits, by their key in the intent: how many, or how many a second", Gauge: true, Labels: []string{"limit"}}
	for key, n := range c.intent.Limits.Numbers {
		numbers.Values = append(numbers.Values, view.Sample{Labels: []string{key}, Value: float64(n)})
	}
	times := view.Metric{Name: "isat_limit_seconds", Help: "limits that are times, likewise", Gauge: true, Labels: []string{"limit"}}
	for key, d := range c.intent.Limits.Times {
		times.Values = append(times.Values, view.Sample{Labels: []string{key}, Value: d.Seconds()})
	}
	return []view.Metric{numbers, times}
}

// switchMetrics are those of switches, by state, and of each switch: a switch that
// stays away is forgotten, and its series end.
func (c *Core) switchMetrics() []view.Metric {
	var byState [len(connectionNames)]uint64
	up := perSwitch("isat_switch_up", "1 while the switch is connected and as wanted, 0 otherwise", "name")
	ports := perSwitch("isat_switch_ports", "ports that the switch has")
	stations := perSwitch("isat_switch_stations", "stations known behind the switch")
	bindings := perSwitch("isat_switch_bindings", "bindings known behind the switch")
	flows := perSwitch("isat_switch_base_flows", "flows that are wanted on the switch whoever is known: all but those of hosts and next hops")
	for _, sw := range c.sortedSwitches() {
		byState[sw.state]++
		id := fabric.FormatID(sw.ID)
		put := func(m *view.Metric, n int, more ...string) {
			m.Values = append(m.Values, view.Sample{Labels: append([]string{id}, more...), Value: float64(n)})
		}
		connectedNow := 0
		if sw.state == connected {
			connectedNow = 1
		}
		put(&up, connectedNow, sw.Name())
		put(&ports, len(sw.Ports))
		var known binding.Counts
		for _, a := range sw.attachments {
			n := c.table.CountsAt(binding.Location{Switch: sw.ID, Port: a.Key})
			known.Stations += n.Stations
			known.Bindings += n.Bindings
		}
		put(&stations, known.Stations)
		put(&bindings, known.Bindings)
		put(&flows, len(sw.base.Flows))
	}
	states := view.CountBy("isat_switches", "", "switches that are, or were, connected", "state", connectionNames[:], byState[:]...)
	states.Gauge = true
	return []view.Metric{states, up, ports, stations, bindings, flows}
}

func perSwitch(name, help string, labels ...string) view.Metric {
	return view.Metric{Name: name, Help: help, Gauge: true, Labels: append([]string{"switch"}, labels...)}
}

func (c *Core) bindingMetric() view.Metric {
	m := view.Metric{Name: "isat_bindings", Help: "bindings known, by where they came from and how far they can be relied on",
		Gauge: true, Labels: []string{"origin", "state"}}
	for _, o := range binding.Origins() {
		for _, s := range binding.States() {
			m.Add(c.table.CountsOf(o, s), o.String(), stateName(&binding.Binding{Origin: o, State: s}))
		}
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
