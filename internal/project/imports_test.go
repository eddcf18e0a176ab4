package project

import (
	"go/ast"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers are the packages from the top down. A package may import those of
// layers below its own, and nothing else of the project. The names of a layer
// stand for the directories below them, too.
var layers = []struct {
	what  string
	names []string
}{
	{"the program", []string{"cmd/isat"}},
	{"the command line", []string{"internal/cli"}},
	{"what runs whole programs", []string{"internal/demo", "internal/bench"}},
	{"the daemon, and the client's side", []string{"internal/daemon", "internal/client"}},
	{"the edges: sockets, files, clocks", []string{"internal/api", "internal/metrics", "internal/ofconn", "internal/lab", "internal/store"}},
	{"sockets that are listened on", []string{"internal/listen"}},
	{"the core, which composes the decisions", []string{"internal/core"}},
	{"flows and packets, shown to people", []string{"internal/trace"}},
	{"flows run on packets", []string{"internal/flowsim"}},
	{"decisions on packets, and flows", []string{"internal/resolve", "internal/pipeline"}},
	{"what a switch has", []string{"internal/fabric"}},
	{"who lives where, and what was asked for", []string{"internal/binding", "internal/intent"}},
	{"the objects of the API, and the language of flows", []string{"internal/view", "internal/logical"}},
	{"the wire formats", []string{"openflow", "packet"}},
	{"files of systems that are measured", []string{"bench/peers"}},
}

// layerOf gives a package's layer, from 0 at the top.
func layerOf(path string) int {
	for i, l := range layers {
		for _, name := range l.names {
			if path == name || strings.HasPrefix(path, name+"/") {
				return i
			}
		}
	}
	return -1
}

// helpers are directories of tests' own, which may lean on anything.
func isHelper(path string) bool {
	return path == "internal/project" || strings.HasPrefix(path, "test/") ||
		strings.HasSuffix(path, "test") && strings.Count(path, "/") > 1
}

func imports(f *ast.File) (list []string) {
	for _, s := range f.Imports {
		path, err := strconv.Unquote(s.Path.Value)
		if err != nil {
			path = s.Path.Value
		}
		list = append(list, path)
	}
	return list
}

// Imports go downwards only.
func TestArrows(t *testing.T) {
	for _, u := range units(t) {
		if isHelper(u.path) {
			continue
		}
		at := layerOf(u.path)
		if at < 0 {
			t.Errorf("package %s is in no layer: give it its place in layers", u.path)
			continue
		}
		for name, f := range u.sources() {
			for _, path := range imports(f) {
				own, ok := strings.CutPrefix(path, module)
				if !ok {
					continue
				}
				to := layerOf(own)
				sameRoot := strings.HasPrefix(own, u.path+"/") || strings.HasPrefix(u.path, own+"/")
				if to <= at && !sameRoot {
					t.Errorf("%s/%s imports %s: %q is not below %q, and imports go downwards only",
						u.path, name, own, layers[max(to, 0)].what, layers[at].what)
				}
			}
		}
	}
}

// pure are the packages whose decisions depend on their arguments alone.
var pure = []string{
	"openflow", "packet", "internal/intent", "internal/binding", "internal/fabric", "internal/pipeline",
	"internal/resolve", "internal/flowsim", "internal/trace", "internal/core", "internal/view", "internal/logical",
}

// impure imports, with the reason. What begins with the name and a slash is
// meant, too, but for what allowed lists.
var impure = map[string]string{
	"net":               "it has sockets: the shell moves the bytes",
	"os":                "it has files and processes: the shell reads them, and gives the content",
	"io/ioutil":         "it has files",
	"syscall":           "it reaches the kernel",
	"math/rand":         "it is random: a run could not be repeated",
	"crypto/rand":       "it is random: a run could not be repeated",
	"golang.org/x/sys":  "it reaches the kernel",
	"testing":           "it belongs into tests",
	"runtime/debug":     "it looks at the process",
	"golang.org/x/sync": "goroutines belong into the shell",
	"database/sql":      "it has a disk",
	"path/filepath":     "it has files",
	"os/signal":         "signals are the shell's",
	"log":               "the core returns notes, and the shell logs them",
}

// allowed are imports that only look impure.
var allowed = []string{"net/netip", "log/slog"}

// impureCalls are functions of the standard library that make a decision
// depend on more than its arguments.
var impureCalls = map[string]string{
	"time.Now": "time comes in as an argument", "time.Since": "time comes in as an argument", "time.Until": "time comes in as an argument",
	"time.Sleep": "the core never waits", "time.After": "the core never waits", "time.Tick": "the core never waits",
	"time.NewTimer": "timers are the shell's", "time.NewTicker": "timers are the shell's", "time.AfterFunc": "timers are the shell's",
	"slog.Default": "the core returns notes, and the shell logs them", "slog.Info": "the core returns notes, and the shell logs them",
	"slog.Warn": "the core returns notes, and the shell logs them", "slog.Error": "the core returns notes, and the shell logs them",
	"maphash.MakeSeed": "it is random: a run could not be repeated; take the seed as an argument",
}

// Pure packages have no sockets, files, clocks, goroutines or global
// randomness.
func TestPurePackages(t *testing.T) {
	seen := make(map[string]bool)
	for _, u := range units(t) {
		if !slices.Contains(pure, u.path) {
			continue
		}
		seen[u.path] = true
		for name, f := range u.sources() {
			for _, path := range imports(f) {
				if why := impureImport(path); why != "" {
					t.Errorf("%s/%s imports %s: %s", u.path, name, path, why)
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s: a goroutine: the core's owner is one goroutine, and starts no others", u.set.Position(n.Pos()))
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok {
						if why := impureCalls[x.Name+"."+n.Sel.Name]; why != "" {
							t.Errorf("%s: %s.%s: %s", u.set.Position(n.Pos()), x.Name, n.Sel.Name, why)
						}
					}
				}
				return true
			})
		}
	}
	for _, path := range pure {
		if !seen[path] {
			t.Errorf("there is no package %s any more: take it out of pure", path)
		}
	}
}

func impureImport(path string) string {
	if slices.Contains(allowed, path) {
		return ""
	}
	for name, why := range impure {
		if path == name || strings.HasPrefix(path, name+"/") {
			return why
		}
	}
	return ""
}

// Tests wait for states.
func TestNoSleepInTests(t *testing.T) {
	for _, u := range units(t) {
		for name, f := range u.files {
			if !strings.HasSuffix(name, "_test.go") {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Sleep" {
					if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && !fileImports(f, "testing/synctest") {
						t.Errorf("%s: a test waits for a state, with a deadline, and never for a time", u.set.Position(n.Pos()))
					}
				}
				return true
			})
		}
	}
}

// fileImports says whether a file uses a package: in a synctest bubble a sleep
// takes no time.
func fileImports(f *ast.File, path string) bool { return slices.Contains(imports(f), path) }

// Tests that draw their cases draw the same ones from the same sources.
func TestDrawsAreSeeded(t *testing.T) {
	for _, u := range units(t) {
		var draws, seeded bool
		for _, f := range u.files {
			paths := imports(f)
			draws = draws || slices.Contains(paths, "pgregory.net/rapid")
			seeded = seeded || slices.Contains(paths, module+"test/seed")
		}
		if draws && !seeded && u.path != "test/seed" {
			t.Errorf("the tests of %s use rapid, and none of their files imports %stest/seed: what fails in one run could not be repeated", u.path, module)
		}
	}
}
