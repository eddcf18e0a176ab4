package pipeline

import (
	"fmt"
	"slices"
	"sync"

	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/openflow"
)

// Base is what a switch has apart from its bindings and stations: what the
// logical flows are there, and the groups and meters that they use.
type Base struct {
	Logical []Flow
	Flows   []openflow.FlowMod // of all logical flows
	Groups  []openflow.GroupMod
	Meters  []openflow.MeterMod
}

// Program is an intent as logical flows. It remembers what it compiled, because
// the base of a switch is made anew with every port that comes or goes; so it
// belongs to one goroutine.
type Program struct {
	intent   *intent.Intent
	routers  []Flow // the same on every switch
	numbers  map[string]uint64
	router   map[string]uint64
	ports    map[fabric.Attachment][]Flow
	networks map[networkGroups][]Flow
	policies policies
}

// networkGroups is a network and how many groups it takes on a switch.
type networkGroups struct {
	network uint32
	groups  int
}

// maxPorts bounds the attachments whose flows are remembered.
const maxPorts = 1 << 16

// staticRules are the rules that every switch has.
func staticRules() []Rule {
	return slices.Concat(guardRules(), learnRules(), puntRules(), answerRules(), replyRules(), replyNDRules(), replyNDEndRules(),
		searchRules(), l2Rules(), admissionRules(), ipInputRules(), routingRules(), resolveRules(), requestRules(), policeRules(), controllerRules(), compareRules())
}

// staticFlows are compiled once: they do not depend on anything.
var staticFlows = sync.OnceValue(func() []Flow {
	return newCompiler(spaceStatic, nil).all(staticRules())
})

// NewProgram compiles an intent. The policies must have been checked, see
// PolicyChecker.
func NewProgram(in *intent.Intent) *Program {
	p := &Program{intent: in, numbers: make(map[string]uint64), router: make(map[string]uint64),
		ports: make(map[fabric.Attachment][]Flow), networks: make(map[networkGroups][]Flow), policies: policies{list: in.Policies}}
	for i := range in.Networks {
		p.numbers[in.Networks[i].Name] = uint64(in.Networks[i].Number)
	}
	var rules []Rule
	for i := range in.Routers {
		p.router[in.Routers[i].Name] = uint64(in.Routers[i].Number)
		rules = append(rules, newRouter(&in.Routers[i]).rules()...)
	}
	p.routers = newCompiler(spaceRouters, p.names(nil)).all(rules)
	return p
}

// names resolves the strings of logical flows on a switch with the given
// attachments.
func (p *Program) names(attachments []fabric.Attachment) logical.Names {
	ports := make(map[string]uint64, len(attachments))
	for _, a := range attachments {
		ports[a.Name] = uint64(a.Key)
	}
	return func(f *logical.Field, name string) (n uint64, ok bool) {
		switch f.Name {
		case "network", "ingress.network":
			n, ok = p.numbers[name]
		case "router":
			n, ok = p.router[name]
		default:
			n, ok = ports[name]
		}
		return n, ok
	}
}

// Base makes the base of a switch with the given attachments.
func (p *Program) Base(attachments []fabric.Attachment) Base {
	base := Base{Logical: slices.Concat(staticFlows(), p.routers)}
	members := make(map[uint32][]fabric.Attachment)
	for _, a := range attachments {
		base.Logical = append(base.Logical, p.portFlows(a)...)
		members[a.Network] = append(members[a.Network], a)
	}
	for i := range p.intent.Networks {
		n := &p.intent.Networks[i]
		if len(members[n.Number]) == 0 {
			continue
		}
		groups := floodGroups(n.Number, members[n.Number])
		base.Logical = append(base.Logical, p.networkFlows(n, len(groups))...)
		base.Groups = append(base.Groups, groups...)
	}
	base.Logical = append(base.Logical, p.policies.flows(p.names(attachments))...)
	base.Flows = merge(base.Logical)
	base.Meters = meters(&p.intent.Limits, attachments)
	return base
}

func (p *Program) portFlows(a fabric.Attachment) []Flow {
	flows, known := p.ports[a]
	if !known {
		if len(p.ports) >= maxPorts {
			clear(p.ports)
		}
		network, _ := p.intent.ByNumber(a.Network)
		rules := owned(fmt.Sprintf("port %q", a.Name), classifyRules(a, network.Name), guardPortRules(a), learnPortRules(a), policePortRules(a), deliverRules(a))
		flows = newCompiler(spacePorts, p.names([]fabric.Attachment{a})).all(rules)
		p.ports[a] = flows
	}
	return flows
}

func (p *Program) networkFlows(n *intent.Network, groups int) []Flow {
	key := networkGroups{n.Number, groups}
	flows, known := p.networks[key]
	if !known {
		flows = newCompiler(spacePorts, p.names(nil)).all(networkRules(n, groups))
		p.networks[key] = flows
	}
	return flows
}

// merge collects the flows of logical flows. Two conjunctive matches of one
// priority may share a part, which then is one flow for both. Other flows that
// take the same packets can only be two policies: what the first says holds.
func merge(logical []Flow) []openflow.FlowMod {
	var flows []openflow.FlowMod
	at := make(map[openflow.FlowKey]int)
	for _, l := range logical {
		for _, f := range l.Mods {
			i, twice := at[f.Key()]
			switch {
			case !twice:
				at[f.Key()] = len(flows)
				flows = append(flows, f)
			case isClause(&flows[i]) && isClause(&f):
				flows[i].Instructions.Apply = slices.Concat(flows[i].Instructions.Apply, f.Instructions.Apply)
			case isClause(&flows[i]):
				flows[i] = f
			}
		}
	}
	return flows
}

// isClause says whether a flow is a part of conjunctive matches.
func isClause(f *openflow.FlowMod) bool {
	if len(f.Instructions.Apply) == 0 {
		return false
	}
	_, ok := f.Instructions.Apply[0].(openflow.Conjunction)
	return ok
}

// networkRules are what a network needs on a switch that has ports of it.
func networkRules(n *intent.Network, groups int) []Rule {
	rules := slices.Concat(floodRules(n, groups), searchNetworkRules(n), l2SpongeRules(n), learnNetworkRules(n))
	for _, subnet := range n.Subnets {
		if broadcast, ok := subnet.Broadcast(); ok {
			rules = append(rules, answerSubnetRule(n.Name, broadcast))
		}
	}
	return owned(fmt.Sprintf("network %q", n.Name), rules)
}

// owned says what the rules are there for.
func owned(by string, lists ...[]Rule) []Rule {
	rules := slices.Concat(lists...)
	for i := range rules {
		rules[i].Owner = by
	}
	return rules
}

// floodGroups are the groups of a network with the given attachments.
func floodGroups(network uint32, members []fabric.Attachment) []openflow.GroupMod {
	var groups []openflow.GroupMod
	for chunk := range slices.Chunk(members, groupMembers) {
		groups = append(groups, floodGroup(groupID(network, len(groups)), chunk))
	}
	return groups
}

// floodGroup sends a copy to every attachment of a network. The switch leaves
// the ingress port out by itself.
func floodGroup(id uint32, members []fabric.Attachment) openflow.GroupMod {
	g := openflow.GroupMod{Command: openflow.GroupAdd, GroupType: openflow.GroupTypeAll, ID: id}
	for _, a := range members {
		var acts []openflow.Action
		if vlan := a.Key.VLAN(); vlan != 0 {
			acts = append(acts, openflow.PushVLAN{EtherType: openflow.EtherTypeVLAN}, set(openflow.VLANVID, uint64(openflow.VLANPresent|vlan)),
				openflow.RegMove{Src: fieldFlags, SrcOfs: pcpOfs, Dst: openflow.VLANTCI, DstOfs: 13, NBits: pcpBits})
		}
		g.Buckets = append(g.Buckets, openflow.NewBucket(append(acts, openflow.Output{Port: a.Port})...))
	}
	return g
}

// Leased returns the flows whose hard timeout the controller renews. They are
// the same on every switch.
func Leased() []openflow.FlowMod {
	var flows []openflow.FlowMod
	for _, f := range staticFlows() {
		if f.Leased {
			flows = append(flows, f.Mods...)
		}
	}
	return flows
}
