package pipeline

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// Printer writes what stands in OpenFlow in the language of logical flows: fields
// by the names of [Symbols], and numbers of ports, networks and routers by the
// names that they have on one switch. It does not change.
type Printer struct {
	symbols []*logical.Field // of registers and metadata, the narrowest first to be tried
	packet  map[*openflow.Field]*logical.Field
	names   map[string]map[uint64]string // by the field's name
}

// NewPrinter makes the printer for a switch with the given attachments.
func NewPrinter(in *intent.Intent, attachments []fabric.Attachment) *Printer {
	networks, routers, ports := make(map[uint64]string), make(map[uint64]string), make(map[uint64]string)
	for i := range in.Networks {
		networks[uint64(in.Networks[i].Number)] = in.Networks[i].Name
	}
	for i := range in.Routers {
		routers[uint64(in.Routers[i].Number)] = in.Routers[i].Name
	}
	for _, a := range attachments {
		ports[uint64(a.Key)] = a.Name
	}
	p := &Printer{packet: make(map[*openflow.Field]*logical.Field), names: map[string]map[uint64]string{
		"network": networks, "ingress.network": networks, "router": routers, "inport": ports, "outport": ports,
	}}
	for _, f := range pipelineFields() {
		if _, _, ok := inFile(f.OF); ok && f.Name != "flags" {
			field, _ := Symbols().Field(f.Name)
			p.symbols = append(p.symbols, field)
		}
	}
	for _, f := range Symbols().Fields() {
		_, _, register := inFile(f.OF)
		if !register && f.Ofs == 0 && f.Bits == f.OF.Bits {
			p.packet[f.OF] = f
		}
	}
	// The 16 bits of the same, by which actions change it.
	p.packet[openflow.InPortNX] = p.packet[openflow.InPort]
	return p
}

// A file is the registers and metadata as one row of bytes, which makes it all
// the same by which of their names a register is called.
type file [fileLen]byte

const (
	registerLen = 4
	metadataAt  = 16 * registerLen
	fileLen     = metadataAt + 8
)

// inFile says where a register, or metadata, stands in a file.
func inFile(f *openflow.Field) (at, length int, ok bool) {
	if f == openflow.Metadata {
		return metadataAt, 8, true
	}
	for i := range 16 {
		if f == openflow.Reg(i) {
			return i * registerLen, registerLen, true
		}
	}
	for i, wide := range []*openflow.Field{openflow.XReg0, openflow.XReg1, openflow.XReg2, openflow.XReg3,
		openflow.XReg4, openflow.XReg5, openflow.XReg6, openflow.XReg7} {
		if f == wide {
			return i * 2 * registerLen, 2 * registerLen, true
		}
	}
	for i, wide := range []*openflow.Field{openflow.XXReg0, openflow.XXReg1, openflow.XXReg2, openflow.XXReg3} {
		if f == wide {
			return i * 4 * registerLen, 4 * registerLen, true
		}
	}
	return 0, 0, false
}

// bit finds bit n of a field that stands at [at, at+length) of a file.
func bit(at, length, n int) (index int, mask byte) {
	return at + length - 1 - n/8, 1 << (n % 8)
}

// get reads bits of a field, right-aligned in as few bytes as hold them.
func (f *file) get(field *openflow.Field, ofs, bits int) []byte {
	at, length, _ := inFile(field)
	out := make([]byte, (bits+7)/8)
	for n := range bits {
		if i, m := bit(at, length, ofs+n); f[i]&m != 0 {
			j, m := bit(0, len(out), n)
			out[j] |= m
		}
	}
	return out
}

// put writes bits of a field from a value that is right-aligned.
func (f *file) put(field *openflow.Field, ofs, bits int, value []byte) {
	at, length, _ := inFile(field)
	for n := range bits {
		i, m := bit(at, length, ofs+n)
		f[i] &^= m
		if j, mj := bit(0, len(value), n); j >= 0 && value[j]&mj != 0 {
			f[i] |= m
		}
	}
}

// ones are as many bits, right-aligned.
func ones(bits int) []byte {
	out := slices.Repeat([]byte{0xff}, (bits+7)/8)
	if bits%8 != 0 {
		out[0] = 1<<(bits%8) - 1
	}
	return out
}

func isZero(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }

// bitsOf are bits of registers and metadata: which are said, and what they are.
type bitsOf struct{ value, mask file }

func (b *bitsOf) put(f *openflow.Field, ofs, bits int, value, mask []byte) {
	if mask == nil {
		mask = ones(bits)
	}
	b.value.put(f, ofs, bits, value)
	b.mask.put(f, ofs, bits, mask)
}

// isRouterTable says whether a table is one where a register has the name that a
// router gives it.
func isRouterTable(t Table) bool { return t >= Admission && t <= Request }

// each calls f with every symbol that says something of b in a table, and takes
// those bits away. Where a register has two names, the table tells which.
func (p *Printer) each(t Table, b *bitsOf, f func(s *logical.Field, value, mask []byte)) {
	for _, s := range p.symbols {
		if strings.HasPrefix(s.Name, "compare.") && isRouterTable(t) || strings.HasPrefix(s.Name, "ecmp.") && !isRouterTable(t) {
			continue
		}
		mask := b.mask.get(s.OF, s.Ofs, s.Bits)
		if isZero(mask) {
			continue
		}
		f(s, b.value.get(s.OF, s.Ofs, s.Bits), mask)
		b.mask.put(s.OF, s.Ofs, s.Bits, nil)
	}
	for i := range 16 {
		r := openflow.Reg(i)
		mask, value := b.mask.get(r, 0, r.Bits), b.value.get(r, 0, r.Bits)
		if isZero(mask) || isZero(and(value, mask)) && !isAll(mask, r.Bits) {
			continue // bits between those that have names, which are never used
		}
		s, _ := Symbols().Field(r.Name)
		f(s, value, mask)
	}
}

func and(a, b []byte) []byte {
	out := slices.Clone(a)
	for i := range out {
		out[i] &= b[i]
	}
	return out
}

func isAll(mask []byte, bits int) bool { return slices.Equal(mask, ones(bits)) }

// Match writes a match as an expression of a table. ok is false if the language
// has no words for it.
func (p *Printer) Match(t Table, m openflow.Match) (text string, ok bool) {
	var b bitsOf
	var parts, rest []string
	for o := range m.All() {
		if _, _, register := inFile(o.Field); register {
			b.put(o.Field, 0, o.Field.Bits, o.Value, o.Mask)
			continue
		}
		s := p.packet[o.Field]
		if s == nil {
			return "", false
		}
		rest = append(rest, p.compare(s, o.Value, o.Mask))
	}
	p.each(t, &b, func(s *logical.Field, value, mask []byte) {
		if isAll(mask, s.Bits) {
			mask = nil
		}
		parts = append(parts, p.compare(s, value, mask))
	})
	if parts = append(parts, rest...); len(parts) == 0 {
		return "1", true
	}
	return strings.Join(parts, " && "), true
}

// compare writes that a field has a value.
func (p *Printer) compare(s *logical.Field, value, mask []byte) string {
	switch {
	case mask != nil:
		return fmt.Sprintf("%s == %s/%s", s.Name, hexNumber(value), hexNumber(mask))
	case s.Bits > 1:
		return s.Name + " == " + p.Value(s, value)
	case isZero(value):
		return "!" + s.Name
	}
	return s.Name
}

// Actions writes what a flow of a table does. ok is false if it does what only
// rules do, which are text already.
func (p *Printer) Actions(t Table, i openflow.Instructions) (text string, ok bool) {
	var parts []string
	for _, a := range i.Apply {
		var b bitsOf
		switch a := a.(type) {
		case openflow.SetField:
			b.put(a.Field, 0, a.Field.Bits, a.Value, a.Mask)
		case openflow.RegLoad:
			b.put(a.Field, int(a.Ofs), int(a.NBits), binary.BigEndian.AppendUint64(nil, a.Value), nil)
		default:
			return "", false
		}
		if isZero(b.mask[:]) {
			return "", false // a field of the packet
		}
		part := false
		p.each(t, &b, func(s *logical.Field, value, mask []byte) {
			part = part || !isAll(mask, s.Bits)
			parts = append(parts, fmt.Sprintf("%s = %s;", s.Name, p.Value(s, value)))
		})
		if part {
			return "", false
		}
	}
	switch {
	case i.HasGoto:
		parts = append(parts, goTo(t, Table(i.GotoTable)))
	case len(parts) == 0:
		return "drop;", true
	}
	return strings.Join(parts, " "), true
}

// goTo is how a table's actions say where the packet goes on.
func goTo(from, to Table) string {
	switch to {
	case following(from):
		return "next;"
	case Deliver:
		return "output;"
	}
	return fmt.Sprintf("next(%s);", to)
}

// Value writes what a field holds: a name if it holds one that the switch knows,
// and otherwise a constant. The value is right-aligned.
func (p *Printer) Value(s *logical.Field, value []byte) string {
	if s.String {
		n := uintOf(value)
		if name, ok := p.names[s.Name][n]; ok {
			return strconv.Quote(name)
		}
		return strconv.FormatUint(n, 10)
	}
	switch {
	case s.Bits == 48:
		return packet.MAC(value).String()
	case s.Bits == 128:
		return netip.AddrFrom16([16]byte(value)).String()
	case s.Bits == 32 && isAddress(s.OF):
		return netip.AddrFrom4([4]byte(value)).String()
	case isHex(s):
		return hexNumber(value)
	}
	return strconv.FormatUint(uintOf(value), 10)
}

// Network is the name of a network, or its number if it has none.
func (p *Printer) Network(number uint32) string {
	if name, ok := p.names["network"][uint64(number)]; ok {
		return name
	}
	return strconv.FormatUint(uint64(number), 10)
}

func uintOf(value []byte) (n uint64) {
	for _, c := range value {
		n = n<<8 | uint64(c)
	}
	return n
}

// isAddress says whether a field of 32 bits holds an IPv4 address.
func isAddress(f *openflow.Field) bool {
	switch f {
	case fieldKey4, openflow.IPv4Src, openflow.IPv4Dst, openflow.ARPSPA, openflow.ARPTPA:
		return true
	}
	return false
}

// isHex says whether a field is one whose bits are of more interest than its
// number.
func isHex(s *logical.Field) bool {
	if _, _, register := inFile(s.OF); register {
		return s.Bits == 32
	}
	switch s.OF {
	case openflow.EthType, openflow.VLANTCI, openflow.NDReserved, openflow.TCPFlags, openflow.PktMark:
		return true
	}
	return false
}

// hexNumber writes a number in hexadecimal, without zeros in front.
func hexNumber(value []byte) string {
	digits := strings.TrimLeft(hex.EncodeToString(value), "0")
	if digits == "" {
		digits = "0"
	}
	return "0x" + digits
}

// FieldChange is a change of a field by the name that it has in a table. Before
// is empty if the packet did not have the field, After if it has lost it.
type FieldChange struct{ Field, Before, After string }

// Changed writes how a field of OpenFlow changed: one line for each of the names
// that stand for a part of it. The values have the field's OXM form, nil for a
// field that the packet does not have.
func (p *Printer) Changed(t Table, f *openflow.Field, before, after []byte) []FieldChange {
	if _, _, register := inFile(f); !register {
		s := p.packet[f]
		if s == nil {
			return []FieldChange{{f.Name, hexOrNone(before), hexOrNone(after)}}
		}
		return []FieldChange{{s.Name, p.valueOrNone(s, before), p.valueOrNone(s, after)}}
	}
	var was file
	var now bitsOf
	was.put(f, 0, f.Bits, before)
	now.put(f, 0, f.Bits, after, nil)
	var out []FieldChange
	p.each(t, &now, func(s *logical.Field, value, mask []byte) {
		old := was.get(s.OF, s.Ofs, s.Bits)
		if !slices.Equal(and(old, mask), and(value, mask)) {
			out = append(out, FieldChange{s.Name, p.Value(s, old), p.Value(s, value)})
		}
	})
	return out
}

func (p *Printer) valueOrNone(s *logical.Field, value []byte) string {
	if value == nil {
		return ""
	}
	return p.Value(s, value)
}

func hexOrNone(value []byte) string {
	if value == nil {
		return ""
	}
	return hexNumber(value)
}

// Named are the hosts and places that the value of a field can stand for.
type Named struct {
	Segment binding.Segment // of no network if it can't
	Address netip.Addr      // invalid if it can't
	MAC     packet.MAC      // zero if it can't
}

// NamedBy says what the value of a field, in its OXM form, can stand for: in a
// packet or in the registers that carry it through the tables.
func NamedBy(f *openflow.Field, value []byte) (n Named) {
	switch {
	case len(value) != f.Bytes():
	case f == fieldSegment:
		n.Segment = SegmentOf(binary.BigEndian.Uint64(value))
	case f.Bits == 48:
		n.MAC = packet.MAC(value)
	case f.Bits == 128:
		n.Address = netip.AddrFrom16([16]byte(value))
	case f.Bits == 32 && isAddress(f):
		n.Address = netip.AddrFrom4([4]byte(value))
	}
	return n
}
