package project

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// conformance reads from docs/conformance.md which lines have to hold, and so
// must be named by a test.
func conformance(t *testing.T) (ids []string) {
	for _, m := range regexp.MustCompile(`(?m)^- ([A-Z][0-9]{1,2}) `).FindAllStringSubmatch(read(t, "docs/conformance.md"), -1) {
		ids = append(ids, m[1])
	}
	if len(ids) == 0 {
		t.Fatal("docs/conformance.md has no lines")
	}
	return ids
}

// Names of ids are those of comments such as "conformance: A7, N6", and parts
// of test names such as TestA7SelfProbe or A7.
var idWord = regexp.MustCompile(`\b[APNRLOS][0-9]{1,2}\b`)

func TestConformanceIsTested(t *testing.T) {
	named := make(map[string]bool)
	comment := regexp.MustCompile(`(?i)conformance[^\n]*`)
	title := regexp.MustCompile(`func Test[A-Za-z]*?_?([APNRLOS][0-9]{1,2})[A-Z_(]`)
	walk(t, func(path string) {
		if !strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "internal/project") {
			return
		}
		text := read(t, path)
		for _, c := range comment.FindAllString(text, -1) {
			for _, id := range idWord.FindAllString(c, -1) {
				named[id] = true
			}
		}
		for _, m := range title.FindAllStringSubmatch(text, -1) {
			named[m[1]] = true
		}
	})
	var missing []string
	for _, id := range conformance(t) {
		if !named[id] {
			missing = append(missing, id)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		t.Errorf("no test names %s: write // conformance: ID beside the test that covers it", strings.Join(missing, ", "))
	}
}
