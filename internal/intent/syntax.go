package intent

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// MaxFileSize is the longest file that Parse takes, in octets: room for some hundred
// thousand bindings.
const MaxFileSize = 16 << 20

// The YAML parser is recursive, so nesting has a limit, well above the format's own 4.
const (
	maxNesting = 16
	maxIndent  = 128
	maxKeys    = 64 // of one mapping, whose time to parse grows with their square
)

// read adds a file, and gives its text with line breaks made equal, or reports why it
// isn't text.
func (s *source) read(file string, data []byte) (string, bool) {
	first := len(s.lines) + 1
	s.size += len(data)
	if s.size > MaxFileSize {
		s.add(file, "")
		s.fail(place{first, 1}, "read intent: more than %d octets in all: want less to describe everything", MaxFileSize)
		return "", false
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	s.add(file, strings.ToValidUTF8(text, "\ufffd"))
	line, column := first, 1
	for i, r := range text {
		switch _, size := utf8.DecodeRuneInString(text[i:]); {
		case r == utf8.RuneError && size == 1:
			s.fail(place{line, column}, "read intent: not UTF-8 text: want YAML documents")
			return "", false
		case r == '\n':
			line, column = line+1, 0
		case r != '\t' && (r < ' ' || r == 0x7f):
			s.fail(place{line, column}, "read intent: control character %U: want YAML documents, which are text", r)
			return "", false
		}
		column++
	}
	return text, true
}

// parseDocuments gives the body of every document that is not empty, in the text that was
// added last. Each document is parsed by itself, so that a fault of syntax in one doesn't
// hide the faults of the others.
func parseDocuments(src *source, text string) []ast.Node {
	if rest, lists, ok := cutBindings(text, src.parts[len(src.parts)-1].before+1); ok {
		faults, more := len(src.errs), src.more
		bodies := parseAll(src, rest)
		if len(src.errs) == faults && belong(lists, bodies) {
			src.lists = append(src.lists, lists...)
			return bodies
		}
		src.errs, src.more = src.errs[:faults], more
	}
	return parseAll(src, text)
}

func parseAll(src *source, text string) []ast.Node {
	var bodies []ast.Node
	all := lexer.Tokenize(text)
	for _, t := range all {
		t.Position.Line += src.parts[len(src.parts)-1].before // no two tokens share a position
	}
	for _, tokens := range splitDocuments(all) {
		tokens = joinFlowScalars(tokens)
		if !checkTokens(src, tokens) {
			continue
		}
		parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
		if err != nil {
			failSyntax(src, tokens, err)
			continue
		}
		for _, document := range parsed.Docs {
			if !isNull(document.Body) {
				bodies = append(bodies, document.Body)
			}
		}
	}
	return bodies
}

func isNull(node ast.Node) bool {
	if node == nil {
		return true
	}
	switch node.Type() {
	case ast.NullType, ast.CommentType, ast.CommentGroupType:
		return true
	}
	return false
}

func splitDocuments(tokens token.Tokens) []token.Tokens {
	documents := []token.Tokens{nil}
	for _, t := range tokens {
		switch t.Type {
		case token.CommentType:
		case token.DocumentHeaderType, token.DocumentEndType:
			documents = append(documents, nil)
		default:
			last := len(documents) - 1
			documents[last].Add(t) // links it to its neighbours, too
		}
	}
	return documents
}

// joinFlowScalars puts together what the lexer takes apart. Inside a flow mapping it reads
// the items of [02:00:00:00:00:01] as mappings of 02, where YAML has a key only if white
// space follows its colon (YAML 1.2.2 §7.3.3).
func joinFlowScalars(tokens token.Tokens) token.Tokens {
	var joined token.Tokens
	var open []token.Type
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			open = append(open, t.Type)
		case token.SequenceEndType, token.MappingEndType:
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		}
		inSequence := len(open) > 0 && open[len(open)-1] == token.SequenceStartType
		if inSequence && i+2 < len(tokens) && touch(t, tokens[i+1], tokens[i+2]) {
			value := t.Value + ":" + tokens[i+2].Value
			t = &token.Token{
				Type: token.StringType, CharacterType: token.CharacterTypeMiscellaneous,
				Indicator: token.NotIndicator, Value: value, Origin: value, Position: t.Position,
			}
			i += 2
		}
		joined.Add(t)
	}
	return joined
}

// touch says whether a plain scalar, a colon and a plain scalar stand without a gap.
func touch(key, colon, value *token.Token) bool {
	return colon.Type == token.MappingValueType && isPlain(key) && isPlain(value) &&
		key.Position.Line == colon.Position.Line && colon.Position.Line == value.Position.Line &&
		key.Position.Column+utf8.RuneCountInString(key.Value) == colon.Position.Column &&
		colon.Position.Column+1 == value.Position.Column
}

func isPlain(t *token.Token) bool {
	switch t.Type {
	case token.StringType, token.BoolType, token.NullType, token.InfinityType, token.NanType,
		token.IntegerType, token.BinaryIntegerType, token.OctetIntegerType, token.HexIntegerType, token.FloatType:
		return true
	}
	return false
}

// checkTokens refuses what the format has no use for, and what would make the parser
// recurse too deep.
func checkTokens(src *source, tokens token.Tokens) bool {
	fine := true
	refuse := func(t *token.Token, format string, args ...any) {
		fine = false
		src.fail(src.at(t), format, args...)
	}
	flow, entries, keys, line := 0, 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, entries = t.Position.Line, 0
			if flow == 0 && t.Position.Column > maxIndent {
				refuse(t, "parse intent: indented by more than %d", maxIndent)
				return false
			}
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			refuse(t, "parse intent: anchors, aliases and merge keys are not supported: write the value out")
		case token.TagType, token.DirectiveType:
			refuse(t, "parse intent: tags and directives are not supported: leave %q out, or put the value in quotes", shorten(strings.TrimSpace(t.Value)))
		case token.SequenceStartType, token.MappingStartType:
			flow++
			keys = 0
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType:
			entries++
			keys = 0
		case token.MappingValueType:
			keys++
		}
		if keys > maxKeys {
			refuse(t, "parse intent: more than %d keys in a row", maxKeys)
			return false
		}
		if flow > maxNesting || entries > maxNesting {
			refuse(t, "parse intent: nested deeper than %d", maxNesting)
			return false
		}
	}
	return fine
}

// tabIndents finds a tab before the first character of a line.
var tabIndents = regexp.MustCompile(`^ *\t`)

// endsInColon finds an unquoted value that ends in a colon, such as fd00::
var endsInColon = regexp.MustCompile(`::([\s,}\]]|$)`)

func failSyntax(src *source, tokens token.Tokens, err error) {
	at, message := place{1, 1}, ""
	if len(tokens) > 0 {
		at = src.at(tokens[0])
	}
	// The error's own text prints the tokens around, in time quadratic in the line's length.
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		message = syntax.Message
		if syntax.Token != nil {
			at = src.at(syntax.Token)
		}
	} else {
		message = err.Error()
	}
	switch text := src.line(at.line); {
	case tabIndents.MatchString(text):
		message = "a tab can't indent a line: want blanks"
	case endsInColon.MatchString(text):
		message += ": a value that ends in a colon needs quotes"
	}
	src.fail(at, "parse intent: %s", message)
}

// searchWidth is how far from its reported column a token is looked for.
const searchWidth = 64

// at gives a token's place. The lexer's column is wrong behind a tab and for some folded
// text, so the token is looked for near it if it isn't there.
func (s *source) at(t *token.Token) place {
	line, column := min(max(t.Position.Line, 1), len(s.lines)), max(t.Position.Column, 1)
	text := s.runes(line)
	value, _, _ := strings.Cut(t.Value, "\n")
	switch t.Type {
	case token.DoubleQuoteType:
		value = `"`
	case token.SingleQuoteType:
		value = `'`
	}
	want := []rune(value)
	if len(want) == 0 || column <= len(text) && hasPrefix(text[column-1:], want) {
		return place{line, column}
	}
	for start := max(column-searchWidth, 1); start <= min(column+searchWidth, len(text)); start++ {
		if hasPrefix(text[start-1:], want) {
			return place{line, start}
		}
	}
	return place{line, column}
}

func hasPrefix(text, prefix []rune) bool {
	return len(text) >= len(prefix) && slices.Equal(text[:len(prefix)], prefix)
}
