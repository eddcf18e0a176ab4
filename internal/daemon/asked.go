package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/store"
)

// keeper is where the documents are that were applied.
type keeper interface {
	Objects(ctx context.Context) ([]store.Object, error)
	Commit(ctx context.Context, edits []store.Edit) (revision int64, err error)
}

// asked is what is asked for, where it is kept, and how it is edited: one edit at
// a time, first kept and then told to the core, so that what the core has was
// never refused by the keeper.
type asked struct {
	log      *slog.Logger
	file     string        // what the intent is read from; it can't be edited then
	keeper   keeper        // nil with a file
	volatile bool          // the keeper forgets
	made     atomic.Uint64 // edits
	refused  atomic.Uint64
	turn     chan struct{}
	current  *intent.Intent // what the core has; for who has the turn
}

// edit is an intent on its way to the core. Done is closed when the core has it.
type edit struct {
	intent *intent.Intent
	done   chan<- struct{}
}

// teller brings an intent to the core.
type teller interface {
	setIntent(ctx context.Context, in *intent.Intent) error
}

// newAsked reads the intent: from the file, or else from the store, if there is one.
func newAsked(ctx context.Context, config Config, s *store.Store) (a *asked, err error) {
	a = &asked{log: config.Log, file: config.IntentFile, turn: make(chan struct{}, 1)}
	switch {
	case a.file != "":
		a.current, _, err = readIntent(a.file)
		return a, err
	case s == nil:
		a.keeper, a.volatile, a.current = &memory{}, true, intent.Default()
		return a, nil
	}
	a.keeper = s
	stored, err := a.stored(ctx)
	if err != nil {
		return nil, err
	}
	a.current, err = intent.Load(stored, pipeline.NewPolicyChecker().Check)
	if faults, ok := errors.AsType[intent.Errors](err); ok {
		ref := intent.StoredRef(faults[0], stored)
		return nil, fmt.Errorf("the intent in %s is not valid for this isat: run the isat that wrote it, or mend %s: %s\n%w",
			config.DataDir, ref, store.Remedy(config.DataDir, ref.Kind, ref.Name), err)
	}
	return a, err
}

func readIntent(name string) (*intent.Intent, intent.File, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, intent.File{}, fmt.Errorf("read intent: %w", err)
	}
	defer in.Close()
	f, err := intent.Read(name, in)
	if err != nil {
		return nil, f, err
	}
	read, err := intent.ParseWith(f.Name, f.Data, pipeline.NewPolicyChecker().Check)
	return read, f, err
}

// take waits for the turn, which give ends.
func (a *asked) take(ctx context.Context) error {
	select {
	case a.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *asked) give() { <-a.turn }

// reload reads the file again. One without a document, as a full disk or a slip in an
// editor leaves it, does not take everything away.
func (a *asked) reload(ctx context.Context, t teller) (*intent.Intent, error) {
	if err := a.take(ctx); err != nil {
		return nil, err
	}
	defer a.give()
	want, f, err := readIntent(a.file)
	if err != nil {
		return nil, err
	}
	if none := intent.Default().YAML(); bytes.Equal(want.YAML(), none) && !bytes.Equal(a.current.YAML(), none) {
		if described, err := intent.Refs([]intent.File{f}); err != nil || len(described) == 0 {
			return nil, fmt.Errorf("read intent: %s has no document: to ask for nothing, describe the network %q", a.file, intent.DefaultName)
		}
	}
	return want, a.tell(ctx, t, want)
}

// tell gives the core an intent that is not the one that it has.
func (a *asked) tell(ctx context.Context, t teller, want *intent.Intent) error {
	if want.Equal(a.current) {
		return nil
	}
	if err := t.setIntent(ctx, want); err != nil {
		return err
	}
	a.current = want
	return nil
}

// objects gives every document that is in force.
func (a *asked) objects(ctx context.Context) ([]intent.Object, error) {
	if err := a.take(ctx); err != nil {
		return nil, err
	}
	defer a.give()
	if a.keeper == nil {
		return a.current.Objects(), nil
	}
	stored, err := a.stored(ctx)
	if err != nil {
		return nil, err
	}
	return a.current.Stored(stored), nil
}

func (a *asked) stored(ctx context.Context) ([]intent.Object, error) {
	list, err := a.keeper.Objects(ctx)
	if err != nil {
		return nil, err
	}
	objects := make([]intent.Object, len(list))
	for i, o := range list {
		objects[i] = intent.Object(o)
	}
	return objects, nil
}

// edit does what a request says, or nothing.
func (a *asked) edit(ctx context.Context, t teller, r intent.Request, dryRun bool) (done api.IntentEdited, err error) {
	defer func() {
		switch {
		case err != nil:
			a.refused.Add(1)
		case done.Revision != 0:
			a.made.Add(1)
		}
	}()
	if a.file != "" {
		return done, api.Errorf(api.ErrConflict, "the intent is read from %s, so it can't be edited here: change the file and send isat a SIGHUP, "+
			"or start isat with --data-dir instead of --intent", a.file)
	}
	if err := a.take(ctx); err != nil {
		return done, err
	}
	defer a.give()
	stored, err := a.stored(ctx)
	if err != nil {
		return done, err
	}
	plan, err := intent.NewPlan(stored, r, pipeline.NewPolicyChecker().Check)
	if err != nil {
		return done, err
	}
	done = api.IntentEdited{Changes: plan.Changes, Volatile: a.volatile}
	if dryRun {
		return done, nil
	}
	// Who asked may be gone before it is known how the edit ended: that must not matter.
	ctx = context.WithoutCancel(ctx)
	if done.Revision, err = a.commit(ctx, plan); err != nil {
		return done, err
	}
	if err := a.tell(ctx, t, plan.Intent); err != nil {
		return done, err
	}
	if done.Revision != 0 {
		a.log.Info("intent changed", slog.Int64("revision", done.Revision), slog.String("objects", summary(plan.Changes)))
	}
	return done, nil
}

// summary tells of changes in a line.
func summary(changes []intent.Change) string {
	const most = 10
	var told []string
	left := 0
	for _, c := range changes {
		switch {
		case c.Action == intent.Unchanged:
		case len(told) == most:
			left++
		default:
			told = append(told, fmt.Sprintf("%s %s", c.Ref, c.Action))
		}
	}
	text := strings.Join(told, ", ")
	if left > 0 {
		text += fmt.Sprintf(" and %d more", left)
	}
	return text
}

// commit has a plan kept.
func (a *asked) commit(ctx context.Context, plan *intent.Plan) (revision int64, err error) {
	var edits []store.Edit
	for _, e := range plan.Edits() {
		edits = append(edits, store.Edit(e))
	}
	if len(edits) == 0 {
		return 0, nil
	}
	revision, err = a.keeper.Commit(ctx, edits)
	if err == nil {
		return revision, nil
	}
	var conflict *store.ConflictError
	var full *store.FullError
	switch {
	case errors.As(err, &conflict):
		return 0, api.Errorf(api.ErrConflict, "nothing was changed: %s", err)
	case errors.As(err, &full):
		return 0, api.Errorf(api.ErrBusy, "nothing was changed: %s", err)
	}
	return a.outcome(ctx, plan, err)
}

// outcome finds out how a commit ended that failed with an error that leaves it open.
func (a *asked) outcome(ctx context.Context, plan *intent.Plan, failed error) (revision int64, err error) {
	stored, err := a.stored(ctx)
	if err != nil {
		return 0, fmt.Errorf("whether anything was changed is not known, for the data directory can't be read either: %w", failed)
	}
	is := make(map[intent.Ref]intent.Object)
	for _, o := range stored {
		is[o.Ref()] = o
	}
	for _, e := range plan.Edits() {
		o := is[intent.Ref{Kind: e.Kind, Name: e.Name}]
		if !bytes.Equal(o.Text, e.Text) {
			return 0, fmt.Errorf("nothing was changed: %w", failed)
		}
		revision = max(revision, o.Revision)
	}
	return revision, nil
}

// setIntent implements teller, and returns when the core has the intent.
func (d *daemon) setIntent(ctx context.Context, in *intent.Intent) error {
	done := make(chan struct{})
	select {
	case d.edits <- edit{in, done}:
	case <-ctx.Done():
		return ctx.Err()
	case <-d.ended:
		return errEnding
	}
	select {
	case <-done:
		return nil
	case <-d.ended:
		return errEnding
	}
}
