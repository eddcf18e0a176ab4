package logical

import "github.com/isat-sdn/isat/openflow"

// Bounds of a text of actions.
const (
	maxActionDepth = 32   // arp { arp { … } }
	maxActionCount = 4096 // in all, inner ones included
)

// ParseActions parses actions, each of which ends with a semicolon. No actions
// at all are "drop;". The error is an [*Error].
func ParseActions(s *Symbols, text string) (*Actions, error) {
	p := actionParser{parser: newParser(s, text)}
	list := p.list(tokEnd)
	if p.err == nil {
		p.requireEnd()
	}
	if p.err != nil {
		return nil, p.err
	}
	return &Actions{text: text, list: list}, nil
}

// actionParser parses by recursive descent. After an error the lexer gives no
// more tokens, so callers need not stop at once: results are then not used.
type actionParser struct {
	parser
	count   int
	compose *composeAction // whose braces are open; nil: none
}

// list parses actions up to a token of kind end, which is left there.
func (p *actionParser) list(end tokenKind) []action {
	if p.acceptID("drop") {
		p.require(tokSemicolon)
		if p.tok.kind != end {
			p.syntaxError(expectedEnd(end))
		}
		return nil
	}
	var list []action
	for p.err == nil && p.tok.kind != end {
		if p.count++; p.count > maxActionCount {
			p.fail(p.tok, "More than %d actions.", maxActionCount)
			break
		}
		if act := p.action(); act != nil {
			list = append(list, act)
		}
		if p.err == nil {
			p.require(tokSemicolon)
		}
	}
	return list
}

func expectedEnd(end tokenKind) string {
	if end == tokEnd {
		return "end of input"
	}
	return "`" + end.String() + "'"
}

// action parses one action without its semicolon. It is nil after an error, and
// for the assignment to a pseudo field.
func (p *actionParser) action() action {
	at := p.tok
	switch {
	case at.kind != tokID:
	case p.assigns():
		if bits, op := pseudoField(at.text); bits != 0 {
			p.setPseudo(bits, op)
			return nil
		}
		return p.assignment()
	case at.text == "ip.ttl":
		act := decTTLAction{ttl: p.lvalue()}
		p.require(tokDecrement)
		return act
	default:
		if act := p.named(at); act != nil {
			return act
		}
	}
	p.syntaxError("action")
	return nil
}

// assigns reports whether a field that is changed is at the token: the next token tells.
func (p *actionParser) assigns() bool {
	next := p.lexer
	next.advance()
	switch next.tok.kind {
	case tokAssign, tokLBracket, tokExchange:
		return true
	}
	return false
}

// named parses the action that the name at the token stands for. It is nil if
// the name stands for none.
func (p *actionParser) named(at token) action {
	switch at.text {
	case "next":
		return p.next()
	case "output":
		p.advance()
		return outputAction{}
	case "lookup":
		return lookupAction{table: p.tableArgument()}
	case "punt":
		return p.punt()
	case "get_arp", "get_nd":
		return p.get(at.text)
	case "put_arp", "put_nd":
		return p.put(at.text)
	case "hold":
		return p.wait(OpHold)
	case "rate_limit":
		return p.wait(OpRateLimit)
	case "arp":
		return p.composed(OpComposeARP, "ip4")
	case "nd_ns":
		return p.composed(OpComposeNS, "ip6")
	case "nd_na":
		return p.composed(OpComposeNA, "nd_ns")
	case "icmp4":
		return p.composed(OpComposeICMP4, "ip4")
	case "icmp6":
		return p.composed(OpComposeICMP6, "ip6")
	case "loopback":
		p.advance()
		return loopbackAction{}
	case "group":
		return groupAction{id: uint32(p.argument(1, uint64(openflow.GroupMax)))}
	case "send":
		return p.send()
	case "pop_vlan":
		// Open vSwitch refuses to take off a tag where the match doesn't say that there is one.
		act := popVLANAction{tagged: p.need("vlan.present")}
		p.advance()
		return act
	case "push_vlan":
		return pushVLANAction{vid: uint16(p.argument(1, maxVID))}
	}
	return nil
}
