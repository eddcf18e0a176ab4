package intent

import (
	"strconv"
	"time"
)

// Bounds of limits. A host that starts asks for its own address, its router and its name
// server at once, in two families: fewer than four of anything would refuse it.
const (
	MinLimit      = 4
	MaxKept       = 1 << 24 // of what is kept
	MaxWaiting    = 1 << 16 // of what waits
	MaxRate       = 1 << 20 // a second
	MinParkedTime = time.Second
	MaxParkedTime = time.Minute
)

// Limits bound what isat keeps and does, on all networks and ports alike.
type Limits struct {
	Bindings               int // in all networks
	BindingsPerNetwork     int
	BindingsPerPort        int
	Stations               int // on all switches
	StationsPerPort        int
	UnresolvedPerPort      int // searches that one port may have under way
	UnresolvedPerNetwork   int
	Parked                 int           // requestors that wait for one address
	ParkedTime             time.Duration // for which one waits at most
	SearchesPerSecond      int           // requests that searches put on the wire
	ProbesPerSecond        int           // likewise of probes that keep bindings fresh
	PuntsPerPort           int           // packets a second that one port may have sent to the controller
	PuntsPerReason         int           // likewise all ports of a switch, for one reason
	AnnouncementsPerSecond int
}

// DefaultLimits are the limits that hold if nothing else is asked for.
func DefaultLimits() Limits {
	return Limits{
		Bindings: 1 << 20, BindingsPerNetwork: 1 << 18, BindingsPerPort: 1 << 14, Stations: 1 << 20, StationsPerPort: 1 << 14,
		UnresolvedPerPort: 64, UnresolvedPerNetwork: 256, Parked: 64, ParkedTime: 2 * time.Second,
		SearchesPerSecond: 1000, ProbesPerSecond: 2000, PuntsPerPort: 500, PuntsPerReason: 2000, AnnouncementsPerSecond: 100,
	}
}

// Limit is one limit, as a file has it.
type Limit struct{ Key, Value, Default string }

// List gives every limit in the order in which they are printed.
func (l Limits) List() []Limit {
	var list []Limit
	defaults := DefaultLimits()
	for _, k := range limitKeys {
		list = append(list, Limit{k.key, strconv.Itoa(*k.of(&l)), strconv.Itoa(*k.of(&defaults))})
	}
	return append(list, Limit{parkedTimeKey, seconds(l.ParkedTime), seconds(defaults.ParkedTime)})
}

// limitKey is a limit as a file has it: a count, or a rate by the second.
type limitKey struct {
	key  string
	high uint32
	of   func(*Limits) *int
}

var limitKeys = []limitKey{
	{"bindings", MaxKept, func(l *Limits) *int { return &l.Bindings }},
	{"bindingsPerNetwork", MaxKept, func(l *Limits) *int { return &l.BindingsPerNetwork }},
	{"bindingsPerPort", MaxKept, func(l *Limits) *int { return &l.BindingsPerPort }},
	{"stations", MaxKept, func(l *Limits) *int { return &l.Stations }},
	{"stationsPerPort", MaxKept, func(l *Limits) *int { return &l.StationsPerPort }},
	{"unresolvedPerPort", MaxWaiting, func(l *Limits) *int { return &l.UnresolvedPerPort }},
	{"unresolvedPerNetwork", MaxWaiting, func(l *Limits) *int { return &l.UnresolvedPerNetwork }},
	{"parked", MaxWaiting, func(l *Limits) *int { return &l.Parked }},
	{"searchesPerSecond", MaxRate, func(l *Limits) *int { return &l.SearchesPerSecond }},
	{"probesPerSecond", MaxRate, func(l *Limits) *int { return &l.ProbesPerSecond }},
	{"puntsPerPort", MaxRate, func(l *Limits) *int { return &l.PuntsPerPort }},
	{"puntsPerReason", MaxRate, func(l *Limits) *int { return &l.PuntsPerReason }},
	{"announcementsPerSecond", MaxRate, func(l *Limits) *int { return &l.AnnouncementsPerSecond }},
}

// Times yields the limits that are times, by the keys that a file has for them.
func (l *Limits) Times(yield func(key string, d time.Duration) bool) {
	yield(parkedTimeKey, l.ParkedTime)
}

// Numbers yields the other limits likewise.
func (l *Limits) Numbers(yield func(key string, n int) bool) {
	for _, k := range limitKeys {
		if !yield(k.key, *k.of(l)) {
			return
		}
	}
}

// parkedTimeKey is the one limit that is a time.
const parkedTimeKey = "parkedTime"

// limitsKeys are the keys of the document.
var limitsKeys = func() []string {
	keys := []string{"kind", "revision"}
	for _, l := range limitKeys {
		keys = append(keys, l.key)
	}
	return append(keys, parkedTimeKey)
}()
