package api

import (
	"context"
	"io"
	"net/netip"

	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/view"
)

// Backend is what the API needs from the daemon. Every method may be called
// concurrently and returns copies that the API may change. Errors that wrap
// [ErrNotFound], [ErrInvalid], [ErrConflict] or [ErrBusy] reach the client
// with the status code that fits; any other error is a 500. The text of the
// error is shown to the user as it is, so it is one line.
type Backend interface {
	// Status returns the daemon at a glance.
	Status(ctx context.Context) (view.Status, error)
	// Switches returns every switch that is, or was, connected.
	Switches(ctx context.Context) ([]view.Switch, error)
	// Ports returns every port, those that the intent names and that are
	// absent included.
	Ports(ctx context.Context) ([]view.Port, error)
	// Networks returns every network.
	Networks(ctx context.Context) ([]view.Network, error)
	// Bindings returns the bindings that match the filter. The API sorts,
	// filters and cuts the answer once more with [SelectBindings], so a
	// backend is free to return more than was asked, up to all of them.
	Bindings(ctx context.Context, f Filter) ([]view.Binding, error)
	// Stations is the same for stations, with [SelectStations].
	Stations(ctx context.Context, f Filter) ([]view.Station, error)
	// Routers returns every router of the intent.
	Routers(ctx context.Context) ([]view.Router, error)
	// Policies returns every policy of the intent.
	Policies(ctx context.Context) ([]view.Policy, error)
	// Flows asks a switch for its flows. One that is away is ErrConflict.
	Flows(ctx context.Context, q FlowQuery) (view.FlowList, error)
	// Trace follows a packet through the flows that isat wants on a switch.
	Trace(ctx context.Context, q TraceQuery) (view.Trace, error)
	// Resolve searches for the target now, unless it is known, and returns
	// when somebody answered or the search gave up.
	Resolve(ctx context.Context, t Target) (view.Resolution, error)
	// Probe asks the known owner of the target by unicast and returns when
	// it answered or the tries are used up. An address that is not known is
	// ErrNotFound.
	Probe(ctx context.Context, t Target) (view.Resolution, error)
	// Explain tells what is known of the target: one explanation for every
	// network that may hold it if Target.Network is empty.
	Explain(ctx context.Context, t Target) ([]view.Explanation, error)
	// Intent returns every document that is in force, with the revisions of
	// those that are stored.
	Intent(ctx context.Context) ([]intent.Object, error)
	// EditIntent changes what is asked for: all of the request or nothing. Besides
	// the errors of [intent.NewPlan], an intent that can't be edited is ErrConflict.
	EditIntent(ctx context.Context, r intent.Request, dryRun bool) (IntentEdited, error)
	// Watch returns first the present objects of the kind as added, then the
	// changes. The API narrows both, so a backend is free to leave out present
	// objects that the filter does not let pass. The channel is closed when the
	// watcher is too slow or ctx ends.
	Watch(ctx context.Context, k view.Kind, f Filter) (<-chan view.Change, error)
	// Events returns the events that are remembered, oldest first.
	Events(ctx context.Context) ([]view.Event, error)
	// WatchEvents is Events, and then those that happen and match the filter.
	// The channel is closed when the watcher is too slow or ctx ends.
	WatchEvents(ctx context.Context, f EventFilter) (past []view.Event, next <-chan view.Event, err error)
	// Flush doubts what was learned in the scope: owners are asked, and what
	// nobody answers for goes. It returns how many bindings that are.
	Flush(ctx context.Context, s Scope) (int, error)
	// ClearDuplicates releases the frozen bindings of the scope, and returns
	// how many those were.
	ClearDuplicates(ctx context.Context, s Scope) (int, error)
	// Backup returns a function that writes all that is kept. A daemon that
	// keeps nothing is ErrConflict.
	Backup(ctx context.Context) (func(context.Context, io.Writer) error, error)
}

// IntentEdited is the outcome of an edit.
type IntentEdited struct {
	Changes  []intent.Change
	Revision int64 // of the objects that were written, 0 if none was
	Volatile bool  // the intent ends with the process
}

// Filter narrows a list. Empty fields do not restrict. The API passes a
// backend only checked values: Network is the name of a network, Switch a
// datapath id of 16 hex digits or the name that the intent gives to an absent
// switch, MAC is in the form 00:00:00:00:00:00, IP an address or a prefix in
// canonical form.
type Filter struct {
	Network string
	Switch  string
	Port    string
	MAC     string
	IP      string
	// State and Origin are of bindings alone.
	State, Origin string
	// Limit is the largest number of objects to return, 0 for all.
	Limit int
	// After is the cursor of the last object that the caller has seen.
	After string
}

// Target names one address. An empty Network means the default network, except
// for [Backend.Explain].
type Target struct {
	Network string
	VLAN    uint16
	IP      netip.Addr
}

// Scope says which bindings an operator means: all that fit its fields, of which
// empty ones do not restrict. The API passes a backend only checked values, Port
// only with Switch. An IP in more than one network, none of which is named, is
// ErrConflict, and one that is not known is ErrNotFound.
type Scope struct {
	Network string
	IP      netip.Addr
	Switch  string
	Port    string
}

// FlowQuery says which flows are listed. The API passes a backend only checked
// values: Switch is a datapath id of 16 hex digits, Limit is at least 1.
type FlowQuery struct {
	Switch string
	// Table is the name or the number of a table, empty for all.
	Table string
	// OpenFlow lists OpenFlow flows, otherwise the logical flows that they are.
	OpenFlow bool
	// Limit is the most lines of each table.
	Limit int
}

// TraceQuery names a packet. Switch is as in [FlowQuery].
type TraceQuery struct {
	Switch string
	// Port is the name or the number of the port that it comes in on; it may be
	// empty if the packet is an expression that says it.
	Port string
	// Packet is a frame in hexadecimal, or an expression that a frame is made from.
	Packet string
}
