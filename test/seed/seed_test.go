package seed

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestSameSeedSameCases runs this program anew with a seed, and compares what is drawn.
func TestSameSeedSameCases(t *testing.T) {
	if os.Getenv("SEED_TEST_CHILD") != "" {
		rapid.Check(t, func(r *rapid.T) { t.Logf("drew %d", rapid.Uint64().Draw(r, "number")) })
		return
	}
	drawn := func(seed string) string {
		cmd := exec.Command(os.Args[0], "-test.run=^TestSameSeedSameCases$", "-test.v", "-rapid.nofailfile")
		cmd.Env = append(os.Environ(), "SEED_TEST_CHILD=1", variable+"="+seed)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("seed %s: %v\n%s", seed, err, out)
		}
		return draws(string(out))
	}
	first := drawn("7")
	if first == "" {
		t.Fatal("nothing was drawn")
	}
	if drawn("7") != first {
		t.Error("the same seed draws other cases")
	}
	if drawn("8") == first {
		t.Error("another seed draws the same cases")
	}
	if once, again := drawn("0"), drawn("0"); once == again {
		t.Error("without a seed two runs draw the same cases")
	}
}

// draws are the lines that say what was drawn, without the times of the others.
func draws(output string) string {
	var b strings.Builder
	for line := range strings.Lines(output) {
		if strings.Contains(line, "drew") {
			b.WriteString(line)
		}
	}
	return b.String()
}
