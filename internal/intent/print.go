package intent

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// YAML prints the intent in canonical form: every network, every field that isn't its
// default, one line for each port and binding. Parse of it gives an equal intent.
func (i *Intent) YAML() []byte {
	var b bytes.Buffer
	for n := range i.Networks {
		if n > 0 {
			b.WriteString("---\n")
		}
		i.Networks[n].print(&b)
	}
	return b.Bytes()
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
	for _, p := range n.Ports {
		port := strconv.FormatUint(uint64(p.Port.Number), 10)
		if p.Port.Name != "" {
			port = quote(p.Port.Name)
		}
		fmt.Fprintf(b, "  - {switch: %s, port: %s", quote(p.Switch.String()), port)
		if p.VLAN != 0 {
			fmt.Fprintf(b, ", vlan: %d", p.VLAN)
		}
		b.WriteString("}\n")
	}
	if len(n.Bindings) > 0 {
		b.WriteString("bindings:\n")
	}
	for _, binding := range n.Bindings {
		fmt.Fprintf(b, "  - {ip: %s, %s}\n", quote(binding.IP.String()), binding.macField())
	}
}

func (b Binding) macField() string {
	macs := make([]string, len(b.MACs))
	for i, mac := range b.MACs {
		macs[i] = quote(mac.String())
	}
	if len(macs) == 1 {
		return "mac: " + macs[0]
	}
	return "macs: [" + strings.Join(macs, ", ") + "]"
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
