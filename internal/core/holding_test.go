package core

import (
	"testing"
	"time"
)

// TestBucket checks the rate at any date, and with a clock that is set.
func TestBucket(t *testing.T) {
	for _, began := range []time.Time{time.Unix(0, 0), time.Date(2026, 12, 30, 0, 0, 0, 0, time.UTC), time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)} {
		b := bucket{rate: 10}
		now := began.UnixNano() + int64(time.Second)
		take := func(n int) (taken int) {
			for range n {
				if b.take(now) {
					taken++
				}
			}
			return taken
		}
		if got := take(20); got != 10 {
			t.Errorf("%v: %d at first, want 10", began, got)
		}
		now += int64(500 * time.Millisecond)
		if got := take(20); got != 5 {
			t.Errorf("%v: %d after half a second, want 5", began, got)
		}
		now -= int64(time.Hour)
		if got := take(1); got != 0 {
			t.Errorf("%v: a clock set back gives %d", began, got)
		}
		now += int64(time.Second)
		if got := take(20); got != 10 {
			t.Errorf("%v: %d a second after the clock was set back, want 10", began, got)
		}
	}
}
