package pipeline

import (
	"fmt"

	"github.com/isat-sdn/isat/internal/intent"
)

// l2Rules switch what is no question.
func l2Rules() []Rule {
	mine := `eth.dst == ` + MAC.String()
	return inTable(L2, []Rule{
		{Priority: 100, Match: mine + ` && (arp || nd_na)`, Actions: puntFor(ReasonReply),
			Doc: "an answer to isat's own question"},
		{Priority: 90, Match: mine, Actions: `drop;`, Doc: "isat's MAC takes nothing else"},
		{Priority: 0, Match: `1`, Actions: `next(flood);`, Doc: "broadcast, multicast and unknown unicast"},
	})
}

// l2SpongeRules end the way of what is sent to addresses that nobody has.
func l2SpongeRules(n *intent.Network) []Rule {
	if n.Sponge == nil {
		return nil
	}
	return []Rule{{Table: L2, Priority: 5, Match: fmt.Sprintf("network == %q && eth.dst == %s", n.Name, n.Sponge.MAC), Actions: `drop;`,
		Doc: "the sponge's sink, unless a station has its MAC"}}
}

// l2InterfaceRules hand frames for a router to it.
func l2InterfaceRules(i *routerInterface) []Rule {
	in := fmt.Sprintf("network == %q && network.vlan == 0", i.Network)
	rules := []Rule{{Priority: 60, Match: fmt.Sprintf("%s && eth.dst == %s", in, i.MAC), Actions: `next(admission);`,
		Doc: "frames for a router's interface"}}
	rules = append(rules, Rule{Priority: 55, Match: fmt.Sprintf("network == %q && eth.dst == %s", i.Network, i.MAC), Actions: `drop;`,
		Doc: "in a VLAN of the hosts' own there is no router"})
	if i.Advertise != nil {
		rules = append(rules, Rule{Priority: 50, Match: in + " && eth.mcast && nd_rs", Actions: puntFor(ReasonSolicitation) + ` next(flood);`,
			Doc: "a router solicitation: to the controller, which advertises, and to other routers (RFC 4861 §6.2.6)"})
	}
	return inTable(L2, rules)
}
