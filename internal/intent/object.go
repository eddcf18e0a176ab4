package intent

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// LimitsName is the name of the limits among objects: their document has none.
const LimitsName = "limits"

// Ref names an object: no two of an intent agree in both.
type Ref struct{ Kind, Name string }

// String gives kind and name as messages do.
func (r Ref) String() string {
	if r.Kind == KindLimits {
		return r.Kind
	}
	return fmt.Sprintf("%s %q", r.Kind, r.Name)
}

// compareRefs orders by kind and name.
func compareRefs(a, b Ref) int {
	return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
}

// builtIn says whether an object is always there: deleting it takes it back to the defaults.
func builtIn(r Ref) bool {
	return r == Ref{KindNetwork, DefaultName} || r == Ref{KindLimits, LimitsName}
}

// defaultObject is what a built-in object is if nothing else is asked for.
func defaultObject(r Ref) Object {
	objects := Default().Objects()
	o := objects[slices.IndexFunc(objects, func(o Object) bool { return o.Ref() == r })]
	o.Revision = Nothing
	return o
}

// Object is one document of an intent.
type Object struct {
	Kind, Name string
	Revision   int64  // of its last change, which rises; Nothing: none is stored; 0: it is from no store
	Text       []byte // canonical YAML, without the revision
}

// Ref names the object.
func (o Object) Ref() Ref { return Ref{o.Kind, o.Name} }

// Document gives the object's YAML with its revision, unless it is from no store. Edited and
// applied it is refused if somebody else has changed the object meanwhile; one that was not
// stored must not be stored.
func (o Object) Document() []byte {
	if o.Revision == 0 {
		return o.Text
	}
	head := 0 // the lines that say which object it is
	for line := range bytes.Lines(o.Text) {
		if !bytes.HasPrefix(line, []byte("kind: ")) && !bytes.HasPrefix(line, []byte("name: ")) {
			break
		}
		head += len(line)
	}
	return fmt.Appendf(nil, "%srevision: %d\n%s", o.Text[:head], max(o.Revision, 0), o.Text[head:])
}

// JoinDocuments makes one text of the objects' documents.
func JoinDocuments(objects []Object) []byte {
	var b bytes.Buffer
	for n, o := range objects {
		if n > 0 {
			b.WriteString("---\n")
		}
		b.Write(o.Document())
	}
	return b.Bytes()
}

// Objects gives every document of the intent in canonical form, those of what is always
// there included. They are from no store, and have no revisions.
func (i *Intent) Objects() []Object {
	var objects []Object
	add := func(kind, name string, print func(*bytes.Buffer)) {
		var b bytes.Buffer
		print(&b)
		objects = append(objects, Object{Kind: kind, Name: name, Text: b.Bytes()})
	}
	for n := range i.Networks {
		add(KindNetwork, i.Networks[n].Name, i.Networks[n].print)
	}
	for r := range i.Routers {
		add(KindRouter, i.Routers[r].Name, i.Routers[r].print)
	}
	for p := range i.Policies {
		add(KindPolicy, i.Policies[p].Name, i.Policies[p].print)
	}
	add(KindLimits, LimitsName, i.Limits.print)
	return objects
}

// valueOf gives the value that a key has, the first time that it is there.
func valueOf(entries []*ast.MappingValueNode, key string) (ast.Node, bool) {
	for _, entry := range entries {
		if entry.Key.GetToken().Value == key {
			return entry.Value, true
		}
	}
	return nil, false
}

// Stored gives the documents of the intent as Objects does, with the revisions that they have
// in a store.
func (i *Intent) Stored(stored []Object) []Object {
	revisions := make(map[Ref]int64, len(stored))
	for _, o := range stored {
		revisions[o.Ref()] = o.Revision
	}
	objects := i.Objects()
	for n := range objects {
		if objects[n].Revision = revisions[objects[n].Ref()]; objects[n].Revision == 0 {
			objects[n].Revision = Nothing
		}
	}
	return objects
}

// refOf names the object that a document describes, as far as it says so.
func refOf(entries []*ast.MappingValueNode) Ref {
	kind, _ := entryOf(entries, "kind")
	name, _ := entryOf(entries, "name")
	if kind.text == KindLimits {
		name.text = LimitsName
	}
	return Ref{kind.text, name.text}
}

// revision reads the revision that a document was made from.
func (d *decoder) revision(f fields, of Ref, raw *rawIntent) {
	if _, ok := f.values["revision"]; !ok {
		return
	}
	const want = `a whole number, as "isat get -o yaml" prints it, or 0 for what must not be stored yet`
	s, ok := d.scalar(f, "revision", want)
	if !ok {
		return
	}
	revision, err := strconv.ParseInt(s.text, 10, 64)
	if s.quoted || err != nil || revision < 0 {
		d.failf(s.at, "revision %q is none: want %s", shorten(s.text), want)
		return
	}
	if revision == 0 {
		revision = Nothing
	}
	raw.expected[of] = revision
}
