package core

import (
	"log/slog"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/openflow"
)

// Event is something that happened. The types of this file that have the method
// apply are the events.
type Event interface{ apply(c *Core) }

// SwitchUp is a switch that connected, with all that it said.
type SwitchUp struct {
	Switch  uint64
	Session uint64 // tells this session from others of the switch
	Address string // where it connected from
	Version string // of its software
	Ports   []fabric.Port
	Dump    pipeline.Dump
}

// SwitchDown is a switch whose session ended.
type SwitchDown struct {
	Switch uint64
	Reason string
}

// Synced is the result of a Sync effect: Error is empty if the switch took it.
type Synced struct {
	Switch  uint64
	Session uint64
	Error   string
}

// SwitchError is an error message that a switch sent.
type SwitchError struct {
	Switch uint64
	Text   string
}

// PortChanged is a port that came, changed or, with Gone, went.
type PortChanged struct {
	Switch uint64
	Port   fabric.Port
	Gone   bool
}

// Punt is a packet that a switch sent to the controller. The core keeps nothing of
// Frame.
type Punt struct {
	Switch  uint64
	Reason  pipeline.Reason
	Segment binding.Segment
	Port    binding.PortKey
	Known   pipeline.Known // of the sender; for pipeline.ReasonLearn only
	Frame   []byte
}

// Paused is a packet that a switch stopped: for want of a next hop or, with
// Limit, because of a rate limit. The core keeps Resume and Frame.
type Paused struct {
	Switch  uint64
	Port    binding.PortKey // where it came in
	Waiting pipeline.Waiting
	Limit   bool
	Resume  []byte // the message that lets it go on, whole
	Frame   []byte
}

// Composed is a packet of which another one is to be made. The core keeps its
// slices.
type Composed struct {
	Switch uint64
	InPort uint32 // OpenFlow 1.3 port number
	Make   pipeline.Composition
	Frame  []byte
}

// NewIntent replaces what is asked for.
type NewIntent struct{ Intent *intent.Intent }

// Question is an operator who asks for an address: of everybody, or with
// Unicast of its known owner. The answer is a Done effect with the same ID.
type Question struct {
	ID      uint64
	Key     binding.Key
	Unicast bool
}

// Effects is what has to be done after a Step, in the order of the fields.
type Effects struct {
	Trusted []Trusted
	Send    []Send
	Sync    []Sync
	Done    []Done
	Kept    []binding.Kept // only while somebody keeps bindings, see Core.Keep
	Changes []Change       // only while somebody watches, see Core.Watch
	Events  []view.Event   // only while somebody watches, see Core.WatchEvents
	Notes   []Note
}

// Trusted tells a session behind which ports of its switch there may be other
// switches: all that the intent trusts. It means nothing to any other session.
type Trusted struct {
	Switch  uint64
	Session uint64
	Ports   map[binding.PortKey]bool // is not changed any more
}

// Send is a run of whole OpenFlow messages for a switch. Like a Sync, it means
// nothing to any other session than the one that it is for.
type Send struct {
	Switch   uint64
	Session  uint64
	Messages []byte
}

// Sync brings a switch to what is wanted: first the meters, then the rest in
// one bundle. The result comes back as a Synced event; until then the core
// holds back what it has to send to the switch.
type Sync struct {
	Switch  uint64
	Session uint64
	Meters  []openflow.Message
	Bundle  []openflow.Message
}

// Done answers a Question.
type Done struct {
	ID         uint64
	Resolution view.Resolution
}

// Change is something a watcher wants to see. Exactly one object is set.
type Change struct {
	Type    view.ChangeType
	Binding *binding.Binding
	Station *view.Station
	Switch  *view.Switch
	Port    *view.Port
	Network *view.Network
}

// Note is a line for the log.
type Note struct {
	Level slog.Level
	Text  string
	Attrs []slog.Attr
}
