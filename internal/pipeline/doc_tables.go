package pipeline

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// WriteTables writes the reference of the tables in Markdown: what each decides, every rule in it,
// and an example of each flow that exists per port, network, binding or station. It is the same for
// the same program.
func WriteTables(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Tables\n\nEvery flow that isat gives to a switch, in the notation of ovs-ofctl(8). " +
		"A packet begins in table 0. *Leased* flows expire after " + fmt.Sprint(LeaseSeconds) +
		" s unless the controller renews them. Flows of *examples* exist once per object.\n\n")
	b.WriteString("| table | name | decides |\n|---|---|---|\n")
	for _, t := range Tables() {
		fmt.Fprintf(&b, "| %d | [%s](#%d-%s) | %s |\n", t.Table, t.Name, t.Table, t.Name, t.Decides)
	}
	b.WriteString("\n## Registers\n\n| register | holds |\n|---|---|\n")
	for _, r := range Registers() {
		fmt.Fprintf(&b, "| %s | %s |\n", r.Register, r.Holds)
	}
	b.WriteString("\n## Punts\n\nThe first byte of a packet-in's userdata is the reason, and the number of its meter.\n\n" +
		"| userdata | reason | packets/s | burst |\n|---|---|---|---|\n")
	for _, r := range Reasons() {
		rate, burst := r.Rate()
		fmt.Fprintf(&b, "| %02x | %s | %d | %d |\n", uint8(r), r, rate, burst)
	}
	rows := documentedFlows()
	for _, t := range Tables() {
		fmt.Fprintf(&b, "\n## %d %s\n\n%s.\n\n", t.Table, t.Name, t.Decides)
		writeRows(&b, rows[t.Table])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// documentedFlow is a line of the reference.
type documentedFlow struct {
	flow openflow.FlowMod
	doc  string
}

func writeRows(b *strings.Builder, rows []documentedFlow) {
	b.WriteString("| priority | match | actions | what for |\n|---|---|---|---|\n")
	slices.SortStableFunc(rows, func(x, y documentedFlow) int { return cmp.Compare(y.flow.Priority, x.flow.Priority) })
	for _, r := range rows {
		match := "any"
		if !r.flow.Match.IsZero() {
			match = "`" + openflow.FormatMatch(r.flow.Match) + "`"
		}
		fmt.Fprintf(b, "| %d | %s | `%s` | %s |\n", r.flow.Priority, match, openflow.FormatInstructions(r.flow.Instructions), r.doc)
	}
}

func documentedFlows() map[Table][]documentedFlow {
	rows := make(map[Table][]documentedFlow)
	add := func(f openflow.FlowMod, doc string) {
		rows[Table(f.TableID)] = append(rows[Table(f.TableID)], documentedFlow{f, doc})
	}
	bits := 0
	for _, r := range Rules() {
		doc := r.Doc
		if r.Leased {
			doc += " (*leased*)"
		}
		if r.Table == Compare {
			if bits++; bits > 1 {
				continue
			}
			doc += ", here the lowest; likewise for either value of each of the 32"
		}
		add(r.flow(), doc)
	}
	exampleFlows(add)
	return rows
}

// exampleFlows adds one flow of each kind that depends on ports, networks or hosts.
func exampleFlows(add func(openflow.FlowMod, string)) {
	network := intent.Network{Name: "blue", Number: 100, Unknown: intent.Drop,
		Subnets: []intent.Subnet{{Prefix: netip.MustParsePrefix("10.1.0.0/16")}}}
	edge := fabric.Attachment{Network: network.Number, Key: binding.NewPortKey(1, 0), Port: 1}
	trunk := fabric.Attachment{Network: network.Number, Key: binding.NewPortKey(4, 10), Port: 4}
	add(classifyFlow(edge), "example: port 1 belongs to network 100; the hosts' own VLAN tags stay on")
	add(classifyFlow(trunk), "example: VLAN 10 of port 4 belongs to network 100")
	add(deliverFlow(edge), "example: out of port 1")
	add(deliverFlow(trunk), "example: out of port 4, in VLAN 10")
	for _, f := range networkFlows(&network) {
		add(f, map[Table]string{
			Flood:  "example: network 100",
			Search: "example: network 100 drops requests for unknown addresses, or floods them",
			Answer: "example: the broadcast address of a subnet of network 100 (conformance A6)",
		}[Table(f.TableID)])
	}

	segment := binding.Segment{Network: network.Number}
	host := packet.MAC{0x02, 0, 0, 0, 0, 0x11}
	station := binding.StationKey{Segment: segment, MAC: host}
	for i, f := range StationFlows(station, edge.Key) {
		add(f, [...]string{"example: this MAC is known on port 1", "example: frames for it go there"}[i])
	}
	for _, address := range []string{"10.1.0.11", "fe80::11"} {
		b := &binding.Binding{Key: binding.NewKey(segment, netip.MustParseAddr(address)), MAC: host,
			Origin: binding.ARP, State: binding.Reachable}
		if f, ok := BindingFlow(b); ok {
			add(f, "example: "+address+" is at "+host.String())
		}
		if f, ok := OwnerFlow(b); ok {
			add(f, "example: "+host.String()+" owns "+address)
		}
	}
}
