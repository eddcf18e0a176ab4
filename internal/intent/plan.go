package intent

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// File is a text with documents. Its name is only used in messages.
type File struct {
	Name string
	Data []byte
}

// What an edit may expect instead of a revision.
const (
	Anything int64 = 0  // whatever is there
	Nothing  int64 = -1 // that the object is not stored
)

// Deletion names an object to delete, which is at revision Expect unless that is Anything.
type Deletion struct {
	Ref
	Expect int64
}

// BindingEdit gives a network a static binding instead of any other of its address; without
// MACs it takes that back.
type BindingEdit struct {
	Network string
	Binding
}

// Request is what an operator wants changed, all of it or nothing. A document describes its
// object completely: what it doesn't say is the default.
type Request struct {
	Files    []File        // the documents to create, or to change to
	Bindings []BindingEdit // of networks that no document describes
	Delete   []Deletion    // the objects to delete
	Prune    bool          // delete whatever isn't described or edited
}

// Action is what becomes of an object.
type Action string

// The actions.
const (
	Created   Action = "created"
	Changed   Action = "changed"
	Unchanged Action = "unchanged" // nothing is written, and nothing follows
	Deleted   Action = "deleted"
	Reset     Action = "reset" // what is always there goes back to its defaults
)

// Change is what a request does to one object.
type Change struct {
	Ref
	Action Action
	Old    Object // Text is nil if it doesn't exist, and Revision Nothing if it is not stored
	New    []byte // canonical YAML; nil if it is deleted
}

// Diff gives the lines of the canonical form that differ in what is changed or reset, with
// those around them, as a unified diff without its header.
func (c *Change) Diff() string {
	switch c.Action {
	case Changed:
		return diffText(c.Old.Text, c.New)
	case Reset:
		return diffText(c.Old.Text, defaultObject(c.Ref).Text)
	}
	return ""
}

// Edit is a change of a stored object: to Text, or its end if that is nil.
type Edit struct {
	Kind, Name string
	Text       []byte
	Expect     int64 // the revision that the object has now, or Nothing
}

// Plan is what becomes of the intent by a request.
type Plan struct {
	Intent  *Intent
	Changes []Change // of each document in the order of the files, then of what is deleted
}

// Edits gives what has to be stored, which is nothing for objects that don't change.
func (p *Plan) Edits() []Edit {
	var edits []Edit
	for _, c := range p.Changes {
		if c.Action == Unchanged {
			continue
		}
		edits = append(edits, Edit{Kind: c.Kind, Name: c.Name, Text: c.New, Expect: c.Old.Revision})
	}
	return edits
}

// After gives what is stored once the plan's edits are, in the order of kind and name.
func (p *Plan) After(stored []Object, revision int64) []Object {
	edits := make(map[Ref]Edit)
	for _, e := range p.Edits() {
		edits[Ref{e.Kind, e.Name}] = e
	}
	after := slices.DeleteFunc(slices.Clone(stored), func(o Object) bool {
		_, edited := edits[o.Ref()]
		return edited
	})
	for _, e := range edits {
		if e.Text != nil {
			after = append(after, Object{e.Kind, e.Name, revision, e.Text})
		}
	}
	slices.SortFunc(after, func(a, b Object) int { return compareRefs(a.Ref(), b.Ref()) })
	return after
}

// RequestError is a request that makes no sense, whatever is stored.
type RequestError string

func (e RequestError) Error() string { return string(e) }

// MissingError is an object to be deleted that doesn't exist.
type MissingError struct{ Ref }

func (e *MissingError) Error() string { return fmt.Sprintf("there is no %s", e.Ref) }

// UnboundError is a static binding to be taken back that doesn't exist.
type UnboundError struct{ BindingEdit }

func (e *UnboundError) Error() string {
	return fmt.Sprintf("%s has no static binding in network %q", e.IP, e.Network)
}

// Conflict is an edit that was made from another revision than the one that is stored.
type Conflict struct {
	Ref
	Expect  int64  // the edit's
	Present Object // as Change.Old
	Yours   []byte // what the edit would make of it, in canonical form; nil: delete it
}

func (c *Conflict) Error() string {
	switch {
	case c.Expect == Nothing && builtIn(c.Ref):
		return fmt.Sprintf("%s, edited from the defaults, has revision %d now", c.Ref, c.Present.Revision)
	case c.Expect == Nothing:
		return fmt.Sprintf("%s exists already, at revision %d", c.Ref, c.Present.Revision)
	case c.Present.Revision == Nothing && builtIn(c.Ref):
		return fmt.Sprintf("%s, edited from revision %d, has been reset to the defaults", c.Ref, c.Expect)
	case c.Present.Revision == Nothing:
		return fmt.Sprintf("%s, edited from revision %d, does not exist any more", c.Ref, c.Expect)
	}
	return fmt.Sprintf("%s was edited from revision %d, and has revision %d now", c.Ref, c.Expect, c.Present.Revision)
}

// Diff gives the lines in which the edit differs from what is there.
func (c *Conflict) Diff() string { return diffText(c.Present.Text, c.Yours) }

// Conflicts is every conflict of a request. It is never empty.
type Conflicts []*Conflict

// Error names the first.
func (c Conflicts) Error() string {
	text := c[0].Error()
	if len(c) > 1 {
		text += fmt.Sprintf(", and %d more", len(c)-1)
	}
	return text
}

// planner is a request being compared with what is stored.
type planner struct {
	source
	stored    map[Ref]Object
	applied   []Ref // as the files have them
	described map[Ref]bool
	deleted   map[Ref]int64 // expected revision
	bodies    []ast.Node    // of the documents of the files
	edits     []bindingEdit
	unbound   *UnboundError // the first of what can't be taken back
	expected  map[Ref]int64 // revisions that they were made from
}

// bindingEdit is a BindingEdit with what it says as a document would; nil takes back.
type bindingEdit struct {
	BindingEdit
	node ast.Node
}

// NewPlan compares a request with what is stored and checks what would come of both. Nothing
// in the request depends on the order of documents. The error is Errors if the intent would not
// be valid, with faults in the files where they stand there and faults in stored objects under
// the object's name; or it is Conflicts, a *MissingError, an *UnboundError or a RequestError.
func NewPlan(stored []Object, request Request, check PolicyCheck) (*Plan, error) {
	p := &planner{stored: make(map[Ref]Object, len(stored)), described: make(map[Ref]bool), deleted: make(map[Ref]int64)}
	for _, o := range stored {
		p.stored[o.Ref()] = o
	}
	if err := p.take(request); err != nil {
		return nil, err
	}
	intent, err := p.whole(stored, check)
	switch {
	case p.unbound != nil:
		return nil, p.unbound
	case err != nil:
		return nil, err
	}
	return p.compare(intent)
}

// Load makes an intent of what is stored.
func Load(stored []Object, check PolicyCheck) (*Intent, error) {
	return new(planner).whole(stored, check)
}

// Refs names the objects that files describe, with the revisions that they were made from,
// whatever else is in the documents.
func Refs(files []File) ([]Deletion, error) {
	p := &planner{}
	if err := p.readFiles(files); err != nil {
		return nil, err
	}
	d := &decoder{source: &p.source}
	raw := &rawIntent{expected: make(map[Ref]int64)}
	var list []Deletion
	for _, body := range p.bodies {
		entries, ok := entriesOf(body)
		ref := refOf(entries)
		if !ok || !slices.Contains(kinds, ref.Kind) || ref.Name == "" {
			p.fail(d.nodePlace(body), "document does not say which object it describes: want the keys kind and name")
			continue
		}
		d.subject = ref.String()
		if node, ok := valueOf(entries, "revision"); ok {
			d.revision(fields{values: map[string]ast.Node{"revision": node}}, ref, raw)
		}
		list = append(list, Deletion{ref, raw.expected[ref]})
	}
	return list, p.result()
}

func (p *planner) readFiles(files []File) error {
	for _, f := range files {
		text, ok := p.read(f.Name, f.Data)
		if !ok {
			return p.result()
		}
		p.bodies = append(p.bodies, parseDocuments(&p.source, text)...)
	}
	return nil
}

// take reads the request.
func (p *planner) take(request Request) error {
	if err := p.readFiles(request.Files); err != nil {
		return err
	}
	if len(p.bodies) == 0 && len(request.Delete) == 0 && len(request.Bindings) == 0 && len(p.errs) == 0 {
		return RequestError("there is no document to apply, and nothing to delete")
	}
	for _, body := range p.bodies {
		entries, _ := entriesOf(body)
		ref := refOf(entries)
		if !p.described[ref] {
			p.applied = append(p.applied, ref)
		}
		p.described[ref] = true
	}
	if request.Prune && len(p.described) == 0 && len(p.errs) == 0 {
		return RequestError("there is no document to apply, and to prune would delete everything: name what is to be deleted")
	}
	for _, d := range request.Delete {
		if p.described[d.Ref] {
			return RequestError(fmt.Sprintf("%s is both to be changed and to be deleted", d.Ref))
		}
		if p.stored[d.Ref].Text == nil && !builtIn(d.Ref) {
			return &MissingError{d.Ref}
		}
		p.deleted[d.Ref] = d.Expect
	}
	if err := p.takeBindings(request.Bindings); err != nil {
		return err
	}
	for ref := range p.stored {
		if _, named := p.deleted[ref]; request.Prune && !named && !p.described[ref] && !slices.Contains(p.applied, ref) {
			p.deleted[ref] = Anything
		}
	}
	return nil
}

// takeBindings reads the edits of bindings. Each is a text of its own, so that its faults
// are shown like those of documents.
func (p *planner) takeBindings(edits []BindingEdit) error {
	for _, e := range edits {
		ref := Ref{KindNetwork, e.Network}
		_, deleted := p.deleted[ref]
		switch {
		case p.described[ref] || deleted:
			return RequestError(fmt.Sprintf("bindings of %s are to be changed, and so is all of it: put them into its document", ref))
		case p.stored[ref].Text == nil && !builtIn(ref):
			return &MissingError{ref}
		}
		if !slices.Contains(p.applied, ref) {
			p.applied = append(p.applied, ref)
		}
		one := bindingEdit{BindingEdit: e}
		if len(e.MACs) > 0 {
			line := bytes.TrimSpace(e.appendLine(nil))
			text, _ := p.read(fmt.Sprintf("binding of %s", e.IP), line)
			for _, body := range parseAll(&p.source, text) {
				if list, ok := body.(*ast.SequenceNode); ok {
					one.node = list.Values[0]
				}
			}
		}
		p.edits = append(p.edits, one)
	}
	return p.result()
}

// editBindings makes the edits in what was read of the networks.
func (p *planner) editBindings(d *decoder, raw *rawIntent) {
	for _, e := range p.edits {
		at := slices.IndexFunc(raw.networks, func(n *rawNetwork) bool { return n.name.value == e.Network })
		if at < 0 {
			continue // its document has a fault
		}
		n := raw.networks[at]
		before := len(n.bindings)
		n.bindings = slices.DeleteFunc(n.bindings, func(b rawBinding) bool { return b.IP == e.IP })
		if e.node == nil {
			if len(n.bindings) == before && p.unbound == nil {
				p.unbound = &UnboundError{e.BindingEdit}
			}
			continue
		}
		d.subject = n.subject(d.source)
		if b, ok := d.binding(e.node); ok {
			n.bindings = append(n.bindings, b)
		}
	}
}

// whole makes the intent of the files and of the stored objects that they leave. Those are
// read first, so that a fault between two documents is reported in a file.
func (p *planner) whole(stored []Object, check PolicyCheck) (*Intent, error) {
	files := p.bodies
	var bodies []ast.Node
	for _, ref := range p.applied {
		if p.stored[ref].Text == nil && !p.described[ref] {
			stored = append(slices.Clip(stored), defaultObject(ref)) // its bindings are edited
		}
	}
	for _, o := range stored {
		_, gone := p.deleted[o.Ref()]
		if gone || p.described[o.Ref()] {
			continue
		}
		text, ok := p.read(storedName(o.Ref()), o.Text)
		if !ok {
			return nil, p.result()
		}
		bodies = append(bodies, parseDocuments(&p.source, text)...)
	}
	intent, expected, err := p.intent(append(bodies, files...), check, p.editBindings)
	p.expected = expected
	return intent, err
}

// storedName is how faults in a stored object are reported.
func storedName(ref Ref) string { return "stored " + ref.String() }

// StoredRef names the stored object that a fault is in; it is empty if it is in none.
func StoredRef(e *Error, stored []Object) Ref {
	at := slices.IndexFunc(stored, func(o Object) bool { return storedName(o.Ref()) == e.File })
	if at < 0 {
		return Ref{}
	}
	return stored[at].Ref()
}

// compare says what changes, unless the request was made from something else than is stored.
func (p *planner) compare(intent *Intent) (*Plan, error) {
	texts := make(map[Ref][]byte)
	for _, o := range intent.Objects() {
		texts[o.Ref()] = o.Text
	}
	plan := &Plan{Intent: intent}
	var conflicts Conflicts
	add := func(ref Ref, expect int64, text []byte) {
		old, stored := p.stored[ref]
		switch {
		case !stored && builtIn(ref):
			old = defaultObject(ref)
		case !stored:
			old.Revision = Nothing
		}
		c := Change{Ref: ref, Old: old, New: text}
		c.Action = actionOf(&c, stored)
		if c.Action != Unchanged && expect != Anything && expect != old.Revision {
			conflicts = append(conflicts, &Conflict{ref, expect, old, text})
		}
		plan.Changes = append(plan.Changes, c)
	}
	for _, ref := range p.applied {
		add(ref, p.expected[ref], texts[ref])
	}
	for _, ref := range slices.SortedFunc(maps.Keys(p.deleted), compareRefs) {
		add(ref, p.deleted[ref], nil)
	}
	if len(conflicts) > 0 {
		return nil, conflicts
	}
	return plan, nil
}

// actionOf says what happens to an object. What is always there is not created, and without
// being stored it is not deleted.
func actionOf(c *Change, stored bool) Action {
	switch {
	case c.New == nil && !stored, bytes.Equal(c.Old.Text, c.New):
		return Unchanged
	case c.New == nil && builtIn(c.Ref):
		return Reset
	case c.New == nil:
		return Deleted
	case c.Old.Text == nil:
		return Created
	}
	return Changed
}
