package logical

import (
	"slices"

	"github.com/isat-sdn/isat/openflow"
)

// prepare gives the terms that say in OpenFlow's terms what t says: fields that other fields need
// have one value in each, VLAN tags are such as there can be, and what no packet can be is left out.
func (t term) prepare() []term {
	for i, s := range t {
		if s.base.field == openflow.VLANTCI {
			t = slices.Clone(t)
			t[i].cubes = tagCubes(s.cubes)
		}
	}
	list := t.splitFragments()
	for _, f := range [...]*openflow.Field{openflow.EthType, openflow.IPProto, openflow.ICMPv6Type} {
		list = splitAt(list, f)
	}
	return slices.DeleteFunc(list, func(t term) bool {
		return slices.ContainsFunc(t, func(s slot) bool { return len(s.cubes) == 0 })
	})
}

func (t term) findField(f *openflow.Field) int {
	return slices.IndexFunc(t, func(s slot) bool { return s.base.field == f })
}

// splitFragments takes the transport fields out of what matches later fragments, where Open vSwitch
// refuses them. There they are 0.
func (t term) splitFragments() []term {
	i := t.findField(openflow.IPFrag)
	if i < 0 || !slices.ContainsFunc(t, slot.isTransport) {
		return []term{t}
	}
	first, later := slices.Clone(t), slices.Clone(t)
	isLater := func(c cube) bool { return c.value.lo&2 != 0 }
	first[i].cubes = slices.DeleteFunc(slices.Clone(t[i].cubes), isLater)
	later[i].cubes = slices.DeleteFunc(slices.Clone(t[i].cubes), func(c cube) bool { return !isLater(c) })
	for _, s := range t {
		zero := func(c cube) bool { return c.value.isZero() }
		if s.isTransport() && !slices.ContainsFunc(s.cubes, zero) {
			return []term{first}
		}
	}
	return []term{first, slices.DeleteFunc(later, slot.isTransport)}
}

func (s slot) isTransport() bool {
	switch s.base.field {
	case openflow.TCPSrc, openflow.TCPDst, openflow.TCPFlags, openflow.UDPSrc, openflow.UDPDst,
		openflow.SCTPSrc, openflow.SCTPDst, openflow.ICMPv4Type, openflow.ICMPv4Code,
		openflow.ICMPv6Type, openflow.ICMPv6Code:
		return true
	}
	return false
}

// splitAt gives a term of its own to each value of f, because Open vSwitch takes other fields only
// in a match that has an exact value of f.
func splitAt(list []term, f *openflow.Field) []term {
	var out []term
	for _, t := range list {
		i := t.findField(f)
		if i < 0 || len(t[i].cubes) < 2 {
			out = append(out, t)
			continue
		}
		for _, c := range t[i].cubes {
			one := slices.Clone(t)
			one[i].cubes = []cube{c}
			out = append(out, one)
		}
	}
	return out
}

// Bits of a VLAN tag's first two bytes as Open vSwitch has them: present is always set in a tag, and
// all are 0 without a tag.
const (
	tagPresent  = 0x1000
	tagPriority = 0xe000
)

// tagCubes says the same of VLAN tags as list, with matches on the priority that OpenFlow has: of
// all of its bits, together with present.
func tagCubes(list []cube) []cube {
	var out []cube
	for _, c := range list {
		value, mask := uint16(c.value.lo), uint16(c.mask.lo)
		switch {
		case value != 0 && mask&tagPresent != 0 && value&tagPresent == 0:
			continue
		case mask&tagPriority == 0:
			out = append(out, c)
			continue
		}
		if value == 0 {
			out = append(out, tagCube(0, 0x1fff))
		}
		if mask&tagPresent == 0 || value&tagPresent != 0 {
			out = appendPriorities(out, value, mask)
		}
	}
	return out
}

func tagCube(value, mask uint16) cube { return cube{small(uint64(value)), small(uint64(mask))} }

// appendPriorities appends the tags in value/mask for each priority that it has.
func appendPriorities(out []cube, value, mask uint16) []cube {
	for p := range uint16(8) {
		if p<<13&mask == value&tagPriority {
			out = append(out, tagCube(value&^tagPriority|p<<13|tagPresent, mask|tagPriority|tagPresent))
		}
	}
	return out
}
