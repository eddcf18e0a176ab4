package core

import (
	"fmt"
	"slices"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

// counters count what happened since the start. metrics says what each is called
// and what it counts.
type counters struct {
	punts        [16]uint64 // by pipeline.Reason
	puntsDropped [16]uint64 // likewise
	// By the meters of ports.
	puntsDroppedPort uint64
	malformed        [packet.NumReasons]uint64
	stations         [16]uint64 // by binding.Verdict
	bindings         [16]uint64 // by binding.Verdict
	teaching         [16]uint64 // by resolve.Teaching
	answering        [16]uint64 // by resolve.Answering
	asking           [16]uint64 // by resolve.Asking
	stray            uint64
	solicits         uint64
	flooded          uint64
	directed         uint64
	released         uint64
	late             uint64
	paced            uint64
	sponged          uint64
	spongeFull       uint64
	probes           uint64
	probesPaced      uint64
	unannounced      uint64
	refreshes        uint64
	idleStations     uint64
	decisions        [numDecisions]uint64
	unanswered       uint64
	forgotten        uint64
	switchErrors     uint64

	claimsHeld, claimsPassed, claimsDropped, claimsAnswered uint64

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

// Counters returns every counter that is not zero, by the name that the status
// shows.
func (c *Core) Counters() map[string]uint64 {
	out := make(map[string]uint64)
	view.PutCounters(out, c.counters.metrics())
	return out
}

// metrics describes every counter, with its number. Every set of labels is bounded:
// never an address among them.
func (n *counters) metrics() []view.Metric {
	return slices.Concat(n.puntMetrics(), n.limitMetrics(), n.bindingMetrics(), n.searchMetrics(), n.holdMetrics(), n.routerMetrics())
}

func (n *counters) puntMetrics() []view.Metric {
	return []view.Metric{
		family("isat_punts_total", "punt", "packets that switches sent to the controller and the core handled", "reason",
			pipeline.Reasons(), n.punts[:]),
		family("isat_punts_metered_total", "punt-metered",
			"packets that switches did not send to the controller because the meter of their reason was full", "reason",
			pipeline.Reasons(), n.puntsDropped[:]),
		view.Count("isat_punts_metered_by_ports_total", "punt-metered-port", "likewise because the meter of their port was full", n.puntsDroppedPort),
		view.Count("isat_punts_stray_total", "punt-stray", "of the punts, those from a place that is in no network any more", n.stray),
		family("isat_malformed_frames_total", "malformed", "frames dropped because they break a rule of their standard", "reason",
			span(packet.ReasonNone+1, packet.Reason(packet.NumReasons-1)), n.malformed[:]),
		view.Count("isat_switch_errors_total", "switch-errors", "error messages from switches that the core was told of", n.switchErrors),
	}
}

// limitMetrics are what verdicts say of limits, once more by limit.
func (n *counters) limitMetrics() []view.Metric {
	var dropped uint64
	for _, count := range n.puntsDropped {
		dropped += count
	}
	return []view.Metric{
		view.CountBy("isat_limit_refused_total", "", "what was refused because a limit was reached, by the limit's key in the intent", "limit",
			[]string{"bindings", "bindingsPerNetwork", "bindingsPerPort", "stations", "stationsPerPort",
				"parked", "unresolvedPerPort", "unresolvedPerNetwork", "parkedTime", "searchesPerSecond",
				"probesPerSecond", "puntsPerPort", "puntsPerReason", "announcementsPerSecond"},
			n.bindings[binding.RefusedTotal], n.bindings[binding.RefusedNetwork], n.bindings[binding.RefusedPort],
			n.stations[binding.RefusedTotal], n.stations[binding.RefusedPort],
			n.asking[resolve.RefusedParked], n.asking[resolve.RefusedPort], n.asking[resolve.RefusedNet],
			n.late, n.paced, n.probesPaced, n.puntsDroppedPort, dropped, n.unannounced),
		view.Count("isat_owner_questions_paced_total", "question-paced", "questions to owners that had to wait for their turn", n.probesPaced),
		view.Count("isat_announcements_refused_total", "announcement-refused", "announcements against claims that were not made because there were too many", n.unannounced),
	}
}

func (n *counters) bindingMetrics() []view.Metric {
	verdicts := span(binding.Known, binding.NumVerdicts-1)
	return []view.Metric{
		family("isat_macs_heard_total", "station", "what became of MACs that were heard", "verdict", verdicts, n.stations[:]),
		family("isat_addresses_heard_total", "binding", "what became of addresses that were heard", "verdict", verdicts, n.bindings[:]),
		family("isat_frames_not_learned_total", "not-learned", "frames that taught no address, and why", "reason",
			span(resolve.TeachesNothing, resolve.TeachesBadAddress), n.teaching[:]),
		view.Count("isat_bindings_forgotten_total", "binding-forgotten",
			"bindings that went because nobody answered for them, or their place left the network", n.forgotten),
		view.Count("isat_stations_idle_total", "station-idle",
			"MACs without an address that were forgotten because they sent nothing for the age limit of their network", n.idleStations),
		view.CountBy("isat_claims_total", "claim", "packets that gave an address another MAC than it has: they were held while its owner was asked, "+
			"passed on because they are believed, or dropped; what was held is counted again when it is passed on or dropped; questions that a switch would answer were answered", "outcome",
			[]string{"held", "passed", "dropped", "answered"}, n.claimsHeld, n.claimsPassed, n.claimsDropped, n.claimsAnswered),
		decisionMetric(&n.decisions),
	}
}

func (n *counters) searchMetrics() []view.Metric {
	return []view.Metric{
		family("isat_questions_total", "question", "questions that the switch could not answer", "verdict",
			span(resolve.Answered, resolve.OwnerOnly), n.answering[:]),
		family("isat_search_questions_total", "search", "questions for unknown addresses", "verdict",
			span(resolve.Started, resolve.RefusedNet), n.asking[:]),
		view.Count("isat_search_requests_total", "search-requests", "requests put on the wire by searches", n.solicits),
		view.Count("isat_searches_unanswered_total", "search-unanswered", "searches that found nobody", n.unanswered),
		view.Count("isat_askers_released_total", "search-released", "waiting askers that were answered because the address was found", n.released),
		view.Count("isat_askers_late_total", "search-late", "askers who were not answered because they had waited too long", n.late),
		view.Count("isat_search_requests_paced_total", "search-paced", "requests of searches that had to wait for their turn", n.paced),
		view.Count("isat_sponged_total", "sponged", "addresses that the switches began to answer for though nobody has them", n.sponged),
		view.Count("isat_sponge_refused_total", "sponge-refused", "addresses that they do not answer for, because there are too many", n.spongeFull),
		view.Count("isat_floods_total", "flooded", "packet-outs to every port of a network, one per switch", n.flooded),
		view.Count("isat_directed_requests_total", "directed", "requests that were handed to the owner alone", n.directed),
		view.Count("isat_probe_requests_total", "probe-requests",
			"questions to owners that are doubted, contested, or asked for an operator", n.probes),
		view.Count("isat_refresh_requests_total", "refresh-requests",
			"questions by unicast to silent owners, which keep their bindings fresh", n.refreshes),
	}
}

// holdMetrics are those of packets that wait, or are limited.
func (n *counters) holdMetrics() []view.Metric {
	return []view.Metric{
		view.Count("isat_held_packets_total", "held", "routed packets that stopped because their next hop is not known", n.held),
		view.CountBy("isat_held_packets_ended_total", "held", "what became of packets that were held: sent on their way (resumed), "+
			"made room for younger ones of their next hop or in all (dropped), waited too long (expired), had a next hop that could not be "+
			"searched (refused) or does not answer (unanswered), or their switch or router was gone (lost)", "outcome",
			[]string{"resumed", "dropped-next-hop", "dropped-memory", "expired", "refused", "unanswered", "lost"},
			n.resumed, n.heldDropped[0], n.heldDropped[1], n.heldExpired, n.heldRefused, n.heldUnanswered, n.heldLost),
		view.CountBy("isat_rate_limit_packets_total", "rate", "packets that met a rate limit, and whether it let them through", "verdict",
			[]string{"passed", "limited"}, n.passed, n.limited),
	}
}

func (n *counters) routerMetrics() []view.Metric {
	return []view.Metric{
		family("isat_composed_packets_total", "composed", "packets that were made of others for a logical flow", "kind",
			span(logical.OpComposeARP, logical.OpComposeICMP6), n.composed[:]),
		family("isat_compose_exempt_total", "compose-exempt", "packets about which no ICMP error may be sent", "reason",
			span(packet.ExemptNone+1, packet.Exemption(packet.NumExemptions-1)), n.exempt[:]),
		view.Count("isat_unreachable_errors_total", "unreachable-told", "ICMP errors because nobody answers for a next hop", n.icmpErrors),
		view.Count("isat_router_advertisements_total", "router-advertisements", "router advertisements, periodic or solicited", n.advertisements),
		view.Count("isat_router_announcements_total", "router-announcements",
			"announcements of routers' addresses, at uplinks and after a change of MAC", n.announcements),
	}
}

// word is a value of a small enumeration with names.
type word interface {
	~uint8
	fmt.Stringer
}

// family is a view.CountBy whose words are those of an enumeration, which the
// numbers are indexed by.
func family[W word](name, short, help, label string, words []W, byWord []uint64) view.Metric {
	var names []string
	var numbers []uint64
	for _, w := range words {
		names, numbers = append(names, w.String()), append(numbers, byWord[w])
	}
	return view.CountBy(name, short, help, label, names, numbers...)
}

// span lists the values from first to last.
func span[W word](first, last W) (list []W) {
	for v := int(first); v <= int(last); v++ {
		list = append(list, W(v))
	}
	return list
}
