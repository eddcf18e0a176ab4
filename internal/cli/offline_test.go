package cli

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/store"
)

// offlineTexts are documents of which the last is one that this isat does not take.
var offlineTexts = map[string]string{
	"blue":  "kind: network\nname: blue\nnumber: 100\nunknown: solicit\n",
	"red":   "kind: network\nname: red\nnumber: 200\nunknown: drop\n",
	"green": "kind: network\nname: green\nnumber: 300\ncolour: green\n",
}

// dataDirectory keeps the documents of these names.
func dataDirectory(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var edits []store.Edit
	for _, name := range names {
		edits = append(edits, store.Edit{Kind: "network", Name: name, Text: []byte(offlineTexts[name])})
	}
	if _, err := s.Commit(t.Context(), edits); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// spoil changes a text in the database of a data directory.
func spoil(t *testing.T, dir, text, instead string) {
	t.Helper()
	name := filepath.Join(dir, "etcd/member/snap/db")
	data, err := os.ReadFile(name)
	if err != nil || !bytes.Contains(data, []byte(text)) {
		t.Fatal("spoil the database: ", err)
	}
	if err := os.WriteFile(name, bytes.ReplaceAll(data, []byte(text), []byte(instead)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// offline runs isat on a data directory, and wants its exit code and outputs.
func offline(t *testing.T, dir, stdin string, code int, stdout, stderr string, args ...string) string {
	t.Helper()
	var out, problems bytes.Buffer
	got := Run(t.Context(), append(args, "--data-dir", dir), strings.NewReader(stdin), &out, &problems)
	if got != code || !regexp.MustCompile(stdout).MatchString(out.String()) || !regexp.MustCompile(stderr).MatchString(problems.String()) {
		t.Errorf("isat %s: exit status %d, want %d\n%s\nwant %s\n%s\nwant %s", strings.Join(args, " "), got, code, out.String(), stdout, problems.String(), stderr)
	}
	return out.String()
}

// A document that this isat does not take is seen, and taken away or mended, without a
// running isat; the others stay as they are.
func TestOfflineInvalid(t *testing.T) {
	dir := dataDirectory(t, "blue", "red", "green")
	all := offline(t, dir, "", exitOK, `(?s)name: blue\nrevision: \d+\n.*colour: green`, `^$`, "get", "intent")
	offline(t, dir, "", exitFailed, `^$`, `nothing was changed, for the intent would have 1 fault\nstored network "green":4:1: .*unknown key "colour"`, "delete", "network", "red")
	offline(t, dir, "", exitOK, `^network "green" deleted \(dry run\)\n$`, `^$`, "delete", "network", "green", "--dry-run")
	offline(t, dir, strings.Replace(all, "colour: green", "unknown: drop", 1), exitOK,
		`^network "blue" unchanged\nnetwork "green" changed\n(    .*\n)+network "red" unchanged\n$`, `^$`, "apply", "-f", "-")
	offline(t, dir, "", exitOK, `^network "red" deleted\n$`, `^$`, "delete", "network", "red")
	offline(t, dir, "", exitOK, `(?s)^kind: network\nname: blue.*unknown: solicit\n---\nkind: network\nname: green.*unknown: drop\n$`, `^$`, "get", "intent")
	offline(t, dir, "", exitFailed, `^$`, `^isat: there is no vip "x"\n$`, "delete", "vip", "x")
}

// One that is damaged is never taken for what it says: it has to be replaced or deleted.
func TestOfflineDamaged(t *testing.T) {
	dir := dataDirectory(t, "blue", "red")
	spoil(t, dir, "unknown: drop", "unknown: fl\xffp")
	spoil(t, dir, "number: 100", "number: 101")
	offline(t, dir, "", exitOK, `(?s)# This document is not what was written:\nkind: network\nname: blue.*number: 101.*unknown: fl\?p`, `^$`, "get", "intent")
	offline(t, dir, "", exitFailed, `^$`, `^isat: nothing was changed, for more has to be mended: .*network "blue" is not what was written: "isat apply`, "delete", "network", "red")
	offline(t, dir, offlineTexts["red"]+"---\n"+strings.Replace(offlineTexts["blue"], "100", "101", 1), exitOK,
		`(?s)^network "red" changed\n.*network "blue" changed\n`, `^$`, "apply", "-f", "-")
	offline(t, dir, "", exitOK, `^kind: network\nname: blue\nrevision: \d+\nnumber: 101\nunknown: solicit\n---\nkind: network\nname: red\nrevision: \d+\nnumber: 200\nunknown: drop\n$`, `^$`, "get", "intent")
}

// The directory of a running isat, or of none, is left alone.
func TestOfflineRefused(t *testing.T) {
	dir := dataDirectory(t, "blue")
	s, err := store.Open(t.Context(), store.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	offline(t, dir, "", exitFailed, `^$`, `^isat: .*another isat, process \d+, uses it: stop that one`, "delete", "network", "blue")
	none := t.TempDir()
	offline(t, none, "", exitFailed, `^$`, `^isat: .*nothing of isat's is kept there .*: choose the --data-dir of "isat run"\n$`, "get", "intent")
	if left, err := os.ReadDir(none); err != nil || len(left) != 0 {
		t.Errorf("left in a directory of none: %v, %v", left, err)
	}
}
