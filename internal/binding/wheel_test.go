package binding

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The wheel fires what a plain list of times would, never early and at most a
// tick late.
func TestWheelFiresInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := rapid.Int64Range(0, 1<<60).Draw(t, "start")
		w := NewWheel[int](now)
		due := make(map[int]int64)
		delay := rapid.OneOf(rapid.Int64Range(-int64(time.Second), int64(2*time.Second)),
			rapid.Int64Range(0, int64(30*time.Minute)), rapid.Int64Range(0, int64(400*time.Hour)))
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			key := rapid.IntRange(0, 9).Draw(t, "key")
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1:
				at := now + delay.Draw(t, "delay")
				w.Arm(key, at)
				due[key] = max(at, now) // what is late is due at once
			case 2:
				delete(due, key)
				w.Disarm(key)
			default:
				now += max(delay.Draw(t, "pause"), 0)
				fired := w.Expired(now)
				slices.Sort(fired)
				if len(slices.Compact(slices.Clone(fired))) != len(fired) {
					t.Fatalf("fired twice: %v", fired)
				}
				for _, key := range fired {
					if at, ok := due[key]; !ok || at > now {
						t.Fatalf("%d fired at %d, armed %v for %d", key, now, ok, at)
					}
					delete(due, key)
				}
				for key, at := range due {
					if at+1<<tickShift < now {
						t.Fatalf("%d was due at %d, and has not fired at %d", key, at, now)
					}
				}
			}
			if w.Len() != len(due) {
				t.Fatalf("%d timers, want %d", w.Len(), len(due))
			}
			next, ok := w.Next()
			for key, at := range due {
				if !ok || next > max(at, now)+2<<tickShift {
					t.Fatalf("next is %d (%v), but %d is due at %d", next, ok, key, at)
				}
			}
			if ok && next <= now {
				t.Fatalf("next is %d, not after %d", next, now)
			}
		}
	})
}

// A timer that is set again and again takes one entry, whatever it is set to.
func TestWheelDoesNotGrow(t *testing.T) {
	w := NewWheel[int](0)
	for i := range int64(100_000) {
		w.Arm(1, int64(time.Hour)+i%7*int64(time.Minute))
	}
	entries := 0
	for level := range w.slots {
		for _, slot := range w.slots[level] {
			entries += len(slot)
		}
	}
	if entries > 1 {
		t.Fatalf("%d entries for one timer", entries)
	}
}

// A turn costs the same with a million timers that are not due as with none.
func BenchmarkWheelIdle(b *testing.B) {
	w := NewWheel[int](0)
	for i := range 1_000_000 {
		w.Arm(i, int64(1000*time.Hour)+int64(i))
	}
	now := int64(0)
	for b.Loop() {
		now += 1 << tickShift
		w.Expired(now)
	}
}

func BenchmarkWheelArm(b *testing.B) {
	w := NewWheel[int](0)
	now := int64(0)
	i := 0
	for b.Loop() {
		i++
		w.Arm(i, now+int64(time.Minute))
		if i%1024 == 0 {
			now += 1 << tickShift
			w.Expired(now)
		}
	}
}
