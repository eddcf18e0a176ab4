package core

import (
	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/logical"
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
	refreshes    uint64
	idleStations uint64
	decisions    [numDecisions]uint64
	unanswered   uint64
	forgotten    uint64
	switchErrors uint64

	held           uint64
	resumed        uint64
	heldDropped    [2]uint64 // too many, too large
	heldExpired    uint64
	heldRefused    uint64
	heldUnanswered uint64
	heldLost       uint64
	passed         uint64
	limited        uint64
	composed       [16]uint64 // by logical.Op
	exempt         [packet.NumExemptions]uint64
	icmpErrors     uint64
	advertisements uint64
	announcements  uint64
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
		{"probe-requests", "questions to owners that are doubted, contested, or asked for an operator"},
		{"refresh-requests", "questions by unicast to silent owners, which keep their bindings fresh"},
		{"binding-forgotten", "bindings that went because nobody answered for them, or their place left the network"},
		{"station-idle", "MACs without an address that were forgotten because they sent nothing for the age limit of their network"},
		{"decision-KIND-REASON", "decisions about addresses, as isat watch tells them"},
		{"switch-errors", "error messages from switches"},
		{"held", "routed packets that stopped because their next hop is not known; what became of them follows"},
		{"held-resumed", "sent on their way"},
		{"held-dropped-REASON", "made room for younger ones: too many for one next hop, too much memory in all"},
		{"held-expired", "their time was over"},
		{"held-refused", "their next hop could not be searched, because too many searches are under way"},
		{"held-unanswered", "nobody answers for their next hop"},
		{"held-lost", "their switch or router was gone when they were to go on"},
		{"rate-passed", "packets that a rate limit let through"},
		{"rate-limited", "packets that a rate limit dropped"},
		{"composed-KIND", "packets that were made of others for a logical flow"},
		{"compose-exempt-REASON", "packets about which no ICMP error may be sent"},
		{"unreachable-told", "ICMP errors because nobody answers for a next hop"},
		{"router-advertisements", "router advertisements, periodic or solicited"},
		{"router-announcements", "announcements of routers' addresses, at uplinks and after a change of MAC"},
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
	for v := binding.Known; v < binding.NumVerdicts; v++ {
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
	put("refresh-requests", n.refreshes)
	put("station-idle", n.idleStations)
	put("binding-forgotten", n.forgotten)
	for d := range numDecisions {
		put("decision-"+string(decisions[d].kind)+"-"+decisions[d].reason, n.decisions[d])
	}
	put("switch-errors", n.switchErrors)
	n.putRouting(put)
	return out
}

// putRouting puts the counters of routed packets.
func (n *counters) putRouting(put func(string, uint64)) {
	put("held", n.held)
	put("held-resumed", n.resumed)
	put("held-dropped-next-hop", n.heldDropped[0])
	put("held-dropped-memory", n.heldDropped[1])
	put("held-expired", n.heldExpired)
	put("held-refused", n.heldRefused)
	put("held-unanswered", n.heldUnanswered)
	put("held-lost", n.heldLost)
	put("rate-passed", n.passed)
	put("rate-limited", n.limited)
	for op := logical.OpComposeARP; op <= logical.OpComposeICMP6; op++ {
		put("composed-"+op.String(), n.composed[op])
	}
	for e := range packet.NumExemptions {
		put("compose-exempt-"+packet.Exemption(e).String(), n.exempt[e])
	}
	put("unreachable-told", n.icmpErrors)
	put("router-advertisements", n.advertisements)
	put("router-announcements", n.announcements)
}
