package core

import (
	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/packet"
)

// counters count what happened since the start. Every set of names is bounded:
// never an address among them.
type counters struct {
	punts        [16]uint64 // by pipeline.Reason
	malformed    [packet.NumReasons]uint64
	stations     [16]uint64 // by binding.Verdict
	bindings     [16]uint64 // by binding.Verdict
	teaching     [16]uint64 // by resolve.Teaching
	answering    [16]uint64 // by resolve.Answering
	asking       [16]uint64 // by resolve.Asking
	stray        uint64
	solicits     uint64
	flooded      uint64
	directed     uint64
	released     uint64
	probes       uint64
	unanswered   uint64
	forgotten    uint64
	switchErrors uint64
}

// CounterInfo documents a counter, or a family of them whose names go on with a
// bounded word.
type CounterInfo struct{ Name, Counts string }

// CounterInfos lists what Counters returns.
func CounterInfos() []CounterInfo {
	return []CounterInfo{
		{"punt-REASON", "packets that switches sent to the controller and the core handled, by reason"},
		{"punt-stray", "of these, those from a place that is in no network any more"},
		{"malformed-REASON", "frames dropped because they break a rule of their standard"},
		{"station-VERDICT", "what became of MACs that were heard"},
		{"binding-VERDICT", "what became of addresses that were heard"},
		{"not-learned-REASON", "frames that taught no address, and why"},
		{"question-VERDICT", "questions that the switch could not answer"},
		{"search-VERDICT", "questions for unknown addresses"},
		{"search-requests", "requests put on the wire by searches"},
		{"search-unanswered", "searches that found nobody"},
		{"search-released", "waiting askers that were answered because the address was found"},
		{"flooded", "packet-outs to every port of a network, one per switch"},
		{"directed", "requests that were handed to the owner alone"},
		{"probe-requests", "requests by unicast that an operator asked for"},
		{"binding-forgotten", "bindings dropped because their port or switch is gone"},
		{"switch-errors", "error messages from switches"},
	}
}

// Counters returns every counter that is not zero, by name.
func (c *Core) Counters() map[string]uint64 {
	n := &c.counters
	out := make(map[string]uint64)
	put := func(name string, v uint64) {
		if v != 0 {
			out[name] = v
		}
	}
	for _, r := range pipeline.Reasons() {
		put("punt-"+r.String(), n.punts[r])
	}
	for r := range packet.NumReasons {
		put("malformed-"+packet.Reason(r).String(), n.malformed[r])
	}
	for v := binding.Known; v <= binding.RefusedFull; v++ {
		put("station-"+v.String(), n.stations[v])
		put("binding-"+v.String(), n.bindings[v])
	}
	for t := resolve.TeachesNothing; t <= resolve.TeachesBadAddress; t++ {
		put("not-learned-"+t.String(), n.teaching[t])
	}
	for a := resolve.Answered; a <= resolve.OwnerOnly; a++ {
		put("question-"+a.String(), n.answering[a])
	}
	for a := resolve.Started; a <= resolve.RefusedNet; a++ {
		put("search-"+a.String(), n.asking[a])
	}
	put("punt-stray", n.stray)
	put("search-requests", n.solicits)
	put("search-unanswered", n.unanswered)
	put("search-released", n.released)
	put("flooded", n.flooded)
	put("directed", n.directed)
	put("probe-requests", n.probes)
	put("binding-forgotten", n.forgotten)
	put("switch-errors", n.switchErrors)
	return out
}
