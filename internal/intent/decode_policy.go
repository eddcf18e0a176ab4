package intent

import (
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// The shape of a policy's document as read.
type (
	rawPolicy struct {
		at             place
		name           item[string]
		table          rawText
		priority       item[uint32]
		match, actions rawText
	}
	// rawText is a value with its way back into the file: node is what it was read from,
	// after skipped characters.
	rawText struct {
		item[string]
		node    ast.Node
		skipped int
	}
)

func (d *decoder) policy(f fields) *rawPolicy {
	return &rawPolicy{
		at: f.at, name: d.name(f), table: d.table(f),
		priority: d.uintField(f, "priority", 0, MaxPolicyPriority),
		match:    d.text(f, "match", "a match in the language of logical flows, such as tcp && tcp.dst == 23"),
		actions:  d.text(f, "actions", "actions in the language of logical flows, such as drop;"),
	}
}

// table reads the name of a table; which ones there are is for the PolicyCheck to say.
func (d *decoder) table(f fields) rawText {
	const want = "the name of a table of the pipeline, such as l2"
	s, ok := d.scalar(f, "table", want)
	if ok && (s.text == "" || len(s.text) > MaxNameLen || strings.Trim(s.text, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "") {
		d.failf(s.at, "table %q is no table's name: want %s", shorten(s.text), want)
		ok = false
	}
	return rawText{item[string]{s.text, s.at, ok}, f.values["table"], 0}
}

// text reads a required field of one or more lines without the white space around it.
func (d *decoder) text(f fields, key, want string) rawText {
	node, ok := f.values[key]
	if !ok {
		if !f.misspelt[key] {
			d.failf(f.at, "%s is missing: want %s", key, want)
		}
		return rawText{}
	}
	t := rawText{item: item[string]{at: d.nodePlace(node)}, node: node}
	if block, isBlock := node.(*ast.LiteralNode); isBlock {
		t.value = block.Value.Value
	} else {
		switch node.(type) {
		case *ast.MappingNode, *ast.SequenceNode:
			d.failf(t.at, "%s is %s: want quotes around a text that begins with { or [", key, describe(node))
			return t
		}
		s, ok := d.scalarNode(node, key, want)
		if !ok {
			return t
		}
		t.value = s.text
	}
	if i := strings.IndexFunc(t.value, func(r rune) bool { return (r < ' ' || r > '~') && r != '\t' && r != '\n' }); i >= 0 {
		r, _ := utf8.DecodeRuneInString(t.value[i:])
		d.failf(d.inText(t, utf8.RuneCountInString(t.value[:i])), "%s contains %q: want ASCII characters only", key, r)
		return t
	}
	trimmed := strings.TrimLeft(t.value, " \t\n")
	t.skipped = len(t.value) - len(trimmed)
	t.value = strings.TrimRight(trimmed, " \t\n")
	switch {
	case t.value == "":
		d.failf(t.at, "%s is empty: want %s", key, want)
	case len(t.value) > MaxPolicyText:
		d.failf(t.at, "%s has %d characters: want at most %d", key, len(t.value), MaxPolicyText)
	default:
		t.ok = true
	}
	return t
}

// inText gives where in the file a character of a value stands, counted from 0. If it was
// folded from several lines that is the value's beginning.
func (d *decoder) inText(t rawText, offset int) place {
	offset = min(max(offset, 0), utf8.RuneCountInString(t.value)) + t.skipped
	if block, ok := t.node.(*ast.LiteralNode); ok {
		return d.inBlock(t.at, block, offset)
	}
	s, ok := scalarOf(t.node)
	if !ok {
		return t.at
	}
	value, line := []rune(s.text), d.runes(t.at.line)
	column := t.at.column
	quoted := t.node.GetToken().Type
	if quoted == token.SingleQuoteType || quoted == token.DoubleQuoteType {
		column++
	}
	for i := range min(offset, len(value)) {
		if column > len(line) {
			return t.at
		}
		width := writtenWidth(line[column-1:], quoted)
		if width == 1 && line[column-1] != value[i] {
			return t.at
		}
		column += width
	}
	return place{t.at.line, column}
}

// writtenWidth gives how many characters of a line stand for the first one of a value
// that continues there (YAML 1.2.2 §5.7, §7.3.2).
func writtenWidth(line []rune, quoted token.Type) int {
	switch {
	case len(line) < 2:
	case quoted == token.SingleQuoteType && line[0] == '\'':
		return 2
	case quoted == token.DoubleQuoteType && line[0] == '\\':
		switch line[1] {
		case 'x':
			return 4
		case 'u':
			return 6
		case 'U':
			return 10
		}
		return 2
	}
	return 1
}

// inBlock is inText for a block, of which header is the place of its first character. Only
// where the lines of the file are those of the value can a line be told.
func (d *decoder) inBlock(header place, block *ast.LiteralNode, offset int) place {
	text := []rune(block.Value.Value)
	row, column := 0, 0
	for _, r := range text[:min(offset, len(text))] {
		if column++; r == '\n' {
			row, column = row+1, 0
		}
	}
	at := header.line + 1 + row
	indent, ok := strings.CutSuffix(d.line(at), strings.Split(block.Value.Value, "\n")[row])
	if !ok || strings.Trim(indent, " ") != "" || !strings.HasPrefix(block.Start.Value, "|") {
		return header
	}
	return place{at, len(indent) + 1 + column}
}
