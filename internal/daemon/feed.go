package daemon

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/isat-sdn/isat/internal/api"
)

// readerQueue is how much may wait for a reader. One that is further behind is cut
// off: it asks again, and gets the present state.
const readerQueue = 4096

// maxReaders is how many may follow a feed: what waits for one takes up to a megabyte,
// and each is told on the loop.
const maxReaders = 256

// feed spreads what happens to whoever follows it.
type feed[T any] struct {
	mu      sync.Mutex
	all     map[*reader[T]]struct{}
	cut     atomic.Uint64 // readers that did not keep up
	refused atomic.Uint64 // readers for whom there was no room
}

// reader is somebody who follows a feed.
type reader[T any] struct {
	wants func(*T) bool
	queue chan T
}

// add is called on the loop, so that a reader that is told the present state misses
// nothing. It is an error if there are too many.
func (f *feed[T]) add(wants func(*T) bool) (*reader[T], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.all) >= maxReaders {
		f.refused.Add(1)
		return nil, api.Errorf(api.ErrBusy, "%d watchers follow already, and more are refused: end one", len(f.all))
	}
	if f.all == nil {
		f.all = make(map[*reader[T]]struct{})
	}
	r := &reader[T]{wants, make(chan T, readerQueue)}
	f.all[r] = struct{}{}
	return r, nil
}

func (f *feed[T]) remove(r *reader[T]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, r)
}

// readers is how many follow.
func (f *feed[T]) readers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.all)
}

// tell is called on the loop.
func (f *feed[T]) tell(item T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for r := range f.all {
		if !r.wants(&item) {
			continue
		}
		select {
		case r.queue <- item:
		default:
			f.cut.Add(1)
			close(r.queue)
			delete(f.all, r)
		}
	}
}

// follow gives a reader first what is present, and then what it is told, until it is
// cut off or ctx ends.
func (f *feed[T]) follow(ctx context.Context, r *reader[T], present []T) <-chan T {
	out := make(chan T)
	give := func(item T) bool {
		select {
		case out <- item:
			return true
		case <-ctx.Done():
			return false
		}
	}
	go func() {
		defer close(out)
		defer f.remove(r)
		for _, item := range present {
			if !give(item) {
				return
			}
		}
		for {
			select {
			case item, ok := <-r.queue:
				if !ok || !give(item) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}
