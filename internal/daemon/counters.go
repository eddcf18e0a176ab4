package daemon

import "github.com/isat-sdn/isat/internal/core"

// CounterInfos lists the counters that the status shows: those of the core,
// and those of what is around it.
func CounterInfos() []core.CounterInfo {
	return append(core.CounterInfos(),
		core.CounterInfo{Name: "punt-dropped", Counts: "packets that were dropped because the core was behind"},
		core.CounterInfo{Name: "question-answered-at-once", Counts: "questions that a session answered from the binding table without asking the core"},
		core.CounterInfo{Name: "openflow-packet-ins", Counts: "packet-ins from switches"},
		core.CounterInfo{Name: "openflow-packet-outs", Counts: "packet-outs to switches"},
		core.CounterInfo{Name: "openflow-flow-mods", Counts: "flow-mods to switches, renewals of leases among them"},
		core.CounterInfo{Name: "openflow-malformed", Counts: "messages from switches that could not be decoded"},
		core.CounterInfo{Name: "openflow-errors", Counts: "error messages from switches"},
		core.CounterInfo{Name: "openflow-refused", Counts: "connections that ended before they became a session"},
		core.CounterInfo{Name: "openflow-replaced", Counts: "sessions that gave way to a newer one of the same datapath id"},
	)
}
