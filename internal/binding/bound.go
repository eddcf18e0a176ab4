package binding

import "slices"

// A station has its bindings by their addresses: so neither record points to the
// other, and a binding that is replaced changes nothing for its station.

// BindingsOf returns the bindings of a station's MAC that are at home with it. The
// slice is the table's own until the next call: read it, and do not keep it.
func (t *Table) BindingsOf(s *Station) []*Binding {
	list := t.listed[:0]
	for _, addr := range t.addressesOf(s) {
		if b := t.bindings.get(Key{s.Segment, addr}); b != nil {
			list = append(list, b)
		}
	}
	t.listed = list
	return list
}

// addressesOf returns the addresses of a station. The slice is its own.
func (t *Table) addressesOf(s *Station) [][16]byte {
	switch s.bound {
	case boundOne:
		return s.one[:]
	case boundSeveral:
		return t.several[s.StationKey]
	}
	return nil
}

// bind gives a station an address.
func (t *Table) bind(s *Station, addr [16]byte) {
	switch s.bound {
	case boundNone:
		s.one[0], s.bound = addr, boundOne
	case boundOne:
		t.several[s.StationKey] = [][16]byte{s.one[0], addr}
		s.bound = boundSeveral
	default:
		t.several[s.StationKey] = append(t.several[s.StationKey], addr)
	}
}

// unbind takes an address off a station, and says whether it was there.
func (t *Table) unbind(s *Station, addr [16]byte) bool {
	list := t.addressesOf(s)
	i := slices.Index(list, addr)
	switch {
	case i < 0:
		return false
	case s.bound == boundOne:
		s.bound = boundNone
		return true
	}
	if list = slices.Delete(list, i, i+1); len(list) > 1 {
		t.several[s.StationKey] = list
		return true
	}
	s.one[0], s.bound = list[0], boundOne
	delete(t.several, s.StationKey)
	return true
}
