package apitest

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/view"
)

// Backend implements api.Backend with the data that it is given. While it is
// used, the exported fields are changed only in a function given to Change.
type Backend struct {
	Info           view.Status
	SwitchList     []view.Switch
	PortList       []view.Port
	NetworkList    []view.Network
	RouterList     []view.Router
	PolicyList     []view.Policy
	BindingList    []view.Binding
	StationList    []view.Station
	Resolutions    map[string]view.Resolution // by address
	ExplanationsOf map[string][]view.Explanation
	FlowLists      map[string]view.FlowList // by datapath id
	Traces         map[string]view.Trace    // by packet
	EventList      []view.Event             // those that are remembered
	Meant          int                      // how many bindings a scope has
	Kept           []byte                   // the backup; if nil, nothing is kept
	Stored         []intent.Object          // the intent
	Revision       int64                    // of its last change
	Volatile       bool                     // edits last as long as the process
	Err            error                    // if set, what every method returns

	mu       sync.Mutex
	watchers []*watcher
	scopes   []string      // of operations, see Scopes
	changed  chan struct{} // closed when watchers changes, nil if nobody waits
}

// watcher follows the changes of a kind, or events.
type watcher struct {
	kind    view.Kind
	changes chan view.Change
	events  chan view.Event
	wants   func(*view.Event) bool
}

func (w *watcher) close() {
	if w.events != nil {
		close(w.events)
		return
	}
	close(w.changes)
}

// watchBuffer is more than any test has changes, so that Publish never waits.
const watchBuffer = 4096

var _ api.Backend = (*Backend)(nil)

// New returns a Backend with two switches, two networks and four hosts, whose
// times are counted back from now.
func New(now time.Time) *Backend {
	const s1, s2 = "0000000000000001", "0000000000000002"
	ago := func(d time.Duration) time.Time { return now.Add(-d).UTC() }
	const minute = time.Minute
	bindings := []view.Binding{
		{Network: "default", IP: "10.0.0.1", MAC: "02:00:00:00:00:01", Switch: s1, Port: "h1", Origin: "arp", State: "reachable",
			Learned: ago(5 * minute), Heard: ago(3 * minute), Flows: []string{"bindings", "owners"}},
		{Network: "default", IP: "10.0.0.2", MAC: "02:00:00:00:00:02", Switch: s1, Port: "h2", Origin: "arp", State: "reachable",
			Learned: ago(5 * minute), Heard: ago(5 * minute), Flows: []string{"bindings", "owners"}},
		{Network: "default", IP: "fd00::2", MAC: "02:00:00:00:00:02", Switch: s1, Port: "h2", Origin: "nd", State: "stale",
			Learned: ago(4 * minute), Heard: ago(4 * minute), Restored: true},
		{Network: "blue", IP: "10.0.0.2", MAC: "02:00:00:00:00:03", Switch: s2, Port: "trunk", PortVLAN: 10, Origin: "static", State: "reachable",
			Learned: ago(5 * minute), Heard: ago(5 * minute), Permitted: []string{"02:00:00:00:00:03", "02:00:00:00:00:04"}},
	}
	found := bindings[1]
	return &Backend{
		Info: view.Status{
			Version: "v0.1.0", Started: ago(3 * time.Hour), Listen: []string{"tcp:[::]:6653"}, Intent: "networks.yaml", DataDir: "/var/lib/isat",
			Switches: 2, Ports: 4, Networks: 2, Bindings: 4, Stations: 3, Searches: 1, Parked: 2, Silent: 1,
			Counters: map[string]uint64{"punt.learn": 7, "answer.arp": 42}, Memory: 25_500_000,
		},
		SwitchList: []view.Switch{
			{ID: s1, Name: "s1", Address: "127.0.0.1:40001", State: "connected", Since: ago(5 * minute), Version: "Open vSwitch 3.1.0", Ports: 3, Flows: 42,
				Changes: view.Sync{Kept: 40, Added: 2, At: ago(5 * minute)}, Renewals: 9},
			{ID: s2, Name: "s2", Address: "127.0.0.1:40002", State: "away", Since: ago(3 * minute), Flows: 12},
		},
		PortList: []view.Port{
			{Switch: s1, Number: 1, Name: "h1", MAC: "02:00:00:00:01:01", State: "up", Networks: []string{"default"}, Stations: 1, Bindings: 1},
			{Switch: s1, Number: 2, Name: "h2", MAC: "02:00:00:00:01:02", State: "up", Networks: []string{"default"}, Stations: 1, Bindings: 2},
			{Switch: s2, Number: 1, Name: "trunk", MAC: "02:00:00:00:02:01", State: "down", Networks: []string{"blue@10"}, Stations: 1, Bindings: 1},
			{Switch: "br9", Name: "later", State: "absent", Networks: []string{"blue"}},
		},
		NetworkList: []view.Network{
			{Number: 1, Name: "default", Unknown: "solicit", Ports: 2, Bindings: 3, Stations: 2, Searches: 1, Silent: 1},
			{Number: 100, Name: "blue", Unknown: "flood", Ports: 1, Bindings: 1, Stations: 1,
				Subnets: []view.Subnet{{Prefix: "10.0.0.0/16", Gateway: "10.0.0.254", GatewayMAC: "02:00:00:00:00:fe"}}},
		},
		RouterList:  routers(),
		Stored:      documents(),
		Revision:    5,
		PolicyList:  policies(),
		FlowLists:   map[string]view.FlowList{s1: flowList(s1)},
		Traces:      traces(s1),
		EventList:   events(now),
		Meant:       3,
		BindingList: bindings,
		StationList: []view.Station{
			{Network: "default", MAC: "02:00:00:00:00:01", Switch: s1, Port: "h1", Bindings: []string{"10.0.0.1"}, Learned: ago(5 * minute)},
			{Network: "default", MAC: "02:00:00:00:00:02", Switch: s1, Port: "h2", Bindings: []string{"10.0.0.2", "fd00::2", "fe80::2"}, Learned: ago(5 * minute)},
			{Network: "blue", MAC: "02:00:00:00:00:03", Switch: s2, Port: "trunk", PortVLAN: 10, Learned: ago(5 * minute), Restored: true},
		},
		Resolutions: map[string]view.Resolution{
			"10.0.0.2": {Network: "default", IP: "10.0.0.2", Found: true, Binding: &found, Sent: 1, Took: "1.234ms"},
			"10.0.0.9": {Network: "default", IP: "10.0.0.9", Sent: 3, Took: "3.001s"},
		},
		ExplanationsOf: map[string][]view.Explanation{
			"10.0.0.2": {
				{Network: "default", IP: "10.0.0.2", Binding: &found, Outcome: "answered", Why: "the binding is in the table bindings of every switch",
					Facts: []view.Fact{{What: "02:00:00:00:00:02 owns it", Source: "ARP request on port h2 of s1"}, {What: "no rival was heard"}}},
				{Network: "blue", IP: "10.0.0.2", Outcome: "searched", Why: "nobody is known"},
			},
		},
	}
}

// Change runs f while nothing else uses the fields.
func (b *Backend) Change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// Status returns b.Info.
func (b *Backend) Status(context.Context) (view.Status, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Info, b.Err
}

// Switches returns a copy of b.SwitchList.
func (b *Backend) Switches(context.Context) ([]view.Switch, error) { return copyOf(b, &b.SwitchList) }

// Ports returns a copy of b.PortList.
func (b *Backend) Ports(context.Context) ([]view.Port, error) { return copyOf(b, &b.PortList) }

// Networks returns a copy of b.NetworkList.
func (b *Backend) Networks(context.Context) ([]view.Network, error) {
	return copyOf(b, &b.NetworkList)
}

// Routers returns a copy of b.RouterList.
func (b *Backend) Routers(context.Context) ([]view.Router, error) { return copyOf(b, &b.RouterList) }

// Policies returns a copy of b.PolicyList.
func (b *Backend) Policies(context.Context) ([]view.Policy, error) { return copyOf(b, &b.PolicyList) }

// Bindings returns a copy of b.BindingList, which the API has to narrow.
func (b *Backend) Bindings(context.Context, api.Filter) ([]view.Binding, error) {
	return copyOf(b, &b.BindingList)
}

// Stations returns a copy of b.StationList, which the API has to narrow.
func (b *Backend) Stations(context.Context, api.Filter) ([]view.Station, error) {
	return copyOf(b, &b.StationList)
}

func copyOf[T any](b *Backend, list *[]T) ([]T, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(*list), b.Err
}

// Resolve returns the resolution that b has for the address. For an address
// that it does not have, it waits until ctx ends.
func (b *Backend) Resolve(ctx context.Context, t api.Target) (view.Resolution, error) {
	if r, ok, err := b.resolution(t); ok || err != nil {
		return r, err
	}
	<-ctx.Done()
	return view.Resolution{}, ctx.Err()
}

// Probe is Resolve, except that an address that b does not have is not found.
func (b *Backend) Probe(_ context.Context, t api.Target) (view.Resolution, error) {
	if r, ok, err := b.resolution(t); ok || err != nil {
		return r, err
	}
	return view.Resolution{}, api.Errorf(api.ErrNotFound, "%s is not known in network %q: find it with \"isat resolve %s\"", t.IP, t.Network, t.IP)
}

func (b *Backend) resolution(t api.Target) (r view.Resolution, ok bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok = b.Resolutions[t.IP.String()]
	return r, ok, b.Err
}

// Explain returns the explanations that b has for the address.
func (b *Backend) Explain(_ context.Context, t api.Target) ([]view.Explanation, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []view.Explanation
	for _, e := range b.ExplanationsOf[t.IP.String()] {
		if t.Network == "" || t.Network == e.Network {
			out = append(out, e)
		}
	}
	return out, b.Err
}

// Watch sends the objects of the kind, then what Publish is called with.
func (b *Backend) Watch(ctx context.Context, k view.Kind, _ api.Filter) (<-chan view.Change, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Err != nil {
		return nil, b.Err
	}
	w := &watcher{kind: k, changes: make(chan view.Change, watchBuffer)}
	for _, o := range b.objects(k) {
		w.changes <- view.Change{Kind: k, Type: view.Added, Object: o}
	}
	b.watch(ctx, w)
	return w.changes, nil
}

func (b *Backend) watch(ctx context.Context, w *watcher) {
	b.watchers = append(b.watchers, w)
	b.notify()
	context.AfterFunc(ctx, func() { b.remove(w) })
}

func (b *Backend) objects(k view.Kind) []any {
	var out []any
	switch k {
	case view.KindSwitch:
		out = anys(b.SwitchList)
	case view.KindPort:
		out = anys(b.PortList)
	case view.KindNetwork:
		out = anys(b.NetworkList)
	case view.KindBinding:
		out = anys(b.BindingList)
	case view.KindStation:
		out = anys(b.StationList)
	}
	return out
}

func anys[T any](list []T) []any {
	var out []any
	for _, o := range list {
		out = append(out, o)
	}
	return out
}

func (b *Backend) remove(w *watcher) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.watchers, w); i >= 0 {
		b.watchers = slices.Delete(b.watchers, i, i+1)
		w.close()
		b.notify()
	}
}

func (b *Backend) notify() {
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// Publish sends a change to every watcher of its kind.
func (b *Backend) Publish(c view.Change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.watchers {
		if w.changes != nil && w.kind == c.Kind {
			w.changes <- c
		}
	}
}

// EndWatches ends every watch as if its reader had been too slow.
func (b *Backend) EndWatches() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.watchers {
		w.close()
	}
	b.watchers = nil
	b.notify()
}

// AwaitWatchers waits until n watches are under way.
func (b *Backend) AwaitWatchers(ctx context.Context, n int) error {
	for {
		b.mu.Lock()
		if len(b.watchers) == n {
			b.mu.Unlock()
			return nil
		}
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Backup implements api.Backend.
func (b *Backend) Backup(context.Context) (func(context.Context, io.Writer) error, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := b.Kept
	switch {
	case b.Err != nil:
		return nil, b.Err
	case kept == nil:
		return nil, api.Errorf(api.ErrConflict, "nothing is kept")
	}
	return func(_ context.Context, w io.Writer) error {
		_, err := w.Write(kept)
		return err
	}, nil
}
