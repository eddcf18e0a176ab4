package project

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the project's directory, seen from this package.
const root = "../.."

// module is the path that the project's own imports begin with.
const module = "github.com/isat-sdn/isat/"

// unit is a directory with Go files. Its path is that below the root.
type unit struct {
	path  string
	files map[string]*ast.File // by name; tests among them
	set   *token.FileSet
}

// sources are the files of the package itself.
func (u unit) sources() map[string]*ast.File {
	files := make(map[string]*ast.File)
	for name, f := range u.files {
		if !strings.HasSuffix(name, "_test.go") {
			files[name] = f
		}
	}
	return files
}

// units parses every Go file of the project.
func units(t *testing.T) []unit {
	t.Helper()
	found := make(map[string]*unit)
	set := token.NewFileSet()
	walk(t, func(path string) {
		if filepath.Ext(path) != ".go" {
			return
		}
		file, err := parser.ParseFile(set, filepath.Join(root, path), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		if found[dir] == nil {
			found[dir] = &unit{path: dir, files: make(map[string]*ast.File), set: set}
		}
		found[dir].files[filepath.Base(path)] = file
	})
	var list []unit
	for _, u := range found {
		list = append(list, *u)
	}
	slices.SortFunc(list, func(a, b unit) int { return strings.Compare(a.path, b.path) })
	return list
}

// walk calls f with the path below the root of every file of the project. What
// is built, fetched or hidden is left out.
func walk(t *testing.T, f func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path, err = filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name := d.Name()
		switch {
		case path == ".":
		case d.IsDir() && (strings.HasPrefix(name, ".") || name == "bin" || name == "vendor"):
			return fs.SkipDir
		case !d.IsDir():
			f(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
