package logical

import "strconv"

// operand is a field, or bits of one, as an action names it.
type operand struct {
	field     *Field
	ofs, bits int // within the symbol
	at        int // offset in the text
}

func (o operand) place() Place {
	return Place{Field: o.field.OF, Ofs: o.field.Ofs + o.ofs, Bits: o.bits}
}

func (o operand) whole() bool { return o.bits == o.field.Bits }

func (o operand) format(b []byte) []byte {
	b = append(b, o.field.Name...)
	if o.whole() {
		return b
	}
	b = strconv.AppendInt(append(b, '['), int64(o.ofs), 10)
	if o.bits > 1 {
		b = strconv.AppendInt(append(b, ".."...), int64(o.ofs+o.bits-1), 10)
	}
	return append(b, ']')
}

func (o operand) String() string { return string(o.format(nil)) }

// span is the operand with its bits, even if these are all.
func (o operand) span() string {
	return o.field.Name + "[" + strconv.Itoa(o.ofs) + ".." + strconv.Itoa(o.ofs+o.bits-1) + "]"
}

func (o operand) needs(add func(*node)) {
	if o.field.prereq != nil {
		add(o.field.prereq)
	}
}

// tableRef is a table by number or, if name is not empty, by name.
type tableRef struct {
	number uint8
	name   string
	at     int
}

func (t tableRef) format(b []byte) []byte {
	if t.name == "" {
		return strconv.AppendUint(b, uint64(t.number), 10)
	}
	return formatName(b, t.name)
}

type (
	nextAction struct {
		free
		given bool // a table is given
		table tableRef
	}
	outputAction struct{ free }
	lookupAction struct {
		free
		table tableRef
	}
	puntAction struct {
		free
		reason string
		at     int
	}
	setAction struct { // dst = value
		dst   operand
		value constant
	}
	moveAction     struct{ dst, src operand } // dst = src
	swapAction     struct{ x, y operand }     // x <-> y
	decTTLAction   struct{ ttl operand }      // ip.ttl--
	loopbackAction struct{ free }
	groupAction    struct {
		free
		id uint32
	}
	sendAction struct {
		free
		port uint32
	}
	popVLANAction  struct{ tagged *node }
	pushVLANAction struct {
		free
		vid uint16
	}
	checkLargerAction struct {
		dst    operand
		length uint16
	}
	selectAction struct { // dst = select(0, …, n-1)
		dst operand
		n   int
	}
	getAction struct { // get_arp, get_nd
		ip         uint64 // version, 4 or 6
		port, addr operand
	}
	putAction struct { // put_arp, put_nd
		ip              uint64
		port, addr, mac operand
	}
	waitAction struct { // hold, rate_limit
		op         Op
		ip         uint64
		port, addr operand
	}
	composeAction struct { // arp { … } and its like
		op     Op
		inner  []action
		pseudo string // the pseudo field that is set to arg, if any
		arg    uint64
		need   *node // what the packet is made from
		at     int
	}
)

func (a nextAction) format(b []byte) []byte {
	if !a.given {
		return append(b, "next;"...)
	}
	return append(a.table.format(append(b, "next("...)), ");"...)
}

func (outputAction) format(b []byte) []byte { return append(b, "output;"...) }

func (a lookupAction) format(b []byte) []byte {
	return append(a.table.format(append(b, "lookup("...)), ");"...)
}

func (a puntAction) format(b []byte) []byte {
	return append(formatName(append(b, "punt("...), a.reason), ");"...)
}

func (a setAction) format(b []byte) []byte {
	return append(a.value.append(append(a.dst.format(b), " = "...)), ';')
}

func (a moveAction) format(b []byte) []byte {
	return append(a.src.format(append(a.dst.format(b), " = "...)), ';')
}

func (a swapAction) format(b []byte) []byte {
	return append(a.y.format(append(a.x.format(b), " <-> "...)), ';')
}

func (a decTTLAction) format(b []byte) []byte { return append(a.ttl.format(b), "--;"...) }

func (loopbackAction) format(b []byte) []byte { return append(b, "loopback;"...) }

func (a groupAction) format(b []byte) []byte { return formatCall(b, "group", uint64(a.id)) }

func (a sendAction) format(b []byte) []byte { return formatCall(b, "send", uint64(a.port)) }

func (popVLANAction) format(b []byte) []byte { return append(b, "pop_vlan;"...) }

func (a pushVLANAction) format(b []byte) []byte { return formatCall(b, "push_vlan", uint64(a.vid)) }

func (a checkLargerAction) format(b []byte) []byte {
	return formatCall(append(a.dst.format(b), " = "...), "check_pkt_larger", uint64(a.length))
}

func (a selectAction) format(b []byte) []byte {
	b = append(a.dst.format(b), " = select("...)
	for i := range a.n {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendInt(b, int64(i), 10)
	}
	return append(b, ");"...)
}

func (a getAction) name() string { return pick(a.ip, "get_arp", "get_nd") }

func (a getAction) format(b []byte) []byte { return formatOperands(b, a.name(), a.port, a.addr) }

func (a putAction) format(b []byte) []byte {
	return formatOperands(b, pick(a.ip, "put_arp", "put_nd"), a.port, a.addr, a.mac)
}

func (a waitAction) format(b []byte) []byte { return formatOperands(b, a.op.String(), a.port, a.addr) }

func (a composeAction) format(b []byte) []byte {
	b = append(append(b, a.op.String()...), " { "...)
	if a.pseudo != "" {
		b = strconv.AppendUint(append(append(b, a.pseudo...), " = "...), a.arg, 10)
		b = append(b, "; "...)
	}
	if a.pseudo == "" || len(a.inner) > 0 {
		b = append(formatList(b, a.inner), ' ')
	}
	return append(b, "};"...)
}

// pick chooses by IP version.
func pick(ip uint64, v4, v6 string) string {
	if ip == 4 {
		return v4
	}
	return v6
}

func formatCall(b []byte, name string, arg uint64) []byte {
	b = append(append(b, name...), '(')
	return append(strconv.AppendUint(b, arg, 10), ");"...)
}

func formatOperands(b []byte, name string, args ...operand) []byte {
	b = append(append(b, name...), '(')
	for i, o := range args {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = o.format(b)
	}
	return append(b, ");"...)
}
