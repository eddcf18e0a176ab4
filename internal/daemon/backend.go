package daemon

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/core"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

// backend answers the REST API from the core.
type backend struct{ d *daemon }

var _ api.Backend = backend{}

// Status implements api.Backend.
func (b backend) Status(ctx context.Context) (status view.Status, err error) {
	d := b.d
	err = d.query(ctx, func(c *core.Core) { status = c.Status() })
	status.Version, status.Started, status.Listen, status.Intent = d.config.Version, d.started, d.listen, d.config.IntentFile
	status.Memory = residentMemory()
	if d.store != nil {
		status.DataDir = d.config.DataDir
		if err := d.store.Writable(); err != nil {
			status.NotKept = err.Error()
		}
	}
	if status.Counters != nil {
		view.PutCounters(status.Counters, d.counters())
	}
	return status, err
}

// residentMemory is the second field of statm, in bytes (proc(5)); 0 where
// there is none.
func residentMemory() uint64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseUint(fields[1], 10, 64)
	return pages * uint64(os.Getpagesize())
}

// Switches implements api.Backend.
func (b backend) Switches(ctx context.Context) (list []view.Switch, err error) {
	err = b.d.query(ctx, func(c *core.Core) { list = c.Switches() })
	return list, err
}

// Ports implements api.Backend.
func (b backend) Ports(ctx context.Context) (list []view.Port, err error) {
	err = b.d.query(ctx, func(c *core.Core) { list = c.Ports() })
	return list, err
}

// Networks implements api.Backend.
func (b backend) Networks(ctx context.Context) (list []view.Network, err error) {
	err = b.d.query(ctx, func(c *core.Core) { list = c.Networks() })
	return list, err
}

// Bindings implements api.Backend.
func (b backend) Bindings(ctx context.Context, f api.Filter) (list []view.Binding, err error) {
	choice := choiceOf(f)
	choice.After.IP, _ = netip.ParseAddr(f.Position().ID)
	err = b.d.query(ctx, func(c *core.Core) { list = c.Bindings(choice) })
	return list, err
}

// Stations implements api.Backend.
func (b backend) Stations(ctx context.Context, f api.Filter) (list []view.Station, err error) {
	choice := choiceOf(f)
	mac, id, _ := strings.Cut(f.Position().ID, "/")
	choice.After.MAC, _ = packet.ParseMAC(mac)
	choice.After.Switch, _ = strconv.ParseUint(id, 16, 64)
	err = b.d.query(ctx, func(c *core.Core) { list = c.Stations(choice) })
	return list, err
}

// choiceOf says what a filter means, for the API narrows what it gets once more: a switch
// that is named otherwise than by its id has never connected, and has nothing.
func choiceOf(f api.Filter) core.Choice {
	choice := core.Choice{Network: f.Network, Port: f.Port, Prefix: f.Prefix(), State: f.State, Origin: f.Origin, Limit: f.Limit}
	choice.Switch, _ = strconv.ParseUint(f.Switch, 16, 64)
	choice.MAC, _ = packet.ParseMAC(f.MAC)
	p := f.Position()
	choice.After.Network, choice.After.VLAN = p.Network, p.VLAN
	return choice
}

// Resolve implements api.Backend.
func (b backend) Resolve(ctx context.Context, t api.Target) (view.Resolution, error) {
	return b.ask(ctx, t, false)
}

// Probe implements api.Backend.
func (b backend) Probe(ctx context.Context, t api.Target) (view.Resolution, error) {
	return b.ask(ctx, t, true)
}

func (b backend) ask(ctx context.Context, t api.Target, unicast bool) (view.Resolution, error) {
	d := b.d
	keys, err := b.keys(ctx, t)
	if err != nil {
		return view.Resolution{}, err
	}
	key := keys[0]
	if unicast {
		known := false
		if err := d.query(ctx, func(c *core.Core) { known = c.Table().Lookup(key) != nil }); err != nil {
			return view.Resolution{}, err
		}
		if !known {
			return view.Resolution{}, api.Errorf(api.ErrNotFound, "%s is not known, so nobody can be asked by unicast: search it with \"isat resolve %s\"", key.IP(), key.IP())
		}
	}
	id, answer := d.answers.add()
	defer d.answers.remove(id)
	d.tell(core.Question{ID: id, Key: key, Unicast: unicast})
	select {
	case r := <-answer:
		return r, nil
	case <-ctx.Done():
		return view.Resolution{}, ctx.Err()
	case <-d.ended:
		return view.Resolution{}, errEnding
	}
}

// Explain implements api.Backend.
func (b backend) Explain(ctx context.Context, t api.Target) (list []view.Explanation, err error) {
	keys, err := b.keys(ctx, t)
	if err != nil {
		return nil, err
	}
	if t.Network == "" {
		if keys, err = b.keysAnywhere(ctx, t); err != nil {
			return nil, err
		}
	}
	err = b.d.query(ctx, func(c *core.Core) {
		for _, key := range keys {
			list = append(list, c.Explain(b.d.clock.now(), key))
		}
	})
	return list, err
}

// keys finds the one key of a target, in the default network if it names none.
func (b backend) keys(ctx context.Context, t api.Target) ([]binding.Key, error) {
	name := t.Network
	if name == "" {
		name = "default"
	}
	var number uint32
	ok := false
	err := b.d.query(ctx, func(c *core.Core) {
		if number, ok = c.NetworkByName(name); ok {
			return
		}
		if n, err := strconv.ParseUint(name, 10, 32); err == nil {
			number, ok = uint32(n), c.NetworkName(uint32(n)) != ""
		}
	})
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, api.Errorf(api.ErrNotFound, "there is no network %q: \"isat get networks\" lists them", name)
	}
	return []binding.Key{binding.NewKey(binding.Segment{Network: number, VLAN: t.VLAN}, t.IP)}, nil
}

// keysAnywhere finds the keys of an address in every network that knows it or
// has a subnet for it; the default network if there is none.
func (b backend) keysAnywhere(ctx context.Context, t api.Target) (keys []binding.Key, err error) {
	err = b.d.query(ctx, func(c *core.Core) { keys = c.KeysOf(t.IP, t.VLAN) })
	return keys, err
}

// Intent implements api.Backend.
func (b backend) Intent(ctx context.Context) ([]intent.Object, error) { return b.d.asked.objects(ctx) }

// EditIntent implements api.Backend.
func (b backend) EditIntent(ctx context.Context, r intent.Request, dryRun bool) (api.IntentEdited, error) {
	return b.d.asked.edit(ctx, b.d, r, dryRun)
}

// Watch implements api.Backend.
func (b backend) Watch(ctx context.Context, kind view.Kind, f api.Filter) (<-chan view.Change, error) {
	d := b.d
	var r *reader[view.Change]
	var present []view.Change
	var full error
	err := d.query(ctx, func(c *core.Core) {
		if r, full = d.changes.add(func(change *view.Change) bool { return change.Kind == kind }); full == nil {
			present = objects(c, kind, choiceOf(f))
			c.Watch(true)
		}
	})
	if err = cmp.Or(err, full); err != nil {
		return nil, fmt.Errorf("watch %s: %w", kind, err)
	}
	return d.changes.follow(ctx, r, present), nil
}
