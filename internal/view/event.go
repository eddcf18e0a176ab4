package view

import "time"

// EventKind says what happened to an address, or was decided about it.
type EventKind string

// The kinds of events.
const (
	EventLearned   EventKind = "learned"   // an address that was not known
	EventConfirmed EventKind = "confirmed" // its owner was heard again after it was doubted, silent or asked
	EventDoubted   EventKind = "doubted"   // contradicted without authority: stale now
	EventMoved     EventKind = "moved"     // it has another MAC, or its MAC another place
	EventAsked     EventKind = "asked"     // the owner is asked before anything is taken from it
	EventSilent    EventKind = "silent"    // nothing was heard for half of its age limit, or its place is gone
	EventExpired   EventKind = "expired"   // nobody answered: removed
	EventRemoved   EventKind = "removed"   // removed for another reason
	EventDuplicate EventKind = "duplicate" // it moved too often: frozen
	EventReleased  EventKind = "released"  // frozen no more
	EventRefused   EventKind = "refused"   // a claim was not believed, or a limit is reached
	EventDefended  EventKind = "defended"  // an announcement was sent against a claim
)

// EventKinds lists the kinds of events.
var EventKinds = []EventKind{EventLearned, EventConfirmed, EventDoubted, EventMoved, EventAsked, EventSilent, EventExpired,
	EventRemoved, EventDuplicate, EventReleased, EventRefused, EventDefended}

// ReasonIdle is why an owner is silent that may just have nothing to say.
const ReasonIdle = "idle"

// Routine says whether events of this kind may come with every host, and not only
// when something is odd.
func (k EventKind) Routine() bool {
	return k == EventLearned || k == EventConfirmed || k == EventSilent
}

// Routine says whether an event comes with every host: that it is learned, has
// nothing to say, is asked and heard again. Those are told while somebody follows
// them, and not remembered.
func (e *Event) Routine() bool {
	return e.Kind.Routine() && (e.Kind != EventSilent || e.Reason == ReasonIdle)
}

// Event is a decision about an address: who, where and why.
type Event struct {
	At      time.Time `json:"at" doc:"When it happened"`
	Kind    EventKind `json:"kind" enum:"learned,confirmed,doubted,moved,asked,silent,expired,removed,duplicate,released,refused,defended" doc:"What happened"`
	Network string    `json:"network" doc:"Name of the network"`
	VLAN    uint16    `json:"vlan,omitempty" doc:"VLAN inside the network"`
	IP      string    `json:"ip,omitempty" doc:"The address; empty if it is about a station"`
	MAC     string    `json:"mac,omitempty" doc:"Whose it is, or who claimed it"`
	Switch  string    `json:"switch,omitempty" doc:"Datapath id of the switch where that is"`
	Port    string    `json:"port,omitempty" doc:"Port where that is"`
	OldMAC  string    `json:"oldMAC,omitempty" doc:"Whose it was, or is still"`
	OldPort string    `json:"oldPort,omitempty" doc:"Port where that was, or is"`
	Reason  string    `json:"reason" doc:"Why: one of a fixed set of words, which metrics count"`
	Text    string    `json:"text" doc:"The reason for people, one line"`
}
