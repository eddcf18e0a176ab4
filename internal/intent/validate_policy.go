package intent

import (
	"cmp"
	"slices"
	"strings"
)

// allPolicies checks the policies of a file.
func (v *validator) allPolicies(raw []*rawPolicy) []Policy {
	if len(raw) > MaxPolicies {
		first := raw[MaxPolicies]
		v.subject = first.subject(v.source)
		v.failf(first.at, "the file has %d policies: want at most %d", len(raw), MaxPolicies)
		raw = raw[:MaxPolicies]
	}
	lines := make(map[string]int)
	var policies []Policy
	for _, p := range raw {
		v.subject = p.subject(v.source)
		if first, ok := lines[p.name.value]; ok && p.name.ok {
			v.failf(p.name.at, "name is used twice (first on %s): want a name of its own", v.lineName(first))
		} else {
			lines[p.name.value] = p.name.at.line
		}
		policy := Policy{
			Name: p.name.value, Table: p.table.value, Priority: uint16(p.priority.value),
			Match: p.match.value, Actions: p.actions.value,
		}
		v.checkPolicy(p, &policy)
		policies = append(policies, policy)
	}
	slices.SortFunc(policies, comparePolicies)
	return policies
}

// subject names the policy as messages do.
func (p *rawPolicy) subject(s *source) string { return s.subjectOf(KindPolicy, p.name.value, p.at) }

// checkPolicy asks the PolicyCheck.
func (v *validator) checkPolicy(p *rawPolicy, policy *Policy) {
	if v.check == nil || !p.table.ok || !p.priority.ok || !p.match.ok || !p.actions.ok {
		return
	}
	fault := v.check(policy)
	if fault == nil {
		return
	}
	at := p.at
	switch fault.Key {
	case "table":
		at = v.inText(p.table, fault.Offset)
	case "match":
		at = v.inText(p.match, fault.Offset)
	case "actions":
		at = v.inText(p.actions, fault.Offset)
	}
	v.failf(at, "%s", fault.Message)
}

func comparePolicies(a, b Policy) int {
	return cmp.Or(strings.Compare(a.Table, b.Table), cmp.Compare(b.Priority, a.Priority), strings.Compare(a.Name, b.Name))
}
