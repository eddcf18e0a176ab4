package logical_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/isat-sdn/isat/openflow"
)

// The values that random expressions and random packets have, so few that they often meet.
func macValues() []string {
	return []string{"02:00:00:00:00:01", "02:00:00:00:00:02", "01:00:5e:00:00:01", "33:33:00:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"}
}

func ip4Values() []string {
	return []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.1.9", "192.168.7.1", "224.0.0.5", "0.0.0.0"}
}

func ip6Values() []string {
	return []string{"fe80::1", "fe80::2", "2001:db8::1", "2001:db8::ffff:1", "ff02::1:ff00:1", "::"}
}

// matchField is a field with constants for it.
type matchField struct {
	name    string
	bits    int
	nominal bool
	values  []string
}

func matchFields() []matchField {
	small := strings.Fields("0 1 2 3 5 6 7 8 0x80000000 0xffffffff")
	ports := strings.Fields("0 1 22 80 443 1024 8080 65535")
	fields := []matchField{
		{"eth.src", 48, false, macValues()}, {"eth.dst", 48, false, macValues()},
		{"eth.type", 16, true, strings.Fields("0x800 0x86dd 0x806 0x88cc")},
		{"vlan.tci", 16, false, strings.Fields("0 0x1000 0x1005 0x7005 0xf000 5 0x2000")},
		{"vlan.vid", 12, false, strings.Fields("0 1 5 7 4095")}, {"vlan.pcp", 3, false, strings.Fields("0 1 3 5 7")},
		{"ip.proto", 8, true, strings.Fields("1 6 17 58 132")}, {"ip.dscp", 6, true, strings.Fields("0 10 46")},
		{"ip.ecn", 2, true, strings.Fields("0 1 3")}, {"ip.ttl", 8, true, strings.Fields("0 1 64 255")},
		{"ip.frag", 2, false, strings.Fields("0 1 2 3")},
		{"ip4.src", 32, false, ip4Values()}, {"ip4.dst", 32, false, ip4Values()},
		{"ip6.src", 128, false, ip6Values()}, {"ip6.dst", 128, false, ip6Values()},
		{"ip6.label", 20, false, strings.Fields("0 1 0x12345 0xfffff")},
		{"arp.op", 16, true, strings.Fields("1 2 3")}, {"arp.spa", 32, false, ip4Values()}, {"arp.tpa", 32, false, ip4Values()},
		{"arp.sha", 48, false, macValues()}, {"arp.tha", 48, false, macValues()},
		{"icmp4.type", 8, true, strings.Fields("0 3 8")}, {"icmp4.code", 8, true, strings.Fields("0 1")},
		{"icmp6.type", 8, true, strings.Fields("0 128 133 135 136")}, {"icmp6.code", 8, true, strings.Fields("0 1")},
		{"nd.target", 128, false, ip6Values()}, {"nd.sll", 48, false, macValues()}, {"nd.tll", 48, false, macValues()},
		{"nd.reserved", 32, true, strings.Fields("0 0x60000000")}, {"nd.option", 8, true, strings.Fields("0 1 2")},
		{"tcp.src", 16, false, ports}, {"tcp.dst", 16, false, ports}, {"tcp.flags", 12, false, strings.Fields("0 2 0x12 0xfff")},
		{"udp.src", 16, false, ports}, {"udp.dst", 16, false, ports}, {"sctp.src", 16, false, ports}, {"sctp.dst", 16, false, ports},
		{"pkt.mark", 32, false, small}, {"xxreg0", 128, false, ip6Values()}, {"xxreg3", 128, false, ip6Values()},
		{"xreg2", 64, false, small},
		{"inport", 32, true, []string{`"port1"`, `"port2"`, `"port3"`, `"unknown"`}},
		{"outport", 32, true, []string{`"port1"`, `"port2"`, `"port3"`}},
		{"network", 24, true, []string{`"net1"`, `"net2"`}},
	}
	for _, i := range []int{0, 1, 2, 4, 5, 8, 9} {
		fields = append(fields, matchField{fmt.Sprint("reg", i), 32, false, small})
	}
	return fields
}

func ordinalPredicates() []string {
	return strings.Fields("eth.bcast eth.mcast eth.mcastv6 vlan.present ip.is_frag ip.later_frag ip.first_frag ip4.mcast ip4.src_mcast ip6.mcast flags.owner")
}

func nominalPredicates() []string {
	return strings.Fields("ip ip4 ip6 icmp icmp4 icmp6 tcp udp sctp arp nd nd_ns nd_na nd_rs nd_ra")
}

// exprWriter writes random matches.
type exprWriter struct {
	*rand.Rand
	fields []matchField
}

func newExprWriter(r *rand.Rand) *exprWriter { return &exprWriter{r, matchFields()} }

func choose[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// expr writes an expression, in parentheses unless it is one name.
func (w *exprWriter) expr(depth int, negated bool) string {
	switch w.IntN(depth + 2) {
	case 0:
		if !negated {
			return w.sets()
		}
		fallthrough
	case 1:
		return w.leaf(negated)
	case 2:
		return "!" + w.expr(depth-1, !negated)
	}
	operator := choose(w.Rand, []string{" && ", " || "})
	var list []string
	for range 2 + w.IntN(3) {
		list = append(list, w.expr(depth-1, negated))
	}
	return "(" + strings.Join(list, operator) + ")"
}

func (w *exprWriter) leaf(negated bool) string {
	switch w.IntN(12) {
	case 0:
		return choose(w.Rand, ordinalPredicates())
	case 1:
		if !negated {
			return choose(w.Rand, nominalPredicates())
		}
	case 2:
		return choose(w.Rand, []string{"0", "1"})
	}
	f := choose(w.Rand, w.fields)
	if f.nominal {
		if negated {
			return "(" + f.name + " != " + w.constants(f) + ")"
		}
		return "(" + f.name + " == " + w.constants(f) + ")"
	}
	switch w.IntN(8) {
	case 0:
		return fmt.Sprintf("%s[%d]", f.name, w.IntN(f.bits))
	case 1:
		low := w.IntN(f.bits)
		width := 1 + w.IntN(min(f.bits-low, 6))
		return fmt.Sprintf("(%s[%d..%d] %s %d)", f.name, low, low+width-1,
			choose(w.Rand, strings.Fields("== != < <= > >=")), w.IntN(1<<width))
	case 2:
		low, high := choose(w.Rand, f.values), choose(w.Rand, f.values)
		return "(" + low + choose(w.Rand, []string{" < ", " <= "}) + f.name + choose(w.Rand, []string{" < ", " <= "}) + high + ")"
	case 3:
		return "(" + choose(w.Rand, f.values) + choose(w.Rand, []string{" < ", " >= ", " == ", " != "}) + f.name + ")"
	case 4:
		return "(" + f.name + " == " + w.masked(f) + ")"
	}
	return "(" + f.name + choose(w.Rand, []string{" == ", " == ", " != "}) + w.constants(f) + ")"
}

// sets is a conjunction of sets for fields that packets have together: what becomes a conjunctive match.
func (w *exprWriter) sets() string {
	names := choose(w.Rand, [][]string{
		strings.Fields("inport outport eth.src eth.dst reg0 reg1 reg4"),
		strings.Fields("ip4.src ip4.dst tcp.src tcp.dst eth.src reg9"),
		strings.Fields("ip6.src ip6.dst icmp6.type ip.ttl inport vlan.vid"),
		strings.Fields("arp.spa arp.tpa arp.op arp.sha network inport"),
	})
	var list []string
	for _, i := range w.Perm(len(names))[:2+w.IntN(2)] {
		f := w.fields[slices.IndexFunc(w.fields, func(f matchField) bool { return f.name == names[i] })]
		n := min(3+w.IntN(4), len(f.values))
		var values []string
		for _, j := range w.Perm(len(f.values))[:n] {
			values = append(values, f.values[j])
		}
		list = append(list, f.name+" == {"+strings.Join(values, ", ")+"}")
	}
	return "(" + strings.Join(list, " && ") + ")"
}

func (w *exprWriter) constants(f matchField) string {
	n := 1 + w.IntN(4)
	if n == 1 {
		return choose(w.Rand, f.values)
	}
	var list []string
	for range n {
		list = append(list, choose(w.Rand, f.values))
	}
	return "{" + strings.Join(list, ", ") + "}"
}

// masked is a constant with a random mask.
func (w *exprWriter) masked(f matchField) string {
	switch f.bits {
	case 48:
		return choose(w.Rand, []string{"02:00:00:00:00:00/ff:00:00:00:00:00", "00:00:00:00:00:01/00:00:00:00:00:03", "01:00:00:00:00:00/01:00:00:00:00:00"})
	case 128:
		return choose(w.Rand, []string{"fe80::/10", "2001:db8::/64", "::1/::3", "::/0", "ff00::1/ff00::1"})
	}
	mask := w.Uint64N(1 << min(f.bits, 63))
	return fmt.Sprintf("%#x/%#x", w.Uint64()&mask&choose(w.Rand, []uint64{0, 1, 5, ^uint64(0)}), mask)
}

// world is a packet with what travels along with it.
type world struct {
	profile uint32 // ingress port, which decides on registers and metadata
	frame   []byte
	fields  map[*openflow.Field][]byte
}

// read gives a field as Eval wants it.
func (w *world) read(f *openflow.Field) []byte { return w.fields[f] }

// profile is registers and the like, which a flow sets for each ingress port.
type profile struct {
	regs     [16]uint32
	metadata uint64
	mark     uint32
}

func randomProfile(r *rand.Rand) (p profile) {
	for i := range p.regs {
		p.regs[i] = choose(r, []uint32{0, 1, 2, 3, 5, 6, 7, 8, 1 << 31, 1<<32 - 1})
	}
	// The address registers hold addresses now and then.
	if r.IntN(2) == 0 {
		copy(p.regs[:4], []uint32{0xfe800000, 0, 0, 1 + r.Uint32N(2)})
		copy(p.regs[12:], []uint32{0x20010db8, 0, 0, 1})
	}
	p.metadata = choose(r, []uint64{0, 1, 2, 0xff00000001})
	p.mark = choose(r, []uint32{0, 1, 5, 1 << 31})
	return p
}

func (p *profile) actions() []openflow.Action {
	acts := []openflow.Action{openflow.SetUint(openflow.Metadata, p.metadata), openflow.SetUint(openflow.PktMark, uint64(p.mark))}
	for i, v := range p.regs {
		acts = append(acts, openflow.SetUint(openflow.Reg(i), uint64(v)))
	}
	return acts
}

// addTo gives w the fields of the profile.
func (p *profile) addTo(w *world) {
	be := binary.BigEndian
	var all []byte
	for i, v := range p.regs {
		all = be.AppendUint32(all, v)
		w.fields[openflow.Reg(i)] = all[len(all)-4:]
	}
	w.fields[openflow.XReg2] = all[16:24]
	w.fields[openflow.XXReg0], w.fields[openflow.XXReg3] = all[:16], all[48:]
	w.fields[openflow.Metadata] = be.AppendUint64(nil, p.metadata)
	w.fields[openflow.PktMark] = be.AppendUint32(nil, p.mark)
}
