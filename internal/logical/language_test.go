package logical_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/internal/pipeline"
)

// language is docs/language.md, and its code blocks by their info string.
func language(t *testing.T) (text string, blocks map[string][]string) {
	t.Helper()
	b, err := os.ReadFile("../../docs/language.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks = make(map[string][]string)
	for _, m := range regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$").FindAllStringSubmatch(string(b), -1) {
		blocks[m[1]] = append(blocks[m[1]], strings.Split(strings.TrimSpace(m[2]), "\n")...)
	}
	return string(b), blocks
}

// TestLanguageExamples parses the examples of docs/language.md with the pipeline's symbols.
func TestLanguageExamples(t *testing.T) {
	_, blocks := language(t)
	if len(blocks["match"]) < 5 || len(blocks["actions"]) < 5 {
		t.Fatalf("examples: %q", blocks)
	}
	for _, line := range blocks["match"] {
		if _, err := logical.ParseMatch(pipeline.Symbols(), line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, line := range blocks["actions"] {
		if _, err := logical.ParseActions(pipeline.Symbols(), line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestLanguageErrors makes the errors that docs/language.md shows.
func TestLanguageErrors(t *testing.T) {
	_, blocks := language(t)
	lines := blocks["text"]
	if len(lines) == 0 || len(lines)%3 != 0 {
		t.Fatalf("errors: %q", lines)
	}
	for ; len(lines) > 0; lines = lines[3:] {
		_, err := logical.ParseActions(pipeline.Symbols(), lines[1])
		e, ok := err.(*logical.Error)
		if want := strings.Join(lines[:3], "\n"); !ok || e.Caret() != want {
			t.Errorf("%s: %v, want\n%s", lines[1], err, want)
		}
	}
}

// TestLanguageNames looks for every field and predicate in docs/language.md.
func TestLanguageNames(t *testing.T) {
	text, _ := language(t)
	register := regexp.MustCompile(`^x*reg\d+$`)
	var names []string
	for _, f := range pipeline.Symbols().Fields() {
		names = append(names, f.Name)
	}
	for _, p := range pipeline.Symbols().Predicates() {
		names = append(names, p.Name)
	}
	for _, name := range names {
		if !register.MatchString(name) && !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/language.md does not mention %s", name)
		}
	}
}
