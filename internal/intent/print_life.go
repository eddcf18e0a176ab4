package intent

import (
	"bytes"
	"fmt"
)

// printLife prints how long bindings live and what is done about addresses that move too
// often or are nobody's.
func (n *Network) printLife(b *bytes.Buffer) {
	if n.Age != DefaultAge {
		fmt.Fprintf(b, "age: %s\n", seconds(n.Age))
	}
	if len(n.Ages) > 0 {
		b.WriteString("ages:\n")
	}
	for _, rule := range n.Ages {
		fmt.Fprintf(b, "  - {prefix: %s, age: %s}\n", quote(rule.Prefix.String()), seconds(rule.Age))
	}
	if d := n.Duplicates; d != DefaultDuplicates() {
		fmt.Fprintf(b, "duplicates: {moves: %d, within: %s, hold: %s}\n", d.Moves, seconds(d.Within), seconds(d.Hold))
	}
	if s := n.Sponge; s != nil {
		fmt.Fprintf(b, "sponge: {asked: %d, mac: %s}\n", s.Asked, quote(s.MAC.String()))
	}
}

func (a Allowed) field() string {
	mac := "{mac: " + quote(a.MAC.String())
	if len(a.IPs) == 0 {
		return mac + "}"
	}
	return mac + ", ips: " + flowList(a.IPs, hostOrPrefix) + "}"
}

func (l *Limits) print(b *bytes.Buffer) {
	fmt.Fprintf(b, "kind: %s\n", KindLimits)
	defaults := DefaultLimits()
	for _, k := range limitKeys {
		if value := *k.of(l); value != *k.of(&defaults) {
			fmt.Fprintf(b, "%s: %d\n", k.key, value)
		}
	}
	if l.ParkedTime != defaults.ParkedTime {
		fmt.Fprintf(b, "%s: %s\n", parkedTimeKey, seconds(l.ParkedTime))
	}
}
