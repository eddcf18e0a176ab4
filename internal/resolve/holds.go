package resolve

import (
	"cmp"
	"container/list"

	"github.com/isat-sdn/isat/internal/binding"
)

// HoldLimits bound the packets that wait for their next hop. The zero value of
// each field stands for its default.
type HoldLimits struct {
	PerNextHop int   // packets for one next hop; default 64
	Bytes      int   // of memory for all of them; default 16 MiB
	Age        int64 // nanoseconds; default 3 s
}

// DefaultHoldLimits are the limits that hold if nothing else is said.
func DefaultHoldLimits() HoldLimits { return HoldLimits{}.withDefaults() }

func (l HoldLimits) withDefaults() HoldLimits {
	l.PerNextHop = cmp.Or(l.PerNextHop, 64)
	l.Bytes = cmp.Or(l.Bytes, 16<<20)
	l.Age = cmp.Or(l.Age, 3*second)
	return l
}

// Held is a packet that a switch paused for want of its next hop.
type Held struct {
	Switch uint64 // datapath id
	Router uint16
	From   uint32 // network that the packet came from
	Resume []byte // the message that lets it go on, whole
	Frame  []byte // the packet, as it was when it stopped
}

// heldOverhead is about what a held packet costs besides its bytes.
const heldOverhead = 256

func (h *Held) cost() int { return len(h.Resume) + len(h.Frame) + heldOverhead }

// Drops counts packets that were given up to make room, by what was exceeded.
type Drops struct{ PerNextHop, Bytes int }

// Holds keeps packets until their next hop is known (RFC 1122 §2.3.2.2 asks for
// one at least; RFC 4861 §7.2.2 for a small queue, the oldest going first). Its
// owner calls Tick when Next says.
type Holds struct {
	limits HoldLimits
	queues map[binding.Key][]*list.Element // by next hop, oldest first
	order  *list.List                      // of *waiting: all of them, oldest first
	bytes  int
}

type waiting struct {
	Held
	key   binding.Key
	since int64
}

// NewHolds returns a memory without any packet.
func NewHolds(limits HoldLimits) *Holds {
	return &Holds{limits: limits.withDefaults(), queues: make(map[binding.Key][]*list.Element), order: list.New()}
}

// Hold keeps a packet for a next hop. Older packets make room for it.
func (h *Holds) Hold(now int64, nextHop binding.Key, packet Held) (d Drops) {
	if packet.cost() > h.limits.Bytes {
		d.Bytes++
		return d
	}
	if queue := h.queues[nextHop]; len(queue) >= h.limits.PerNextHop {
		h.remove(queue[0])
		d.PerNextHop++
	}
	for h.bytes+packet.cost() > h.limits.Bytes {
		h.remove(h.order.Front())
		d.Bytes++
	}
	h.bytes += packet.cost()
	h.queues[nextHop] = append(h.queues[nextHop], h.order.PushBack(&waiting{packet, nextHop, now}))
	return d
}

// remove gives up a packet that is the oldest of its queue, as the oldest of
// all is.
func (h *Holds) remove(e *list.Element) {
	w := h.order.Remove(e).(*waiting)
	h.bytes -= w.cost()
	if queue := h.queues[w.key]; len(queue) > 1 {
		h.queues[w.key] = queue[1:]
	} else {
		delete(h.queues, w.key)
	}
}

// Take returns what waits for a next hop, oldest first, and keeps it no longer.
func (h *Holds) Take(nextHop binding.Key) []Held {
	queue := h.queues[nextHop]
	if len(queue) == 0 {
		return nil
	}
	delete(h.queues, nextHop)
	out := make([]Held, 0, len(queue))
	for _, e := range queue {
		w := h.order.Remove(e).(*waiting)
		h.bytes -= w.cost()
		out = append(out, w.Held)
	}
	return out
}

// Tick returns the packets that have waited for too long, oldest first, and
// keeps them no longer.
func (h *Holds) Tick(now int64) []Held {
	var expired []Held
	for e := h.order.Front(); e != nil && e.Value.(*waiting).since+h.limits.Age <= now; e = h.order.Front() {
		expired = append(expired, e.Value.(*waiting).Held)
		h.remove(e)
	}
	return expired
}

// Next says when Tick has something to do.
func (h *Holds) Next() (at int64, ok bool) {
	e := h.order.Front()
	if e == nil {
		return 0, false
	}
	return e.Value.(*waiting).since + h.limits.Age, true
}

// Counts of what is kept: packets, next hops that they wait for, bytes.
func (h *Holds) Counts() (packets, nextHops, bytes int) {
	return h.order.Len(), len(h.queues), h.bytes
}

// Waiting counts the packets that wait for a next hop.
func (h *Holds) Waiting(nextHop binding.Key) int { return len(h.queues[nextHop]) }
