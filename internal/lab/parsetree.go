package lab

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// reader takes in the value that stands at a path.
type reader func(n ast.Node, path string)

// fields are the keys that a mapping may have.
type fields map[string]reader

// fail reports an error at a node and remembers the path, so that validation stays silent about it.
func (p *topologyParser) fail(n ast.Node, path, format string, args ...any) {
	pos := p.note(n, path)
	p.bad = append(p.bad, path)
	p.errs = append(p.errs, FileError{p.file, pos.line, pos.column, fmt.Sprintf(format, args...)})
}

// note remembers where the value at a path stands.
func (p *topologyParser) note(n ast.Node, path string) position {
	pos := p.at[parentPath(path)]
	if tok := firstToken(n); tok.line > 0 {
		pos = tok
	}
	p.at[path] = pos
	return pos
}

// firstToken returns where a node starts. A block mapping's own token is the colon of its first
// pair; people look for the key.
func firstToken(n ast.Node) position {
	switch m := n.(type) {
	case nil:
		return position{}
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return firstToken(m.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return firstToken(m.Key)
	}
	if tok := n.GetToken(); tok != nil && tok.Position != nil {
		return position{tok.Position.Line, tok.Position.Column}
	}
	return position{}
}

// mapping reads a mapping with these keys, each at most once; others are errors.
func (p *topologyParser) mapping(n ast.Node, path string, known fields) {
	p.note(n, path)
	var pairs []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		pairs = m.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{m}
	default:
		p.fail(n, path, "expected a mapping with %s", strings.Join(sortedKeys(known), ", "))
		return
	}
	for _, pair := range pairs {
		key := pair.Key.GetToken().Value
		read, ok := known[key]
		if !ok {
			p.fail(pair.Key, join(path, key), "unknown key %q: %s", key, suggest(key, sortedKeys(known)))
			continue
		}
		if _, null := pair.Value.(*ast.NullNode); null {
			p.fail(pair.Key, join(path, key), "%q has no value", key)
			continue
		}
		read(pair.Value, join(path, key))
	}
}

// listOf reads a sequence, one element at a time.
func listOf[T any](p *topologyParser, out *[]T, element func(ast.Node, string) T) reader {
	return func(n ast.Node, path string) {
		seq, ok := n.(*ast.SequenceNode)
		if !ok {
			p.fail(n, path, "expected a list")
			return
		}
		p.note(n, path)
		for i, value := range seq.Values {
			*out = append(*out, element(value, fmt.Sprintf("%s[%d]", path, i)))
		}
	}
}

// scalarTo reads one value by its text; YAML's own idea of the type plays no part, so that
// 0000000000000010 is a datapath id and not the octal number 8.
func scalarTo[T any](p *topologyParser, out *T, parse func(string) (T, error)) reader {
	return func(n ast.Node, path string) {
		p.note(n, path)
		text, ok := scalarText(n)
		if !ok {
			p.fail(n, path, "expected one value")
			return
		}
		v, err := parse(text)
		if err != nil {
			p.fail(n, path, "%v", err)
			return
		}
		*out = v
	}
}

func (p *topologyParser) text(out *string) reader {
	return scalarTo(p, out, func(s string) (string, error) { return s, nil })
}

func scalarText(n ast.Node) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return v.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// located gives a problem the position of its path, or of the nearest thing around it that stands
// in the file.
func (p *topologyParser) located(problem Problem) FileError {
	for path := problem.Path; ; path = parentPath(path) {
		if pos, ok := p.at[path]; ok {
			return FileError{p.file, pos.line, pos.column, describe(path, problem)}
		}
	}
}

// describe says the problem; if its own path is not in the file, it names the missing key.
func describe(found string, problem Problem) string {
	if found == problem.Path {
		return problem.Msg
	}
	return strings.TrimPrefix(strings.TrimPrefix(problem.Path, found), ".") + ": " + problem.Msg
}

// badPath says whether the value at path, or one around it, was already reported.
func (p *topologyParser) badPath(path string) bool {
	for _, bad := range p.bad {
		if bad == "" || path == bad || strings.HasPrefix(path, bad+".") || strings.HasPrefix(path, bad+"[") {
			return true
		}
	}
	return false
}

func parentPath(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func sortedKeys(m fields) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// suggest names the nearest known key, or all of them if none is near.
func suggest(key string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := editDistance(strings.ToLower(key), k); d < distance {
			best, distance = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "expected one of " + strings.Join(known, ", ")
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

func joinSorted(errs []FileError) error {
	sort.SliceStable(errs, func(i, j int) bool {
		a, b := errs[i], errs[j]
		return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
	})
	out := make([]error, len(errs))
	for i, e := range errs {
		out[i] = e
	}
	return errors.Join(out...)
}
