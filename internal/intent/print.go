package intent

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/isat-sdn/isat/packet"
)

// YAML prints the intent in canonical form: every network, router and policy, the
// limits, every field that isn't its default, one line for each port, binding and route. Parse of it gives an
// equal intent.
func (i *Intent) YAML() []byte {
	objects := i.Objects()
	if i.Limits == DefaultLimits() {
		objects = slices.DeleteFunc(objects, func(o Object) bool { return o.Kind == KindLimits })
	}
	return JoinDocuments(objects)
}

func (n *Network) print(b *bytes.Buffer) {
	fmt.Fprintf(b, "kind: %s\nname: %s\nnumber: %d\nunknown: %s\n", KindNetwork, quote(n.Name), n.Number, n.Unknown)
	if len(n.Subnets) > 0 {
		b.WriteString("subnets:\n")
	}
	for _, s := range n.Subnets {
		fmt.Fprintf(b, "  - prefix: %s\n", quote(s.Prefix.String()))
		if s.Gateway.IsValid() {
			fmt.Fprintf(b, "    gateway: %s\n", quote(s.Gateway.String()))
		}
		if !s.GatewayMAC.IsZero() {
			fmt.Fprintf(b, "    gatewayMAC: %s\n", quote(s.GatewayMAC.String()))
		}
	}
	if len(n.Ports) > 0 {
		b.WriteString("ports:\n")
	}
	for i := range n.Ports {
		fmt.Fprintf(b, "  - {%s}\n", strings.Join(n.Ports[i].fields(), ", "))
	}
	if len(n.Bindings) > 0 {
		b.WriteString("bindings:\n")
	}
	b.Grow(len(n.Bindings) * len(`  - {ip: 255.255.255.255, mac: "00:00:00:00:00:00"}+`))
	for i := range n.Bindings {
		b.Write(n.Bindings[i].appendLine(b.AvailableBuffer()))
	}
	n.printLife(b)
}

// fields gives what isn't its default.
func (p *Port) fields() []string {
	port := strconv.FormatUint(uint64(p.Port.Number), 10)
	if p.Port.Name != "" {
		port = quote(p.Port.Name)
	}
	fields := []string{"switch: " + quote(p.Switch.String()), "port: " + port}
	add := func(differs bool, key, value string) {
		if differs {
			fields = append(fields, key+": "+value)
		}
	}
	add(p.VLAN != 0, "vlan", strconv.Itoa(int(p.VLAN)))
	add(p.Role != Edge, "role", p.Role.String())
	add(p.Security != SecurityLearn, "security", quote(p.Security.String()))
	add(p.Trusted, "trusted", "true")
	allowed := make([]string, len(p.Allow))
	for i, a := range p.Allow {
		allowed[i] = a.field()
	}
	add(len(allowed) > 0, "allow", "["+strings.Join(allowed, ", ")+"]")
	return fields
}

// appendLine appends the line of a static binding. Of what quote does for any value only
// this is left: IPv6 addresses and MACs have colons, and need it.
func (b *Binding) appendLine(line []byte) []byte {
	line = append(line, "  - {ip: "...)
	if b.IP.Is4() {
		line = b.IP.AppendTo(line)
	} else {
		line = append(b.IP.AppendTo(append(line, '"')), '"')
	}
	if len(b.MACs) == 1 {
		return append(appendMAC(append(line, ", mac: "...), b.MACs[0]), "}\n"...)
	}
	line = append(line, ", macs: ["...)
	for i, mac := range b.MACs {
		if i > 0 {
			line = append(line, ", "...)
		}
		line = appendMAC(line, mac)
	}
	return append(line, "]}\n"...)
}

func appendMAC(line []byte, mac packet.MAC) []byte {
	line, _ = mac.AppendText(append(line, '"')) // which can't fail
	return append(line, '"')
}

// print writes the match and the actions as an operator would.
func (p *Policy) print(b *bytes.Buffer) {
	fmt.Fprintf(b, "kind: %s\nname: %s\ntable: %s\npriority: %d\n", KindPolicy, quote(p.Name), quote(p.Table), p.Priority)
	fmt.Fprintf(b, "match: %s\nactions: %s\n", quoteText(p.Match), quoteText(p.Actions))
}

// plain matches what any YAML reader takes for text without quotes: words, IPv4 addresses
// and prefixes.
var plain = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9._-]*|\d+\.\d+\.\d+\.\d+(/\d+)?)$`)

// words matches the words that some YAML reader takes for a boolean or nothing.
var words = regexp.MustCompile(`^(?i:null|true|false|yes|no|on|off|y|n)$`)

// quote puts a value in double quotes if some YAML reader could take it for anything else
// than text. Names contain neither control characters nor anything outside of ASCII, so
// Go's escapes are YAML's.
func quote(s string) string {
	if plain.MatchString(s) && !words.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

// quoteText is quote for text of several words or lines: lines stay lines, and quotation
// marks don't turn into escapes, as far as YAML can.
func quoteText(s string) string {
	lines := strings.Split(s, "\n")
	ragged := slices.ContainsFunc(lines, func(line string) bool {
		return strings.Contains(line, "\t") || strings.TrimRight(line, " ") != line
	})
	switch {
	case ragged:
		return strconv.Quote(s)
	case len(lines) > 1:
		return "|-\n  " + strings.Join(lines, "\n  ")
	case strings.Contains(s, `"`) && !strings.Contains(s, "'"):
		return "'" + s + "'"
	}
	return quote(s)
}
