package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/store"
	"github.com/isat-sdn/isat/internal/view"
)

const blue = "kind: network\nname: blue\nnumber: 100\nunknown: %s\nports: [{switch: br0, port: h1}]\n"

func blueText(unknown string) string { return fmt.Sprintf(blue, unknown) }

func (r *running) apply(t *testing.T, text string) (view.IntentEdit, error) {
	t.Helper()
	return r.EditIntent(t.Context(), api.IntentBody{Files: []api.IntentFile{{Name: "a.yaml", Text: text}}})
}

// actions gives what an edit did, in short.
func actions(e view.IntentEdit) string {
	var list []string
	for _, c := range e.Changes {
		list = append(list, c.Name+" "+c.Action)
	}
	return strings.Join(list, ", ")
}

func (r *running) mustApply(t *testing.T, text, want string) view.IntentEdit {
	t.Helper()
	got, err := r.apply(t, text)
	if err != nil || actions(got) != want {
		t.Fatalf("applied: %s, %v: want %s", actions(got), err, want)
	}
	return got
}

// networks says what the core has.
func (r *running) networks(t *testing.T) string {
	t.Helper()
	list, err := r.Networks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, n := range list {
		out = append(out, n.Name+" "+n.Unknown)
	}
	return strings.Join(out, ", ")
}

// What is applied is in force when the answer comes, there after a restart, and equal
// documents cost no flow.
func TestApplyIsKept(t *testing.T) {
	dir := t.TempDir()
	t.Run("first", func(t *testing.T) {
		r := run(t, Config{DataDir: dir})
		r.connect(t, 1)
		done := r.mustApply(t, blueText("solicit"), "blue created")
		if done.Volatile || done.Revision == 0 || r.networks(t) != "default solicit, blue solicit" {
			t.Errorf("%+v, networks %s", done, r.networks(t))
		}
		before := r.flowMods(t)
		if before == 0 {
			t.Error("no flow was sent")
		}
		r.mustApply(t, blueText("solicit"), "blue unchanged")
		if after := r.flowMods(t); after != before {
			t.Errorf("an equal document cost %d flow-mods", after-before)
		}
		r.mustApply(t, blueText("drop"), "blue changed")
		if r.flowMods(t) == before {
			t.Error("a change sent no flow")
		}
	})
	t.Run("second", func(t *testing.T) {
		r := run(t, Config{DataDir: dir})
		if got := r.networks(t); got != "default solicit, blue drop" {
			t.Errorf("after a restart: %s", got)
		}
		list, err := r.Documents(t.Context(), "network", "blue")
		if err != nil || len(list) != 1 || api.ExpectationOf(list[0].Revision) <= 0 {
			t.Fatalf("documents %+v, %v", list, err)
		}
		r.mustApply(t, fmt.Sprintf("revision: %d\n", *list[0].Revision)+blueText("flood"), "blue changed")
	})
	t.Run("with a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "intent.yaml")
		if err := os.WriteFile(file, []byte("kind: network\nname: red\nnumber: 7\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		r := run(t, Config{DataDir: dir, IntentFile: file})
		_, err := r.apply(t, blueText("solicit"))
		want := "the intent is read from " + file + ", so it can't be edited here: change the file and send isat a SIGHUP, or start isat with --data-dir instead of --intent"
		if !errors.Is(err, api.ErrConflict) || err.Error() != want || r.networks(t) != "default solicit, red solicit" {
			t.Errorf("%v, networks %s", err, r.networks(t))
		}
		list, err := r.Documents(t.Context(), "", "")
		if err != nil || len(list) != 3 || list[1].Name != "red" || list[1].Revision != nil {
			t.Errorf("documents %+v, %v", list, err)
		}
	})
}

func (r *running) flowMods(t *testing.T) uint64 {
	t.Helper()
	status, err := r.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return status.Counters["openflow-flow-mods"]
}

// Without a data directory an edit holds as long as the process, and says so.
func TestApplyInMemory(t *testing.T) {
	r := run(t, Config{})
	if done := r.mustApply(t, blueText("flood"), "blue created"); !done.Volatile || done.Revision != 1 {
		t.Errorf("%+v", done)
	}
	if got := r.networks(t); got != "default solicit, blue flood" {
		t.Errorf("networks %s", got)
	}
}

// Of two who edit the same object one is refused, and shown both versions, be it stored or
// there without anybody having asked for it.
func TestConcurrentEditors(t *testing.T) {
	r := run(t, Config{DataDir: t.TempDir()})
	r.mustApply(t, blueText("solicit"), "blue created")
	want := "default " + editTwice(t, r, "default") + ", blue " + editTwice(t, r, "blue")
	if got := r.networks(t); got != want {
		t.Errorf("networks %s: want %s", got, want)
	}
	if status, err := r.Status(t.Context()); err != nil || status.Counters["intent-edits"] != 3 || status.Counters["intent-refused"] != 2 {
		t.Errorf("counted %v, %v", status.Counters, err)
	}
}

// editTwice has two edit a network, whose hosts' unknown addresses are searched, at once, and
// returns what the winner does with them.
func editTwice(t *testing.T, r *running, name string) string {
	t.Helper()
	list, err := r.Documents(t.Context(), "network", name)
	if err != nil || len(list) != 1 || list[0].Revision == nil {
		t.Fatalf("%+v, %v", list, err)
	}
	seen := *list[0].Revision
	document := intent.Object{Revision: api.ExpectationOf(list[0].Revision), Text: []byte(list[0].Text)}.Document()
	versions := []string{"drop", "flood"}
	failures := make([]error, len(versions))
	var editors sync.WaitGroup
	for i, unknown := range versions {
		editors.Go(func() { _, failures[i] = r.apply(t, strings.Replace(string(document), "solicit", unknown, 1)) })
	}
	editors.Wait()
	loser := 0
	if failures[0] == nil {
		loser = 1
	}
	winner := versions[1-loser]
	var refused *client.Error
	if failures[1-loser] != nil || !errors.As(failures[loser], &refused) || !errors.Is(refused, api.ErrConflict) || len(refused.Conflicts) != 1 {
		t.Fatalf("%v", failures)
	}
	c := refused.Conflicts[0]
	if c.Edited != seen || api.ExpectationOf(c.Present.Revision) <= seen || !strings.Contains(c.Present.Text, "unknown: "+winner) ||
		!strings.Contains(c.Yours, "unknown: "+versions[loser]) {
		t.Errorf("%+v", c)
	}
	return winner
}

// failing is a keeper that fails, before or after it has kept what it was given.
type failing struct {
	memory
	early, late, blind error
}

func (f *failing) Objects(ctx context.Context) ([]store.Object, error) {
	list, _ := f.memory.Objects(ctx)
	return list, f.blind
}

func (f *failing) Commit(ctx context.Context, edits []store.Edit) (int64, error) {
	if f.early != nil {
		return 0, f.early
	}
	revision, _ := f.memory.Commit(ctx, edits)
	if f.late != nil {
		f.blind = f.late
		if errors.Is(f.late, errSeen) {
			f.blind = nil
		}
	}
	return revision, f.late
}

var errSeen = errors.New("the answer was lost")

// core stands for the core.
type fakeCore struct{ told []*intent.Intent }

func (c *fakeCore) setIntent(_ context.Context, in *intent.Intent) error {
	c.told = append(c.told, in)
	return nil
}

// Whatever the keeper does, the core has what is kept; and what is not known is found
// out by the next edit.
func TestKeeperFails(t *testing.T) {
	request := intent.Request{Files: []intent.File{{Name: "a.yaml", Data: []byte(blueText("drop"))}}}
	for _, test := range []struct {
		name   string
		keeper failing
		want   string // the error
		told   int
	}{
		{"full", failing{early: &store.FullError{Dir: "/d", Free: 1 << 20, Need: 2 << 20}}, "nothing was changed: write to /d: 1 MiB are free, and 2 MiB must be: make room on its disk", 0},
		{"before", failing{early: errors.New("out of paper")}, "nothing was changed: out of paper", 0},
		{"after", failing{late: errSeen}, "", 1},
		{"blind", failing{late: errors.New("gone")}, "whether anything was changed is not known, for the data directory can't be read either: gone", 0},
		{"never", failing{}, "", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := test.keeper
			a := &asked{log: slog.New(slog.NewTextHandler(io.Discard, nil)), keeper: &k, turn: make(chan struct{}, 1), current: intent.Default()}
			c := &fakeCore{}
			done, err := a.edit(t.Context(), c, request, false)
			if got := fmt.Sprint(err); test.want != "" && got != test.want || test.want == "" && (err != nil || done.Revision != 1) {
				t.Errorf("got %v, %+v", err, done)
			}
			if len(c.told) != test.told {
				t.Errorf("the core was told %d times: want %d", len(c.told), test.told)
			}
			k.early, k.late, k.blind = nil, nil, nil
			if _, err := a.edit(t.Context(), c, request, false); err != nil || len(c.told) != 1 || len(a.current.Networks) != 2 {
				t.Errorf("afterwards: %v, told %d times", err, len(c.told))
			}
		})
	}
}

// What is stored and can't be read keeps isat from starting, and the object is named.
func TestStoredIntentThatCantBeRead(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	s, err := store.Open(t.Context(), store.Config{Dir: dir, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Commit(t.Context(), []store.Edit{{Kind: "network", Name: "blue", Text: []byte("kind: network\nname: blue\nnumber: 100\ncolour: blue\n")}})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	err = Run(t.Context(), Config{Listen: []string{"tcp:127.0.0.1:0"}, APIListen: "127.0.0.1:0", DataDir: dir, Log: log})
	for _, want := range []string{"is not valid for this isat", `mend network "blue": "isat apply -f FILE --data-dir ` + dir + `" replaces it`,
		`"isat delete network blue --data-dir ` + dir + `" takes it away`, `stored network "blue":4:1: `} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}
