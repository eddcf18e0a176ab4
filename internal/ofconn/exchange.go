package ofconn

import (
	"slices"
	"sync"

	"github.com/isat-sdn/isat/openflow"
)

// maxKeptErrors bounds the errors of one exchange that are kept; the others are
// counted.
const maxKeptErrors = 64

// exchange is a row of requests of the session with consecutive transaction ids,
// and somebody who waits for the switch to have handled them.
type exchange struct {
	first uint32 // transaction id
	n     uint32 // how many

	// Guarded by exchanges.mu.
	until   uint32        // the reply, or error, with this id wakes the waiter
	reached chan struct{} // closed then
	// part takes a part of a reply that has several, and says whether more are to
	// come. nil if the reply is one message.
	part  func(*openflow.MultipartReply) bool
	errs  []refused
	total int
}

// refused is one error message of the switch within an exchange.
type refused struct {
	nth uint32 // place of the refused request in the row
	err *openflow.Error
}

// exchanges are those that a session waits for: few at a time.
type exchanges struct {
	mu  sync.Mutex
	all []*exchange
}

func (x *exchanges) add(first, n uint32) *exchange {
	e := &exchange{first: first, n: n}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.all = append(x.all, e)
	return e
}

func (x *exchanges) remove(e *exchange) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i := slices.Index(x.all, e); i >= 0 {
		x.all = slices.Delete(x.all, i, i+1)
	}
}

// expect returns a channel that is closed when the reply to the nth request is
// there. Called before that request is sent.
func (x *exchanges) expect(e *exchange, nth uint32) <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	e.until, e.reached = nthXID(e.first, nth), make(chan struct{})
	return e.reached
}

// expectParts is expect for the first request, whose reply comes in parts: they
// are given to part, until it says that there are no more.
func (x *exchanges) expectParts(e *exchange, part func(*openflow.MultipartReply) bool) <-chan struct{} {
	x.mu.Lock()
	e.part = part
	x.mu.Unlock()
	return x.expect(e, 0)
}

// errors returns the errors so far, and how many there were.
func (x *exchanges) errors(e *exchange) ([]refused, int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(e.errs), e.total
}

// take takes a reply. It reports whether the
// request was one of the session. Then the reply is nobody else's, also when the
// one who waited for it has given up.
func (x *exchanges) take(xid uint32, m openflow.Message) bool {
	if xid&sessionXIDs == 0 {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range x.all {
		nth := (xid - e.first) &^ sessionXIDs
		if nth >= e.n {
			continue
		}
		switch m := m.(type) {
		case *openflow.Error:
			e.total++
			if len(e.errs) < maxKeptErrors {
				e.errs = append(e.errs, refused{nth, m})
			}
		case *openflow.MultipartReply:
			if e.reached != nil && e.part != nil && e.part(m) {
				return true
			}
		}
		if xid == e.until && e.reached != nil {
			close(e.reached)
			e.reached = nil
		}
		break
	}
	return true
}
