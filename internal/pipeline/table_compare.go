package pipeline

import "fmt"

// compareRules raise a flag if the operands differ: OpenFlow can't match two
// fields against each other, so there is a rule for each bit.
func compareRules() []Rule {
	var rules []Rule
	for bit := range 32 {
		a, b := fmt.Sprintf("compare.a[%d]", bit), fmt.Sprintf("compare.b[%d]", bit)
		rules = append(rules, Rule{Priority: 10, Match: fmt.Sprintf("(%s && !%s) || (!%s && %s)", a, b, a, b), Actions: `flags.differ = 1;`,
			Doc: fmt.Sprintf("bit %d differs", bit)})
	}
	return inTable(Compare, rules)
}
