package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/isat-sdn/isat/bench/peers"
	"github.com/isat-sdn/isat/internal/lab"
)

// The members of the topology (bench/peers/topology.yaml).
const (
	routedSwitch = "s1"
	sourceHost   = "a1"
	ownerHost    = "b1" // has the addresses that are asked for
	otherHost    = "b2" // gets those that move
)

// routed is a system whose router is measured, in a lab of its own.
type routed struct {
	name    string // as the report calls it
	version string
	lab     *lab.Lab
	end     func() error // ends what does not end with the lab; may be nil
	alive   func() error // says which part of the system has ended
	mover   *mover       // and prober
	pools   []*pool      // of each family
}

// systemKind is how a system is brought up.
type systemKind struct {
	name  string
	check func() error // why it can't be brought up here
	// start makes the switch of the lab, which has no controller, a router, and
	// returns when it is told so. It need not be one yet.
	start func(ctx context.Context, r *routed, config RouteConfig) error
}

// systemKinds are the systems that are measured side by side, isat first.
func systemKinds() []systemKind {
	return []systemKind{
		{name: "isat", check: func() error { return nil }, start: startRoutedIsat},
		{name: "OVN", check: checkOVN, start: startOVN},
	}
}

// pool deals the addresses that nobody has spoken to yet, in order.
type pool struct {
	prefix netip.Prefix
	next   int
	size   int
}

// firstFresh is the number of the first of them within its prefix, beyond the
// hosts' own and the router's.
const firstFresh = 1 << 8

// at is the n-th address, with the length of its prefix.
func (p *pool) at(n int) netip.Prefix {
	b := p.prefix.Masked().Addr().AsSlice()
	tail := b[len(b)-4:]
	binary.BigEndian.PutUint32(tail, binary.BigEndian.Uint32(tail)+uint32(firstFresh+n))
	addr, _ := netip.AddrFromSlice(b) // it has the length of an address
	return netip.PrefixFrom(addr, p.prefix.Bits())
}

// take deals n addresses.
func (p *pool) take(n int) ([]netip.Addr, error) {
	if p.next+n > p.size {
		return nil, fmt.Errorf("%d of %d fresh addresses of %v are taken: %d more are needed", p.next, p.size, p.prefix.Masked(), n)
	}
	list := make([]netip.Addr, n)
	for i := range list {
		list[i] = p.at(p.next + i).Addr()
	}
	p.next += n
	return list, nil
}

// routedTopology is the topology with fresh addresses on the host that owns them.
// It also returns the pools that deal them, one for each family.
func routedTopology(fresh int) (t lab.Topology, pools []*pool, err error) {
	text, err := peers.Read(peers.Topology)
	if err != nil {
		return t, nil, err
	}
	if t, err = lab.Parse(peers.Topology, text); err != nil {
		return t, nil, err
	}
	for i := range t.Hosts {
		h := &t.Hosts[i]
		if h.Name != ownerHost {
			continue
		}
		for _, prefix := range h.Addresses {
			pools = append(pools, &pool{prefix: prefix, size: fresh})
		}
		for _, p := range pools {
			for n := range fresh {
				h.Addresses = append(h.Addresses, p.at(n))
			}
		}
	}
	return t, pools, nil
}

// bringUp brings a system up in a lab of its own, and waits until its router
// routes. On an error nothing is left.
func bringUp(ctx context.Context, kind systemKind, config RouteConfig) (r *routed, err error) {
	topology, pools, err := routedTopology(config.fresh())
	if err != nil {
		return nil, err
	}
	r = &routed{name: kind.name, pools: pools}
	if r.lab, err = lab.Up(ctx, topology, lab.Options{Base: config.Base, Name: "bench-" + strings.ToLower(kind.name)}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", kind.name, err), r.stop())
		}
	}()
	if err := kind.start(ctx, r, config); err != nil {
		return nil, err
	}
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// stop ends the system and its lab.
func (r *routed) stop() error {
	var err error
	if r.end != nil {
		err = r.end()
	}
	return errors.Join(err, r.lab.Down())
}

// settle waits until the router routes to both hosts behind it, and finds its MAC.
func (r *routed) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	capture, err := r.lab.Capture(sourceHost, "out icmp")
	if err != nil {
		return err
	}
	defer capture.Close()
	source, err := r.lab.Host(sourceHost)
	if err != nil {
		return err
	}
	other, err := r.lab.Host(otherHost)
	if err != nil {
		return err
	}
	for _, name := range []string{ownerHost, otherHost} {
		host, err := r.lab.Host(name)
		if err != nil {
			return err
		}
		for _, prefix := range host.Addresses[:len(other.Addresses)] {
			if err := r.pingUntilAnswered(ctx, prefix.Addr()); err != nil {
				return err
			}
		}
	}
	p := &prober{lab: r.lab, host: sourceHost, mac: source.MAC}
	for _, prefix := range source.Addresses {
		if a := prefix.Addr(); a.Is4() {
			p.ip4 = a
		} else {
			p.ip6 = a
		}
	}
	for _, f := range capture.Frames() {
		if e, ok := parseEcho(f.Data); ok {
			p.router = e.dstMAC
		}
	}
	r.mover = &mover{prober: p, from: ownerHost, to: otherHost, toMAC: other.MAC}
	return nil
}

// pingUntilAnswered pings as people do, and so makes the kernels of both hosts
// know their gateways, and the system the hosts.
func (r *routed) pingUntilAnswered(ctx context.Context, target netip.Addr) error {
	return lab.WaitFor(ctx, "an answer of "+target.String()+" through the router", func() (bool, error) {
		_, code, err := r.lab.Exec(ctx, sourceHost, "ping", "-c", "1", "-W", "1", target.String())
		return code == 0, err
	})
}

// flows counts the flows of the switch, when their number has stopped changing.
func (r *routed) flows(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	last, since := -1, time.Now()
	err = lab.WaitFor(ctx, "the number of flows to stay", func() (bool, error) {
		out, err := r.lab.Ofctl("dump-aggregate", routedSwitch)
		if err != nil {
			return false, err
		}
		if n, err = aggregateFlows(out); err != nil {
			return false, err
		}
		if n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) >= flowsQuiet, nil
	})
	return n, err
}

// flowsQuiet is how long the number of flows must not change to be believed.
const flowsQuiet = time.Second

// aggregateFlows reads what "ovs-ofctl dump-aggregate" prints.
func aggregateFlows(out string) (int, error) {
	_, rest, ok := strings.Cut(out, "flow_count=")
	if !ok {
		return 0, fmt.Errorf("no flow_count in %q", out)
	}
	return strconv.Atoi(strings.TrimSpace(rest))
}

// startRoutedIsat runs isat in the namespace of the switch, as on a machine
// whose switch has a controller of its own.
func startRoutedIsat(ctx context.Context, r *routed, config RouteConfig) error {
	text, err := peers.Read(peers.Intent)
	if err != nil {
		return err
	}
	file := filepath.Join(r.lab.Dir(), "intent.yaml")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	args := append(config.Program[:len(config.Program):len(config.Program)], "run", "--intent", file)
	cmd, err := r.lab.Command(ctx, routedSwitch, append(args, isatFlags()...)...)
	if err != nil {
		return err
	}
	control, err := followIsat(asChild(cmd))
	if err != nil {
		return err
	}
	r.end = control.stop
	r.alive = func() error {
		select {
		case <-control.ended:
			return errors.New("isat run has ended")
		default:
			return nil
		}
	}
	_, err = r.lab.Vsctl("set-controller", routedSwitch, "tcp:"+control.address,
		"--", "set", "controller", routedSwitch, "connection_mode=out-of-band")
	return err
}

// ovnPrograms are what the script and the report need, and where they are from.
var ovnPrograms = [...]struct{ program, source string }{
	{"ovn-northd", "ovn-central"}, {"ovn-controller", "ovn-host"}, {"ovn-nbctl", "ovn-common"}, {"ovn-sbctl", "ovn-common"},
}

// ErrNoOVN is the cause when OVN is not installed.
var ErrNoOVN = errors.New("OVN is not installed")

func checkOVN() error {
	for _, p := range ovnPrograms {
		if _, err := exec.LookPath(p.program); err != nil {
			return fmt.Errorf("%w (no %s of %s): run scripts/install-deps bench, or apt-get install ovn-central ovn-host", ErrNoOVN, p.program, p.source)
		}
	}
	return nil
}

// startOVN runs the script that people run by hand.
func startOVN(ctx context.Context, r *routed, _ RouteConfig) error {
	script, err := peers.Read(peers.OVN)
	if err != nil {
		return err
	}
	out, code, err := r.lab.Exec(ctx, routedSwitch, "bash", "-c", string(script))
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("bring up: exit code %d: %s", code, strings.TrimSpace(out))
	}
	r.alive = func() error { return daemonsAlive(r.lab.Dir(), "ovn-nb", "ovn-sb", "ovn-northd", "ovn-controller") }
	if out, _, err = r.lab.Exec(ctx, routedSwitch, "ovn-controller", "--version"); err != nil {
		return err
	}
	// The first line is "ovn-controller 23.03.1".
	if words := strings.Fields(out); len(words) > 1 {
		r.version = words[1]
	}
	return nil
}

// daemonsAlive checks daemons by the files of their process ids.
func daemonsAlive(dir string, names ...string) error {
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name+".pid"))
		if err != nil {
			return fmt.Errorf("%s has ended: %w", name, err) // a daemon removes its file
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return fmt.Errorf("process id of %s: %w", name, err)
		}
		if err := unix.Kill(pid, 0); err != nil {
			return fmt.Errorf("%s has ended: process %d: %w", name, pid, err)
		}
	}
	return nil
}
