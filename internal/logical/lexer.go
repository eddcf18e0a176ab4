package logical

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

// The kinds of tokens. Matches and actions share them.
const (
	tokEnd tokenKind = iota
	tokInvalid
	tokID
	tokString
	tokNumber // with or without a mask
	tokLParen
	tokRParen
	tokLBrace
	tokRBrace
	tokLBracket
	tokRBracket
	tokEQ
	tokNE
	tokLT
	tokLE
	tokGT
	tokGE
	tokNot
	tokAnd
	tokOr
	tokRange
	tokComma
	tokSemicolon
	tokAssign
	tokExchange
	tokDecrement
)

// String is how a token of this kind is written, or "" when there are many ways.
func (k tokenKind) String() string {
	names := [...]string{tokLParen: "(", tokRParen: ")", tokLBrace: "{", tokRBrace: "}", tokLBracket: "[",
		tokRBracket: "]", tokEQ: "==", tokNE: "!=", tokLT: "<", tokLE: "<=", tokGT: ">", tokGE: ">=", tokNot: "!",
		tokAnd: "&&", tokOr: "||", tokRange: "..", tokComma: ",", tokSemicolon: ";", tokAssign: "=",
		tokExchange: "<->", tokDecrement: "--"}
	return names[k]
}

// token is one token of a text.
type token struct {
	kind       tokenKind
	start, end int      // offsets into the text
	text       string   // tokID: the name; tokString: what it stands for; tokInvalid: what is wrong
	constant   constant // tokNumber
}

// lexer takes a text apart. It always looks at one token, tok. The first thing that goes wrong is
// kept in err, and after it there are no more tokens.
type lexer struct {
	text string
	pos  int // behind tok
	tok  token
	err  *Error
}

// newLexer looks at the first token of text.
func newLexer(text string) lexer {
	l := lexer{text: text}
	l.advance()
	return l
}

// advance goes to the next token.
func (l *lexer) advance() {
	l.tok = token{}
	if l.err != nil {
		l.tok.start, l.tok.end = len(l.text), len(l.text)
		return
	}
	if !l.skipBlanks() {
		return
	}
	l.tok.start = l.pos
	if l.pos < len(l.text) {
		l.scan(l.text[l.pos])
	}
	l.tok.end = l.pos
}

// accept goes on if the token is of kind k, and says so.
func (l *lexer) accept(k tokenKind) bool {
	if l.tok.kind != k {
		return false
	}
	l.advance()
	return true
}

// acceptID goes on if the token is the name, and says so.
func (l *lexer) acceptID(name string) bool {
	if l.tok.kind != tokID || l.tok.text != name {
		return false
	}
	l.advance()
	return true
}

// require goes on if the token is of kind k, and is a syntax error otherwise.
func (l *lexer) require(k tokenKind) bool {
	if l.accept(k) {
		return true
	}
	l.syntaxError("`" + k.String() + "'")
	return false
}

// requireEnd is a syntax error unless the text is at its end.
func (l *lexer) requireEnd() bool {
	if l.tok.kind == tokEnd && l.err == nil {
		return true
	}
	l.syntaxError("end of input")
	return false
}

// syntaxError says that the token isn't what was expected.
func (l *lexer) syntaxError(expecting string) {
	switch l.tok.kind {
	case tokInvalid:
		l.fail(l.tok, "%s", l.tok.text)
	case tokEnd:
		l.fail(l.tok, "Syntax error at end of input expecting %s.", expecting)
	default:
		l.fail(l.tok, "Syntax error at `%s' expecting %s.", excerpt(l.text[l.tok.start:l.tok.end]), expecting)
	}
}

// fail says what is wrong at a token. Only the first failure counts.
func (l *lexer) fail(at token, format string, args ...any) {
	if l.err == nil {
		l.err = &Error{Text: l.text, Offset: at.start, Message: fmt.Sprintf(format, args...)}
	}
}

// skipBlanks skips white space and comments. It reports whether there is a token to scan.
func (l *lexer) skipBlanks() bool {
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		switch {
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\n' || rest[0] == '\r':
			l.pos++
		case strings.HasPrefix(rest, "//"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			l.pos += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				l.tok.start = l.pos
				l.pos = len(l.text)
				l.invalid("`/*' without matching `*/'.")
				return false
			}
			l.pos += n + 4
		default:
			return true
		}
	}
	return true
}

// invalid makes the token one that nothing expects.
func (l *lexer) invalid(format string, args ...any) {
	l.tok.kind, l.tok.text, l.tok.end = tokInvalid, fmt.Sprintf(format, args...), l.pos
}

// scan reads the token that begins with c.
func (l *lexer) scan(c byte) {
	switch {
	case c >= '0' && c <= '9' || c == ':' || isHex(c) && l.isAddress():
		l.scanNumber()
	case isIDStart(c) && !(c == '.' && l.peek(1) == '.'):
		l.scanID()
	case c == '"':
		l.scanString()
	default:
		l.scanPunctuation()
	}
}

func (l *lexer) peek(n int) byte {
	if l.pos+n < len(l.text) {
		return l.text[l.pos+n]
	}
	return 0
}

func isIDStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '.'
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// isAddress reports whether hexadecimal digits and a colon come next.
func (l *lexer) isAddress() bool {
	n := 0
	for isHex(l.peek(n)) {
		n++
	}
	return l.peek(n) == ':'
}

func (l *lexer) scanID() {
	start := l.pos
	for c := l.peek(0); isIDStart(c) && !(c == '.' && l.peek(1) == '.') || c >= '0' && c <= '9'; c = l.peek(0) {
		l.pos++
	}
	l.tok.kind, l.tok.text = tokID, l.text[start:l.pos]
}

// scanString reads a string in the syntax of JSON (RFC 8259, section 7).
func (l *lexer) scanString() {
	start := l.pos
	plain := true
	for l.pos++; ; l.pos++ {
		switch c := l.peek(0); {
		case l.pos >= len(l.text):
			l.invalid("Input ends inside quoted string.")
			return
		case c == '\\':
			plain = false
			l.pos++
			continue
		case c != '"':
			continue
		}
		break
	}
	l.pos++
	raw := l.text[start:l.pos]
	if !utf8.ValidString(raw) {
		l.invalid("Quoted string is not valid UTF-8.")
		return
	}
	if plain && strings.IndexFunc(raw, func(r rune) bool { return r < ' ' }) < 0 {
		l.tok.kind, l.tok.text = tokString, raw[1:len(raw)-1]
		return
	}
	var s string
	if json.Unmarshal([]byte(raw), &s) != nil {
		l.invalid("%s", quotedProblem(raw))
		return
	}
	l.tok.kind, l.tok.text = tokString, s
}

// quotedProblem says what keeps a quoted string, which is valid UTF-8, from being one of JSON.
func quotedProblem(raw string) string {
	escaped := false
	for _, r := range raw {
		switch {
		case r < ' ':
			return fmt.Sprintf("Quoted string contains byte 0x%02x, which must be escaped.", r)
		case escaped && !strings.ContainsRune("\"\\/bfnrtu", r):
			return "bad escape \\" + excerpt(string(r))
		}
		escaped = r == '\\' && !escaped
	}
	return "malformed \\u escape"
}

func (l *lexer) scanPunctuation() {
	rest := l.text[l.pos:]
	if strings.HasPrefix(rest, "<->") {
		l.pos += 3
		l.tok.kind = tokExchange
		return
	}
	if len(rest) >= 2 {
		if k := pairKind(rest[0], rest[1]); k != tokEnd {
			l.pos += 2
			l.tok.kind = k
			return
		}
	}
	if k := singleKind(rest[0]); k != tokEnd {
		l.pos++
		l.tok.kind = k
		return
	}
	r, size := utf8.DecodeRuneInString(rest)
	l.pos += size
	switch {
	case rest[0] == '&':
		l.invalid("`&' is only valid as part of `&&'.")
	case rest[0] == '|':
		l.invalid("`|' is only valid as part of `||'.")
	case rest[0] == '-':
		l.invalid("`-' is only valid as part of `--'.")
	case rest[0] == '/':
		l.invalid("`/' is only valid as part of `//' or `/*'.")
	case !unicode.IsPrint(r) || r == utf8.RuneError:
		l.invalid("Invalid byte 0x%02x in input.", rest[0])
	default:
		l.invalid("Invalid character `%c' in input.", r)
	}
}

func pairKind(a, b byte) tokenKind {
	switch {
	case a == '=' && b == '=':
		return tokEQ
	case a == '!' && b == '=':
		return tokNE
	case a == '<' && b == '=':
		return tokLE
	case a == '>' && b == '=':
		return tokGE
	case a == '&' && b == '&':
		return tokAnd
	case a == '|' && b == '|':
		return tokOr
	case a == '.' && b == '.':
		return tokRange
	case a == '-' && b == '-':
		return tokDecrement
	}
	return tokEnd
}

func singleKind(c byte) tokenKind {
	switch c {
	case '(':
		return tokLParen
	case ')':
		return tokRParen
	case '{':
		return tokLBrace
	case '}':
		return tokRBrace
	case '[':
		return tokLBracket
	case ']':
		return tokRBracket
	case '<':
		return tokLT
	case '>':
		return tokGT
	case '!':
		return tokNot
	case ',':
		return tokComma
	case ';':
		return tokSemicolon
	case '=':
		return tokAssign
	}
	return tokEnd
}
