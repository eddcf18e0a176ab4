package ofconn

import (
	"sync"
	"time"
)

// limiter allows one log line per second and counts the rest. The zero value is
// ready; it is not for concurrent use.
type limiter struct {
	last       time.Time
	suppressed int
}

func (l *limiter) allow() (ok bool, suppressed int) {
	now := time.Now()
	if !l.last.IsZero() && now.Sub(l.last) < time.Second {
		l.suppressed++
		return false, 0
	}
	suppressed, l.last, l.suppressed = l.suppressed, now, 0
	return true, suppressed
}

const (
	repeatAfter = time.Minute
	maxRepeats  = 1024
)

// repeats remembers which lines were logged in the last minute. It is bounded:
// when it is full of fresh lines it forgets them all, and some come twice.
type repeats struct {
	mu   sync.Mutex
	seen map[string]time.Time
}

// first reports whether text was not logged within the last minute.
func (r *repeats) first(text string) bool {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if t, ok := r.seen[text]; ok && now.Sub(t) < repeatAfter {
		return false
	}
	if len(r.seen) >= maxRepeats {
		for k, t := range r.seen {
			if now.Sub(t) >= repeatAfter {
				delete(r.seen, k)
			}
		}
		if len(r.seen) >= maxRepeats {
			clear(r.seen)
		}
	}
	if r.seen == nil {
		r.seen = make(map[string]time.Time)
	}
	r.seen[text] = now
	return true
}
