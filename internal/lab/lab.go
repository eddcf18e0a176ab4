package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// ErrExists is the cause when a lab of that name is up already.
var ErrExists = errors.New("lab is already up")

// ErrNotUp is the cause when there is no such lab.
var ErrNotUp = errors.New("lab is not up")

// Options say how a topology is brought up. The zero value is a lab under DefaultBase with the
// topology's own name and controller.
type Options struct {
	Base       string        // directory of labs; empty for DefaultBase
	Name       string        // instead of the topology's
	Controller string        // instead of the topology's
	MaxBackoff time.Duration // between a switch's attempts to connect; 0 for 1 s, Open vSwitch's least
	Probe      time.Duration // silence after which a switch asks the controller for a sign of life; 0 for 5 s

	// Helper is the command that runs RunHelper with the arguments that follow it, for a lab that
	// outlives this process. Without it the helpers are part of this process and end with it.
	Helper []string

	softVLAN bool // tag by the helper even where the kernel could: for tests of the helper
}

func (o Options) withDefaults() Options {
	if o.Base == "" {
		o.Base = DefaultBase
	}
	if o.MaxBackoff == 0 {
		o.MaxBackoff = time.Second
	}
	if o.Probe == 0 {
		o.Probe = 5 * time.Second
	}
	return o
}

// Lab is a network that is up. Its methods may be called concurrently.
type Lab struct {
	opts Options
	dir  string
	ovs  ovs

	mu      sync.Mutex
	state   *state
	helpers map[string]closer // by name, those that are part of this process
	closers map[closer]bool   // captures, which would keep namespaces alive
	senders map[string]*Sender
	down    bool
}

type closer interface{ Close() error }

// Up brings a topology up and returns when the switches run, every port is in place and the hosts'
// links are up. It does not wait for a controller (WaitConnected) nor for duplicate address
// detection (WaitAddresses). If it fails, nothing is left.
//
// What an earlier lab of the same name left behind is removed first; if that lab is whole the error
// is ErrExists.
func Up(ctx context.Context, t Topology, opts Options) (*Lab, error) {
	opts = opts.withDefaults()
	if opts.Name != "" {
		t.Name = opts.Name
	}
	if opts.Controller != "" {
		t.Controller = opts.Controller
	}
	if err := t.Validate(); err != nil {
		return nil, fmt.Errorf("topology: %w", err)
	}
	if err := Check(); err != nil {
		return nil, err
	}
	t = t.complete()
	release, err := lockBase(opts.Base)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := clearRemains(opts.Base, t.Name); err != nil {
		return nil, err
	}
	l := newLab(opts, &state{Version: stateVersion, Name: t.Name, Created: time.Now().UTC(), Topology: t})
	if err := l.build(ctx, t); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
		l.release()
		return nil, errors.Join(fmt.Errorf("lab %s: %w", t.Name, err), remove(opts.Base, t.Name))
	}
	return l, nil
}

func newLab(opts Options, s *state) *Lab {
	dir := runDir(opts.Base, s.Name)
	return &Lab{
		opts: opts, dir: dir, state: s,
		ovs:     ovs{dir: dir, namespace: namespaceName(s.Name, SwitchNamespace)},
		closers: map[closer]bool{}, senders: map[string]*Sender{}, helpers: map[string]closer{},
	}
}

// Open returns the lab of that name that is up under base.
func Open(base, name string) (*Lab, error) {
	opts := Options{Base: base}.withDefaults()
	if !labName.MatchString(name) {
		return nil, fmt.Errorf("%q is not a lab name", name)
	}
	s, err := loadState(runDir(opts.Base, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("lab %q: %w", name, ErrNotUp)
	}
	if err != nil {
		return nil, err
	}
	return newLab(opts, s), nil
}

// clearRemains removes what is left of an earlier lab. The base is locked.
func clearRemains(base, name string) error {
	dir := runDir(base, name)
	s, err := loadState(dir)
	if err == nil && s.fault() == "" {
		return fmt.Errorf("%w: %s: run isat lab down %s first", ErrExists, name, name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		if foreign(dir) {
			return fmt.Errorf("%s exists and is not a lab's run directory: move it away or choose another", dir)
		}
		if elsewhere(name) {
			return fmt.Errorf("%w: %s: its run directory is not under %s", ErrExists, name, base)
		}
	}
	return remove(base, name)
}

// foreign says whether a directory without a state file holds something that isn't ours. A state
// file that was not finished is.
func foreign(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() != stateFile+".new" })
}

// elsewhere says whether a lab of that name has a living switch although this base knows nothing of it.
func elsewhere(name string) bool {
	id, err := namespaceIDOf(namespacePath(namespaceName(name, SwitchNamespace)))
	return err == nil && len(processesIn(map[namespaceID]bool{id: true})) > 0
}

// remove ends everything of a lab: processes, namespaces, files. It works from whatever is there.
// The base is locked.
func remove(base, name string) error {
	dir := runDir(base, name)
	names, err := namespacesOf(name)
	errs := []error{err, endProcessesIn(names)}
	for _, ns := range names {
		errs = append(errs, removeNamespace(ns))
	}
	if err := os.RemoveAll(dir); err != nil {
		errs = append(errs, fmt.Errorf("remove run directory: %w", err))
	}
	return errors.Join(errs...)
}

func (l *Lab) build(ctx context.Context, t Topology) error {
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		return fmt.Errorf("make run directory: %w", err)
	}
	l.state.Namespaces = append(l.state.Namespaces, l.ovs.namespace)
	for _, h := range t.Hosts {
		l.state.Namespaces = append(l.state.Namespaces, namespaceName(t.Name, h.Name))
	}
	if err := l.state.save(l.dir); err != nil {
		return err
	}
	if err := makeSwitchNamespace(ctx, l.ovs.namespace); err != nil {
		return err
	}
	processes, err := l.ovs.start(ctx)
	l.state.Processes = processes
	if err != nil {
		return err
	}
	for _, h := range t.Hosts {
		if err := l.makeHost(ctx, h); err != nil {
			return err
		}
	}
	if err := l.plug(ctx, t); err != nil {
		return err
	}
	if err := l.setController(ctx, t.Controller); err != nil {
		return err
	}
	for _, h := range t.Hosts {
		if h.Down {
			continue
		}
		if err := hostUp(t.Name, h); err != nil {
			return err
		}
	}
	l.state.Complete = true
	return l.state.save(l.dir)
}

// plug makes the bridges and their ports, and checks that Open vSwitch took them.
func (l *Lab) plug(ctx context.Context, t Topology) error {
	if _, err := l.ovs.vsctl(ctx, bridgeCommands(t)...); err != nil {
		return fmt.Errorf("make bridges: %w", err)
	}
	ports := map[string]uint16{}
	for _, h := range t.Hosts {
		ports[h.Name] = h.Port
	}
	return l.ovs.checkPorts(ctx, ports)
}

// SetController points all switches at another controller, or at none if target is empty.
func (l *Lab) SetController(ctx context.Context, target string) error {
	return l.update(func() error { return l.setController(ctx, target) })
}

func (l *Lab) setController(ctx context.Context, spec string) error {
	if err := l.stopHelper(relayName); err != nil {
		return err
	}
	if spec == "" {
		if l.state.Controller == "" {
			return nil
		}
		l.state.Controller = ""
		_, err := l.ovs.vsctl(ctx, controllerCommands(l.state.Topology, "", 0, 0)...)
		return err
	}
	to, err := parseTarget(spec)
	if err != nil {
		return err
	}
	listen, err := listenAddress(to)
	if err != nil {
		return err
	}
	if err := l.startHelper(relaySpec(l.ovs.namespace, listen, to)); err != nil {
		return err
	}
	args := controllerCommands(l.state.Topology, "tcp:"+listen, l.opts.MaxBackoff, l.opts.Probe)
	if _, err := l.ovs.vsctl(ctx, args...); err != nil {
		return fmt.Errorf("set controller: %w", err)
	}
	l.state.Controller = spec
	return nil
}

// Down ends the lab: every process in its namespaces, the namespaces, the run directory. It may
// be called again.
func (l *Lab) Down() error {
	release, err := lockBase(l.opts.Base)
	if err != nil {
		return err
	}
	defer release()
	if !l.release() {
		return nil
	}
	if err := remove(l.opts.Base, l.state.Name); err != nil {
		return fmt.Errorf("take lab %s down: %w", l.state.Name, err)
	}
	return nil
}

// release lets go of what this process holds of the lab. It returns false if that was done before.
func (l *Lab) release() bool {
	l.mu.Lock()
	if l.down {
		l.mu.Unlock()
		return false
	}
	l.down = true
	helpers, closers, senders := l.helpers, l.closers, l.senders
	l.helpers, l.closers, l.senders = nil, nil, nil
	l.mu.Unlock()
	for _, h := range helpers {
		_ = h.Close()
	}
	for c := range closers {
		_ = c.Close()
	}
	for _, s := range senders {
		_ = s.Close()
	}
	return true
}

// Down ends the lab of that name under base, whole or not. The error is ErrNotUp if there is
// nothing of it.
func Down(base, name string) error {
	opts := Options{Base: base}.withDefaults()
	if !labName.MatchString(name) {
		return fmt.Errorf("%q is not a lab name", name)
	}
	if err := checkRoot(); err != nil {
		return err
	}
	release, err := lockBase(opts.Base)
	if err != nil {
		return err
	}
	defer release()
	_, stateErr := os.Lstat(filepath.Join(runDir(opts.Base, name), stateFile))
	namespaces, err := namespacesOf(name)
	if err != nil {
		return err
	}
	if stateErr != nil && len(namespaces) == 0 {
		return fmt.Errorf("lab %q: %w", name, ErrNotUp)
	}
	if err := removeChecked(opts.Base, name, stateErr == nil); err != nil {
		return fmt.Errorf("take lab %s down: %w", name, err)
	}
	return nil
}

// removeChecked removes a lab but leaves alone a directory that doesn't bear a lab's state file.
func removeChecked(base, name string, ours bool) error {
	if !ours && foreign(runDir(base, name)) {
		return fmt.Errorf("%s exists and is not a lab's run directory", runDir(base, name))
	}
	return remove(base, name)
}

// DownAll ends every lab under base and returns the names of those that it ended.
func DownAll(base string) ([]string, error) {
	opts := Options{Base: base}.withDefaults()
	names, err := labNames(opts.Base)
	if err != nil {
		return nil, err
	}
	var ended []string
	var errs []error
	for _, name := range names {
		if err := Down(opts.Base, name); err != nil {
			errs = append(errs, err)
			continue
		}
		ended = append(ended, name)
	}
	return ended, errors.Join(errs...)
}
