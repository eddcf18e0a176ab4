package core

import (
	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/packet"
)

// ask is an owner that is asked now, because somebody wants to know or because
// it is doubted: three times at most. What keeps bindings fresh is asked without
// one.
type ask struct {
	ids    []uint64 // questions of operators that are answered by it
	reason askReason
	last   bool // nobody but a flush wants to know: others are asked first
	sent   int
	began  int64
}

// askReason is why an owner is asked, and so what it means that it does not
// answer.
type askReason uint8

const (
	askOperator askReason = iota + 1 // to be told: nothing else follows
	askDoubted                       // contradicted, or known by hearsay: it stays stale
	askGone                          // its place is gone: the binding goes
	askFlushed                       // an operator doubts it: the binding goes
)

// Tries of an ask and the time between them in nanoseconds (RFC 4861 §10,
// MAX_UNICAST_SOLICIT and RETRANS_TIMER).
const (
	askTries    = 3
	askInterval = int64(1e9)
)

// ask has the owner of an address asked. A graver reason replaces another one.
func (c *Core) ask(key binding.Key, reason askReason) *ask {
	a := c.asks[key]
	if a == nil {
		a = &ask{reason: reason, last: reason == askFlushed, began: c.now}
		c.asks[key] = a
		c.enqueue(key)
	}
	if a.last && reason != askFlushed {
		a.last = false
		if _, asked := c.alarms.Due(alarm{alarmAsk, key}); !asked {
			c.enqueue(key) // it need not wait for the turn that it has
		}
	}
	if reason > a.reason && reason >= askGone {
		a.sent = 0 // it has not been asked everywhere
	}
	a.reason = max(a.reason, reason)
	return a
}

// probe has an owner asked for an operator, who gets the answer.
func (c *Core) probe(id uint64, key binding.Key, b *binding.Binding) {
	switch {
	case b == nil:
		c.done(id, key, 0, c.now, "the address is not known: search it with isat resolve")
	case c.table.StationOf(b) == nil:
		c.done(id, key, 0, c.now, "where its owner is, is not known: search it with isat resolve")
	default:
		a := c.ask(key, askOperator)
		a.ids = append(a.ids, id)
	}
}

// putAsk puts the next question of an ask on the wire: to the owner alone as
// long as it may be where it was, and then to everybody.
func (c *Core) putAsk(key binding.Key) {
	a, b := c.asks[key], c.table.Lookup(key)
	if b == nil {
		c.endAsk(key, false)
		return
	}
	elsewhere := a.reason == askGone || a.reason == askFlushed && a.sent > 0
	a.sent++
	if at, ok := c.probed[key]; ok && c.now-at < probedSpan {
		// Whoever is about to take it would take the question for a rival's
		// (conformance D2).
		c.alarms.Arm(alarm{alarmAsk, key}, c.now+askInterval)
		return
	}
	c.counters.probes++
	switch {
	case c.askable(b) && !elsewhere:
		c.deliver(c.table.StationOf(b).Location(), ownRequest(key, b.MAC))
	case a.reason >= askGone:
		c.floodEverywhere(key.Segment, ownRequest(key, packet.Broadcast))
	}
	c.alarms.Arm(alarm{alarmAsk, key}, c.now+askInterval)
}

// nextAsk goes on with an ask that has had no answer for a while.
func (c *Core) nextAsk(key binding.Key) {
	a := c.asks[key]
	switch {
	case a == nil:
	case a.sent >= askTries:
		c.endAsk(key, false)
	default:
		c.enqueue(key)
	}
}

// answered ends the ask for an address whose owner was heard.
func (c *Core) answered(key binding.Key) {
	if a := c.asks[key]; a != nil && (a.sent > 0 || len(a.ids) == 0) {
		c.endAsk(key, true)
	}
}

// excuse lets an ask for an owner whose place is gone, or that is flushed, have no
// consequence: another MAC has the address now.
func (c *Core) excuse(key binding.Key) {
	if a := c.asks[key]; a != nil {
		a.reason = min(a.reason, askDoubted)
	}
}

func (c *Core) endAsk(key binding.Key, heard bool) {
	a := c.asks[key]
	delete(c.asks, key)
	c.alarms.Disarm(alarm{alarmAsk, key})
	for _, id := range a.ids {
		c.finish(id, key, a.sent, a.began, heard, "")
	}
	switch {
	case heard:
	case a.reason == askGone:
		c.expire(expiredPlaceGone, key)
	case a.reason == askFlushed:
		c.expire(expiredFlushed, key)
	default:
		c.unheard(key)
	}
}
