package core

import (
	"net/netip"
	"time"
)

// WatchEvents says whether somebody wants to see events.
func (c *Core) WatchEvents(on bool) { c.followed = on }

// Scope says which bindings an operator means. The zero value of each field
// does not restrict.
type Scope struct {
	Network uint32
	IP      netip.Addr
	Switch  uint64 // datapath id
	Port    string // name of a port of Switch
}

// Flush doubts every learned binding in the scope: its owner is asked at once,
// and it goes if nobody answers. It returns how many there are.
func (c *Core) Flush(now time.Time, s Scope) int {
	return 0
}

// ClearDuplicates releases the frozen bindings in the scope, and returns how
// many there were.
func (c *Core) ClearDuplicates(now time.Time, s Scope) int {
	return 0
}
