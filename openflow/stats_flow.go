package openflow

// FlowSelector chooses the flows of a dump (OF1.3 A.3.5.2).
type FlowSelector struct {
	TableID    uint8  // [TableAll] for all
	OutPort    uint32 // [PortAny] for no restriction
	OutGroup   uint32 // [GroupAny] for no restriction
	Cookie     uint64
	CookieMask uint64 // the bits of Cookie that count
	Match      Match  // flows at least as specific
}

// AllFlows chooses every flow.
func AllFlows() FlowSelector {
	return FlowSelector{TableID: TableAll, OutPort: PortAny, OutGroup: GroupAny}
}

func (s *FlowSelector) appendPart(b []byte) []byte {
	b = appendZeros(append(b, s.TableID), 3)
	b = be.AppendUint32(b, s.OutPort)
	b = appendZeros(be.AppendUint32(b, s.OutGroup), 4)
	b = be.AppendUint64(b, s.Cookie)
	b = be.AppendUint64(b, s.CookieMask)
	return appendMatch(b, s.Match)
}

func decodeFlowSelector(r *reader) FlowSelector {
	s := FlowSelector{TableID: r.u8()}
	r.skip(3)
	s.OutPort, s.OutGroup = r.u32(), r.u32()
	r.skip(4)
	s.Cookie, s.CookieMask = r.u64(), r.u64()
	s.Match = decodeMatch(r)
	return s
}

// FlowRequest asks for the flows themselves.
type FlowRequest struct{ FlowSelector }

// Part implements MultipartBody.
func (*FlowRequest) Part() MultipartType { return MultipartFlow }

// AggregateRequest asks for the sums over flows (OF1.3 A.3.5.3).
type AggregateRequest struct{ FlowSelector }

// Part implements MultipartBody.
func (*AggregateRequest) Part() MultipartType { return MultipartAggregate }

// FlowReply lists flows.
type FlowReply struct{ Flows []FlowStats }

// Part implements MultipartBody.
func (*FlowReply) Part() MultipartType { return MultipartFlow }

func (p *FlowReply) appendPart(b []byte) []byte {
	for i := range p.Flows {
		b = appendFlowStats(b, &p.Flows[i])
	}
	return b
}

// AggregateReply sums over flows.
type AggregateReply struct {
	PacketCount uint64
	ByteCount   uint64
	FlowCount   uint32
}

// Part implements MultipartBody.
func (*AggregateReply) Part() MultipartType { return MultipartAggregate }

func (p *AggregateReply) appendPart(b []byte) []byte {
	b = be.AppendUint64(be.AppendUint64(b, p.PacketCount), p.ByteCount)
	return appendZeros(be.AppendUint32(b, p.FlowCount), 4)
}

func decodeAggregate(r *reader) *AggregateReply {
	p := &AggregateReply{PacketCount: r.u64(), ByteCount: r.u64(), FlowCount: r.u32()}
	r.skip(4)
	return p
}

// TableStats counts what happened in a table (OF1.3 A.3.5.4).
type TableStats struct {
	TableID     uint8
	ActiveCount uint32
	LookupCount uint64
	MatchCount  uint64
}

// TableStatsReply lists tables.
type TableStatsReply struct{ Tables []TableStats }

// Part implements MultipartBody.
func (*TableStatsReply) Part() MultipartType { return MultipartTable }

func (p *TableStatsReply) appendPart(b []byte) []byte {
	for _, t := range p.Tables {
		b = appendZeros(append(b, t.TableID), 3)
		b = be.AppendUint32(b, t.ActiveCount)
		b = be.AppendUint64(be.AppendUint64(b, t.LookupCount), t.MatchCount)
	}
	return b
}

func decodeTableStats(r *reader) TableStats {
	t := TableStats{TableID: r.u8()}
	r.skip(3)
	t.ActiveCount, t.LookupCount, t.MatchCount = r.u32(), r.u64(), r.u64()
	return t
}
