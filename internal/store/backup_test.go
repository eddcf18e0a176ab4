package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/isat-sdn/isat/internal/binding"
)

func backup(t testing.TB, s *Store) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Backup(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func restore(t testing.TB, data []byte, dir string) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "backup")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return Restore(file, dir)
}

// A backup is all that was kept at one moment, with its revisions, and goes on
// from there.
func TestBackup(t *testing.T) {
	s := open(t, t.TempDir())
	run(t, s)
	commit(t, s, Edit{Kind: "network", Name: "red", Text: text("1")})
	at := commit(t, s, Edit{Kind: "network", Name: "red", Text: text("2")}, Edit{Kind: "network", Name: "blue", Text: text("3")})
	s.Keep([]binding.Kept{kept(1)})
	written(t, s, 1)
	want := objects(t, s)
	data := backup(t, s)
	later := commit(t, s, Edit{Kind: "network", Name: "green", Text: text("4")})

	dir := filepath.Join(t.TempDir(), "new")
	if err := restore(t, data, dir); err != nil {
		t.Fatal(err)
	}
	r := open(t, dir)
	if diff := cmp.Diff(want, objects(t, r)); diff != "" {
		t.Error(diff)
	}
	if list, err := bindings(r); err != nil || !cmp.Equal(list, []binding.Kept{kept(1)}) {
		t.Error(list, err)
	}
	if _, err := r.Commit(t.Context(), []Edit{{Kind: "network", Name: "red", Text: text("5"), Expect: later}}); err == nil {
		t.Error("an edit of a revision that the backup does not have was taken")
	}
	commit(t, r, Edit{Kind: "network", Name: "red", Text: text("5"), Expect: at})
}

// What is no whole backup, or no empty directory, is refused in a line, and the
// directory stays as it is.
func TestRestoreRefused(t *testing.T) {
	s := open(t, t.TempDir())
	commit(t, s, Edit{Kind: "network", Name: "red", Text: text("1")})
	data := backup(t, s)
	flipped := bytes.Clone(data)
	flipped[len(flipped)/2] ^= 1
	for want, bad := range map[string][]byte{
		"it is no backup":                 []byte("networks:\n- name: red\n"),
		"it is no backup that":            nil,
		"its length is not there":         data[:len(backupHeader)+3],
		"bytes of the database are there": data[:len(data)/2],
		"its checksum is not there":       data[:len(data)-1],
		"its checksum is another one":     flipped,
		"something follows its end":       append(bytes.Clone(data), 0),
	} {
		dir := filepath.Join(t.TempDir(), "d")
		err := restore(t, bad, dir)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want %q", err, want)
		}
		if err := restore(t, data, dir); err != nil {
			t.Errorf("after %q: %v", want, err)
		}
	}
	used := t.TempDir()
	open(t, used).Close()
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "letter"), []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{used: "is in use already", foreign: "holds letter", s.dir.path: fmt.Sprintf("process %d, uses it", os.Getpid())} {
		if err := restore(t, data, dir); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
