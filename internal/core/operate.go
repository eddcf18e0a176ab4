package core

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
)

// WatchEvents says whether somebody wants to see events, and with detailed those,
// too, that come with every host: that it is learned, or confirmed.
func (c *Core) WatchEvents(on, detailed bool) { c.followed, c.detailed = on, detailed }

// Scope says which bindings an operator means. The zero value of each field
// does not restrict.
type Scope struct {
	Network uint32
	IP      netip.Addr
	Switch  uint64 // datapath id
	Port    string // name of a port of Switch
}

// has says whether a binding is in the scope.
func (c *Core) has(s *Scope, b *binding.Binding) bool {
	if s.Network != 0 && b.Network != s.Network || s.IP.IsValid() && b.IP() != s.IP.Unmap() {
		return false
	}
	if s.Switch == 0 && s.Port == "" {
		return true
	}
	at := c.ownerOf(b).at
	if s.Switch != 0 && at.Switch != s.Switch {
		return false
	}
	if s.Port == "" {
		return true
	}
	sw := c.switches[at.Switch]
	return sw != nil && c.portName(sw, at.Port) == s.Port
}

// within returns the learned bindings in the scope.
func (c *Core) within(s *Scope) (keys []binding.Key) {
	for b := range c.table.Bindings {
		if !b.Origin.Configured() && c.has(s, b) {
			keys = append(keys, b.Key)
		}
	}
	slices.SortFunc(keys, func(a, b binding.Key) int {
		return cmp.Or(cmp.Compare(a.Network, b.Network), cmp.Compare(a.VLAN, b.VLAN), bytes.Compare(a.Addr[:], b.Addr[:]))
	})
	return keys
}

// Of many bindings that are flushed so many are doubted at a time, so long apart:
// what has to be done meanwhile does not wait for all of them, and no switch is sent
// more than it can take.
const (
	flushAtOnce   = 1024
	flushInterval = int64(10e6)
)

// Flush doubts every learned binding in the scope: its owner is asked, and it goes
// if nobody answers. It returns how many there are.
func (c *Core) Flush(now time.Time, s Scope) int {
	c.now = now.UnixNano()
	waits := make(map[binding.Key]bool, c.flushing.len()) // since an earlier one
	for _, key := range c.flushing.waiting() {
		waits[key] = true
	}
	n := 0
	for _, key := range c.within(&s) {
		if c.table.Lookup(key).State == binding.Duplicate {
			continue
		}
		if n++; !waits[key] {
			c.flushing.push(key)
		}
	}
	c.tickFlush()
	return n
}

// tickFlush goes on with a flush.
func (c *Core) tickFlush() {
	if since := c.now - c.flushed; c.flushing.len() > 0 && (since >= flushInterval || since < 0) { // a clock may be set back
		c.flushSome(flushAtOnce)
	}
}

// flushSome doubts some of the bindings that are to be flushed.
func (c *Core) flushSome(most int) {
	for range min(most, c.flushing.len()) {
		c.doubt(silentFlushed, askFlushed, c.flushing.pop())
	}
	c.flushed = c.now
}

// ClearDuplicates releases the frozen bindings in the scope, and returns how
// many there were.
func (c *Core) ClearDuplicates(now time.Time, s Scope) int {
	c.now = now.UnixNano()
	n := 0
	for _, key := range c.within(&s) {
		if c.thaw(releasedOperator, key) {
			n++
		}
	}
	return n
}
