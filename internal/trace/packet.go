package trace

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/flowsim"
	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// Packet is what is followed.
type Packet struct {
	Frame []byte
	Port  string // that the expression says it comes in on, "" if it doesn't
}

// Bounds of a frame, in bytes.
const (
	MinFrame = 14
	MaxFrame = 65535
)

// ParsePacket reads a frame in hexadecimal, with or without blanks and 0x, or
// makes one from an expression: a conjunction of equalities such as
//
//	eth.src == 02:00:00:00:00:01 && ip4.dst == 10.0.0.2 && icmp4.type == 8
//
// What the expression leaves open has a default that makes a well-formed packet.
// The error is a *[logical.Error] if a place in the expression is wrong.
func ParsePacket(text string) (Packet, error) {
	if digits, ok := hexDigits(text); ok {
		frame, err := hex.DecodeString(digits)
		if err != nil {
			return Packet{}, fmt.Errorf("%d hexadecimal digits are no whole bytes", len(digits))
		}
		return Packet{Frame: frame}, CheckFrame(frame)
	}
	return parseExpression(text)
}

// CheckFrame says whether bytes can be a frame.
func CheckFrame(frame []byte) error {
	if len(frame) < MinFrame || len(frame) > MaxFrame {
		return fmt.Errorf("a frame of %d bytes: it has %d to %d", len(frame), MinFrame, MaxFrame)
	}
	return nil
}

// hexDigits takes blanks and 0x out of a text, and says whether only hexadecimal
// digits are left. No expression is made of these alone.
func hexDigits(text string) (digits string, ok bool) {
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n:", r) })
	for _, w := range words {
		if len(w) > 1 && (w[:2] == "0x" || w[:2] == "0X") {
			w = w[2:]
		}
		digits += w
	}
	return digits, digits != "" && strings.Trim(digits, "0123456789abcdefABCDEF") == ""
}

// symbols are the fields of packets, and the port.
var symbols = sync.OnceValue(func() *logical.Symbols {
	s := logical.NewSymbols()
	s.AddPacketFields()
	s.AddField(logical.Field{Name: "inport", OF: openflow.InPort, Bits: 32, String: true, ReadOnly: true})
	return s
})

// parseExpression makes a frame from a conjunction of equalities.
func parseExpression(text string) (Packet, error) {
	if len(text) > MaxFrame {
		return Packet{}, fmt.Errorf("an expression of %d bytes: it may have %d", len(text), MaxFrame)
	}
	whole, err := logical.ParseMatch(symbols(), text)
	if err != nil {
		return Packet{}, err
	}
	var ports []string
	names := func(_ *logical.Field, name string) (uint64, bool) {
		if !slices.Contains(ports, name) {
			ports = append(ports, name)
		}
		return uint64(1 + slices.Index(ports, name)), true
	}
	var all *logical.Expr
	for _, p := range conjuncts(text, 0, len(text)) {
		e, err := logical.ParseMatch(symbols(), text[p.from:p.to])
		if err != nil {
			return Packet{}, place(err, text, p.from)
		}
		if !isEquality(e.String()) {
			return Packet{}, &logical.Error{Text: text, Offset: p.from, Message: "A packet is made from equalities such as ip.ttl == 64, joined by &&."}
		}
		if all == nil {
			all = e
		} else {
			all = all.And(e)
		}
		if len(compile(all, names)) == 0 {
			return Packet{}, &logical.Error{Text: text, Offset: p.from, Message: "This contradicts what comes before it, or what that needs."}
		}
	}
	match := compile(whole, names)[0].Match
	frame, err := build(given{match})
	if err != nil {
		return Packet{}, err
	}
	if !takes(match, frame) {
		return Packet{}, errors.New("no frame is all of this: give one in hexadecimal")
	}
	p := Packet{Frame: frame}
	if len(ports) > 0 {
		p.Port = ports[0]
	}
	return p, CheckFrame(frame)
}

func compile(e *logical.Expr, names logical.Names) []logical.FlowMatch {
	id := uint32(1)
	return e.Compile(names, &id)
}

// place tells where in the whole text an error of a part is.
func place(err error, text string, from int) error {
	var at *logical.Error
	if errors.As(err, &at) {
		return &logical.Error{Text: text, Offset: from + at.Offset, Message: at.Message}
	}
	return err
}

// span is a part of a text.
type span struct{ from, to int }

// conjuncts takes a conjunction apart, that in parentheses too. The text is a
// well-formed expression.
func conjuncts(text string, from, to int) []span {
	var parts []span
	depth, quoted, start := 0, false, from
	for i := from; i < to; i++ {
		switch c := text[i]; {
		case quoted:
			if c == '\\' {
				i++
			} else if c == '"' {
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '(' || c == '{':
			depth++
		case c == ')' || c == '}':
			depth--
		case c == '&' && depth == 0:
			parts = append(parts, span{start, i})
			i++
			start = i + 1
		}
	}
	parts = append(parts, span{start, to})
	var out []span
	for _, p := range parts {
		for p.from < p.to && strings.ContainsRune(" \t\r\n", rune(text[p.from])) {
			p.from++
		}
		for p.from < p.to && strings.ContainsRune(" \t\r\n", rune(text[p.to-1])) {
			p.to--
		}
		if isWrapped(text[p.from:p.to]) {
			out = append(out, conjuncts(text, p.from+1, p.to-1)...)
		} else {
			out = append(out, p)
		}
	}
	return out
}

// isWrapped says whether the parenthesis that begins a text is closed by what
// ends it.
func isWrapped(text string) bool {
	if len(text) < 2 || text[0] != '(' || text[len(text)-1] != ')' {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(text)-1; i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return false
			}
		}
	}
	return true
}

// isEquality says whether an expression in canonical form is an equality with one
// value, or a name for one.
func isEquality(canonical string) bool {
	if before, _, ok := strings.Cut(canonical, "\""); ok {
		canonical = before
	}
	return canonical != "0" && !strings.ContainsAny(canonical, "!<>|{/")
}

// takes says whether a frame is what a match asks for, as a switch reads it.
func takes(match openflow.Match, frame []byte) bool {
	const in, out = 1, 2
	f := openflow.NewFlowMod(openflow.FlowAdd, 0, 1)
	f.Match = match
	f.Instructions = openflow.Apply(openflow.Output{Port: out})
	sim, err := flowsim.New([]openflow.FlowMod{*f}, nil)
	return err == nil && len(sim.Run(frame, in).Outputs) == 1
}

// PortOf finds the port that a packet comes in on, by name or number. What the
// packet itself says must agree, and so must its tag with the VLAN that a name
// such as p4@10 states.
func PortOf(ports map[uint32]fabric.Port, name string, p Packet) (uint32, error) {
	switch {
	case name == "":
		name = p.Port
	case p.Port != "" && p.Port != name:
		return 0, fmt.Errorf("the packet says inport == %q, and the port given is %q", p.Port, name)
	}
	if name == "" {
		return 0, errors.New("no port is given that the packet comes in on")
	}
	full := name
	if base, vlan, ok := strings.Cut(name, "@"); ok {
		var f packet.Frame
		if f.Parse(p.Frame) != nil || strconv.Itoa(int(f.VLAN)) != vlan {
			return 0, fmt.Errorf("port %q takes what is tagged with VLAN %s, and the packet is not: say vlan.vid == %s", name, vlan, vlan)
		}
		name = base
	}
	for _, port := range ports {
		if port.Name == name {
			return port.Number, nil
		}
	}
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		for _, port := range ports {
			if port.Number == uint32(n) || port.Number&0xffff == uint32(n) {
				return port.Number, nil
			}
		}
	}
	return 0, fmt.Errorf("the switch has no port %q: \"isat get ports\" lists them", full)
}
