package store

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
)

// victimEnv makes the test's program a victim in the directory that it names.
const victimEnv = "ISAT_STORE_VICTIM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimEnv); dir != "" {
		if err := victim(dir); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// victim changes the intent again and again, every object of it at once, while
// bindings are written. It says each change that it was told is made.
func victim(dir string) error {
	ctx := context.Background()
	s, err := Open(ctx, Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	go s.Run(ctx)
	n, err := generation(s)
	if err != nil {
		return err
	}
	for i := 0; ; n++ {
		for range 200 {
			s.Keep([]binding.Kept{kept(i % 50_000)})
			i++
		}
		if _, err := s.Commit(ctx, generationEdits(n+1)); err != nil {
			return err
		}
		fmt.Println(n + 1)
	}
}

// generationEdits write each object anew; one that is there in odd generations
// only, and one that is large, among them.
func generationEdits(n int) []Edit {
	edits := []Edit{{Kind: "network", Name: "large", Text: bytes.Repeat(text("%d ", n), 20_000)}, {Kind: "network", Name: "odd"}}
	if n%2 == 1 {
		edits[1].Text = text("%d ", n)
	}
	for i := range 5 {
		edits = append(edits, Edit{Kind: "network", Name: fmt.Sprint("n", i), Text: text("%d ", n)})
	}
	return edits
}

// generation returns which generation is there, and whether all of it is.
func generation(s *Store) (int, error) {
	list, err := s.Objects(context.Background())
	if err != nil || len(list) == 0 {
		return 0, err
	}
	n, err := strconv.Atoi(strings.Fields(string(list[0].Text))[0])
	if err != nil {
		return 0, err
	}
	want := make(map[string][]byte)
	for _, e := range generationEdits(n) {
		if e.Text != nil {
			want[e.Name] = e.Text
		}
	}
	for _, o := range list {
		if !bytes.Equal(o.Text, want[o.Name]) {
			return 0, fmt.Errorf("%s is not of generation %d, as %s is", o.Name, n, list[0].Name)
		}
		delete(want, o.Name)
	}
	if len(want) > 0 {
		return 0, fmt.Errorf("of generation %d, %d objects are not there", n, len(want))
	}
	return n, nil
}

// An isat that is killed at any time has lost nothing of the intent that it said
// is there, and no change is there by half.
func TestKilled(t *testing.T) {
	kills := 50
	if testing.Short() {
		kills = 5
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	last, early := 0, 0
	for i := range kills {
		// Half of them while it begins, or whatever it does then; half under load,
		// the last of them for long.
		changes := i % 2 * (1 + rand.IntN(50))
		if i == kills-1 {
			changes = 200
		}
		said := kill(t, self, dir, time.Duration(rand.Int64N(int64(400*time.Millisecond))), changes)
		s, err := Open(t.Context(), Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		n, err := generation(s)
		if err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		if said == 0 {
			early++
			said = last
		}
		// The change that was under way may be there, all of it.
		if n < said || n > said+1 {
			t.Fatalf("kill %d: generation %d is there, and %d was the last that was said to be", i, n, said)
		}
		list, err := bindings(s)
		if err != nil {
			t.Fatal(err)
		}
		if i == kills-1 {
			t.Logf("%d kills, %d of them before the first change; generation %d, %d bindings", kills, early, n, len(list))
			if len(list) == 0 {
				t.Error("no binding was kept")
			}
		}
		last = n
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// kill runs a victim for a time, or if changes is not 0 until it has said so many
// times that a generation is there. It returns the last that it said.
func kill(t *testing.T, self, dir string, after time.Duration, changes int) (said int) {
	t.Helper()
	c := exec.Command(self)
	c.Env = append(os.Environ(), victimEnv+"="+dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if changes == 0 {
		defer time.AfterFunc(after, func() { c.Process.Kill() }).Stop()
	}
	lines := bufio.NewReader(out)
	for n := 1; ; n++ {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break // what is after the last line end was not said to its end
		}
		if said, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
			t.Fatalf("the victim said %q", line)
		}
		if n == changes {
			c.Process.Kill()
		}
	}
	if err := c.Wait(); err == nil {
		t.Fatal("the victim ended by itself")
	}
	return said
}
