package ofconn

import (
	"errors"
	"fmt"

	"github.com/isat-sdn/isat/openflow"
)

// Reasons for the end of a session, as [Handler.Down] and the waiting calls of a
// [Session] see them (with errors.Is).
var (
	// ErrReplaced: the same switch connected again; the newer connection wins.
	ErrReplaced = errors.New("replaced by a newer connection of the same switch")
	// ErrSilent: echo requests stayed unanswered.
	ErrSilent = errors.New("switch does not answer")
	// ErrQueueFull: more waited to be sent than Config.MaxQueue allows.
	ErrQueueFull = errors.New("switch takes messages too slowly: send queue is full")
	// ErrFraming: the stream of messages lost its boundaries.
	ErrFraming = errors.New("openflow stream lost")
	// ErrPeerClosed: the switch closed the connection.
	ErrPeerClosed = errors.New("switch closed the connection")
	// ErrServerClosed: the context given to Serve ended.
	ErrServerClosed = errors.New("server is stopping")
)

// ErrUnframed is returned by [Session.Send] for bytes that are not whole OpenFlow
// messages.
var ErrUnframed = errors.New("not a sequence of whole openflow messages")

// refusal is a handshake that ended because of what the switch is. Its text is
// logged once a minute per address, because a refused switch keeps trying.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

// MessageError says that a switch refused one message of a [Session.Sync].
type MessageError struct {
	Bundled bool             // the message was in bundle, otherwise in pre
	Index   int              // its place there; -1 when the error is about the bundle itself
	Message openflow.Message // the message; nil when Index is -1
	Switch  *openflow.Error  // what the switch answered
}

func (e MessageError) Error() string {
	switch {
	case e.Index < 0:
		return fmt.Sprintf("bundle: switch answered %s", e.Switch.String())
	case e.Bundled:
		return fmt.Sprintf("bundled message %d (%v): switch answered %s", e.Index, e.Message.Type(), e.Switch.String())
	default:
		return fmt.Sprintf("message %d (%v): switch answered %s", e.Index, e.Message.Type(), e.Switch.String())
	}
}

// Unwrap gives the answer of the switch to errors.As.
func (e MessageError) Unwrap() error { return e.Switch }

// SyncError is returned by [Session.Sync] when the switch refused something.
// Nothing of the bundle was applied; messages of pre that are not named were.
type SyncError struct {
	Errors []MessageError // the first ones, in the order of their arrival
	Total  int            // how many there were
}

func (e *SyncError) Error() string {
	first := "no error was kept"
	if len(e.Errors) > 0 {
		first = e.Errors[0].Error()
	}
	if e.Total > 1 {
		return fmt.Sprintf("sync: %s (and %d more errors)", first, e.Total-1)
	}
	return "sync: " + first
}

// Unwrap gives the kept errors to errors.As.
func (e *SyncError) Unwrap() []error {
	all := make([]error, len(e.Errors))
	for i, m := range e.Errors {
		all[i] = m
	}
	return all
}
