package api

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/isat-sdn/isat/internal/view"
)

// EventFilter narrows events. A place or a MAC is meant whether it is the new or the
// old one.
type EventFilter struct {
	Filter
	Kinds []view.EventKind // empty for all
}

// Routine says whether events that come with every host may match.
func (f *EventFilter) Routine() bool {
	return len(f.Kinds) == 0 || slices.ContainsFunc(f.Kinds, view.EventKind.Routine)
}

// Matcher returns what says whether an event matches.
func (f EventFilter) Matcher() func(*view.Event) bool {
	m := newMatcher(f.Filter)
	return func(e *view.Event) bool {
		return (len(f.Kinds) == 0 || slices.Contains(f.Kinds, e.Kind)) && is(m.Network, e.Network) && is(m.Switch, e.Switch) &&
			(is(m.Port, e.Port) || m.Port == e.OldPort) && (is(m.MAC, e.MAC) || m.MAC == e.OldMAC) && m.holds(e.IP)
	}
}

// EventQuery says which events are meant, in the words of the user.
type EventQuery struct {
	EventFilter
	Since time.Duration // of the past, those not older; 0 for any age
	Last  int           // of those, the youngest; 0 for all
}

// EventParams narrow events.
type EventParams struct {
	ListParams
	Kind  []string `query:"kind,explode" enum:"learned,confirmed,doubted,moved,asked,silent,expired,removed,duplicate,released,refused,defended" doc:"Only this kind of event; may be repeated"`
	Since string   `query:"since" doc:"Of the past, only events that are not older, as 90s, 10m or 2h" example:"10m"`
	Last  int      `query:"last" minimum:"1" maximum:"10000" doc:"Of those, only the youngest, this many"`
}

type watchEventParams struct {
	EventParams
	Past bool `query:"past" doc:"Begin with the remembered events; since and last mean this, too"`
}

func registerEvents(a huma.API, h *handlers) {
	op := get("list-events", "/v1/events", "watch", "What happened lately, oldest first")
	op.Description = "Events that come with every host (learned, silent because it has nothing to say, confirmed) are not remembered. Of those that hosts provoke (asked, refused, doubted) at most 100 a second are told. " +
		"Of each other kind the last 256 are, so that many of one kind do not hide the others."
	huma.Register(a, op, h.events)

	schemas := a.OpenAPI().Components.Schemas
	op = watch("watch-events", "/v1/watch/events", "Follow what happens to addresses")
	op.Description = "A stream of server-sent events, from now on or from the past on. The data of one named event is an Event. " +
		"As in any watch, a last one named end says why the daemon ended the stream."
	op.Responses = eventStream(schemas.Schema(reflect.TypeFor[view.Event](), true, ""), schemas.Schema(reflect.TypeFor[End](), true, ""))
	huma.Register(a, op, h.watchEvents)
}

func (h *handlers) events(ctx context.Context, p *EventParams) (*output[Page[view.Event]], error) {
	q, err := h.eventQuery(ctx, p)
	if err != nil {
		return nil, problem(err)
	}
	list, err := h.backend.Events(ctx)
	if err != nil {
		return nil, problem(err)
	}
	return reply(pageOf(q.choose(time.Now(), list), "")), nil
}

func (h *handlers) watchEvents(ctx context.Context, p *watchEventParams) (*huma.StreamResponse, error) {
	q, err := h.eventQuery(ctx, &p.EventParams)
	if err != nil {
		return nil, problem(err)
	}
	past, next, err := h.backend.WatchEvents(ctx, q.EventFilter)
	if err != nil {
		return nil, problem(err)
	}
	if !p.Past && q.Since == 0 && q.Last == 0 {
		past = nil
	}
	return streamed(EventEvent, q.choose(time.Now(), past), next, q.Matcher()), nil
}

func (h *handlers) eventQuery(ctx context.Context, p *EventParams) (q EventQuery, err error) {
	if q.Filter, err = h.check(ctx, p.filter()); err != nil {
		return q, err
	}
	for _, k := range p.Kind {
		q.Kinds = append(q.Kinds, view.EventKind(k))
	}
	if p.Since != "" {
		if q.Since, err = time.ParseDuration(p.Since); err != nil || q.Since <= 0 {
			return q, Errorf(ErrInvalid, "%q is not a time such as 90s, 10m or 2h", p.Since)
		}
	}
	q.Last = p.Last
	return q, nil
}

// choose returns those of the list, which is in the order of time, that are meant.
func (q *EventQuery) choose(now time.Time, list []view.Event) []view.Event {
	match := q.Matcher()
	list = slices.DeleteFunc(list, func(e view.Event) bool {
		return !match(&e) || q.Since > 0 && now.Sub(e.At) > q.Since
	})
	if q.Last > 0 && len(list) > q.Last {
		list = list[len(list)-q.Last:]
	}
	return list
}
