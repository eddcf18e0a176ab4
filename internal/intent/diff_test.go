package intent

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// patched applies a difference to a text, and fails where the two don't fit.
func patched(before, difference string) (string, error) {
	old := strings.SplitAfter(before, "\n")
	var out strings.Builder
	at := 0 // lines of old that are done
	for line := range strings.Lines(difference) {
		switch line[0] {
		case '@':
			from, _, _ := strings.Cut(strings.TrimPrefix(line, "@@ -"), ",")
			n, err := strconv.Atoi(from)
			if err != nil || n-1 < at {
				return "", fmt.Errorf("hunk %q after %d lines", line, at)
			}
			for ; at < n-1; at++ {
				out.WriteString(old[at])
			}
		case ' ', '-':
			if at == len(old) || old[at] != line[1:] {
				return "", fmt.Errorf("line %d is not %q", at+1, line[1:])
			}
			at++
			if line[0] == ' ' {
				out.WriteString(line[1:])
			}
		case '+':
			out.WriteString(line[1:])
		}
	}
	return out.String() + strings.Join(old[at:], ""), nil
}

// A difference makes the new text of the old one, and shows at most three equal lines around
// what differs.
func TestDiffMakesTheNewText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := func(label string) string {
			var b strings.Builder
			for _, n := range rapid.SliceOfN(rapid.IntRange(0, 5), 0, 20).Draw(t, label) {
				fmt.Fprintf(&b, "line %d\n", n)
			}
			return b.String()
		}
		head, tail := lines("head"), lines("tail")
		before, after := head+lines("before")+tail, head+lines("after")+tail
		if before == "" {
			return // its hunk begins at line 0
		}
		difference := diffText([]byte(before), []byte(after))
		got, err := patched(before, difference)
		if err != nil || got != after {
			t.Fatalf("%v\nof\n%s\nto\n%s\ndifference\n%s\ngives\n%s", err, before, after, difference, got)
		}
		equal := 0
		for line := range strings.Lines(difference) {
			if equal++; line[0] != ' ' {
				equal = 0
			}
			if equal > 2*contextLines {
				t.Fatalf("too much of what is equal:\n%s", difference)
			}
		}
	})
}
