package daemon

import "time"

// clock is the time that the core is told. It is the system's, but does not go
// back when that is set back: whatever is due would wait until it is as late again,
// the renewal of the leased flows among it. Only the loop may use it.
type clock struct {
	told time.Time // what was said last
	read time.Time // what the system's clock was then
}

func (c *clock) now() time.Time { return c.at(time.Now()) }

// at is the time when the system's clock reads what it does.
func (c *clock) at(read time.Time) time.Time {
	told := read.Round(0) // the time of day alone
	if !c.read.IsZero() {
		// Sub goes by the monotonic reading, which nobody sets.
		if steady := c.told.Add(read.Sub(c.read)); steady.After(told) {
			told = steady
		}
	}
	c.told, c.read = told, read
	return told
}

// until is how long it is to a time that the core named.
func (c *clock) until(at time.Time) time.Duration { return at.Sub(c.now()) }
