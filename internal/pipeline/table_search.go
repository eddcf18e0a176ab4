package pipeline

import (
	"fmt"

	"github.com/isat-sdn/isat/internal/intent"
)

// searchRules say what becomes of a request for an unknown address. Whatever a
// network does with questions, its rivals for an address have to hear of each
// other (conformance P3, N7).
func searchRules() []Rule {
	return inTable(Search, []Rule{
		{Priority: 30, Match: `arp.spa == 0.0.0.0 || (nd_ns && ip6.src == ::)`, Actions: puntFor(ReasonSearch), Leased: true,
			Doc: "a probe reaches every other port, in networks that flood or drop requests, too (RFC 5227 §2.1.1, RFC 4862 §5.4)"},
		{Priority: 25, Match: `arp.spa == 0.0.0.0 || (nd_ns && ip6.src == ::)`, Actions: `next(flood);`,
			Doc: "likewise without a controller"},
		{Priority: 10, Match: `1`, Actions: puntFor(ReasonSearch), Leased: true,
			Doc: "the controller parks the asker and asks the wire"},
		{Priority: 0, Match: `1`, Actions: `next(flood);`, Doc: "without a controller: plain flooding"},
	})
}

// searchNetworkRules are what a network does instead of searching.
func searchNetworkRules(n *intent.Network) []Rule {
	in := fmt.Sprintf("network == %q", n.Name)
	switch n.Unknown {
	case intent.Flood:
		return []Rule{{Table: Search, Priority: 20, Match: in, Actions: `next(flood);`,
			Doc: "the network floods requests for unknown addresses"}}
	case intent.Drop:
		return []Rule{{Table: Search, Priority: 20, Match: in, Actions: `drop;`,
			Doc: "the network drops requests for unknown addresses"}}
	}
	return nil
}
