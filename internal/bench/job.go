package bench

import (
	"fmt"
	"sync/atomic"
	"time"
)

// writeChunk is how many bytes of questions are written at once: enough for one
// system call to serve many, and few enough for the controller to begin while
// the next ones are made.
const writeChunk = 16 << 10

// job keeps a number of questions of one switch outstanding until it is
// stopped, and checks the answers. They have to come in the order of the
// questions, as those of one session do.
type job struct {
	window  int
	right   answer
	latency []time.Duration // of each answer, if it is to be kept: for a window of 1
	keep    bool

	stop  atomic.Bool
	done  chan struct{}
	err   error     // once done is closed
	ended time.Time // likewise: when the last answer was there

	sent, got uint64
	sentAt    time.Time
	first     uint64 // number of the first question
}

// newJob makes a job. first is the number of its first question, so that not
// every job asks the same.
func newJob(window int, floor bool, first uint64) *job {
	return &job{window: window, right: newAnswer(floor), keep: window == 1, done: make(chan struct{}), first: first}
}

// begin gives a switch a job.
func (f *fakeSwitch) begin(j *job) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	f.job = j
	if err := j.turn(f); err != nil {
		return err
	}
	return f.flush()
}

// turn asks as many questions as have been answered, or ends the job.
func (j *job) turn(f *fakeSwitch) error {
	if j.keep && j.got == j.sent && j.got > 0 {
		j.latency = append(j.latency, time.Since(j.sentAt))
	}
	if j.stop.Load() {
		if j.got == j.sent {
			f.job = nil
			j.end(nil)
		}
		return nil
	}
	for j.sent-j.got < uint64(j.window) {
		asker, target := f.hosts.pair(f.index, j.first+j.sent)
		f.out = f.search.append(f.out, f.hosts.port(asker), f.hosts.mac(asker), f.hosts.ip(asker), f.hosts.ip(target))
		j.sent++
		if len(f.out) >= writeChunk {
			if err := f.flush(); err != nil {
				return err
			}
		}
	}
	if j.keep {
		j.sentAt = time.Now()
	}
	return nil
}

// answered takes the answer to the oldest question.
func (j *job) answered(f *fakeSwitch, message []byte) error {
	if j.got == j.sent {
		return fmt.Errorf("one answer more than questions: %s", describe(message))
	}
	asker, target := f.hosts.pair(f.index, j.first+j.got)
	j.right.set(f.hosts, asker, target)
	if !j.right.is(message) {
		want := append(message[:actionsLenAt:actionsLenAt], j.right.body...)
		be.PutUint16(want[2:], uint16(len(want)))
		return fmt.Errorf("wrong answer: %s; right is %s", describe(message), describe(want))
	}
	j.got++
	return nil
}

func (j *job) end(err error) {
	j.err, j.ended = err, time.Now()
	close(j.done)
}
