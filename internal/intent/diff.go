package intent

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// contextLines is how many lines of what is equal a difference shows around the others.
const contextLines = 3

// diffText gives the lines that differ, as a unified diff without its header. What is
// equal at both ends of a long text is not looked at line by line.
func diffText(before, after []byte) string {
	head := equalHead(before, after)
	before, after, above := before[head:], after[head:], bytes.Count(before[:head], []byte("\n"))
	tail := equalTail(before, after)
	text := diff.Diff("old", before[:len(before)-tail], "new", after[:len(after)-tail])
	const header = 3
	for range header {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	if above == 0 {
		return string(text)
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		var from, lines, to, now int
		if n, _ := fmt.Sscanf(line, "@@ -%d,%d +%d,%d @@", &from, &lines, &to, &now); n == 4 {
			line = fmt.Sprintf("@@ -%d,%d +%d,%d @@\n", from+above, lines, to+above, now)
		}
		b.WriteString(line)
	}
	return b.String()
}

// equalHead is how many octets at the beginning are equal lines, but for the last of them.
func equalHead(a, b []byte) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	for range contextLines + 1 {
		n = bytes.LastIndexByte(a[:max(n, 0)], '\n')
	}
	return n + 1
}

// equalTail is the same of the end.
func equalTail(a, b []byte) int {
	n := 0
	for n < min(len(a), len(b)) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	tail := a[len(a)-n:]
	for range contextLines + 1 { // the first of these lines may be a part of one
		_, tail, _ = bytes.Cut(tail, []byte("\n"))
	}
	return len(tail)
}
