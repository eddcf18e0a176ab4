package pipeline

import (
	"fmt"

	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
)

// floodRules send a packet to every port of a network.
func floodRules(n *intent.Network) []Rule {
	return []Rule{{Table: Flood, Priority: 10, Match: fmt.Sprintf("network == %q", n.Name), Actions: fmt.Sprintf("group(%d);", n.Number),
		Doc: "a copy to every port of the network but the ingress port"}}
}

// deliverRules send a packet out of one attachment.
func deliverRules(a fabric.Attachment) []Rule {
	rule := Rule{Table: Deliver, Priority: 10, Match: fmt.Sprintf("outport == %q", a.Name), Actions: fmt.Sprintf("send(%d);", a.Port),
		Doc: "out of the port"}
	if vlan := a.Key.VLAN(); vlan != 0 {
		rule.Actions = fmt.Sprintf("push_vlan(%d); send(%d);", vlan, a.Port)
		rule.Doc = "out of the trunk, in the VLAN that carries the network"
	}
	return []Rule{rule}
}
