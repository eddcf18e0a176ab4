package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"

	"github.com/isat-sdn/isat/bench/peers"
	"github.com/isat-sdn/isat/internal/lab"
)

// RouteConfig says what to measure of routers.
type RouteConfig struct {
	Addresses int          // fresh ones for each measurement that needs them, of each family
	Moves     int          // addresses that move, of each family
	Only      string       // the name of the system to measure; empty for all
	Base      string       // directory of labs; empty for the labs' own
	Program   []string     // that runs isat; empty for this one
	Progress  func(string) // is told what is being done; may be nil
}

const (
	// maxFresh keeps the host that has all the addresses within its prefix, and the
	// kernel's list of them short enough to be no part of what is measured.
	maxFresh = 2000
	// addressesPerTurn and movesPerTurn are how many of them a system is given before
	// it is the other's turn: what else the machine does meets both.
	addressesPerTurn = 20
	movesPerTurn     = 5
	// warmUp is how many addresses each family of a system gets first, for nothing.
	warmUp = 10
	// burst is how many packets are sent back to back to an address that the router
	// does not know.
	burst = 5
)

// fresh is how many addresses of each family a system needs.
func (c RouteConfig) fresh() int { return warmUp + 2*c.Addresses + c.Moves }

// Check says what is wrong with a configuration.
func (c RouteConfig) Check() error {
	known := c.Only == ""
	var names []string
	for _, kind := range routers() {
		known = known || kind.name == c.Only
		names = append(names, kind.name)
	}
	switch {
	case c.Addresses < 1 || c.Moves < 1:
		return fmt.Errorf("%d addresses and %d moves: at least one of each is needed", c.Addresses, c.Moves)
	case c.fresh() > maxFresh:
		return fmt.Errorf("%d addresses and %d moves need a host with %d addresses: at most %d can be measured", c.Addresses, c.Moves, c.fresh(), maxFresh)
	case !known:
		return fmt.Errorf("no system %q: there are %s", c.Only, strings.Join(names, ", "))
	}
	return nil
}

// Route measures routers, side by side, and reports. An error is one of the
// measurement itself, or a packet that was routed wrongly; a goal that is not
// reached is none. It needs root, Open vSwitch, and unless Only says otherwise OVN.
func Route(ctx context.Context, config RouteConfig) (report *RouteReport, err error) {
	if err := config.Check(); err != nil {
		return nil, err
	}
	if config.Program, err = programOr(config.Program); err != nil {
		return nil, err
	}
	config.Progress = orSilent(config.Progress)
	var kinds []systemKind
	for _, kind := range routers() {
		if config.Only != "" && kind.name != config.Only {
			continue
		}
		if err := kind.check(); err != nil {
			return nil, err
		}
		kinds = append(kinds, kind)
	}
	m := &routeRun{config: config}
	defer func() { err = errors.Join(err, stopAll(m.systems)) }()
	s := setup{name: "bench", topology: peers.Topology, intent: peers.Intent, fresh: config.fresh(), base: config.Base, program: config.Program}
	if m.systems, err = bringAllUp(ctx, kinds, s, config.Progress); err != nil {
		return nil, err
	}
	return m.measure(ctx)
}

// routeRun is the state of a measurement of routers.
type routeRun struct {
	config  RouteConfig
	systems []*measured
	report  *RouteReport
}

// measure measures systems that are up.
func (m *routeRun) measure(ctx context.Context) (*RouteReport, error) {
	version, err := switchVersion(m.systems[0].lab)
	if err != nil {
		return nil, err
	}
	m.report = &RouteReport{Processors: runtime.NumCPU(), Addresses: m.config.Addresses, Moves: m.config.Moves, Switch: version}
	for _, r := range m.systems {
		m.report.Systems = append(m.report.Systems, SystemReport{Name: r.name, Version: r.version, Families: make([]FamilyReport, len(r.pools))})
	}
	for f := range m.systems[0].pools {
		for i, r := range m.systems {
			m.report.Systems[i].Families[f].Name = familyName(r.pools[f].prefix.Addr())
		}
		if err := m.family(ctx, f); err != nil {
			return nil, err
		}
	}
	m.report.finish()
	return m.report, nil
}

func familyName(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

// switchVersion is what "ovs-vsctl get" knows of the switch's version.
func switchVersion(l *lab.Lab) (string, error) {
	out, err := l.Vsctl("--version")
	if err != nil {
		return "", err
	}
	var version string
	// The first line is "ovs-vsctl (Open vSwitch) 3.1.0".
	if _, err := fmt.Sscanf(out, "ovs-vsctl (Open vSwitch) %s", &version); err != nil {
		return "", fmt.Errorf("read the version of Open vSwitch in %q: %w", out, err)
	}
	return version, nil
}

// family measures everything for one address family.
func (m *routeRun) family(ctx context.Context, f int) error {
	name := familyName(m.systems[0].pools[f].prefix.Addr())
	m.config.Progress(name + ": warming up")
	for _, r := range m.systems {
		targets, err := r.pools[f].take(warmUp)
		if err != nil {
			return err
		}
		for _, n := range []int{1, burst} {
			if _, err := r.mover.probe(ctx, targets, n); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
		}
	}
	for _, step := range []struct {
		what string
		run  func(context.Context, int) error
	}{
		{"first packets to addresses that the router does not know", m.first},
		{"bursts to addresses that the router does not know", m.bursts},
		{"addresses that move", m.moves},
	} {
		m.config.Progress(name + ": " + step.what)
		if err := step.run(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// turns gives total items to every system, in turns of perTurn.
func (m *routeRun) turns(total, perTurn int, run func(r *measured, system, n int) error) error {
	for done, turn := 0, 0; done < total; turn++ {
		n := min(perTurn, total-done)
		m.report.Spins = append(m.report.Spins, spin())
		for i := range m.systems {
			if turn%2 == 1 { // so that none always has the place after the other
				i = len(m.systems) - 1 - i
			}
			r := m.systems[i]
			if err := errors.Join(run(r, i, n), r.alive()); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
		}
		done += n
	}
	return nil
}

// first sends one packet to each of many fresh addresses, and another one when
// the router knows them. Between the two it is counted what that knowledge costs.
func (m *routeRun) first(ctx context.Context, f int) error {
	before, err := m.countFlows(ctx)
	if err != nil {
		return err
	}
	asked := make([][]netip.Addr, len(m.systems))
	err = m.turns(m.config.Addresses, addressesPerTurn, func(r *measured, system, n int) error {
		targets, err := r.pools[f].take(n)
		if err != nil {
			return err
		}
		outcomes, err := r.mover.probe(ctx, targets, 1)
		m.report.Systems[system].Families[f].First.add(outcomes)
		asked[system] = append(asked[system], targets...)
		return err
	})
	if err != nil {
		return err
	}
	after, err := m.countFlows(ctx)
	if err != nil {
		return err
	}
	for i := range m.systems {
		report := &m.report.Systems[i].Families[f]
		report.Flows = after[i] - before[i]
		report.FlowsPerBinding = float64(report.Flows) / float64(m.config.Addresses)
	}
	return m.turns(m.config.Addresses, addressesPerTurn, func(r *measured, system, n int) error {
		outcomes, err := r.mover.probe(ctx, asked[system][:n], 1)
		m.report.Systems[system].Families[f].Known.add(outcomes)
		asked[system] = asked[system][n:]
		return err
	})
}

func (m *routeRun) countFlows(ctx context.Context) ([]int, error) {
	counts := make([]int, len(m.systems))
	for i, r := range m.systems {
		n, err := r.flows(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		counts[i] = n
	}
	return counts, nil
}

// bursts sends several packets back to back to each of many fresh addresses.
func (m *routeRun) bursts(ctx context.Context, f int) error {
	return m.turns(m.config.Addresses, addressesPerTurn, func(r *measured, system, n int) error {
		targets, err := r.pools[f].take(n)
		if err != nil {
			return err
		}
		outcomes, err := r.mover.probe(ctx, targets, burst)
		m.report.Systems[system].Families[f].Burst.add(outcomes)
		return err
	})
}

// moves moves fresh addresses from one host to another.
func (m *routeRun) moves(ctx context.Context, f int) error {
	return m.turns(m.config.Moves, movesPerTurn, func(r *measured, system, n int) error {
		p := r.pools[f]
		targets, err := p.take(n)
		if err != nil {
			return err
		}
		report := &m.report.Systems[system].Families[f].Move
		for _, target := range targets {
			took, moved, err := r.mover.move(ctx, netip.PrefixFrom(target, p.prefix.Bits()))
			if err != nil {
				return err
			}
			report.add(took, moved)
		}
		return nil
	})
}
