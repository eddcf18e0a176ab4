package pipeline

import (
	"fmt"

	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
)

// classifyRules tell the network of what comes in on an attachment. The VLAN
// that a trunk uses for the network is taken off, but for its priority; a tag of
// the hosts' own stays on, and keeps its frames in a segment of the network that is
// theirs.
func classifyRules(a fabric.Attachment, network string) []Rule {
	r := Rule{Table: Classify, Priority: 10, Match: fmt.Sprintf("in_port == %d", a.Port),
		Doc: "a port of the network; the hosts' own VLAN tags stay on"}
	actions := fmt.Sprintf("network = %q; network.vlan = vlan.tci[0..11]; inport = %q; ", network, a.Name)
	if vlan := a.Key.VLAN(); vlan != 0 {
		r.Priority, r.Doc = 20, "a trunk's VLAN that carries the network"
		r.Match += fmt.Sprintf(" && vlan.vid == %d", vlan)
		actions = fmt.Sprintf("trunk.pcp = vlan.pcp; pop_vlan; network = %q; inport = %q; ", network, a.Name)
	}
	if a.Trusted {
		actions += "flags.trusted = 1; "
	}
	if a.Security == intent.SecurityStrict {
		actions += "flags.strict = 1; "
	}
	r.Actions = actions + "next;"
	return []Rule{r}
}
