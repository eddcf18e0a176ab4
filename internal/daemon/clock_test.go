package daemon

import (
	"testing"
	"time"
)

// It follows the system's clock on, and not back.
func TestClockDoesNotGoBack(t *testing.T) {
	var c clock
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, step := range []struct{ read, want time.Duration }{
		{0, 0}, {time.Second, time.Second}, {time.Hour, time.Hour},
	} {
		if got := c.at(start.Add(step.read)).Sub(start); got != step.want {
			t.Errorf("the system says %v, it says %v, want %v", step.read, got, step.want)
		}
	}
	// As after the system's clock was set back by an hour since the last reading.
	c = clock{}
	before := time.Now()
	c.told, c.read = before.Round(0).Add(time.Hour), before
	first := c.now()
	if ahead := first.Sub(before.Round(0)); ahead < time.Hour || ahead > time.Hour+time.Minute {
		t.Errorf("after it was set back by an hour it is %v ahead", ahead)
	}
	if second := c.now(); second.Before(first) {
		t.Errorf("%v comes after %v", second, first)
	}
	if wait := c.until(first.Add(time.Minute)); wait <= 0 || wait > time.Minute {
		t.Errorf("what is due in a minute waits %v", wait)
	}
}
