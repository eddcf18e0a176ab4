package pipeline

import (
	"fmt"

	"github.com/isat-sdn/isat/internal/fabric"
)

// classifyRules tell the network of what comes in on an attachment. The VLAN
// that a trunk uses for the network is taken off; a tag of the hosts' own stays
// on, and keeps its frames in a segment of the network that is theirs.
func classifyRules(a fabric.Attachment, network string) []Rule {
	from := "a port of the network; the hosts' own VLAN tags stay on"
	match := fmt.Sprintf("in_port == %d", a.Port)
	actions := fmt.Sprintf("network = %q; network.vlan = vlan.tci[0..11]; inport = %q; next;", network, a.Name)
	priority := uint16(10)
	if vlan := a.Key.VLAN(); vlan != 0 {
		from = "a trunk's VLAN that carries the network"
		priority = 20
		match += fmt.Sprintf(" && vlan.vid == %d", vlan)
		actions = fmt.Sprintf("pop_vlan; network = %q; inport = %q; next;", network, a.Name)
	}
	return []Rule{{Table: Classify, Priority: priority, Match: match, Actions: actions, Doc: from}}
}
