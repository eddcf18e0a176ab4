package pipeline

import "fmt"

// admissionRules take in what was sent to a router.
func admissionRules() []Rule {
	return inTable(Admission, []Rule{
		{Priority: 20, Match: `ip4.dst == 224.0.0.0/3 || ip6.dst == ff00::/8`, Actions: `drop;`,
			Doc: "a group or broadcast packet in a frame for one host is not routed (RFC 1812 §5.3.4)"},
		{Priority: 0, Match: `1`, Actions: `drop;`, Doc: "not for a router"},
	})
}

// admissionInterfaceRules remember which router a packet is in, and where it
// came from.
func admissionInterfaceRules(i *routerInterface) []Rule {
	return inTable(Admission, []Rule{{Priority: 10, Match: fmt.Sprintf("network == %q && eth.dst == %s", i.Network, i.MAC),
		Actions: fmt.Sprintf("router = %q; ingress.network = network; next;", i.Router.Name),
		Doc:     "a frame for the router's interface"}})
}
