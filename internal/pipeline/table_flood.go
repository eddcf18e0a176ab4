package pipeline

import (
	"fmt"
	"strings"

	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
)

// groupMembers bounds the attachments of one group, which has to fit into one
// message. A network with more on one switch has several groups there.
const groupMembers = 800

// floodRules send a packet to every port of a network, which are in a number of
// groups.
func floodRules(n *intent.Network, groups int) []Rule {
	var actions []string
	for i := range groups {
		actions = append(actions, fmt.Sprintf("group(%d);", groupID(n.Number, i)))
	}
	return []Rule{{Table: Flood, Priority: 10, Match: fmt.Sprintf("network == %q", n.Name), Actions: strings.Join(actions, " "),
		Doc: "a copy to every port of the network but the ingress port"}}
}

// groupID is the number of a network's group: the network's, and above its 24
// bits which of its groups.
func groupID(network uint32, i int) uint32 { return network | uint32(i)<<24 }

// deliverRules send a packet out of one attachment. A trunk's tag has the priority
// that the frame came with by another.
func deliverRules(a fabric.Attachment) []Rule {
	rule := Rule{Table: Deliver, Priority: 10, Match: fmt.Sprintf("outport == %q", a.Name), Actions: fmt.Sprintf("send(%d);", a.Port),
		Doc: "out of the port"}
	if vlan := a.Key.VLAN(); vlan != 0 {
		rule.Actions = fmt.Sprintf("push_vlan(%d); vlan.tci[13..15] = trunk.pcp; send(%d);", vlan, a.Port)
		rule.Doc = "out of the trunk, in the VLAN that carries the network"
	}
	return []Rule{rule}
}
