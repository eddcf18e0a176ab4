package openflow

// Hello opens a session (OF1.3 A.5.1).
type Hello struct {
	Version  uint8    // of the header; 0 when encoding: [Version]
	Bitmaps  []uint32 // version bitmap element: bit n%32 of word n/32 is wire version n; nil: no element
	Elements []byte   // elements that are not interpreted, whole
}

// NewHello offers [Version] only.
func NewHello() *Hello { return &Hello{Version: Version, Bitmaps: []uint32{1 << Version}} }

// Supports reports whether the sender can speak wire version v: by the bitmap if there is one,
// otherwise because versions up to the header's are implied (OF1.3 6.3.1).
func (m *Hello) Supports(v uint8) bool {
	if m.Bitmaps == nil {
		return v <= m.Version
	}
	return int(v/32) < len(m.Bitmaps) && m.Bitmaps[v/32]>>(v%32)&1 != 0
}

// Type implements Message.
func (*Hello) Type() Type { return TypeHello }

const helloVersionBitmap = 1

func (m *Hello) append(b []byte) []byte {
	if m.Bitmaps != nil {
		start := len(b)
		b = appendHead(b, helloVersionBitmap, uint16(4+4*len(m.Bitmaps)))
		for _, w := range m.Bitmaps {
			b = be.AppendUint32(b, w)
		}
		b = padFrom(b, start)
	}
	return append(b, m.Elements...)
}

func decodeHello(version uint8, r *reader) *Hello {
	m := &Hello{Version: version}
	for r.more() {
		kind, p, whole := takeProp(r)
		if r.err != nil {
			return m
		}
		if kind != helloVersionBitmap || m.Bitmaps != nil || p.len()%4 != 0 {
			m.Elements = append(m.Elements, whole...)
			continue
		}
		m.Bitmaps = make([]uint32, 0, p.len()/4)
		for p.more() {
			m.Bitmaps = append(m.Bitmaps, p.u32())
		}
	}
	return m
}

// EchoRequest asks whether the other side is alive (OF1.3 A.5.2).
type EchoRequest struct{ Data []byte }

// Type implements Message.
func (*EchoRequest) Type() Type               { return TypeEchoRequest }
func (m *EchoRequest) append(b []byte) []byte { return append(b, m.Data...) }

// EchoReply answers with the data of the request (OF1.3 A.5.3).
type EchoReply struct{ Data []byte }

// Type implements Message.
func (*EchoReply) Type() Type               { return TypeEchoReply }
func (m *EchoReply) append(b []byte) []byte { return append(b, m.Data...) }

// BarrierRequest asks to be told when all messages before it are done (OF1.3 A.3.8).
type BarrierRequest struct{}

// Type implements Message.
func (*BarrierRequest) Type() Type             { return TypeBarrierRequest }
func (*BarrierRequest) append(b []byte) []byte { return b }

// BarrierReply says that all messages before the request are done.
type BarrierReply struct{}

// Type implements Message.
func (*BarrierReply) Type() Type             { return TypeBarrierReply }
func (*BarrierReply) append(b []byte) []byte { return b }

// FeaturesRequest asks who the switch is (OF1.3 A.3.1).
type FeaturesRequest struct{}

// Type implements Message.
func (*FeaturesRequest) Type() Type             { return TypeFeaturesRequest }
func (*FeaturesRequest) append(b []byte) []byte { return b }

// FeaturesReply says who the switch is.
type FeaturesReply struct {
	DatapathID   uint64
	Buffers      uint32
	Tables       uint8
	AuxiliaryID  uint8
	Capabilities uint32
	Reserved     uint32
}

// Type implements Message.
func (*FeaturesReply) Type() Type { return TypeFeaturesReply }

func (m *FeaturesReply) append(b []byte) []byte {
	b = be.AppendUint64(b, m.DatapathID)
	b = be.AppendUint32(b, m.Buffers)
	b = append(b, m.Tables, m.AuxiliaryID, 0, 0)
	b = be.AppendUint32(b, m.Capabilities)
	return be.AppendUint32(b, m.Reserved)
}

func decodeFeaturesReply(r *reader) *FeaturesReply {
	m := &FeaturesReply{DatapathID: r.u64(), Buffers: r.u32(), Tables: r.u8(), AuxiliaryID: r.u8()}
	r.skip(2)
	m.Capabilities, m.Reserved = r.u32(), r.u32()
	return m
}

// SwitchConfig is the configuration of a session's packet-ins (OF1.3 A.3.2).
type SwitchConfig struct {
	Flags       uint16 // fragment handling, such as [FragNormal]
	MissSendLen uint16 // bytes of a packet sent on a table miss
}

func (c SwitchConfig) append(b []byte) []byte {
	return be.AppendUint16(be.AppendUint16(b, c.Flags), c.MissSendLen)
}

func decodeSwitchConfig(r *reader) SwitchConfig {
	return SwitchConfig{Flags: r.u16(), MissSendLen: r.u16()}
}

// GetConfigRequest asks for the switch configuration.
type GetConfigRequest struct{}

// Type implements Message.
func (*GetConfigRequest) Type() Type             { return TypeGetConfigRequest }
func (*GetConfigRequest) append(b []byte) []byte { return b }

// GetConfigReply tells the switch configuration.
type GetConfigReply struct{ SwitchConfig }

// Type implements Message.
func (*GetConfigReply) Type() Type { return TypeGetConfigReply }

// SetConfig sets the switch configuration.
type SetConfig struct{ SwitchConfig }

// Type implements Message.
func (*SetConfig) Type() Type { return TypeSetConfig }

// Role is a controller's role towards a switch (OF1.3 A.3.9).
type Role struct {
	Role         uint32 // such as [RoleMaster]
	GenerationID uint64 // fences stale masters
}

func (m Role) append(b []byte) []byte {
	b = appendZeros(be.AppendUint32(b, m.Role), 4)
	return be.AppendUint64(b, m.GenerationID)
}

func decodeRole(r *reader) Role {
	m := Role{Role: r.u32()}
	r.skip(4)
	m.GenerationID = r.u64()
	return m
}

// RoleRequest asks for a role.
type RoleRequest struct{ Role }

// Type implements Message.
func (*RoleRequest) Type() Type { return TypeRoleRequest }

// RoleReply tells the role.
type RoleReply struct{ Role }

// Type implements Message.
func (*RoleReply) Type() Type { return TypeRoleReply }

// AsyncConfig says which asynchronous messages a controller wants: a bit per reason, index 0 as
// master or equal, index 1 as slave (OF1.3 A.3.10).
type AsyncConfig struct {
	PacketIn    [2]uint32
	PortStatus  [2]uint32
	FlowRemoved [2]uint32
}

func (c AsyncConfig) append(b []byte) []byte {
	for _, v := range [][2]uint32{c.PacketIn, c.PortStatus, c.FlowRemoved} {
		b = be.AppendUint32(be.AppendUint32(b, v[0]), v[1])
	}
	return b
}

func decodeAsync(r *reader) AsyncConfig {
	return AsyncConfig{
		PacketIn:    [2]uint32{r.u32(), r.u32()},
		PortStatus:  [2]uint32{r.u32(), r.u32()},
		FlowRemoved: [2]uint32{r.u32(), r.u32()},
	}
}

// GetAsyncRequest asks for the asynchronous configuration.
type GetAsyncRequest struct{}

// Type implements Message.
func (*GetAsyncRequest) Type() Type             { return TypeGetAsyncRequest }
func (*GetAsyncRequest) append(b []byte) []byte { return b }

// GetAsyncReply tells the asynchronous configuration.
type GetAsyncReply struct{ AsyncConfig }

// Type implements Message.
func (*GetAsyncReply) Type() Type { return TypeGetAsyncReply }

// SetAsync sets the asynchronous configuration. The bits that OpenFlow 1.3 does not define can
// only be set by [SetAsyncConfig2].
type SetAsync struct{ AsyncConfig }

// Type implements Message.
func (*SetAsync) Type() Type { return TypeSetAsync }
