package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/isat-sdn/isat/internal/view"
)

// Names of the server-sent events of a watch.
const (
	EventChange = "change" // data is a view.Change
	EventEvent  = "event"  // data is a view.Event
	EventEnd    = "end"    // data is an End; the last event of a stream
)

// End says why the daemon ended a watch.
type End struct {
	Reason string `json:"reason" doc:"One line for people"`
}

const (
	// keepalive is the pause after which a comment is sent, so that both
	// sides notice a dead connection.
	keepalive = 15 * time.Second
	// writeTimeout ends the watch of a client that stopped reading.
	writeTimeout = 10 * time.Second
)

type watchParams struct {
	Kind string `path:"kind" enum:"switches,ports,networks,bindings,stations" doc:"What to watch"`
	ListParams
	BindingParams
}

func registerWatch(a huma.API, h *handlers) {
	schemas := a.OpenAPI().Components.Schemas
	change := schemas.Schema(reflect.TypeFor[view.Change](), true, "")
	end := schemas.Schema(reflect.TypeFor[End](), true, "")
	var objects []*huma.Schema
	for _, t := range []reflect.Type{
		reflect.TypeFor[view.Switch](), reflect.TypeFor[view.Port](), reflect.TypeFor[view.Network](),
		reflect.TypeFor[view.Binding](), reflect.TypeFor[view.Station](),
	} {
		objects = append(objects, schemas.Schema(t, true, ""))
	}
	schemas.SchemaFromRef(change.Ref).Properties["object"].OneOf = objects
	op := watch("watch", "/v1/watch/{kind}", "Follow a list")
	op.Description = "A stream of server-sent events. First every present object comes as added, then every change. " +
		"The data of an event named change is a Change. A last event named end says why the daemon ended the stream: " +
		"a watcher that reads too slowly is cut off and has to start again. Comments keep the connection alive. " +
		"503 is one watcher too many: 256 may follow lists, and 256 events."
	op.Responses = eventStream(change, end)
	huma.Register(a, op, h.watch)
}

// watch describes an operation that is a stream, for which there may be no room.
func watch(id, path, summary string) huma.Operation {
	op := get(id, path, "watch", summary)
	op.Errors = append(op.Errors, http.StatusServiceUnavailable)
	return op
}

// eventStream describes a stream of server-sent events with such data.
func eventStream(data ...*huma.Schema) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {
		Description: "Events",
		Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{
			Description: "The data of one event", OneOf: data,
		}}},
	}}
}

func (h *handlers) watch(ctx context.Context, p *watchParams) (*huma.StreamResponse, error) {
	f := p.filter()
	f.State, f.Origin = p.State, p.Origin
	if view.Kind(p.Kind) != view.KindBinding && (f.State != "" || f.Origin != "") {
		return nil, problem(Errorf(ErrInvalid, "state and origin are of bindings, and not of %s", p.Kind))
	}
	f, err := h.checkListed(ctx, f)
	if err != nil {
		return nil, problem(err)
	}
	// The subscription ends with the request, also if the body is never run.
	changes, err := h.backend.Watch(ctx, view.Kind(p.Kind), f)
	if err != nil {
		return nil, problem(err)
	}
	return streamed(EventChange, nil, changes, newNarrower(f).pass), nil
}

// streamed answers with a stream of what was and what comes, as events of that name,
// as far as pass, which may alter it, lets it.
func streamed[T any](name string, past []T, next <-chan T, pass func(*T) bool) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", "text/event-stream")
		hc.SetHeader("Cache-Control", "no-store")
		_, w := humago.Unwrap(hc)
		s := &stream[T]{w: w, control: http.NewResponseController(w), name: name, pass: pass}
		// An error means that the client is gone: there is nobody to tell.
		_ = s.run(hc.Context(), past, next, keepalive)
	}}
}

// stream writes one watch.
type stream[T any] struct {
	w       io.Writer
	control *http.ResponseController
	name    string // of its events
	pass    func(*T) bool
}

func (s *stream[T]) run(ctx context.Context, past []T, next <-chan T, idle time.Duration) error {
	// The connection may serve another request afterwards.
	defer func() { _ = s.control.SetWriteDeadline(time.Time{}) }()
	// The headers go out at once: a client of an empty list waits for them.
	if err := s.write(": watching\n\n"); err != nil {
		return err
	}
	for i := range past {
		if err := s.item(&past[i]); err != nil {
			return err
		}
	}
	tick := time.NewTicker(idle)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.event(EventEnd, End{Reason: "isat is stopping"})
		case <-tick.C:
			if err := s.write(": alive\n\n"); err != nil {
				return err
			}
		case item, ok := <-next:
			if !ok {
				reason := "the watcher was too slow: start it again"
				if ctx.Err() != nil {
					reason = "isat is stopping"
				}
				return s.event(EventEnd, End{Reason: reason})
			}
			if err := s.item(&item); err != nil {
				return err
			}
		}
	}
}

// item writes one item, if it passes.
func (s *stream[T]) item(item *T) error {
	if !s.pass(item) {
		return nil
	}
	return s.event(s.name, item)
}

func (s *stream[T]) event(name string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", name, err)
	}
	return s.write("event: " + name + "\ndata: " + string(text) + "\n\n")
}

func (s *stream[T]) write(text string) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := io.WriteString(s.w, text); err != nil {
		return err
	}
	return s.control.Flush()
}

// narrower applies a filter to changes. An object that moves out of the filter
// is deleted for this watcher, and one that moves into it is added, so it
// remembers which ones the watcher has.
type narrower struct {
	match *matcher
	seen  map[string]struct{}
}

func newNarrower(f Filter) *narrower {
	return &narrower{match: newMatcher(f), seen: map[string]struct{}{}}
}

// pass reports whether the watcher gets the change, whose type it may alter.
func (n *narrower) pass(c *view.Change) bool {
	c.Object = normalObject(c.Object)
	if n.match.empty() {
		return true
	}
	name, match := n.match.object(c.Object)
	_, seen := n.seen[name]
	switch {
	case c.Type == view.Deleted || !match:
		delete(n.seen, name)
		c.Type = view.Deleted
		return seen
	case !seen:
		n.seen[name] = struct{}{}
		c.Type = view.Added
	}
	return true
}

func normalObject(o any) any {
	switch o := o.(type) {
	case view.Port:
		return normal(o)
	case view.Network:
		return normal(o)
	case view.Station:
		return normal(o)
	}
	return o
}
