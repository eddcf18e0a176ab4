package lab

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
)

// Name returns the lab's name.
func (l *Lab) Name() string { return l.state.Name }

// Dir returns the run directory.
func (l *Lab) Dir() string { return l.dir }

// Topology returns what the lab consists of now, with every MAC, port and datapath id filled in.
func (l *Lab) Topology() Topology {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.state.Topology
	t.Hosts = slices.Clone(t.Hosts)
	return t
}

// Host returns a host as it is now.
func (l *Lab) Host(name string) (Host, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.state.Topology.host(name)
	if i < 0 {
		return Host{}, fmt.Errorf("lab %s has no host %q", l.state.Name, name)
	}
	return l.state.Topology.Hosts[i], nil
}

// Dpid returns a switch's datapath id.
func (l *Lab) Dpid(name string) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.state.Topology.switchNamed(name)
	if i < 0 {
		return 0, fmt.Errorf("lab %s has no switch %q", l.state.Name, name)
	}
	return l.state.Topology.Switches[i].Dpid, nil
}

// Ofctl runs ovs-ofctl on the lab's switches, by their names, with OpenFlow 1.3 unless the
// arguments say otherwise, and returns its output. It gives up after 20 s.
func (l *Lab) Ofctl(args ...string) (string, error) {
	return l.ovs.ofctl(context.Background(), args...)
}

// Vsctl runs ovs-vsctl on the lab's database and returns its output. It gives up after 20 s.
func (l *Lab) Vsctl(args ...string) (string, error) {
	return l.ovs.vsctl(context.Background(), args...)
}

// Appctl runs ovs-appctl on the lab's ovs-vswitchd, unless the arguments name another target, and
// returns its output. It gives up after 20 s.
func (l *Lab) Appctl(args ...string) (string, error) {
	return l.ovs.appctl(context.Background(), args...)
}

// Command prepares a command that runs in a host, or in the switches' namespace if the name is that
// of a switch: there, Open vSwitch's tools find the lab's switch by themselves.
func (l *Lab) Command(ctx context.Context, member string, cmd ...string) (*exec.Cmd, error) {
	argv, env, err := l.argv(member, cmd)
	if err != nil {
		return nil, err
	}
	return newCommand(ctx, env, argv[0], argv[1:]...)
}

// Exec runs a command in a host (see Command) and returns its standard output and error, mixed as
// they came, and its exit code. An exit code other than 0 is not an error; a command that could not
// be run, was ended by a signal or by ctx is.
func (l *Lab) Exec(ctx context.Context, member string, cmd ...string) (output string, code int, err error) {
	c, err := l.Command(ctx, member, cmd...)
	if err != nil {
		return "", -1, err
	}
	out, err := c.CombinedOutput()
	if ctx.Err() != nil {
		return string(out), -1, fmt.Errorf("%s in %s: %w", cmd[0], member, context.Cause(ctx))
	}
	// ErrWaitDelay: it ended well but left somebody behind who still holds its output.
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return string(out), exit.ExitCode(), nil
	}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return string(out), -1, fmt.Errorf("%s in %s: %w", cmd[0], member, err)
	}
	return string(out), 0, nil
}

// In runs f on a thread inside the host's namespace: what f dials, listens on or starts is the
// host's. Goroutines that f starts are elsewhere.
func (l *Lab) In(host string, f func() error) error {
	if _, err := l.Host(host); err != nil {
		return err
	}
	return inNamespace(namespaceName(l.Name(), host), f)
}

// update runs f on the lab and saves what it changed.
func (l *Lab) update(f func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return fmt.Errorf("lab %s: %w", l.state.Name, ErrNotUp)
	}
	if err := f(); err != nil {
		return fmt.Errorf("lab %s: %w", l.state.Name, err)
	}
	return l.state.save(l.dir)
}

// AddHost adds a host to the running lab and plugs it in.
func (l *Lab) AddHost(ctx context.Context, h Host) error {
	return l.update(func() error {
		t := l.state.Topology
		t.Hosts = append(slices.Clone(t.Hosts), h)
		if err := t.Validate(); err != nil {
			return fmt.Errorf("add host %q: %w", h.Name, err)
		}
		t = t.complete()
		h = t.Hosts[len(t.Hosts)-1]
		// Saved before it is made, so that nothing is made that isn't known.
		l.state.Namespaces = append(l.state.Namespaces, namespaceName(t.Name, h.Name))
		if err := l.state.save(l.dir); err != nil {
			return err
		}
		err := l.plugHost(ctx, h)
		if err != nil {
			return errors.Join(err, l.dropHost(ctx, h.Name))
		}
		l.state.Topology = t
		return nil
	})
}

func (l *Lab) plugHost(ctx context.Context, h Host) error {
	if err := l.makeHost(ctx, h); err != nil {
		return err
	}
	if err := l.addPort(ctx, h); err != nil {
		return err
	}
	if h.Down {
		return nil
	}
	return hostUp(l.state.Name, h)
}

func (l *Lab) addPort(ctx context.Context, h Host) error {
	if _, err := l.ovs.vsctl(ctx, portCommands(h.Switch, h.Name, h.Port)...); err != nil {
		return fmt.Errorf("add port %s: %w", h.Name, err)
	}
	return l.ovs.checkPorts(ctx, map[string]uint16{h.Name: h.Port})
}

// RemoveHost unplugs a host and removes it, with everything that runs in it.
func (l *Lab) RemoveHost(ctx context.Context, name string) error {
	return l.update(func() error {
		i := l.state.Topology.host(name)
		if i < 0 {
			return fmt.Errorf("no host %q", name)
		}
		if err := l.dropHost(ctx, name); err != nil {
			return fmt.Errorf("remove host %s: %w", name, err)
		}
		l.state.Topology.Hosts = slices.Delete(slices.Clone(l.state.Topology.Hosts), i, i+1)
		return nil
	})
}

// dropHost removes whatever there is of a host. The cable is removed by itself, so that it goes
// even if somebody still holds the namespace.
func (l *Lab) dropHost(ctx context.Context, name string) error {
	if s := l.senders[name]; s != nil {
		_ = s.Close()
		delete(l.senders, name)
	}
	_, err := l.ovs.vsctl(ctx, "--if-exists", "del-port", name)
	errs := []error{err, l.stopHelper(taggerName(name))}
	errs = append(errs, withLinks(l.ovs.namespace, func(nl *netlink.Handle) error {
		link, err := nl.LinkByName(name)
		var missing netlink.LinkNotFoundError
		if errors.As(err, &missing) {
			return nil
		}
		if err != nil {
			return err
		}
		return nl.LinkDel(link)
	}))
	ns := namespaceName(l.state.Name, name)
	errs = append(errs, endProcessesIn([]string{ns}), removeNamespace(ns))
	l.state.Namespaces = slices.DeleteFunc(slices.Clone(l.state.Namespaces), func(s string) bool { return s == ns })
	return errors.Join(errs...)
}

// MoveHost plugs a host into another switch, or another port of its switch; 0 takes the next free
// port. The host's own link stays up, as when a virtual machine migrates.
func (l *Lab) MoveHost(ctx context.Context, name, sw string, port uint16) error {
	return l.update(func() error {
		t := l.state.Topology
		t.Hosts = slices.Clone(t.Hosts)
		i := t.host(name)
		if i < 0 {
			return fmt.Errorf("no host %q", name)
		}
		if port == 0 {
			port = t.freePort(sw)
		}
		t.Hosts[i].Switch, t.Hosts[i].Port = sw, port
		if err := t.Validate(); err != nil {
			return fmt.Errorf("move host %s: %w", name, err)
		}
		if _, err := l.ovs.vsctl(ctx, "del-port", name); err != nil {
			return fmt.Errorf("move host %s: %w", name, err)
		}
		if err := l.addPort(ctx, t.Hosts[i]); err != nil {
			return fmt.Errorf("move host %s: %w", name, err)
		}
		l.state.Topology = t
		return nil
	})
}

// SetLink takes the host's link down or up. Down is what the switch sees when a cable is pulled or
// the host is switched off. Up restores the addresses of the topology, and the kernel checks them
// for duplicates again.
func (l *Lab) SetLink(host string, up bool) error {
	return l.update(func() error {
		i := l.state.Topology.host(host)
		if i < 0 {
			return fmt.Errorf("no host %q", host)
		}
		h := l.state.Topology.Hosts[i]
		set := hostUp
		if !up {
			set = hostDown
		}
		if err := set(l.state.Name, h); err != nil {
			return err
		}
		hosts := slices.Clone(l.state.Topology.Hosts)
		hosts[i].Down = !up
		l.state.Topology.Hosts = hosts
		return nil
	})
}

// pollInterval is how often waiting looks again.
const pollInterval = 20 * time.Millisecond

// WaitFor looks until ok or the context ends; the error then says what was waited for.
func WaitFor(ctx context.Context, what string, ok func() (bool, error)) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		done, err := ok()
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// WaitAddresses waits until no host has an IPv6 address that is still being checked for duplicates.
func (l *Lab) WaitAddresses(ctx context.Context) error {
	return WaitFor(ctx, "duplicate address detection in lab "+l.Name(), func() (bool, error) {
		for _, h := range l.Topology().Hosts {
			if h.Down {
				continue
			}
			if ok, err := settled(l.Name(), h); err != nil || !ok {
				return false, err
			}
		}
		return true, nil
	})
}

// WaitConnected waits until every switch is connected to its controller.
func (l *Lab) WaitConnected(ctx context.Context) error {
	want := len(l.Topology().Switches)
	return WaitFor(ctx, "the controller of lab "+l.Name(), func() (bool, error) {
		n, err := l.ovs.connected(ctx)
		return n >= want, err
	})
}
