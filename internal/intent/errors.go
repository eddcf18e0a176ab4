package intent

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// Error is one fault of a file.
type Error struct {
	File    string // as given to Parse
	Line    int    // from 1
	Column  int    // in characters, from 1
	Message string // what is wrong, where in the intent, and what was expected
	Source  string // the line's text
	line    int    // counted through the source
}

// shownWidth is how much of a long line is shown, in characters.
const shownWidth = 100

// Error gives three lines: file, position and message, the line itself, and a caret
// under the column.
func (e *Error) Error() string { return e.Brief() + "\n" + e.Excerpt() }

// Brief gives the first of the lines of Error.
func (e *Error) Brief() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Excerpt gives the last two of the lines of Error.
func (e *Error) Excerpt() string {
	source, column := window([]rune(e.Source), e.Column)
	var caret strings.Builder
	for _, r := range source[:min(column-1, len(source))] {
		if r != '\t' { // a tab moves the caret as far as it moves the text
			r = ' '
		}
		caret.WriteRune(r)
	}
	return fmt.Sprintf("    %s\n    %s^", string(source), caret.String())
}

// window cuts a long line to the part around column, and says where the column is in it.
func window(line []rune, column int) ([]rune, int) {
	if len(line) <= shownWidth {
		return line, column
	}
	start := min(max(0, column-shownWidth/2), len(line)-shownWidth)
	return line[start : start+shownWidth], column - start
}

// Errors is every fault of a file, in the order of the file. It is never empty when
// Parse returns it.
type Errors []*Error

// Error gives the errors one after the other, separated by line breaks.
func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i, one := range e {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "\n")
}

// Unwrap gives each *Error to errors.As and errors.Is.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, one := range e {
		errs[i] = one
	}
	return errs
}

// place is a position in a file, both from 1, the column in characters.
type place struct{ line, column int }

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.line, o.line), cmp.Compare(p.column, o.column))
}

// source is the text of files by lines, counted through all of them, and the faults found
// in it.
type source struct {
	parts []part
	size  int // octets
	lines []string
	lists []bindingList // that were read apart, by their line
	errs  Errors
	more  int // faults beyond maxErrors
	// The characters of the line asked for last: a file may be one long line.
	runesOf int
	cached  []rune
}

// maxErrors is how many faults are reported one by one; after that they are counted.
const maxErrors = 200

// part is one file of a source.
type part struct {
	file   string
	before int // lines of the parts before it
}

// add makes a text the last part.
func (s *source) add(file, text string) {
	s.parts = append(s.parts, part{file, len(s.lines)})
	s.lines = append(s.lines, strings.Split(text, "\n")...)
}

// partOf gives the part that a line is in.
func (s *source) partOf(line int) part {
	after := sort.Search(len(s.parts), func(i int) bool { return s.parts[i].before >= line })
	return s.parts[max(after-1, 0)]
}

// lineName says where a line is: which file, if there are several.
func (s *source) lineName(line int) string {
	if len(s.parts) == 1 {
		return fmt.Sprintf("line %d", line)
	}
	p := s.partOf(line)
	return fmt.Sprintf("line %d of %s", line-p.before, p.file)
}

func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}

// runes gives the characters of line n, which must exist.
func (s *source) runes(n int) []rune {
	if s.runesOf != n {
		s.runesOf, s.cached = n, []rune(s.line(n))
	}
	return s.cached
}

func (s *source) fail(at place, format string, args ...any) {
	if len(s.errs) == maxErrors {
		s.more++
		return
	}
	text := s.line(at.line)
	p := s.partOf(at.line)
	s.errs = append(s.errs, &Error{
		File: p.file, Line: at.line - p.before, line: at.line,
		Column:  min(at.column, utf8.RuneCountInString(text)+1),
		Message: fmt.Sprintf(format, args...),
		Source:  text,
	})
}

// result gives the faults in the order of the file, or nil.
func (s *source) result() error {
	if len(s.errs) == 0 {
		return nil
	}
	if s.more > 0 {
		last := *s.errs[len(s.errs)-1]
		last.Message = fmt.Sprintf("%d more faults, from here on", s.more)
		s.errs = append(s.errs, &last)
	}
	slices.SortStableFunc(s.errs, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.Column, b.Column))
	})
	return s.errs
}

// shorten makes a text from a file fit into a message.
func shorten(s string) string {
	const longest = 60
	runes := []rune(s)
	if len(runes) <= longest {
		return s
	}
	return string(runes[:longest]) + "..."
}
