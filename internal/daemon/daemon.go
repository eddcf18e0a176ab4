package daemon

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/core"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/metrics"
	"github.com/isat-sdn/isat/internal/ofconn"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/internal/store"
	"github.com/isat-sdn/isat/internal/view"
)

// Config is what a daemon is started with.
type Config struct {
	Listen     []string // where switches are awaited: tcp:HOST:PORT or unix:PATH
	APIListen  string   // HOST:PORT of the REST API
	IntentFile string   // read at the start and on SIGHUP; empty for the default network alone
	DataDir    string   // where what must outlive isat is kept; empty for memory alone
	EtcdListen store.Endpoint
	Hold       resolve.HoldLimits
	Log        *slog.Logger
	Version    string
}

// daemon is a running controller.
type daemon struct {
	config      Config
	log         *slog.Logger
	started     time.Time
	core        *core.Core // the loop's own, but for the table's Lookup
	table       *binding.Table
	ended       <-chan struct{} // closed when the daemon is to end
	inbox       *inbox
	queries     chan func()
	sessions    sessions
	lastSession atomic.Uint64
	answers     waiters
	changes     feed[view.Change]
	happened    feed[view.Event]
	routine     atomic.Int64 // how many follow events that come with every host
	history     history
	store       *store.Store // nil without a data directory
	asked       *asked
	edits       chan edit
	clock       clock // the loop's
	switches    *ofconn.Server
	clients     *api.Connections
	listen      []string
	dropped     atomic.Uint64 // punts, because the loop was behind
	steps       atomic.Uint64 // of the loop
	busy        atomic.Int64  // nanoseconds that they took
}

// errEnding is what a question meets that comes too late.
var errEnding = errors.New("isat is ending")

// Run runs a controller until the context ends. The error is one line.
func Run(ctx context.Context, config Config) (err error) {
	d, listeners, apiListener, err := start(ctx, config)
	if err != nil {
		return err
	}
	tasks, ctx := errgroup.WithContext(ctx)
	d.ended = ctx.Done()
	// The store goes on until the loop has given it the last.
	looping, looped := context.WithCancel(context.WithoutCancel(ctx))
	if d.store != nil {
		defer func() { err = errors.Join(err, d.store.Close()) }()
		tasks.Go(func() error { return d.runStore(looping) })
	}
	tasks.Go(func() error { defer looped(); return d.loop(ctx) })
	for _, l := range listeners {
		tasks.Go(func() error { return d.switches.Serve(ctx, l) })
	}
	tasks.Go(func() error {
		return api.Serve(ctx, apiListener, api.New(backend{d}, api.Options{Metrics: metrics.Handler(config.Version, d.measure)}), d.clients)
	})
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	defer signal.Stop(signals)
	tasks.Go(func() error { return d.reload(ctx, signals) })
	d.log.Info("isat is ready", slog.String("version", config.Version), slog.Any("switches", d.listen),
		slog.String("api", "http://"+apiListener.Addr().String()))
	if err = tasks.Wait(); errors.Is(err, context.Canceled) {
		err = nil
	}
	return err
}

// start reads the intent and opens every socket, so that whatever is wrong
// with them is said before anything runs.
func start(ctx context.Context, config Config) (d *daemon, listeners []net.Listener, apiListener net.Listener, err error) {
	kept, err := openStore(ctx, config)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() {
		if err != nil && kept != nil {
			err = errors.Join(err, kept.Close())
		}
	}()
	asked, err := newAsked(ctx, config, kept)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() {
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
		}
	}()
	for _, address := range config.Listen {
		l, err := ofconn.Listen(address)
		if err != nil {
			return nil, listeners, nil, err
		}
		listeners = append(listeners, l)
	}
	if apiListener, err = api.Listen(ctx, config.APIListen); err != nil {
		return nil, listeners, nil, err
	}
	d = &daemon{
		config: config, log: config.Log, started: time.Now(),
		core:  core.New(core.Config{Table: binding.Config{Seed: maphash.MakeSeed()}, Hold: config.Hold, Start: time.Now()}, asked.current),
		inbox: newInbox(), queries: make(chan func()),
		asked: asked, edits: make(chan edit),
		clients: api.NewConnections(api.MaxConnections, config.Log),
	}
	d.table, d.store = d.core.Table(), kept
	if err := d.recall(ctx); err != nil {
		return nil, listeners, nil, errors.Join(err, apiListener.Close())
	}
	d.switches = ofconn.New(ofconn.Config{Log: config.Log}, d)
	for _, l := range listeners {
		d.listen = append(d.listen, l.Addr().Network()+":"+l.Addr().String())
	}
	return d, listeners, apiListener, nil
}

// reload reads the intent file again whenever SIGHUP says so. A file with
// errors changes nothing.
func (d *daemon) reload(ctx context.Context, signals <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-signals:
		}
		if d.config.IntentFile == "" {
			d.log.Warn("nothing to read again: isat was started without --intent")
			continue
		}
		want, err := d.asked.reload(ctx, d)
		if err != nil {
			d.logRefused(err)
			continue
		}
		d.log.Info("intent read again", slog.String("file", d.config.IntentFile), slog.Int("networks", len(want.Networks)))
	}
}

// maxTold is how many faults of an intent file are logged; "isat apply --dry-run"
// and the start show all of them, with their lines.
const maxTold = 10

// logRefused says why the intent file was not taken: each fault in a line of the log.
func (d *daemon) logRefused(err error) {
	const message = "intent not changed"
	faults, ok := errors.AsType[intent.Errors](err)
	if !ok {
		d.log.Error(message, slog.String("error", err.Error()))
		return
	}
	for _, fault := range faults[:min(len(faults), maxTold)] {
		d.log.Error(message, slog.String("error", fault.Brief()))
	}
	if more := len(faults) - maxTold; more > 0 {
		d.log.Error(message, slog.Int("more", more))
	}
}

// tell hands an event to the loop, and waits while the loop is behind. When the
// daemon ends, events are nobody's any more.
func (d *daemon) tell(e core.Event) { d.inbox.tell(e, d.ended) }

// query runs a function on the loop, where it may look at the core.
func (d *daemon) query(ctx context.Context, look func(*core.Core)) error {
	done := make(chan struct{})
	select {
	case d.queries <- func() { look(d.core); close(done) }:
	case <-ctx.Done():
		return ctx.Err()
	case <-d.ended:
		return errEnding
	}
	<-done
	return nil
}
