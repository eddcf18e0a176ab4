package intent

// Limits of policies.
const (
	MaxPolicies       = 1000 // of a file
	MaxPolicyPriority = 999
	MaxPolicyText     = 4096 // octets of a match, and of its actions
)

// Policy is a logical flow of the operator's own.
type Policy struct {
	Name     string // unique among policies
	Table    string // of the pipeline, by name
	Priority uint16 // among the policies of the table: 0..MaxPolicyPriority, the highest wins
	Match    string // in the language of logical flows, as written: not empty, printable ASCII, tabs and line breaks
	Actions  string // likewise
}

// PolicyCheck says what is wrong with a policy, or nil. The pipeline knows the tables and
// the language; this package doesn't.
type PolicyCheck func(p *Policy) *PolicyFault

// PolicyFault is a fault in one value of a policy.
type PolicyFault struct {
	Key     string // "table", "match" or "actions"; any other stands for the whole document
	Offset  int    // in the value, in characters from 0
	Message string // what is wrong, and what was expected
}

// PolicyByName finds a policy by its name. The result points into the intent.
func (i *Intent) PolicyByName(name string) (*Policy, bool) {
	for p := range i.Policies {
		if i.Policies[p].Name == name {
			return &i.Policies[p], true
		}
	}
	return nil, false
}
