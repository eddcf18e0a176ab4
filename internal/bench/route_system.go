package bench

import (
	"context"
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

// The members of the topologies (bench/peers/topology.yaml, bench/peers/flood/topology.yaml).
const (
	labSwitch  = "s1"
	sourceHost = "a1"
	ownerHost  = "b1" // has the addresses that are asked for
	otherHost  = "b2" // gets those that move
)

// measured is a system that is measured, in a lab of its own.
type measured struct {
	name    string // as the report calls it
	version string
	lab     *lab.Lab
	isat    *controller  // nil for a peer
	alive   func() error // says which part of the system has ended
	mover   *mover       // and prober
	pools   []*pool      // of each family
}

// setup is what systems that are measured side by side have in common.
type setup struct {
	name     string   // that those of the labs begin with
	topology string   // file of bench/peers
	intent   string   // likewise, for isat
	fresh    int      // addresses of each family that nobody has spoken to yet
	base     string   // directory of labs
	program  []string // that runs isat
}

// systemKind is how a system is brought up.
type systemKind struct {
	name  string
	check func() error // why it can't be brought up here
	// start makes the switch of the lab, which has no controller, what it is to be,
	// and returns when it is told so. It need not be it yet.
	start func(ctx context.Context, r *measured, s setup) error
	// settle waits until it is, and the hosts know each other.
	settle func(ctx context.Context, r *measured) error
}

// routers are the systems of Route, isat first.
func routers() []systemKind {
	return []systemKind{
		{name: "isat", check: func() error { return nil }, start: startIsatInLab, settle: settleRouter},
		{name: "OVN", check: checkOVN, start: startOVN, settle: settleRouter},
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
	return netip.PrefixFrom(beyond(p.prefix.Masked().Addr(), firstFresh+uint32(n)), p.prefix.Bits())
}

// beyond is the n-th address behind another one, as far as the last 32 bits go.
func beyond(a netip.Addr, n uint32) netip.Addr {
	b := a.AsSlice()
	tail := b[len(b)-4:]
	be.PutUint32(tail, be.Uint32(tail)+n)
	a, _ = netip.AddrFromSlice(b) // it has the length of an address
	return a
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

// topologyWith is a topology with fresh addresses on the host that owns them. It
// also returns the pools that deal them, one for each family.
func topologyWith(fresh int, file string) (t lab.Topology, pools []*pool, err error) {
	text, err := peers.Read(file)
	if err != nil {
		return t, nil, err
	}
	if t, err = lab.Parse(file, text); err != nil {
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

// bringUp brings a system up in a lab of its own, and waits until it is what it is
// to be. On an error nothing is left.
func bringUp(ctx context.Context, kind systemKind, s setup) (r *measured, err error) {
	topology, pools, err := topologyWith(s.fresh, s.topology)
	if err != nil {
		return nil, err
	}
	r = &measured{name: kind.name, pools: pools}
	name := s.name + "-" + strings.ToLower(strings.ReplaceAll(kind.name, " ", "-"))
	if r.lab, err = lab.Up(ctx, topology, lab.Options{Base: s.base, Name: name}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", kind.name, err), r.stop())
		}
	}()
	if err := kind.start(ctx, r, s); err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := kind.settle(waiting, r); err != nil {
		return nil, err
	}
	return r, nil
}

// stop ends the system and its lab.
func (r *measured) stop() error {
	var err error
	if r.isat != nil {
		err = r.isat.stop()
	}
	return errors.Join(err, r.lab.Down())
}

// bringAllUp brings systems up. Those that are up are returned on an error, too.
func bringAllUp(ctx context.Context, kinds []systemKind, s setup, progress func(string)) (systems []*measured, err error) {
	for _, kind := range kinds {
		progress("bringing " + kind.name + " up")
		r, err := bringUp(ctx, kind, s)
		if err != nil {
			return systems, err
		}
		systems = append(systems, r)
	}
	return systems, nil
}

func stopAll(systems []*measured) error {
	var errs []error
	for _, r := range systems {
		errs = append(errs, r.stop())
	}
	return errors.Join(errs...)
}

// settleRouter waits until the router routes to both hosts behind it, and finds its MAC.
func settleRouter(ctx context.Context, r *measured) error {
	capture, err := r.lab.Capture(sourceHost, "out icmp")
	if err != nil {
		return err
	}
	defer capture.Close()
	for _, name := range []string{ownerHost, otherHost} {
		if err := r.pingOwn(ctx, sourceHost, name); err != nil {
			return err
		}
	}
	p, err := newProber(r.lab, sourceHost)
	if err != nil {
		return err
	}
	for _, f := range capture.Frames() {
		if e, ok := parseEcho(f.Data); ok {
			p.nextHop = e.dstMAC
		}
	}
	other, err := r.lab.Host(otherHost)
	if err != nil {
		return err
	}
	r.mover = &mover{prober: p, from: ownerHost, to: otherHost, toMAC: other.MAC}
	return nil
}

// pingOwn pings from one host the addresses that another one is known by, until it
// answers.
func (r *measured) pingOwn(ctx context.Context, from, to string) error {
	host, err := r.lab.Host(to)
	if err != nil {
		return err
	}
	for _, prefix := range host.Addresses[:len(r.pools)] { // what follows is fresh
		if err := r.pingUntilAnswered(ctx, from, prefix.Addr()); err != nil {
			return err
		}
	}
	return nil
}

// pingUntilAnswered pings as people do, and so makes the kernels of both hosts
// know their gateways, and the system the hosts.
func (r *measured) pingUntilAnswered(ctx context.Context, from string, target netip.Addr) error {
	return lab.WaitFor(ctx, "an answer of "+target.String()+" to "+from, func() (bool, error) {
		_, code, err := r.lab.Exec(ctx, from, "ping", "-c", "1", "-W", "1", target.String())
		return code == 0, err
	})
}

// flows counts the flows of the switch, when their number has stopped changing.
func (r *measured) flows(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	last, since := -1, time.Now()
	err = lab.WaitFor(ctx, "the number of flows to stay", func() (bool, error) {
		out, err := r.lab.Ofctl("dump-aggregate", labSwitch)
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

// startIsatInLab runs isat in the namespace of the switch, as on a machine whose
// switch has a controller of its own.
func startIsatInLab(ctx context.Context, r *measured, s setup) error {
	text, err := peers.Read(s.intent)
	if err != nil {
		return err
	}
	file := filepath.Join(r.lab.Dir(), "intent.yaml")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	args := append(s.program[:len(s.program):len(s.program)], "run", "--intent", file)
	cmd, err := r.lab.Command(ctx, labSwitch, append(args, isatFlags()...)...)
	if err != nil {
		return err
	}
	if r.isat, err = followIsat(asChild(cmd)); err != nil {
		return err
	}
	r.alive = func() error {
		select {
		case <-r.isat.ended:
			return errors.New("isat run has ended")
		default:
			return nil
		}
	}
	_, err = r.lab.Vsctl("set-controller", labSwitch, "tcp:"+r.isat.address,
		"--", "set", "controller", labSwitch, "connection_mode=out-of-band")
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
func startOVN(ctx context.Context, r *measured, _ setup) error {
	script, err := peers.Read(peers.OVN)
	if err != nil {
		return err
	}
	out, code, err := r.lab.Exec(ctx, labSwitch, "bash", "-c", string(script))
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("bring up: exit code %d: %s", code, strings.TrimSpace(out))
	}
	r.alive = func() error { return daemonsAlive(r.lab.Dir(), "ovn-nb", "ovn-sb", "ovn-northd", "ovn-controller") }
	if out, _, err = r.lab.Exec(ctx, labSwitch, "ovn-controller", "--version"); err != nil {
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
