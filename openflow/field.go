package openflow

import (
	"fmt"
	"strings"
)

// Field is a packet or metadata field that can be matched, set, loaded or moved. Known fields are
// package variables and may be compared by pointer. Fields are never changed.
type Field struct {
	Name         string // as in ovs-fields(7)
	Header       uint32 // OXM header of the OpenFlow 1.3 encoding: class, field, no mask bit, length
	Bits         int    // significant bits
	Maskable     bool   // Open vSwitch accepts an arbitrary mask
	Experimenter uint32 // experimenter id when the class of Header is 0xffff, else 0

	nxm     uint32   // header under which actions name the field; 0: Header
	aliases []string // other names that FieldByName takes
	wide    *Field   // first of the 32-bit registers that this wide register consists of
	rank    int      // place in the order of Open vSwitch; 0: not known
}

// Bytes is the length of the field's value in bytes.
func (f *Field) Bytes() int {
	n := int(f.Header & 0xff)
	if f.Experimenter != 0 {
		n -= 4
	}
	return n
}

func (f *Field) String() string { return f.Name }

// actionHeader is the header under which Nicira actions name the field.
func (f *Field) actionHeader() uint32 {
	if f.nxm != 0 {
		return f.nxm
	}
	return f.Header
}

// actionExperimenter is the experimenter id that goes with actionHeader.
func (f *Field) actionExperimenter() uint32 {
	if f.nxm != 0 {
		return 0
	}
	return f.Experimenter
}

// OXM classes (OF1.3 A.2.3.3, ovs-fields(7)).
const (
	classNXM0         = 0x0000 // NXM_OF
	classNXM1         = 0x0001 // NXM_NX
	classEric         = 0x1000 // ERICOXM_OF
	classBasic        = 0x8000 // OXM_OF
	classPktReg       = 0x8001 // OXM_OF_PKT_REG
	classExperimenter = 0xffff
)

const oxmMaskBit = 0x100

func oxmHeader(class uint32, field uint32, length int) uint32 {
	return class<<16 | field<<9 | uint32(length)
}

// fieldKey names a field on the wire regardless of mask and length.
type fieldKey struct {
	classField   uint32 // header >> 9
	experimenter uint32
}

type fieldDef struct {
	name  string // with the number num in class; experimenter exp if the class is the experimenter's
	bits  int
	bytes int
	class uint32
	num   uint32
	mask  bool
	exp   uint32
	nxm   int // NXM number + 1 within class nxmCl, 0: none
	nxmCl uint32
	alias string
}

func newField(d fieldDef) *Field {
	length := d.bytes
	if d.exp != 0 {
		length += 4
	}
	f := &Field{Name: d.name, Header: oxmHeader(d.class, d.num, length), Bits: d.bits,
		Maskable: d.mask, Experimenter: d.exp}
	if d.nxm != 0 {
		f.nxm = oxmHeader(d.nxmCl, uint32(d.nxm-1), d.bytes)
	}
	if d.alias != "" {
		f.aliases = strings.Split(d.alias, ",")
	}
	return f
}

// basic makes a field of class OXM_OF whose Nicira number is nxm in class cl; nxm < 0 for none.
func basic(name string, bits, bytes int, num uint32, mask bool, cl uint32, nxm int, alias string) *Field {
	return newField(fieldDef{name: name, bits: bits, bytes: bytes, class: classBasic, num: num,
		mask: mask, nxm: nxm + 1, nxmCl: cl, alias: alias})
}

// nicira makes a field that has a number in class NXM_NX only.
func nicira(name string, bits, bytes int, num uint32, mask bool) *Field {
	return newField(fieldDef{name: name, bits: bits, bytes: bytes, class: classNXM1, num: num, mask: mask})
}

func fieldKeyOf(header, experimenter uint32) fieldKey {
	return fieldKey{classField: header >> 9, experimenter: experimenter}
}

type fieldIndex struct {
	byKey  map[fieldKey]*Field
	byName map[string]*Field
}

// fields is built once from the table and only read afterwards.
var fields = indexFields(canonicalOrder(), otherFields())

func indexFields(ordered, others []*Field) fieldIndex {
	x := fieldIndex{byKey: make(map[fieldKey]*Field), byName: make(map[string]*Field)}
	for i, f := range ordered {
		f.rank = i + 1
	}
	for _, f := range append(append([]*Field(nil), ordered...), others...) {
		x.byKey[fieldKeyOf(f.Header, f.Experimenter)] = f
		if f.nxm != 0 {
			x.byKey[fieldKeyOf(f.nxm, 0)] = f
		}
		x.byName[f.Name] = f
		for _, a := range f.aliases {
			x.byName[a] = f
		}
	}
	return x
}

// FieldByName finds a field by its name or alias in ovs-fields(7), such as "eth_dst" or "dl_dst".
func FieldByName(name string) (*Field, bool) {
	f, ok := fields.byName[name]
	return f, ok
}

// Fields lists the known fields, first those that appear in matches in their canonical order,
// then those that matches express by others.
func Fields() []*Field { return append(canonicalOrder(), otherFields()...) }

// fieldByHeader finds the field that header (and experimenter, if its class is the experimenter's)
// names, or makes an opaque one.
func fieldByHeader(header, experimenter uint32) *Field {
	if f, ok := fields.byKey[fieldKeyOf(header, experimenter)]; ok {
		return f
	}
	header &^= oxmMaskBit
	f := &Field{Name: fmt.Sprintf("oxm-%08x", header), Header: header, Experimenter: experimenter, Maskable: true}
	if experimenter != 0 {
		f.Name = fmt.Sprintf("oxm-%08x-%08x", header, experimenter)
	}
	f.Bits = f.Bytes() * 8
	return f
}
