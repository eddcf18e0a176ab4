package openflow

import "time"

// MeterStatsRequest asks for a meter's counters; [MeterAll] for all meters (OF1.3 A.3.5.12).
type MeterStatsRequest struct{ ID uint32 }

// Part implements MultipartBody.
func (*MeterStatsRequest) Part() MultipartType { return MultipartMeter }

func (p *MeterStatsRequest) appendPart(b []byte) []byte {
	return appendZeros(be.AppendUint32(b, p.ID), 4)
}

// MeterConfigRequest asks for a meter; [MeterAll] for all meters (OF1.3 A.3.5.13).
type MeterConfigRequest struct{ ID uint32 }

// Part implements MultipartBody.
func (*MeterConfigRequest) Part() MultipartType { return MultipartMeterConfig }

func (p *MeterConfigRequest) appendPart(b []byte) []byte {
	return appendZeros(be.AppendUint32(b, p.ID), 4)
}

// MeterStats are the counters of a meter.
type MeterStats struct {
	ID        uint32
	FlowCount uint32
	Counter
	Duration time.Duration
	Bands    []Counter
}

// MeterStatsReply lists meters' counters.
type MeterStatsReply struct{ Meters []MeterStats }

// Part implements MultipartBody.
func (*MeterStatsReply) Part() MultipartType { return MultipartMeter }

func (p *MeterStatsReply) appendPart(b []byte) []byte {
	for i := range p.Meters {
		m := &p.Meters[i]
		start := len(b)
		b = appendZeros(be.AppendUint32(b, m.ID), 8) // length and padding
		b = be.AppendUint32(b, m.FlowCount)
		b = be.AppendUint64(be.AppendUint64(b, m.Packets), m.Bytes)
		b = appendDuration(b, m.Duration)
		b = appendCounters(b, m.Bands)
		be.PutUint16(b[start+4:], uint16(len(b)-start))
	}
	return b
}

func decodeMeterStats(r *reader) MeterStats {
	if r.len() < 6 {
		r.truncated(6)
		return MeterStats{}
	}
	e := r.sub(int(be.Uint16(r.b[4:])), "meter stats")
	m := MeterStats{ID: e.u32()}
	e.skip(8)
	m.FlowCount = e.u32()
	m.Counter = decodeCounter(e)
	m.Duration = takeDuration(e)
	m.Bands = decodeList(e, decodeCounter)
	r.adopt(e)
	return m
}

// MeterConfigReply lists meters.
type MeterConfigReply struct{ Meters []MeterConfig }

// Part implements MultipartBody.
func (*MeterConfigReply) Part() MultipartType { return MultipartMeterConfig }

func (p *MeterConfigReply) appendPart(b []byte) []byte {
	for i := range p.Meters {
		b = appendMeterConfig(b, &p.Meters[i])
	}
	return b
}

// MeterFeaturesReply says what meters the switch can have (OF1.3 A.3.5.14).
type MeterFeaturesReply struct {
	MaxMeters    uint32
	BandTypes    uint32
	Capabilities uint32
	MaxBands     uint8
	MaxColor     uint8
}

// Part implements MultipartBody.
func (*MeterFeaturesReply) Part() MultipartType { return MultipartMeterFeatures }

func (p *MeterFeaturesReply) appendPart(b []byte) []byte {
	b = be.AppendUint32(be.AppendUint32(be.AppendUint32(b, p.MaxMeters), p.BandTypes), p.Capabilities)
	return append(b, p.MaxBands, p.MaxColor, 0, 0)
}

func decodeMeterFeatures(r *reader) *MeterFeaturesReply {
	p := &MeterFeaturesReply{MaxMeters: r.u32(), BandTypes: r.u32(), Capabilities: r.u32(),
		MaxBands: r.u8(), MaxColor: r.u8()}
	r.skip(2)
	return p
}
