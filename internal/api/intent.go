package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

// maxIntentBody bounds the body of an edit: files of the largest size, whose
// every line break is two characters of JSON.
const maxIntentBody = 2*intent.MaxFileSize + maxBody

// DocumentParams choose documents of the intent.
type DocumentParams struct {
	Kind string `query:"kind" enum:"network,router,policy,limits" doc:"Only documents of this kind"`
	Name string `query:"name" doc:"Only documents of this name"`
}

// IntentFile is a text with documents.
type IntentFile struct {
	Name string `json:"name" doc:"How faults in it are reported" example:"networks.yaml"`
	Text string `json:"text" doc:"YAML documents. One with the key revision is refused if its object has another one"`
}

// IntentDeletion names an object to delete.
type IntentDeletion struct {
	Kind     string `json:"kind" enum:"network,router,policy,limits" doc:"Kind of the object"`
	Name     string `json:"name" doc:"Its name"`
	Revision *int64 `json:"revision,omitempty" minimum:"0" doc:"Refuse if it has another revision, or with 0 if it is stored; without it, whichever it has"`
}

// IntentBinding is a static binding to give to a network, or to take back.
type IntentBinding struct {
	Network string   `json:"network" doc:"Name or number of a network that is in no file of the edit" example:"blue"`
	IP      string   `json:"ip" doc:"Address of a host. Any other binding of it is replaced" example:"10.1.0.9"`
	MACs    []string `json:"macs,omitempty" doc:"MACs that may hold the address, the first is answered; without any the binding is taken back" example:"[\"02:00:00:00:00:09\"]"`
}

// IntentBody is an edit of the intent: all of it is done, or nothing.
type IntentBody struct {
	Files    []IntentFile     `json:"files,omitempty" doc:"Documents of the objects to create, or to change to. What a document does not say is the default"`
	Bindings []IntentBinding  `json:"bindings,omitempty" doc:"Static bindings of networks that are otherwise left as they are"`
	Delete   []IntentDeletion `json:"delete,omitempty" doc:"Objects to delete"`
	Prune    bool             `json:"prune,omitempty" doc:"Delete every object that is not described or edited"`
	DryRun   bool             `json:"dryRun,omitempty" doc:"Say what would change, and change nothing"`
}

type intentInput struct{ Body IntentBody }

type deleteParams struct {
	Kind     string        `path:"kind" enum:"network,router,policy,limits" doc:"Kind of the object"`
	Name     string        `path:"name" doc:"Its name"`
	Revision revisionParam `query:"revision" minimum:"0" doc:"Refuse if the object has another revision, or with 0 if it is stored; without it, whichever it has"`
}

// Request is the edit that the body asks for, without its Bindings.
func (b *IntentBody) Request() intent.Request {
	r := intent.Request{Prune: b.Prune}
	for _, f := range b.Files {
		r.Files = append(r.Files, intent.File{Name: f.Name, Data: []byte(f.Text)})
	}
	for _, d := range b.Delete {
		r.Delete = append(r.Delete, intent.Deletion{Ref: intent.Ref{Kind: d.Kind, Name: d.Name}, Expect: ExpectationOf(d.Revision)})
	}
	return r
}

// IntentProblem is a problem document (RFC 9457) about an edit of the intent.
type IntentProblem struct {
	huma.ErrorModel
	Faults    []view.IntentFault    `json:"faults,omitempty" doc:"With 422: every fault, those of stored objects included that would become one"`
	Conflicts []view.IntentConflict `json:"conflicts,omitempty" doc:"With 409: every object that has another revision than was expected"`
}

func registerIntent(a huma.API, h *handlers) {
	const tag = "intent"
	list := get("list-intent", "/v1/intent", tag, "The documents of the intent, with their revisions")
	list.Description = "Every document that is in force, those of what is always there included."
	huma.Register(a, list, h.documents)
	text := get("intent-yaml", "/v1/intent.yaml", tag, "The documents of the intent as YAML")
	text.Description = "As they can be applied again: with their revisions, so that they are refused if somebody else has changed the object meanwhile."
	text.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{yamlType: {Schema: &huma.Schema{Type: huma.TypeString}}}}}
	huma.Register(a, text, h.documentsAsYAML)
	apply := post("apply-intent", "/v1/intent/apply", "Create, change and delete objects of the intent",
		"All of the edit is done, or nothing. An object that is asked for as it is stays untouched, and no flow changes. What the whole "+
			"would be is checked: 422 lists every fault. 409 is a conflict with another edit, with both versions, or an intent that is read from a file.")
	apply.Tags, apply.MaxBodyBytes = []string{tag}, maxIntentBody
	registerEdit(a, apply, h.applyIntent)
	remove := post("delete-intent", "/v1/intent/{kind}/{name}", "Delete an object of the intent",
		"The network default goes back to what it is without being asked for.")
	remove.Tags, remove.Method = []string{tag}, http.MethodDelete
	registerEdit(a, remove, h.deleteIntent)
}

// registerEdit registers an operation that edits the intent, and says how it is refused.
func registerEdit[I any](a huma.API, op huma.Operation, handle func(context.Context, *I) (*output[view.IntentEdit], error)) {
	op.Responses = make(map[string]*huma.Response)
	huma.Register(a, op, handle)
	schema := a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[IntentProblem](), true, "IntentProblem")
	for _, code := range []int{http.StatusConflict, http.StatusUnprocessableEntity} {
		op.Responses[strconv.Itoa(code)] = &huma.Response{Description: http.StatusText(code),
			Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schema}}}
	}
}

const yamlType = "application/yaml" // RFC 9512

func (h *handlers) documents(ctx context.Context, p *DocumentParams) (*output[Page[view.Document]], error) {
	list, err := h.selectDocuments(ctx, p)
	if err != nil {
		return nil, problem(err)
	}
	var out []view.Document
	for _, o := range list {
		out = append(out, DocumentOf(o))
	}
	return reply(pageOf(out, "")), nil
}

type yamlOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (h *handlers) documentsAsYAML(ctx context.Context, p *DocumentParams) (*yamlOutput, error) {
	list, err := h.selectDocuments(ctx, p)
	if err != nil {
		return nil, problem(err)
	}
	return &yamlOutput{yamlType, intent.JoinDocuments(list)}, nil
}

func (h *handlers) selectDocuments(ctx context.Context, p *DocumentParams) ([]intent.Object, error) {
	list, err := h.backend.Intent(ctx)
	if err != nil {
		return nil, err
	}
	kept := list[:0]
	for _, o := range list {
		if (p.Kind == "" || p.Kind == o.Kind) && (p.Name == "" || p.Name == o.Name) {
			kept = append(kept, o)
		}
	}
	return kept, nil
}

// DocumentOf is an object as it is shown.
func DocumentOf(o intent.Object) view.Document {
	return view.Document{Kind: o.Kind, Name: o.Name, Revision: RevisionOf(o.Revision), Text: string(o.Text)}
}

func (h *handlers) applyIntent(ctx context.Context, in *intentInput) (*output[view.IntentEdit], error) {
	r := in.Body.Request()
	for _, b := range in.Body.Bindings {
		e, err := h.bindingEdit(ctx, b)
		if err != nil {
			return nil, problem(err)
		}
		r.Bindings = append(r.Bindings, e)
	}
	return h.editIntent(ctx, r, in.Body.DryRun)
}

func (h *handlers) bindingEdit(ctx context.Context, b IntentBinding) (e intent.BindingEdit, err error) {
	e.Network = b.Network // a name is looked up in what is stored
	if _, err := strconv.ParseUint(b.Network, 10, 32); err == nil {
		if e.Network, err = h.networkName(ctx, b.Network); err != nil {
			return e, err
		}
	}
	if e.IP, err = netip.ParseAddr(b.IP); err != nil {
		return e, Errorf(ErrInvalid, "%q is not an IP address such as 10.1.0.1 or fd00:1::1", b.IP)
	}
	for _, s := range b.MACs {
		mac, err := packet.ParseMAC(s)
		if err != nil {
			return e, Errorf(ErrInvalid, "%q is not a MAC such as 02:00:00:00:00:01", s)
		}
		e.MACs = append(e.MACs, mac)
	}
	return e, nil
}

func (h *handlers) deleteIntent(ctx context.Context, p *deleteParams) (*output[view.IntentEdit], error) {
	ref := intent.Ref{Kind: p.Kind, Name: p.Name}
	return h.editIntent(ctx, intent.Request{Delete: []intent.Deletion{{Ref: ref, Expect: p.Revision.expect}}}, false)
}

func (h *handlers) editIntent(ctx context.Context, r intent.Request, dryRun bool) (*output[view.IntentEdit], error) {
	done, err := h.backend.EditIntent(ctx, r, dryRun)
	if err != nil {
		return nil, intentProblem(err)
	}
	return reply(done.View(dryRun)), nil
}

// View is the outcome as it is shown.
func (e *IntentEdited) View(dryRun bool) view.IntentEdit {
	out := view.IntentEdit{DryRun: dryRun, Revision: e.Revision, Volatile: e.Volatile, Changes: []view.IntentChange{}}
	for _, c := range e.Changes {
		out.Changes = append(out.Changes, view.IntentChange{Kind: c.Kind, Name: c.Name, Action: string(c.Action), Diff: c.Diff()})
	}
	return out
}

// intentProblem tells the client of an edit that was refused.
func intentProblem(err error) error {
	if p, ok := NewIntentProblem(err); ok {
		return p
	}
	var missing *intent.MissingError
	var unbound *intent.UnboundError
	var senseless intent.RequestError
	switch {
	case errors.As(err, &missing), errors.As(err, &unbound):
		err = Errorf(ErrNotFound, "%s", err)
	case errors.As(err, &senseless):
		err = Errorf(ErrInvalid, "%s", err)
	}
	return problem(err)
}

// NewIntentProblem tells of the faults that an edit would make, or of the other edits
// that it conflicts with. Other errors are not ok.
func NewIntentProblem(err error) (p *IntentProblem, ok bool) {
	var faults intent.Errors
	var conflicts intent.Conflicts
	switch {
	case errors.As(err, &faults):
		p = newIntentProblem(http.StatusUnprocessableEntity,
			"nothing was changed, for the intent would not be valid: "+faults[0].Brief()+andMore(len(faults)-1))
		for _, e := range faults {
			p.Faults = append(p.Faults, view.IntentFault{File: e.File, Line: e.Line, Column: e.Column, Message: e.Message, Excerpt: e.Excerpt()})
		}
	case errors.As(err, &conflicts):
		p = newIntentProblem(http.StatusConflict, "nothing was changed, for "+conflicts.Error())
		for _, c := range conflicts {
			p.Conflicts = append(p.Conflicts, view.IntentConflict{Kind: c.Kind, Name: c.Name, Message: c.Error(),
				Edited: max(c.Expect, 0), Present: DocumentOf(c.Present), Yours: string(c.Yours), Diff: c.Diff()})
		}
	}
	return p, p != nil
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more", n)
}

func newIntentProblem(status int, detail string) *IntentProblem {
	return &IntentProblem{ErrorModel: huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: detail}}
}
