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
	slices.SortFunc(keys, compareKeys)
	return keys
}

func compareKeys(a, b binding.Key) int {
	return cmp.Or(cmp.Compare(a.Network, b.Network), cmp.Compare(a.VLAN, b.VLAN), bytes.Compare(a.Addr[:], b.Addr[:]))
}

// Flush doubts every learned binding in the scope: its owner is asked, and it goes
// if nobody answers. It returns how many there are.
func (c *Core) Flush(now time.Time, s Scope) int {
	c.now = now.UnixNano()
	keys := slices.DeleteFunc(c.within(&s), func(key binding.Key) bool { return c.table.Lookup(key).State == binding.Duplicate })
	c.batches.flushed.add(keys)
	c.tickBatches()
	return len(keys)
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
