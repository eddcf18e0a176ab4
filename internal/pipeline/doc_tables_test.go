package pipeline_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
)

func TestWriteTables(t *testing.T) {
	var first, second bytes.Buffer
	if err := pipeline.WriteTables(&first); err != nil {
		t.Fatal(err)
	}
	if err := pipeline.WriteTables(&second); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() {
		t.Error("two different references")
	}
	text := first.String()
	for _, info := range pipeline.Tables() {
		_, section, ok := strings.Cut(text, fmt.Sprintf("\n## %d %s\n", info.Table, info.Name))
		section, _, _ = strings.Cut(section, "\n## ")
		if !ok || !strings.Contains(section, "made directly") && strings.Count(section, "\n| ") < 2 {
			t.Errorf("table %s has no flow in the reference", info.Name)
		}
	}
	for _, r := range pipeline.NewProgram(intent.Default()).Base(nil).Logical {
		if r.Table != pipeline.Compare && !strings.Contains(text, r.Doc) {
			t.Errorf("table %d: %q is missing", r.Table, r.Doc)
		}
	}
	for line := range strings.Lines(text) {
		line = strings.ReplaceAll(line, `\|`, "")
		if strings.HasPrefix(line, "| ") && strings.Count(line, "|") != strings.Count(line, " | ")+2 {
			t.Errorf("a cell has a bar in it: %s", line)
		}
	}
}
