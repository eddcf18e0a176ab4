package openflow

import "time"

// GroupStatsRequest asks for a group's counters; [GroupAll] for all groups (OF1.3 A.3.5.9).
type GroupStatsRequest struct{ ID uint32 }

// Part implements MultipartBody.
func (*GroupStatsRequest) Part() MultipartType { return MultipartGroup }

func (p *GroupStatsRequest) appendPart(b []byte) []byte {
	return appendZeros(be.AppendUint32(b, p.ID), 4)
}

// Counter counts packets and bytes of a group bucket or meter band.
type Counter struct {
	Packets uint64
	Bytes   uint64
}

func appendCounters(b []byte, cs []Counter) []byte {
	for _, c := range cs {
		b = be.AppendUint64(be.AppendUint64(b, c.Packets), c.Bytes)
	}
	return b
}

func decodeCounter(r *reader) Counter { return Counter{Packets: r.u64(), Bytes: r.u64()} }

// GroupStats are the counters of a group.
type GroupStats struct {
	ID       uint32
	RefCount uint32
	Counter
	Duration time.Duration
	Buckets  []Counter
}

// GroupStatsReply lists groups' counters.
type GroupStatsReply struct{ Groups []GroupStats }

// Part implements MultipartBody.
func (*GroupStatsReply) Part() MultipartType { return MultipartGroup }

func (p *GroupStatsReply) appendPart(b []byte) []byte {
	for i := range p.Groups {
		g := &p.Groups[i]
		start := len(b)
		b = be.AppendUint32(appendZeros(b, 4), g.ID)
		b = appendZeros(be.AppendUint32(b, g.RefCount), 4)
		b = be.AppendUint64(be.AppendUint64(b, g.Packets), g.Bytes)
		b = appendDuration(b, g.Duration)
		b = appendCounters(b, g.Buckets)
		be.PutUint16(b[start:], uint16(len(b)-start))
	}
	return b
}

func decodeGroupStats(r *reader) GroupStats {
	e := takeEntry(r, "group stats")
	e.skip(2)
	g := GroupStats{ID: e.u32(), RefCount: e.u32()}
	e.skip(4)
	g.Counter = decodeCounter(e)
	g.Duration = takeDuration(e)
	g.Buckets = decodeList(e, decodeCounter)
	r.adopt(e)
	return g
}

// GroupDescReply lists groups (OF1.3 A.3.5.10).
type GroupDescReply struct{ Groups []GroupDesc }

// Part implements MultipartBody.
func (*GroupDescReply) Part() MultipartType { return MultipartGroupDesc }

func (p *GroupDescReply) appendPart(b []byte) []byte {
	for i := range p.Groups {
		b = appendGroupDesc(b, &p.Groups[i])
	}
	return b
}

// GroupFeaturesReply says what groups the switch can have; arrays are by group type (OF1.3
// A.3.5.11).
type GroupFeaturesReply struct {
	Types        uint32
	Capabilities uint32
	MaxGroups    [4]uint32
	Actions      [4]uint32
}

// Part implements MultipartBody.
func (*GroupFeaturesReply) Part() MultipartType { return MultipartGroupFeatures }

func (p *GroupFeaturesReply) appendPart(b []byte) []byte {
	b = be.AppendUint32(be.AppendUint32(b, p.Types), p.Capabilities)
	for _, v := range p.MaxGroups {
		b = be.AppendUint32(b, v)
	}
	for _, v := range p.Actions {
		b = be.AppendUint32(b, v)
	}
	return b
}

func decodeGroupFeatures(r *reader) *GroupFeaturesReply {
	p := &GroupFeaturesReply{Types: r.u32(), Capabilities: r.u32()}
	for i := range p.MaxGroups {
		p.MaxGroups[i] = r.u32()
	}
	for i := range p.Actions {
		p.Actions[i] = r.u32()
	}
	return p
}
