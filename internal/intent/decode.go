package intent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// item is a value of a file and where it stands. It is not ok if it isn't there or was
// refused; its place can be used all the same.
type item[T any] struct {
	value T
	at    place
	ok    bool
}

// rawIntent is the documents of a file as read, before they are compared with one another.
type rawIntent struct {
	networks []*rawNetwork
	routers  []*rawRouter
	policies []*rawPolicy
	limits   []*rawLimits
	expected map[Ref]int64 // of documents that name a revision, as Edit.Expect
	doubtful bool          // a document was refused, so the names are not all known
}

// The kinds of documents.
const (
	KindNetwork = "network"
	KindRouter  = "router"
	KindPolicy  = "policy"
	KindLimits  = "limits"
)

// Keys of the documents of each kind.
var (
	kinds       = []string{KindNetwork, KindRouter, KindPolicy, KindLimits}
	networkKeys = []string{"kind", "name", "revision", "number", "unknown", "subnets", "ports", "bindings", "age", "ages", "duplicates", "sponge"}
	routerKeys  = []string{"kind", "name", "revision", "interfaces", "routes"}
	policyKeys  = []string{"kind", "name", "revision", "table", "priority", "match", "actions"}
)

// documentKeys gives the keys of a kind, and those of all kinds if it is none.
func documentKeys(kind string) []string {
	switch kind {
	case KindNetwork:
		return networkKeys
	case KindRouter:
		return routerKeys
	case KindPolicy:
		return policyKeys
	case KindLimits:
		return limitsKeys
	}
	// Those of the limits, of which there is one document, would drown the others.
	return slices.Concat(networkKeys, routerKeys[3:], policyKeys[3:])
}

// decoder reads one document. Its subject names the document in messages.
type decoder struct {
	*source
	subject string
}

func (d *decoder) failf(at place, format string, args ...any) {
	d.fail(at, "%s: %s", d.subject, fmt.Sprintf(format, args...))
}

// fields are the values of a mapping by key.
type fields struct {
	at       place
	values   map[string]ast.Node
	misspelt map[string]bool // keys that an unknown one probably means: not reported as missing
}

// place gives the place of a value, or that of the whole mapping without it.
func (d *decoder) place(f fields, key string) place {
	if node, ok := f.values[key]; ok {
		return d.nodePlace(node)
	}
	return f.at
}

// mapping reads a mapping and reports keys that are unknown or repeated.
func (d *decoder) mapping(node ast.Node, what string, known []string) (fields, bool) {
	entries, ok := entriesOf(node)
	if !ok {
		d.failf(d.nodePlace(node), "%s is %s: want a mapping with the keys %s", what, describe(node), strings.Join(known, ", "))
		return fields{}, false
	}
	f := fields{at: d.nodePlace(node), values: make(map[string]ast.Node, len(entries)), misspelt: make(map[string]bool)}
	for _, entry := range entries {
		keyToken := entry.Key.GetToken()
		key, at := keyToken.Value, d.at(keyToken)
		switch {
		case !isPlain(keyToken) && keyToken.Indicator != token.QuotedScalarIndicator:
			d.failf(at, "%s has a key that is no word: want one of %s", what, strings.Join(known, ", "))
		case !slices.Contains(known, key):
			d.failf(at, "%s has an unknown key %q: %s", what, shorten(key), suggest(key, known))
			f.misspelt[nearest(key, known)] = true
		case f.values[key] != nil:
			d.failf(at, "%s has the key %q twice (first on %s)", what, key, d.lineName(d.nodePlace(f.values[key]).line))
		default:
			f.values[key] = entry.Value
		}
	}
	return f, true
}

func entriesOf(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// list reads a sequence; nothing at all is an empty one.
func (d *decoder) list(f fields, key, of string) []ast.Node {
	node := f.values[key]
	if isNull(node) {
		return nil
	}
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		d.failf(d.nodePlace(node), "%s is %s: want a list of %s", key, describe(node), of)
		return nil
	}
	return sequence.Values
}

// nodePlace gives where a node begins: for a mapping that is its first key.
func (d *decoder) nodePlace(node ast.Node) place {
	switch n := node.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return d.nodePlace(n.Values[0])
		}
	case *ast.MappingValueNode:
		return d.at(n.Key.GetToken())
	}
	return d.at(node.GetToken())
}

// limited is list for one that may have no more than most entries.
func (d *decoder) limited(f fields, key, of string, most int) []ast.Node {
	nodes := d.list(f, key, of)
	if len(nodes) > most {
		d.failf(d.nodePlace(nodes[most]), "%s has %d entries: want at most %d", key, len(nodes), most)
		nodes = nodes[:most]
	}
	return nodes
}

func describe(node ast.Node) string {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.LiteralNode:
		return "a block of text"
	}
	if isNull(node) {
		return "empty"
	}
	return fmt.Sprintf("%q", shorten(node.GetToken().Value))
}

// document reads one document.
func (d *decoder) document(node ast.Node, raw *rawIntent) {
	d.subject = "intent"
	entries, ok := entriesOf(node)
	if !ok {
		d.failf(d.nodePlace(node), "document is %s: want a mapping with the key kind: one of %s", describe(node), strings.Join(kinds, ", "))
		raw.doubtful = true
		return
	}
	kind := probableKind(entries)
	d.subject = d.nameDocument(entries, kind, d.nodePlace(node))
	f, ok := d.mapping(node, "document", documentKeys(kind))
	if !ok || !d.kind(f) {
		raw.doubtful = true
		return
	}
	d.revision(f, refOf(entries), raw)
	switch kind {
	case KindRouter:
		raw.routers = append(raw.routers, d.router(f))
	case KindPolicy:
		raw.policies = append(raw.policies, d.policy(f))
	case KindLimits:
		raw.limits = append(raw.limits, d.limits(f))
	default:
		n := d.network(f)
		if list := d.listed(entries); list != nil {
			n.bindings = list
		}
		raw.networks = append(raw.networks, n)
		raw.doubtful = raw.doubtful || !n.name.ok
	}
}

// probableKind gives the kind that a document is of or means to be of, or nothing.
func probableKind(entries []*ast.MappingValueNode) string {
	s, _ := entryOf(entries, "kind")
	return nearest(s.text, kinds)
}

// nameDocument says how messages refer to a document, by its name if it has one.
func (d *decoder) nameDocument(entries []*ast.MappingValueNode, kind string, at place) string {
	if kind == "" {
		kind = "document"
	}
	s, _ := entryOf(entries, "name")
	return d.subjectOf(kind, s.text, at)
}

func (s *source) subjectOf(kind, name string, at place) string {
	if name != "" {
		return fmt.Sprintf("%s %q", kind, shorten(name))
	}
	return fmt.Sprintf("%s at %s", kind, s.lineName(at.line))
}

// entryOf gives the word that a key has, the first time that it is there.
func entryOf(entries []*ast.MappingValueNode, key string) (scalar, bool) {
	if value, ok := valueOf(entries, key); ok {
		return scalarOf(value)
	}
	return scalar{}, false
}

func (d *decoder) kind(f fields) bool {
	s, ok := d.scalar(f, "kind", "one of "+strings.Join(kinds, ", "))
	if ok && !slices.Contains(kinds, s.text) {
		d.failf(s.at, "kind %q is unknown: %s", shorten(s.text), suggest(s.text, kinds))
		return false
	}
	return ok
}
