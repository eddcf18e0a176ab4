package openflow

import "fmt"

// MultipartType is the type of a multipart message (OF1.3 A.3.5).
type MultipartType uint16

// Multipart types.
const (
	MultipartDesc MultipartType = iota
	MultipartFlow
	MultipartAggregate
	MultipartTable
	MultipartPortStats
	MultipartQueue
	MultipartGroup
	MultipartGroupDesc
	MultipartGroupFeatures
	MultipartMeter
	MultipartMeterConfig
	MultipartMeterFeatures
	MultipartTableFeatures
	MultipartPortDesc
	MultipartExperimenter MultipartType = 0xffff
)

var multipartNames = [...]string{"desc", "flow", "aggregate", "table", "port-stats", "queue", "group",
	"group-desc", "group-features", "meter", "meter-config", "meter-features", "table-features", "port-desc"}

func (t MultipartType) String() string {
	if int(t) < len(multipartNames) {
		return multipartNames[t]
	}
	return fmt.Sprintf("multipart-%d", uint16(t))
}

// MultipartMore in the flags says that more messages of the same request or reply follow.
const MultipartMore uint16 = 1

// MultipartBody is the body of a multipart request or reply. The types that implement it are the
// pointers to the structures of this package whose names end in Request, Reply or Part.
type MultipartBody interface {
	// Part is the multipart type.
	Part() MultipartType
	appendPart(b []byte) []byte
}

// MultipartRequest asks for something that may need more than one message (OF1.3 A.3.5).
type MultipartRequest struct {
	Flags uint16
	Body  MultipartBody
}

// Type implements Message.
func (*MultipartRequest) Type() Type { return TypeMultipartRequest }

func (m *MultipartRequest) append(b []byte) []byte { return appendMultipart(b, m.Flags, m.Body) }

// MultipartReply answers a multipart request, perhaps in several messages.
type MultipartReply struct {
	Flags uint16
	Body  MultipartBody
}

// Type implements Message.
func (*MultipartReply) Type() Type { return TypeMultipartReply }

// More reports whether another message of this reply follows.
func (m *MultipartReply) More() bool { return m.Flags&MultipartMore != 0 }

func (m *MultipartReply) append(b []byte) []byte { return appendMultipart(b, m.Flags, m.Body) }

func appendMultipart(b []byte, flags uint16, body MultipartBody) []byte {
	b = be.AppendUint16(b, uint16(body.Part()))
	b = appendZeros(be.AppendUint16(b, flags), 4)
	return body.appendPart(b)
}

// Request makes a multipart request. Requests without arguments, such as [MultipartDesc] or
// [MultipartPortDesc], are Request(&EmptyPart{Kind: MultipartDesc}).
func Request(body MultipartBody) *MultipartRequest { return &MultipartRequest{Body: body} }

// EmptyPart is the body of a request that has no arguments.
type EmptyPart struct{ Kind MultipartType }

// Part implements MultipartBody.
func (p *EmptyPart) Part() MultipartType      { return p.Kind }
func (*EmptyPart) appendPart(b []byte) []byte { return b }

// RawPart is a body that is not interpreted, such as table features, queues and experimenters.
type RawPart struct {
	Kind MultipartType
	Data []byte
}

// Part implements MultipartBody.
func (p *RawPart) Part() MultipartType        { return p.Kind }
func (p *RawPart) appendPart(b []byte) []byte { return append(b, p.Data...) }

func decodeMultipartRequest(r *reader) *MultipartRequest {
	kind, flags := MultipartType(r.u16()), r.u16()
	r.skip(4)
	m := &MultipartRequest{Flags: flags}
	if r.err != nil {
		return m
	}
	r.what = kind.String() + " request"
	switch kind {
	case MultipartFlow:
		m.Body = &FlowRequest{decodeFlowSelector(r)}
	case MultipartAggregate:
		m.Body = &AggregateRequest{decodeFlowSelector(r)}
	case MultipartPortStats:
		m.Body = &PortStatsRequest{Port: r.u32()}
		r.skip(4)
	case MultipartGroup:
		m.Body = &GroupStatsRequest{ID: r.u32()}
		r.skip(4)
	case MultipartMeter:
		m.Body = &MeterStatsRequest{ID: r.u32()}
		r.skip(4)
	case MultipartMeterConfig:
		m.Body = &MeterConfigRequest{ID: r.u32()}
		r.skip(4)
	default:
		if data := r.bytes(); data != nil {
			m.Body = &RawPart{Kind: kind, Data: data}
		} else {
			m.Body = &EmptyPart{Kind: kind}
		}
	}
	return m
}

func decodeMultipartReply(r *reader) *MultipartReply {
	kind, flags := MultipartType(r.u16()), r.u16()
	r.skip(4)
	m := &MultipartReply{Flags: flags}
	if r.err != nil {
		return m
	}
	r.what = kind.String() + " reply"
	switch kind {
	case MultipartDesc:
		m.Body = decodeDesc(r)
	case MultipartFlow:
		m.Body = &FlowReply{Flows: decodeList(r, decodeFlowStats)}
	case MultipartAggregate:
		m.Body = decodeAggregate(r)
	case MultipartTable:
		m.Body = &TableStatsReply{Tables: decodeList(r, decodeTableStats)}
	case MultipartPortStats:
		m.Body = &PortStatsReply{Ports: decodeList(r, decodePortStats)}
	case MultipartPortDesc:
		m.Body = &PortDescReply{Ports: decodeList(r, decodePort)}
	case MultipartGroup:
		m.Body = &GroupStatsReply{Groups: decodeList(r, decodeGroupStats)}
	case MultipartGroupDesc:
		m.Body = &GroupDescReply{Groups: decodeList(r, decodeGroupDesc)}
	case MultipartGroupFeatures:
		m.Body = decodeGroupFeatures(r)
	case MultipartMeter:
		m.Body = &MeterStatsReply{Meters: decodeList(r, decodeMeterStats)}
	case MultipartMeterConfig:
		m.Body = &MeterConfigReply{Meters: decodeList(r, decodeMeterConfig)}
	case MultipartMeterFeatures:
		m.Body = decodeMeterFeatures(r)
	default:
		m.Body = &RawPart{Kind: kind, Data: r.bytes()}
	}
	return m
}

// decodeList reads structures up to the end of r. Each reads at least one byte or fails.
func decodeList[T any](r *reader, one func(*reader) T) []T {
	var out []T
	for r.more() {
		v := one(r)
		if r.err != nil {
			return nil
		}
		out = append(out, v)
	}
	return out
}
