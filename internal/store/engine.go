package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"runtime/debug"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"google.golang.org/grpc"
)

// How etcd is run. It has no second member to wait for, and nobody reads its
// history.
const (
	tick          = 50  // ms
	election      = 250 // ms: after it the only member leads
	snapshotEvery = 16  // entries of the log, after which it is cut; each may be of MaxCommit, and is in memory, too
	catchUp       = 1   // entries kept for members that are behind: there are none
	maxOps        = 1 << 20
	maxDatabase   = 8 << 30
	compactBatch  = 10_000   // of the history, between two of which etcd rests
	segmentSize   = 16 << 20 // of the log; two are there from the start
	startTimeout  = time.Minute
	closeTimeout  = 5 * time.Second
)

// memberName and memberURL name the one member to itself. Nobody listens there.
const (
	memberName = "isat"
	memberURL  = "http://isat.invalid:1"
)

func init() { wal.SegmentSizeBytes = segmentSize }

// engine is a running etcd.
type engine struct {
	etcd    *embed.Etcd
	client  *clientv3.Client
	readers *grpc.Server // of other programs; nil without an [Endpoint]
	once    sync.Once
	failed  chan struct{} // closed when etcd can't go on
	err     error         // why, when failed is closed
}

var errLate = fmt.Errorf("etcd is not ready after %v", startTimeout)

// errStuck says that an etcd that has failed could not be ended, so that its
// files can't be opened again by this process.
var errStuck = errors.New("it can be opened again only by a new process: restart isat")

func newEngine() *engine { return &engine{failed: make(chan struct{})} }

func (e *engine) fail(err error) {
	e.once.Do(func() {
		e.err = err
		close(e.failed)
	})
}

func engineConfig(dir string, log *slog.Logger, failed func(error)) *embed.Config {
	c := embed.NewConfig()
	peer, _ := url.Parse(memberURL)
	c.Name, c.Dir = memberName, dir
	c.ListenPeerUrls, c.ListenClientUrls = nil, nil
	c.AdvertisePeerUrls, c.AdvertiseClientUrls = []url.URL{*peer}, []url.URL{*peer}
	c.InitialCluster = memberName + "=" + memberURL
	c.EnableGRPCGateway = false
	c.TickMs, c.ElectionMs = tick, election
	c.SnapshotCount, c.SnapshotCatchUpEntries = snapshotEvery, catchUp
	c.MaxSnapFiles, c.MaxWalFiles = 1, 1
	c.MaxRequestBytes, c.MaxTxnOps = MaxCommit, maxOps
	c.QuotaBackendBytes = maxDatabase
	c.CompactionBatchLimit = compactBatch
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(newLogger(log, failed))
	return c
}

// startEngine runs etcd on its files. Whatever it dies of is an error.
func startEngine(ctx context.Context, dir string, log *slog.Logger) (*engine, error) {
	e := newEngine()
	config := engineConfig(dir, log, e.fail)
	started := make(chan *embed.Etcd, 1)
	go func() {
		defer close(started)
		defer func() {
			if r := recover(); r != nil {
				e.fail(fmt.Errorf("%v", r))
			}
		}()
		// A file that ends too early is a fault of the memory that it is mapped to.
		debug.SetPanicOnFault(true)
		etcd, err := embed.StartEtcd(config)
		if err != nil {
			e.fail(err)
			return
		}
		started <- etcd
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, errLate)
	defer cancel()
	select {
	case e.etcd = <-started:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if e.etcd == nil {
		return nil, e.err
	}
	var err error
	select {
	case <-e.etcd.Server.ReadyNotify():
		e.client = v3client.New(e.etcd.Server)
		return e, nil
	case <-e.failed:
		err = e.err
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if stuck := e.close(); stuck != nil {
		err = fmt.Errorf("%w: %w", err, stuck)
	}
	return nil, err
}

// close ends etcd. One that has failed can't always end by itself: what waits
// for the goroutine that died waits for ever. It has stopped all that writes by
// then, so that its database can be closed, and a new etcd can have the files.
func (e *engine) close() error {
	if e.readers != nil {
		e.readers.Stop()
	}
	if e.client != nil {
		e.client.Close()
	}
	if within(closeTimeout, e.etcd.Close) {
		return nil
	}
	db := e.etcd.Server.Backend()
	if within(closeTimeout, func() { db.Close() }) {
		return nil
	}
	return errStuck
}

// within calls f and says whether it ended in time, which it may never do.
func within(limit time.Duration, f func()) bool {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f()
	}()
	select {
	case <-ended:
		return true
	case <-time.After(limit):
		return false
	}
}

// do calls etcd. It returns when etcd fails, too.
func (e *engine) do(ctx context.Context, call func(context.Context, *clientv3.Client) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan error, 1)
	go func() { ended <- call(ctx, e.client) }()
	select {
	case err := <-ended:
		return err
	case <-e.failed:
		return e.err
	}
}
