package logical

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is what is wrong with the text of a match or of actions.
type Error struct {
	Text    string // what was parsed
	Offset  int    // of the token that is wrong, in bytes
	Message string // in one line, such as "Syntax error at `;' expecting `('."
}

func (e *Error) Error() string { return e.Message }

// Bounds of what an error repeats of the text.
const (
	maxExcerpt = 60  // runes of a token
	maxContext = 200 // bytes of the line on either side of the caret
)

// ellipsis stands for what is left out.
const ellipsis = "…"

// excerpt is the beginning of a token, fit to be part of a message in one line.
func excerpt(token string) string {
	n := 0
	for i := range token {
		if n++; n > maxExcerpt {
			return printable(token[:i]) + ellipsis
		}
	}
	return printable(token)
}

// printable is s with a question mark for each rune, or byte that is no part of one, that can't be shown.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r != '\t' && !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// Caret is the message, the line of the text that is wrong, and a caret under the token. Of a long
// line it has what is around the token.
func (e *Error) Caret() string {
	at := min(max(e.Offset, 0), len(e.Text))
	start := strings.LastIndexByte(e.Text[:at], '\n') + 1
	before := e.Text[start:at]
	behind, _, _ := strings.Cut(e.Text[at:], "\n")
	behind = strings.TrimSuffix(behind, "\r")
	if from := len(before) - maxContext; from > 0 {
		for from < len(before) && !utf8.RuneStart(before[from]) {
			from++
		}
		before = ellipsis + before[from:]
	}
	if to := maxContext; to < len(behind) {
		for to > 0 && !utf8.RuneStart(behind[to]) {
			to--
		}
		behind = behind[:to] + ellipsis
	}
	before = printable(before)
	indent := strings.Map(func(r rune) rune {
		// A tab is as wide as the terminal makes it, in both lines.
		if r != '\t' {
			r = ' '
		}
		return r
	}, before)
	return e.Message + "\n" + before + printable(behind) + "\n" + indent + "^"
}
