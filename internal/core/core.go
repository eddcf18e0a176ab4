package core

import (
	"log/slog"
	"maps"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// Config sets the limits of a Core.
type Config struct {
	Table  binding.Config
	Search resolve.Limits
	Hold   resolve.HoldLimits
	// Grace is how long a switch may be away before what was learned behind it
	// is forgotten; 0 means DefaultGrace.
	Grace time.Duration
	// Start is the time from which the bindings of the first intent hold, and
	// from which Grace runs for switches that were there before.
	Start time.Time
}

// DefaultGrace is the time for which an absent switch is remembered.
const DefaultGrace = 5 * time.Minute

// Core is the state of the controller.
type Core struct {
	config   Config
	now      int64
	started  int64
	intent   *intent.Intent
	names    map[uint32]string // of networks
	table    *binding.Table
	searches *resolve.Searches
	switches map[uint64]*switchState
	order    []*switchState           // all of them, by their id
	asks     map[binding.Key]*ask     // owners that are asked now
	waiting  map[binding.Key][]uint64 // questions that wait for a search
	probed   map[binding.Key]int64    // when a host probed for the address last (RFC 5227)
	program  *pipeline.Program        // the intent, compiled
	routers  routers
	holds    *resolve.Holds
	silenced map[binding.Key]int64 // until when switches drop what is for a next hop
	limited  map[binding.Key]int64 // when a packet of a rate limit went on last
	sponges  sponges               // for addresses that nobody has
	pacing   pacing                // of the requests of searches
	errors   bucket                // of ICMP errors of the core's own
	leases   []byte                // the flow-mods that renew leased flows
	encoded  []byte                // scratch space of spread
	actions  []byte                // of deliver
	quieted  []binding.Key         // of fetch
	senders  []binding.StationKey
	request  []byte          // of refresh
	lapsed   binding.Binding // and of quiet: nobody keeps the old one of two bindings
	spare    [][]byte        // buffers for what switches are sent
	noted    map[topic]int64 // when a host last was the subject of a note
	counters counters
	subject  resolve.Subject
	recalled map[binding.Key]place // kept bindings that were not heard of since, and where they were
	keeping  bool                  // bindings are to be kept
	watched  bool                  // changes are wanted
	followed bool                  // events are wanted
	detailed bool                  // those that come with every host, too
	// Timers, by what they are for, and of stations that were heard elsewhere.
	alarms      *binding.Wheel[alarm]
	moverAlarms *binding.Wheel[binding.StationKey]
	contests    map[binding.Key]*contest
	movers      map[binding.StationKey]*stationContest
	contesting  map[place]int         // how many contests are of claims from a place
	defended    map[binding.Key]int64 // when an address was announced against a claim last
	toAsk       keyQueue              // questions that wait for their turn
	toAskLast   keyQueue              // those of flushes, which come after all others
	askLater    int                   // how many of both had to wait, and are counted
	batches     batches               // what is still to be done to many bindings
	asking      bucket                // of those
	announcing  bucket                // of announcements against claims
	telling     bucket                // of events that hosts provoke
	effects     Effects
}

// New returns a core that wants what the intent says, and knows no switch.
func New(config Config, in *intent.Intent) *Core {
	if config.Grace == 0 {
		config.Grace = DefaultGrace
	}
	c := &Core{
		config:   config,
		table:    binding.NewTable(config.Table),
		searches: resolve.NewSearches(config.Search),
		switches: make(map[uint64]*switchState),
		asks:     make(map[binding.Key]*ask),
		contests: make(map[binding.Key]*contest),
		movers:   make(map[binding.StationKey]*stationContest),
		defended: make(map[binding.Key]int64),
		waiting:  make(map[binding.Key][]uint64),
		probed:   make(map[binding.Key]int64),
		noted:    make(map[topic]int64),
		routers:  newRouters(),
		holds:    resolve.NewHolds(config.Hold),
		silenced: make(map[binding.Key]int64),
		limited:  make(map[binding.Key]int64),
		sponges:  newSponges(),
		pacing:   pacing{queued: make(map[binding.Key]bool)},
		errors:   bucket{rate: errorsPerSecond},
		telling:  bucket{rate: toldPerSecond},

		contesting: make(map[place]int),
	}
	if !config.Start.IsZero() {
		c.now = config.Start.UnixNano()
		c.started = c.now
	}
	c.alarms = binding.NewWheel[alarm](c.now)
	c.moverAlarms = binding.NewWheel[binding.StationKey](c.now)
	for _, f := range pipeline.Leased() {
		c.leases = openflow.Append(c.leases, xid, &f)
	}
	c.setIntent(in)
	return c
}

// errorsPerSecond limits the ICMP errors about next hops that nobody answers for
// (RFC 1812 §4.3.2.8, RFC 4443 §2.4 (f)).
const errorsPerSecond = 200

// xid is the transaction id of the messages that the core sends. Nobody waits
// for their answers; errors are told by the switch and their type.
const xid = 0x15a70000

// Table is what the core knows. Its Lookup may be used from any goroutine, the
// rest only between Steps.
func (c *Core) Table() *binding.Table { return c.table }

// Watch says whether somebody wants to see changes.
func (c *Core) Watch(on bool) { c.watched = on }

// Step takes events in their order at a time, and returns what has to be done.
// The effects belong to the caller.
func (c *Core) Step(now time.Time, events ...Event) Effects {
	c.now = now.UnixNano()
	c.fetch(events)
	c.lend()
	for _, e := range events {
		e.apply(c)
	}
	c.tick()
	done := c.effects
	c.effects = Effects{}
	for _, sw := range c.order {
		if len(sw.out) > 0 && sw.state == connected {
			done.Send = append(done.Send, Send{sw.ID, sw.session, sw.out})
			sw.out = nil
		}
	}
	return done
}

// fetch reads what is known of those that the events are about. At many bindings
// no cache holds it: what is read at once is waited for once.
func (c *Core) fetch(events []Event) {
	c.quieted, c.senders = c.quieted[:0], c.senders[:0]
	for _, e := range events {
		switch e := e.(type) {
		case *Quiet:
			c.quieted = append(c.quieted, e.Key)
		case *Punt:
			mac, ok := packet.Source(e.Frame)
			sender := binding.StationKey{Switch: e.Switch, Segment: e.Segment, MAC: mac}
			if last := len(c.senders) - 1; ok && (last < 0 || c.senders[last] != sender) {
				c.senders = append(c.senders, sender)
			}
		}
	}
	c.table.Fetch(c.quieted)
	c.table.FetchSenders(c.senders)
}

const (
	maxSpare     = 8
	maxSpareSize = 512 << 10
)

// Recycle takes back the messages of a Send, which nobody may use any more. It
// spares an owner with much to send most of the garbage.
func (c *Core) Recycle(messages []byte) {
	if len(c.spare) < maxSpare && cap(messages) <= maxSpareSize {
		c.spare = append(c.spare, messages[:0])
	}
}

// lend gives what was recycled to switches that have no buffer.
func (c *Core) lend() {
	for _, sw := range c.order {
		last := len(c.spare) - 1
		if last < 0 {
			return
		}
		if sw.out == nil && sw.state == connected {
			sw.out, c.spare = c.spare[last], c.spare[:last]
		}
	}
}

// tick does what is due.
func (c *Core) tick() {
	requests, ends := c.searches.Tick(c.now)
	for _, r := range requests {
		c.solicit(r.Key, r.Asker, r.Try)
	}
	for _, e := range ends {
		c.searchFailed(e)
	}
	c.tickPacing()
	c.heldTooLong(c.holds.Tick(c.now))
	c.tickAlarms()
	c.tickBatches()
	c.tickQuestions()
	c.tickRouters()
	for _, sw := range c.order {
		switch {
		case sw.state == connected && sw.lease <= c.now:
			c.renew(sw)
			c.dropHeld(sw)
		case sw.state == away && sw.since+int64(c.config.Grace) <= c.now:
			c.forgetSwitch(sw)
		}
	}
}

// Next says when Step has something to do even without an event.
func (c *Core) Next() (time.Time, bool) {
	at, ok := c.searches.Next()
	earlier := func(t int64) {
		if !ok || t < at {
			at, ok = t, true
		}
	}
	if t, waits := c.alarms.Next(); waits {
		earlier(t)
	}
	if t, waits := c.moverAlarms.Next(); waits {
		earlier(t)
	}
	if c.pacing.waits(usual) {
		earlier(c.pacing.next(c.now))
	}
	if c.toAsk.len()+c.toAskLast.len() > 0 {
		earlier(c.asking.next(c.now))
	}
	if c.batches.len() > 0 {
		earlier(c.batches.began + batchInterval)
	}
	if t, waits := c.holds.Next(); waits {
		earlier(t)
	}
	if c.routers.due != never {
		earlier(c.routers.due)
	}
	for _, sw := range c.order {
		switch sw.state {
		case connected:
			earlier(sw.lease)
		case away:
			earlier(sw.since + int64(c.config.Grace))
		}
	}
	return time.Unix(0, at), ok
}

func (c *Core) note(level slog.Level, text string, attrs ...slog.Attr) {
	c.effects.Notes = append(c.effects.Notes, Note{level, text, attrs})
}

// topic is what a note about a host is about: a host must not be able to fill
// the log.
type topic struct {
	text string
	key  binding.Key
	mac  packet.MAC
}

const (
	maxNoted  = 1024
	notedSpan = int64(60e9)
)

// noteHost is note for what a host does, once a minute for the same. Counters
// count the rest.
func (c *Core) noteHost(level slog.Level, about topic, attrs ...slog.Attr) {
	if at, ok := c.noted[about]; ok && c.now-at < notedSpan {
		return
	}
	if len(c.noted) >= maxNoted {
		maps.DeleteFunc(c.noted, func(_ topic, at int64) bool { return c.now-at >= notedSpan })
	}
	if len(c.noted) >= maxNoted {
		return
	}
	c.noted[about] = c.now
	c.note(level, about.text, attrs...)
}

// NetworkName is the name of a network number.
func (c *Core) NetworkName(number uint32) string { return c.names[number] }
