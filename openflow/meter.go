package openflow

// Band is what a meter does above a rate (OF1.3 A.3.4.4). Rate and Burst are in the unit of the
// meter's flags: kbit/s and kbit, or packets/s and packets.
type Band struct {
	Kind  uint16 // such as [BandDrop]
	Rate  uint32
	Burst uint32
	Extra []byte // what follows: 4 bytes, the first is the precedence of [BandDSCPRemark]; nil: zeros
}

// DropBand is a band that drops packets above a rate.
func DropBand(rate, burst uint32) Band { return Band{Kind: BandDrop, Rate: rate, Burst: burst} }

func appendBands(b []byte, bands []Band) []byte {
	for _, k := range bands {
		extra := k.Extra
		if len(extra) < 4 {
			extra = append(append([]byte(nil), extra...), make([]byte, 4-len(extra))...)
		}
		b = appendHead(b, k.Kind, uint16(12+len(extra)))
		b = be.AppendUint32(b, k.Rate)
		b = be.AppendUint32(b, k.Burst)
		b = append(b, extra...)
	}
	return b
}

func decodeBands(r *reader) []Band {
	var out []Band
	for r.more() {
		if r.len() < 4 {
			r.truncated(4)
			return nil
		}
		length := int(be.Uint16(r.b[2:]))
		if length < 16 {
			r.fail("meter band of length %d", length)
			return nil
		}
		e := r.sub(length, "meter band")
		k := Band{Kind: e.u16()}
		e.skip(2)
		k.Rate, k.Burst = e.u32(), e.u32()
		if extra := e.take(e.len()); !isZero(extra) || len(extra) > 4 {
			k.Extra = clone(extra)
		}
		r.adopt(e)
		out = append(out, k)
	}
	return out
}

// MeterMod changes a meter (OF1.3 A.3.4.4).
type MeterMod struct {
	Command uint16 // such as [MeterAdd]
	Flags   uint16 // such as [MeterFlagPktps]
	ID      uint32 // such as [MeterController]
	Bands   []Band
}

// Type implements Message.
func (*MeterMod) Type() Type { return TypeMeterMod }

func (m *MeterMod) append(b []byte) []byte {
	b = be.AppendUint16(b, m.Command)
	b = be.AppendUint16(b, m.Flags)
	b = be.AppendUint32(b, m.ID)
	return appendBands(b, m.Bands)
}

func decodeMeterMod(r *reader) *MeterMod {
	return &MeterMod{Command: r.u16(), Flags: r.u16(), ID: r.u32(), Bands: decodeBands(r)}
}

// MeterConfig is one meter of a dump (OF1.3 A.3.5.13).
type MeterConfig struct {
	Flags uint16
	ID    uint32
	Bands []Band
}

func appendMeterConfig(b []byte, m *MeterConfig) []byte {
	start := len(b)
	b = be.AppendUint16(appendZeros(b, 2), m.Flags)
	b = be.AppendUint32(b, m.ID)
	b = appendBands(b, m.Bands)
	be.PutUint16(b[start:], uint16(len(b)-start))
	return b
}

func decodeMeterConfig(r *reader) MeterConfig {
	e := takeEntry(r, "meter configuration")
	m := MeterConfig{Flags: e.u16(), ID: e.u32(), Bands: decodeBands(e)}
	r.adopt(e)
	return m
}

// EqualBands reports whether a and b have the same encoding.
func EqualBands(a, b []Band) bool {
	return string(appendBands(nil, a)) == string(appendBands(nil, b))
}
