package openflow

// Bucket is one of a group's lists of actions (OF1.3 A.3.4.2).
type Bucket struct {
	Weight     uint16
	WatchPort  uint32 // [PortAny] for none
	WatchGroup uint32 // [GroupAny] for none
	Actions    []Action
}

// NewBucket is a bucket that watches nothing.
func NewBucket(acts ...Action) Bucket {
	return Bucket{WatchPort: PortAny, WatchGroup: GroupAny, Actions: acts}
}

func appendBuckets(b []byte, buckets []Bucket) []byte {
	for i := range buckets {
		k := &buckets[i]
		start := len(b)
		b = be.AppendUint16(appendZeros(b, 2), k.Weight)
		b = be.AppendUint32(b, k.WatchPort)
		b = appendZeros(be.AppendUint32(b, k.WatchGroup), 4)
		b = AppendActions(b, k.Actions...)
		be.PutUint16(b[start:], uint16(len(b)-start))
	}
	return b
}

func decodeBuckets(r *reader) []Bucket {
	var out []Bucket
	for r.more() {
		e := takeEntry(r, "bucket")
		k := Bucket{Weight: e.u16(), WatchPort: e.u32(), WatchGroup: e.u32()}
		e.skip(4)
		k.Actions = decodeActions(e, 0)
		r.adopt(e)
		out = append(out, k)
	}
	return out
}

// GroupMod changes a group (OF1.3 A.3.4.2).
type GroupMod struct {
	Command   uint16 // such as [GroupAdd]
	GroupType uint8  // such as [GroupTypeAll]
	ID        uint32
	Buckets   []Bucket
}

// Type implements Message.
func (*GroupMod) Type() Type { return TypeGroupMod }

func (m *GroupMod) append(b []byte) []byte {
	b = be.AppendUint16(b, m.Command)
	b = append(b, m.GroupType, 0)
	b = be.AppendUint32(b, m.ID)
	return appendBuckets(b, m.Buckets)
}

func decodeGroupMod(r *reader) *GroupMod {
	m := &GroupMod{Command: r.u16(), GroupType: r.u8()}
	r.skip(1)
	m.ID = r.u32()
	m.Buckets = decodeBuckets(r)
	return m
}

// GroupDesc is one group of a dump (OF1.3 A.3.5.10).
type GroupDesc struct {
	GroupType uint8
	ID        uint32
	Buckets   []Bucket
}

func appendGroupDesc(b []byte, g *GroupDesc) []byte {
	start := len(b)
	b = append(b, 0, 0, g.GroupType, 0)
	b = be.AppendUint32(b, g.ID)
	b = appendBuckets(b, g.Buckets)
	be.PutUint16(b[start:], uint16(len(b)-start))
	return b
}

func decodeGroupDesc(r *reader) GroupDesc {
	e := takeEntry(r, "group description")
	g := GroupDesc{GroupType: e.u8()}
	e.skip(1)
	g.ID = e.u32()
	g.Buckets = decodeBuckets(e)
	r.adopt(e)
	return g
}

// EqualBuckets reports whether a and b have the same encoding.
func EqualBuckets(a, b []Bucket) bool {
	return string(appendBuckets(nil, a)) == string(appendBuckets(nil, b))
}
