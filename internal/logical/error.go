package logical

import (
	"strings"
	"unicode/utf8"
)

// Error is what is wrong with the text of a match or of actions.
type Error struct {
	Text    string // what was parsed
	Offset  int    // of the token that is wrong, in bytes
	Message string // in one line, such as "Syntax error at `;' expecting `('."
}

func (e *Error) Error() string { return e.Message }

// Caret is the message, the line of the text that is wrong, and a caret under the token.
func (e *Error) Caret() string {
	at := min(max(e.Offset, 0), len(e.Text))
	start := strings.LastIndexByte(e.Text[:at], '\n') + 1
	line, _, _ := strings.Cut(e.Text[start:], "\n")
	var indent strings.Builder
	for _, r := range e.Text[start:at] {
		// A tab is as wide as the terminal makes it, in both lines.
		if r != '\t' {
			r = ' '
		}
		indent.WriteRune(r)
	}
	if !utf8.ValidString(line) {
		line = strings.ToValidUTF8(line, "?")
	}
	return e.Message + "\n" + line + "\n" + indent.String() + "^"
}
