package pipeline

import (
	"fmt"

	"github.com/isat-sdn/isat/internal/fabric"
)

// policeRules let through what no port is to blame for: what the controller sent
// into the tables itself.
func policeRules() []Rule {
	return inTable(Police, []Rule{
		{Priority: 0, Match: `1`, Actions: `next(controller);`, Doc: "from no port"},
	})
}

// policePortRules limit what a port makes the switch send to the controller.
// The attachments of a trunk share its meter. Of packets that go on their way,
// whatever the meter says, only the copies pass it.
func policePortRules(a fabric.Attachment) []Rule {
	meter := portMeter(a.Port)
	from := fmt.Sprintf("inport == %q", a.Name)
	var rules []Rule
	for _, r := range Reasons() {
		if r.copies() {
			rules = append(rules, Rule{Priority: 20, Match: fmt.Sprintf("%s && reason == %d", from, r), Actions: fmt.Sprintf("punt(%s);", r),
				Meter: meter, Doc: fmt.Sprintf("%s, through meter %d, the port's", r.doc(), meter)})
		}
	}
	return inTable(Police, append(rules, Rule{Priority: 10, Match: from, Actions: `next(controller);`,
		Meter: meter, Doc: fmt.Sprintf("the packet itself, through meter %d, the port's", meter)}))
}

// controllerRules send what passed the port's meter on to the controller, through
// the meter of its reason.
func controllerRules() []Rule {
	var rules []Rule
	for _, r := range Reasons() {
		match := fmt.Sprintf("reason == %d", r)
		switch {
		case r == ReasonHold:
			rules = append(rules,
				Rule{Priority: 10, Match: match + ` && ip4`, Actions: `hold(network, key4);`, Doc: "the packet waits for its next hop"},
				Rule{Priority: 10, Match: match + ` && ip6`, Actions: `hold(network, key6);`, Doc: "likewise"})
		case r.punts():
			rules = append(rules, Rule{Priority: 10, Match: match, Actions: fmt.Sprintf("punt(%s);", r), Doc: r.doc()})
		}
	}
	return inTable(Controller, rules)
}
