package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/view"
)

const (
	// silence is how long a watch may bring nothing, not even a keepalive,
	// which the API sends every 15 s, before it is given up.
	silence = 45 * time.Second
	// maxEvent bounds one line of the stream in bytes.
	maxEvent = 1 << 20
)

// ErrEnded is wrapped by the error of a watch that the daemon ended.
var ErrEnded = errors.New("watch ended")

// Watch calls f for every present object as added, then for every change, with
// an Object of the type that belongs to the kind. It returns the error of f,
// the error of ctx, or one that says why the stream ended: a watch never ends
// without an error, and never starts again by itself, for its reader could miss
// what happened in between.
func (c *Client) Watch(ctx context.Context, kind view.Kind, filter api.Filter, f func(view.Change) error) error {
	return follow(ctx, c, string(kind), api.EventChange, query(filter), decodeChange, f)
}

// WatchEvents calls f for every event from now on, or from the past on if q says since
// when, or how many of the last. It ends as [Client.Watch] does.
func (c *Client) WatchEvents(ctx context.Context, q api.EventQuery, f func(view.Event) error) error {
	return follow(ctx, c, "events", api.EventEvent, eventQuery(q), decode[view.Event], f)
}

// follow reads a stream, and gives f what its events of that name carry.
func follow[T any](
	ctx context.Context, c *Client, what, name string, q url.Values, decode func([]byte) (T, error), f func(T) error,
) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	resp, err := c.send(ctx, http.MethodGet, "/v1/watch/"+what, q, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	quiet := time.AfterFunc(silence, func() {
		cancel(fmt.Errorf("isat at %s fell silent: start the watch again: %w", c.base, ErrEnded))
	})
	defer quiet.Stop()

	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxEvent)
	event := ""
	for lines.Scan() {
		quiet.Reset(silence)
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case field == "event":
			event = value
		case field != "data":
		case event == api.EventEnd:
			return c.ended(value)
		case event == name:
			item, err := decode([]byte(value))
			if err != nil {
				return fmt.Errorf("watch %s at %s: %w", what, c.base, err)
			}
			if err := f(item); err != nil {
				return err
			}
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("watch %s: the connection to isat at %s broke (%w): %w", what, c.base, err, ErrEnded)
	}
	return fmt.Errorf("watch %s: isat at %s closed the connection: %w", what, c.base, ErrEnded)
}

func (c *Client) ended(data string) error {
	var e api.End
	if err := json.Unmarshal([]byte(data), &e); err != nil || e.Reason == "" {
		e.Reason = "no reason given"
	}
	return fmt.Errorf("%w by isat at %s: %s", ErrEnded, c.base, e.Reason)
}

func decodeChange(data []byte) (view.Change, error) {
	var raw struct {
		Kind   view.Kind       `json:"kind"`
		Type   view.ChangeType `json:"type"`
		Object json.RawMessage `json:"object"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return view.Change{}, fmt.Errorf("decode change: %w", err)
	}
	change := view.Change{Kind: raw.Kind, Type: raw.Type}
	var err error
	switch raw.Kind {
	case view.KindSwitch:
		change.Object, err = decode[view.Switch](raw.Object)
	case view.KindPort:
		change.Object, err = decode[view.Port](raw.Object)
	case view.KindNetwork:
		change.Object, err = decode[view.Network](raw.Object)
	case view.KindBinding:
		change.Object, err = decode[view.Binding](raw.Object)
	case view.KindStation:
		change.Object, err = decode[view.Station](raw.Object)
	default:
		err = errors.New("the kind is not known")
	}
	if err != nil {
		return view.Change{}, fmt.Errorf("decode change of %q: %w", raw.Kind, err)
	}
	return change, nil
}

func decode[T any](data []byte) (T, error) {
	var v T
	err := json.Unmarshal(data, &v)
	return v, err
}
