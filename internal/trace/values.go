package trace

import (
	"net/netip"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/flowsim"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// Values are what came up on a packet's way. Of the flows of hosts and next hops,
// it can meet only those of one of the segments with one of the addresses or MACs.
type Values struct {
	Segments  []binding.Segment
	Addresses []netip.Addr
	MACs      []packet.MAC
}

// maxValues bounds each kind of values: a packet has a few of each, and flows add
// no more than a few.
const maxValues = 64

// values collects Values, each once.
type values struct {
	list Values
	seen map[any]bool
}

// add says whether the value is new.
func add[T comparable](v *values, list *[]T, value T) bool {
	var none T
	if value == none || v.seen[value] || len(*list) >= maxValues {
		return false
	}
	v.seen[value] = true
	*list = append(*list, value)
	return true
}

func (v *values) field(f *openflow.Field, value []byte) bool {
	n := pipeline.NamedBy(f, value)
	segment, address, mac := add(v, &v.list.Segments, n.Segment), add(v, &v.list.Addresses, n.Address), add(v, &v.list.MACs, n.MAC)
	return segment || address || mac
}

// valuesOf has the values of the packet itself: its addresses, in whichever
// header they are.
func valuesOf(frame []byte) *values {
	v := &values{seen: make(map[any]bool)}
	var f packet.Frame
	if f.Parse(frame) != nil {
		return v
	}
	add(v, &v.list.MACs, f.Src)
	add(v, &v.list.MACs, f.Dst)
	at := func(from, length int) {
		if b := f.Payload; len(b) >= from+length {
			address, _ := netip.AddrFromSlice(b[from : from+length])
			add(v, &v.list.Addresses, address)
		}
	}
	switch f.EtherType {
	case packet.EtherTypeARP: // sender and target (RFC 826)
		at(14, 4)
		at(24, 4)
	case packet.EtherTypeIPv4: // source and destination (RFC 791 §3.1)
		at(12, 4)
		at(16, 4)
	case packet.EtherTypeIPv6: // likewise (RFC 8200 §3), and ND's target (RFC 4861 §4.3)
		at(8, 16)
		at(24, 16)
		at(48, 16)
	}
	return v
}

// learn takes the values that came up in steps, and says whether one is new.
func (v *values) learn(steps []flowsim.Step) (news bool) {
	for i := range steps {
		for _, c := range steps[i].Changes {
			before, after := v.field(c.Field, c.Before), v.field(c.Field, c.After)
			news = news || before || after
		}
	}
	return news
}
