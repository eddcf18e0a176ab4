package openflow

import "time"

// DescReply describes the switch (OF1.3 A.3.5.1). The strings are cut at 255 bytes (SerialNumber
// at 31) when encoded.
type DescReply struct {
	Manufacturer string
	Hardware     string
	Software     string
	SerialNumber string
	Datapath     string
}

// Part implements MultipartBody.
func (*DescReply) Part() MultipartType { return MultipartDesc }

func (p *DescReply) appendPart(b []byte) []byte {
	b = appendName(b, p.Manufacturer, 256)
	b = appendName(b, p.Hardware, 256)
	b = appendName(b, p.Software, 256)
	b = appendName(b, p.SerialNumber, 32)
	return appendName(b, p.Datapath, 256)
}

func decodeDesc(r *reader) *DescReply {
	return &DescReply{Manufacturer: takeName(r, 256), Hardware: takeName(r, 256),
		Software: takeName(r, 256), SerialNumber: takeName(r, 32), Datapath: takeName(r, 256)}
}

// PortStatsRequest asks for a port's counters; [PortAny] for all ports (OF1.3 A.3.5.6).
type PortStatsRequest struct{ Port uint32 }

// Part implements MultipartBody.
func (*PortStatsRequest) Part() MultipartType { return MultipartPortStats }

func (p *PortStatsRequest) appendPart(b []byte) []byte {
	return appendZeros(be.AppendUint32(b, p.Port), 4)
}

// PortStats are a port's counters; a counter that the switch does not keep is all ones.
type PortStats struct {
	Port         uint32
	RxPackets    uint64
	TxPackets    uint64
	RxBytes      uint64
	TxBytes      uint64
	RxDropped    uint64
	TxDropped    uint64
	RxErrors     uint64
	TxErrors     uint64
	RxFrameErr   uint64
	RxOverrunErr uint64
	RxCRCErr     uint64
	Collisions   uint64
	Duration     time.Duration
}

func (s *PortStats) counters() [12]*uint64 {
	return [12]*uint64{&s.RxPackets, &s.TxPackets, &s.RxBytes, &s.TxBytes, &s.RxDropped, &s.TxDropped,
		&s.RxErrors, &s.TxErrors, &s.RxFrameErr, &s.RxOverrunErr, &s.RxCRCErr, &s.Collisions}
}

// PortStatsReply lists ports' counters.
type PortStatsReply struct{ Ports []PortStats }

// Part implements MultipartBody.
func (*PortStatsReply) Part() MultipartType { return MultipartPortStats }

func (p *PortStatsReply) appendPart(b []byte) []byte {
	for i := range p.Ports {
		s := &p.Ports[i]
		b = appendZeros(be.AppendUint32(b, s.Port), 4)
		for _, c := range s.counters() {
			b = be.AppendUint64(b, *c)
		}
		b = appendDuration(b, s.Duration)
	}
	return b
}

func decodePortStats(r *reader) PortStats {
	s := PortStats{Port: r.u32()}
	r.skip(4)
	for _, c := range s.counters() {
		*c = r.u64()
	}
	s.Duration = takeDuration(r)
	return s
}

// PortDescReply lists ports (OF1.3 A.3.5.7).
type PortDescReply struct{ Ports []Port }

// Part implements MultipartBody.
func (*PortDescReply) Part() MultipartType { return MultipartPortDesc }

func (p *PortDescReply) appendPart(b []byte) []byte {
	for i := range p.Ports {
		b = appendPort(b, &p.Ports[i])
	}
	return b
}
