package ofconn

import (
	"context"
	"fmt"
	"slices"

	"github.com/isat-sdn/isat/openflow"
)

const (
	// syncBuffer is how much of a Sync is encoded before it is queued.
	syncBuffer = 256 << 10
	// syncAhead is how much may wait for the switch before a Sync waits too: a
	// million flows are never all in memory as bytes.
	syncAhead = 4 << 20
)

// Sync makes the switch accept pre, one by one, and then bundle, as one atomic
// and ordered bundle (ONF extension 230): all of it or nothing. pre is for what
// can't be bundled, such as meters. It returns when the switch has done it.
//
// The messages are sent without waiting for a reply to each. There are two
// points of waiting: when everything is handed over, and after the commit. If
// the switch refuses a message of pre or of bundle, the bundle is discarded, and
// the error is a [*SyncError] that names the messages. Other errors are those of
// ctx and of the end of the session.
//
// With nothing in bundle, only pre is sent; with nothing in both, nothing is.
// Calls take turns. Sync must not be called by a [Handler] method.
func (s *Session) Sync(ctx context.Context, pre, bundle []openflow.Message) error {
	if len(pre) == 0 && len(bundle) == 0 {
		return nil
	}
	if err := s.turn(ctx); err != nil {
		return err
	}
	defer func() { <-s.syncing }()

	t := s.newTransaction(pre, bundle)
	defer s.exchanges.remove(t.x)
	if err := t.handOver(ctx); err != nil {
		t.discard()
		return err
	}
	if len(bundle) == 0 || t.refused() {
		t.discard()
		return t.result()
	}
	if err := t.commit(ctx); err != nil {
		return err
	}
	return t.result()
}

// Barrier returns when the switch has handled everything that was sent before,
// through [Session.Send] or [Session.Sync] (OF1.3 7.3.8). It must not be called
// by a [Handler] method.
func (s *Session) Barrier(ctx context.Context) error {
	x := s.exchanges.add(s.xids(1), 1)
	defer s.exchanges.remove(x)
	reached := s.exchanges.expect(x, 0)
	if err := s.Send(openflow.Append(nil, x.first, &openflow.BarrierRequest{})); err != nil {
		return err
	}
	if err := s.await(ctx, reached); err != nil {
		return fmt.Errorf("barrier: %w", err)
	}
	if errs, _ := s.exchanges.errors(x); len(errs) > 0 {
		return fmt.Errorf("barrier: switch %016x answered %s", s.dpid, errs[0].err.String())
	}
	return nil
}

func (s *Session) turn(ctx context.Context) error {
	select {
	case s.syncing <- struct{}{}:
		return nil
	case <-s.closed:
		return s.ended()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Session) await(ctx context.Context, reached <-chan struct{}) error {
	select {
	case <-reached:
		return nil
	case <-s.closed:
		return s.ended()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// transaction is one Sync. Its transaction ids are, in this order: pre, and if
// there is a bundle: open, its messages, close; then the barrier, the commit or
// discard, and a second barrier. A bundled message has the same id inside and
// outside, and the switch uses it for errors of both adding and committing.
type transaction struct {
	s           *Session
	pre, bundle []openflow.Message
	id          uint32 // of the bundle
	x           *exchange
	opened      bool
	buf         []byte
}

func (s *Session) newTransaction(pre, bundle []openflow.Message) *transaction {
	n := len(pre) + len(bundle) + 5
	return &transaction{s: s, pre: pre, bundle: bundle, id: s.bundles.Add(1),
		x: s.exchanges.add(s.xids(n), uint32(n))}
}

func (t *transaction) openAt() uint32    { return uint32(len(t.pre)) }
func (t *transaction) closeAt() uint32   { return t.openAt() + 1 + uint32(len(t.bundle)) }
func (t *transaction) barrierAt() uint32 { return t.closeAt() + 1 }
func (t *transaction) commitAt() uint32  { return t.closeAt() + 2 }
func (t *transaction) lastAt() uint32    { return t.closeAt() + 3 }

// handOver sends pre and the bundle, and waits until the switch has taken it all.
func (t *transaction) handOver(ctx context.Context) error {
	for i, m := range t.pre {
		if err := t.put(ctx, uint32(i), m); err != nil {
			return err
		}
	}
	if len(t.bundle) > 0 {
		if err := t.handOverBundle(ctx); err != nil {
			return err
		}
	}
	return t.barrier(ctx, t.barrierAt())
}

func (t *transaction) handOverBundle(ctx context.Context) error {
	t.opened = true
	if err := t.put(ctx, t.openAt(), t.control(openflow.BundleOpenRequest)); err != nil {
		return err
	}
	for i, m := range t.bundle {
		nth := t.openAt() + 1 + uint32(i)
		start := len(t.buf)
		t.buf = openflow.AppendBundleAdd(t.buf, nthXID(t.x.first, nth), t.id, bundleFlags, m)
		if err := t.appended(ctx, start, m); err != nil {
			return err
		}
	}
	return t.put(ctx, t.closeAt(), t.control(openflow.BundleCloseRequest))
}

const bundleFlags = openflow.BundleAtomic | openflow.BundleOrdered

func (t *transaction) control(kind uint16) *openflow.BundleControl {
	return &openflow.BundleControl{ID: t.id, Kind: kind, Flags: bundleFlags}
}

func (t *transaction) commit(ctx context.Context) error {
	if err := t.put(ctx, t.commitAt(), t.control(openflow.BundleCommitRequest)); err != nil {
		return err
	}
	return t.barrier(ctx, t.lastAt())
}

// discard drops a bundle that is not to be committed. Nobody waits for it: the
// switch forgets an idle bundle by itself.
func (t *transaction) discard() {
	if t.opened {
		b := openflow.Append(nil, nthXID(t.x.first, t.commitAt()), t.control(openflow.BundleDiscardRequest))
		_ = t.s.Send(b) // fails only if the session is over, and the bundle with it
	}
}

// put encodes the nth message.
func (t *transaction) put(ctx context.Context, nth uint32, m openflow.Message) error {
	start := len(t.buf)
	t.buf = openflow.Append(t.buf, nthXID(t.x.first, nth), m)
	return t.appended(ctx, start, m)
}

// appended checks the message that was encoded at start, and queues the buffer
// when it is full.
func (t *transaction) appended(ctx context.Context, start int, m openflow.Message) error {
	if n := len(t.buf) - start; n > openflow.MaxMessage {
		t.buf = t.buf[:start]
		return fmt.Errorf("sync: %v of %d bytes is longer than openflow allows (%d)", m.Type(), n, openflow.MaxMessage)
	}
	if len(t.buf) >= syncBuffer {
		return t.send(ctx)
	}
	return nil
}

// send queues the buffer, once the switch has taken enough of what was queued
// before.
func (t *transaction) send(ctx context.Context) error {
	for t.s.queuedBytes() > min(syncAhead, t.s.cfg.MaxQueue/2) {
		if err := t.s.await(ctx, t.s.drained); err != nil {
			return err
		}
	}
	err := t.s.Send(t.buf)
	t.buf = t.buf[:0]
	return err
}

func (t *transaction) barrier(ctx context.Context, nth uint32) error {
	reached := t.s.exchanges.expect(t.x, nth)
	if err := t.put(ctx, nth, &openflow.BarrierRequest{}); err != nil {
		return err
	}
	if err := t.send(ctx); err != nil {
		return err
	}
	return t.s.await(ctx, reached)
}

func (t *transaction) refused() bool {
	_, total := t.s.exchanges.errors(t.x)
	return total > 0
}

// result is nil, or the *SyncError with the messages that were refused.
func (t *transaction) result() error {
	errs, total := t.s.exchanges.errors(t.x)
	if total == 0 {
		return nil
	}
	e := &SyncError{Total: total}
	for _, r := range errs {
		e.Errors = append(e.Errors, t.describe(r))
	}
	// That the commit failed adds nothing to why.
	isWhole := func(m MessageError) bool { return m.Index < 0 }
	if first := slices.IndexFunc(e.Errors, isWhole); first >= 0 && !isWhole(e.Errors[0]) {
		kept := slices.DeleteFunc(e.Errors, isWhole)
		e.Total -= len(errs) - len(kept)
		e.Errors = kept
	}
	return e
}

func (t *transaction) describe(r refused) MessageError {
	e := MessageError{Index: -1, Bundled: true, Switch: r.err}
	switch n := r.nth; {
	case n < t.openAt():
		e.Bundled, e.Index, e.Message = false, int(n), t.pre[n]
	case n > t.openAt() && n < t.closeAt() && len(t.bundle) > 0:
		e.Index = int(n - t.openAt() - 1)
		e.Message = t.bundle[e.Index]
	}
	return e
}
