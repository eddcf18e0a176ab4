package pipeline

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// WriteTables writes the reference of the tables in Markdown: what each decides, every logical flow
// in it, and an example of each that exists per port, network, router, binding or station. It is the
// same for the same program.
func WriteTables(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Tables\n\nEvery flow that isat gives to a switch, as logical flows ([language.md](language.md)). " +
		"A packet begins in table 0, and the flow of the highest priority that matches takes it. *Leased* flows expire after " +
		fmt.Sprint(LeaseSeconds) + " s unless the controller renews them. *Examples* stand for flows that exist once per object. " +
		"`isat flows` shows those of a switch with their hits, `isat flows --openflow` what they are in OpenFlow.\n\n")
	b.WriteString("| table | name | decides |\n|---|---|---|\n")
	for _, t := range Tables() {
		fmt.Fprintf(&b, "| %d | [%s](#%d-%s) | %s |\n", t.Table, t.Name, t.Table, t.Name, t.Decides)
	}
	writePunts(&b)
	writeSymbols(&b)
	rows := documentedRules()
	for _, t := range Tables() {
		fmt.Fprintf(&b, "\n## %d %s\n\n%s.\n\n", t.Table, t.Name, t.Decides)
		writeRules(&b, rows[t.Table])
	}
	writeDirect(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func writePunts(b *strings.Builder) {
	b.WriteString("\n## Punts\n\nThe first byte of a packet-in's userdata is the reason, and the number of its meter. The rates, in packets per second and at once, " +
		"are those without [other limits](intent.md#limits).\n\n" +
		"| userdata | reason | rate |\n|---|---|---|\n")
	limits := intent.DefaultLimits()
	for _, r := range Reasons() {
		fmt.Fprintf(b, "| %02x | %s | %d |\n", uint8(r), r, r.Rate(&limits))
	}
	fmt.Fprintf(b, "\nEvery port has a meter of its own, whose number is %d more than the port's, for all of them but rate-limit and compose together: "+
		"rate %d. Packets pass it first, and then that of their reason; copies (learn, solicitation) pass it alone.\n",
		portMeters, limits.PuntsPerPort)
}

// writeSymbols lists the pipeline's own fields; those of packets are the language's.
func writeSymbols(b *strings.Builder) {
	b.WriteString("\n## Fields\n\nThe pipeline's own, besides those of packets, and where they are.\n\n| field | in | holds |\n|---|---|---|\n")
	for _, f := range pipelineFields() {
		at := f.OF.String()
		if f.Bits < f.OF.Bits {
			at = fmt.Sprintf("%s[%d..%d]", f.OF, f.Ofs, f.Ofs+f.Bits-1)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", f.Name, at, f.Doc)
	}
}

func writeRules(b *strings.Builder, rules []Rule) {
	if len(rules) == 0 {
		b.WriteString("Its flows are made directly, see [below](#flows-that-are-made-directly).\n")
		return
	}
	b.WriteString("| priority | match | actions | what for |\n|---|---|---|---|\n")
	slices.SortStableFunc(rules, func(x, y Rule) int { return cmp.Compare(y.Priority, x.Priority) })
	for _, r := range rules {
		fmt.Fprintf(b, "| %d | `%s` | `%s` | %s |\n", r.Priority, cell(r.Match), cell(r.Actions), r.Doc)
	}
}

// cell keeps a bar from ending a table's cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func documentedRules() map[Table][]Rule {
	rows := make(map[Table][]Rule)
	for _, r := range staticRules() {
		switch {
		case r.Leased:
			r.Doc += " (*leased*)"
		case r.Table == Compare && len(rows[Compare]) > 0:
			continue
		case r.Table == Compare:
			r.Doc += "; likewise for each of the 32"
		}
		rows[r.Table] = append(rows[r.Table], r)
	}
	for _, r := range exampleRules() {
		r.Doc = "*example*: " + r.Doc
		rows[r.Table] = append(rows[r.Table], r)
	}
	return rows
}

// exampleRules are those of one object of each kind.
func exampleRules() []Rule {
	edge := fabric.Attachment{Network: 100, Key: binding.NewPortKey(1, 0), Port: 1, Name: "p1"}
	trunk := fabric.Attachment{Network: 100, Key: binding.NewPortKey(4, 10), Port: 4, Name: "p4@10"}
	allowed := []intent.Allowed{
		{MAC: packet.MAC{0x02, 0, 0, 0, 0, 0x21}, IPs: []netip.Prefix{netip.MustParsePrefix("10.1.0.33/32"), netip.MustParsePrefix("2001:db8:1::21/128")}},
		{MAC: packet.MAC{0x02, 0, 0, 0, 0, 0x22}}}
	strict := fabric.Attachment{Network: 100, Key: binding.NewPortKey(2, 0), Port: 2, Name: "p2", Security: intent.SecurityStrict, Trusted: true, Allow: &allowed}
	network := intent.Network{Name: "blue", Number: 100, Unknown: intent.Drop,
		Subnets: []intent.Subnet{{Prefix: netip.MustParsePrefix("10.1.0.0/16")}},
		Sponge:  &intent.Sponge{Asked: intent.DefaultAsked, MAC: intent.SpongeMAC}}
	r := newRouter(&intent.Router{Name: "r1", Number: 7, Interfaces: []intent.Interface{{
		Network: "blue", NetworkNumber: 100, MAC: packet.MAC{0x02, 0, 0, 0, 1, 1},
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/16"), netip.MustParsePrefix("2001:db8:1::1/64")},
		Advertise: &intent.Advertise{Interval: time.Minute},
	}}, Routes: []intent.Route{
		{Prefix: netip.MustParsePrefix("0.0.0.0/0"), NextHops: []intent.NextHop{{Addr: netip.MustParseAddr("10.1.0.254"), Network: 100}}},
		{Prefix: netip.MustParsePrefix("2001:db8::/32"), NextHops: []intent.NextHop{
			{Addr: netip.MustParseAddr("2001:db8:1::fd"), Network: 100}, {Addr: netip.MustParseAddr("2001:db8:1::fe"), Network: 100}}},
	}})
	policy, _ := policyRule(&intent.Policy{Name: "no-telnet", Table: "guard", Priority: 10, Match: "tcp.dst == 23", Actions: "drop;"})
	return slices.Concat(classifyRules(edge, "blue"), classifyRules(trunk, "blue"), classifyRules(strict, "blue"),
		guardPortRules(strict), policePortRules(edge), policePortRules(trunk), deliverRules(edge), deliverRules(trunk),
		networkRules(&network, 1), r.rules(), []Rule{policy})
}

// writeDirect lists an example of each flow that is not made from a logical one.
func writeDirect(b *strings.Builder) {
	b.WriteString("\n## Flows that are made directly\n\nOf these there may be a million, so they are made without the language. In the notation of ovs-ofctl(8).\n\n" +
		"| table | priority | match | actions | what for |\n|---|---|---|---|---|\n")
	add := func(f openflow.FlowMod, doc string) {
		fmt.Fprintf(b, "| %d %s | %d | `%s` | `%s` | *example*: %s |\n", f.TableID, Table(f.TableID), f.Priority,
			openflow.FormatMatch(f.Match), openflow.FormatInstructions(f.Instructions), doc)
	}
	host := packet.MAC{0x02, 0, 0, 0, 0, 0x11}
	at := binding.Segment{Network: 100}
	for i, f := range StationFlows(binding.StationKey{Segment: at, MAC: host}, binding.NewPortKey(1, 0), 0) {
		add(f, [...]string{"this MAC is known on port 1", "frames for it go there"}[i])
	}
	for _, address := range []string{"10.1.0.11", "fe80::11"} {
		key := binding.NewKey(at, netip.MustParseAddr(address))
		known := &binding.Binding{Key: key, MAC: host, Origin: binding.ARP, State: binding.Reachable}
		if f, ok := BindingFlow(known); ok {
			add(f, address+" is at "+host.String())
		}
		if f, ok := OwnerFlow(known); ok {
			add(f, host.String()+" owns "+address)
		}
		add(SilentFlow(key, 2), "nobody answers for "+address+": what is routed to it is dropped for 2 s")
		add(SpongeFlow(key, intent.SpongeMAC, SpongeSeconds), "nobody has "+address+", which is asked for too often: the sponge answers")
		add(RefusedFlow(key, binding.NewPortKey(1, 0)), "port 1 has too many searches under way for one for "+address)
	}
}
