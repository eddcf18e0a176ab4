package openflow

import "bytes"

// Port describes a port (OF1.3 A.2.1). Speeds are in kbit/s.
type Port struct {
	No         uint32
	HWAddr     [6]byte
	Name       string // at most 15 bytes
	Config     uint32
	State      uint32
	Current    uint32
	Advertised uint32
	Supported  uint32
	Peer       uint32
	CurrSpeed  uint32
	MaxSpeed   uint32
}

func appendPort(b []byte, p *Port) []byte {
	b = appendZeros(be.AppendUint32(b, p.No), 4)
	b = append(b, p.HWAddr[:]...)
	b = appendZeros(b, 2)
	b = appendName(b, p.Name, 16)
	for _, v := range [...]uint32{p.Config, p.State, p.Current, p.Advertised, p.Supported, p.Peer, p.CurrSpeed, p.MaxSpeed} {
		b = be.AppendUint32(b, v)
	}
	return b
}

func decodePort(r *reader) Port {
	p := Port{No: r.u32()}
	r.skip(4)
	p.HWAddr = r.mac()
	r.skip(2)
	p.Name = takeName(r, 16)
	for _, v := range [...]*uint32{&p.Config, &p.State, &p.Current, &p.Advertised, &p.Supported, &p.Peer, &p.CurrSpeed, &p.MaxSpeed} {
		*v = r.u32()
	}
	return p
}

// appendName appends a string in n bytes, cut so that a zero byte ends it.
func appendName(b []byte, s string, n int) []byte {
	s = s[:min(len(s), n-1)]
	return appendZeros(append(b, s...), n-len(s))
}

// takeName reads n bytes and returns what is before the first zero byte.
func takeName(r *reader, n int) string {
	v := r.take(n)
	if i := bytes.IndexByte(v, 0); i >= 0 {
		v = v[:i]
	}
	return string(v)
}

// PortStatus says that a port came, went or changed (OF1.3 A.4.3).
type PortStatus struct {
	Reason uint8 // such as [PortAdd]
	Port   Port
}

// Type implements Message.
func (*PortStatus) Type() Type { return TypePortStatus }

func (m *PortStatus) append(b []byte) []byte {
	return appendPort(appendZeros(append(b, m.Reason), 7), &m.Port)
}

func decodePortStatus(r *reader) *PortStatus {
	m := &PortStatus{Reason: r.u8()}
	r.skip(7)
	m.Port = decodePort(r)
	return m
}

// PortMod changes the configuration of a port (OF1.3 A.3.4.3).
type PortMod struct {
	No        uint32
	HWAddr    [6]byte
	Config    uint32
	Mask      uint32 // the bits of Config that change
	Advertise uint32
}

// Type implements Message.
func (*PortMod) Type() Type { return TypePortMod }

func (m *PortMod) append(b []byte) []byte {
	b = appendZeros(be.AppendUint32(b, m.No), 4)
	b = appendZeros(append(b, m.HWAddr[:]...), 2)
	b = be.AppendUint32(b, m.Config)
	b = be.AppendUint32(b, m.Mask)
	return appendZeros(be.AppendUint32(b, m.Advertise), 4)
}

func decodePortMod(r *reader) *PortMod {
	m := &PortMod{No: r.u32()}
	r.skip(4)
	m.HWAddr = r.mac()
	r.skip(2)
	m.Config, m.Mask, m.Advertise = r.u32(), r.u32(), r.u32()
	r.skip(4)
	return m
}

// TableMod changes the configuration of a table (OF1.3 A.3.3).
type TableMod struct {
	TableID uint8
	Config  uint32
}

// Type implements Message.
func (*TableMod) Type() Type { return TypeTableMod }

func (m *TableMod) append(b []byte) []byte {
	return be.AppendUint32(appendZeros(append(b, m.TableID), 3), m.Config)
}

func decodeTableMod(r *reader) *TableMod {
	m := &TableMod{TableID: r.u8()}
	r.skip(3)
	m.Config = r.u32()
	return m
}
