package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"github.com/isat-sdn/isat/bench/peers"
	"github.com/isat-sdn/isat/internal/lab"
)

// FloodConfig says what to measure of a network with a port that floods or scans.
type FloodConfig struct {
	Hosts    int          // of each measurement, round and situation: new ones, questions, pings
	Rounds   int          // in each of which every system has its turn
	Rate     int          // packets of a scan in a second
	Base     string       // directory of labs; empty for the labs' own
	Program  []string     // that runs isat; empty for this one
	Progress func(string) // is told what is being done; may be nil
}

// maxScanRate is what a sender that sends in bursts of a millisecond can keep up with.
const maxScanRate = 100_000

// fresh is how many addresses of each family a system needs: those that are known
// at first, and new ones for each situation.
func (c FloodConfig) fresh() int { return c.Hosts * (1 + c.Rounds*len(order(true, 0))) }

// Check says what is wrong with a configuration.
func (c FloodConfig) Check() error {
	switch {
	case c.Hosts < 1 || c.Rounds < 1:
		return fmt.Errorf("%d hosts in %d rounds: at least one of each is needed", c.Hosts, c.Rounds)
	case c.Hosts > maxFresh || c.Rounds > maxFresh || c.fresh() > maxFresh:
		return fmt.Errorf("%d hosts in %d rounds need more than %d addresses: fewer of either can be measured", c.Hosts, c.Rounds, maxFresh)
	case c.Rate < 1 || c.Rate > maxScanRate:
		return fmt.Errorf("a scan of %d packets a second: from 1 to %d can be sent", c.Rate, maxScanRate)
	}
	return nil
}

// situation is what goes on in a network while it is measured.
type situation int

const (
	quiet    situation = iota
	flooded            // a port floods
	scanned            // a port sends to addresses behind the router where nobody is
	streamed           // it sends as much to known ones: what a scan is compared with
	situations
)

var situationNames = [situations]string{"quiet", "flood", "scan", "known"}

func (s situation) String() string { return situationNames[s] }

// order is in what order a system's turn goes through the situations. What has no
// router is not scanned.
func order(router bool, round int) []situation {
	switch {
	case !router:
		return []situation{quiet, flooded}
	case round%2 == 0:
		return []situation{quiet, flooded, quiet, scanned, streamed}
	default:
		return []situation{quiet, streamed, scanned, quiet, flooded}
	}
}

// floodedSystems are the systems of Flood, isat first.
func floodedSystems() []systemKind {
	return []systemKind{
		{name: "isat", start: startIsatInLab, settle: settleFloodedIsat},
		{name: "plain switch", start: startPlainSwitch, settle: settlePlainSwitch},
	}
}

// Flood measures, beside a plain learning switch, what those on other ports notice
// of a flood, and beside as many packets to known hosts, what they notice of a
// scan. An error is one of the measurement itself, or that isat lost a packet or
// answered wrongly; a goal that is not reached is none. It needs root and Open
// vSwitch.
func Flood(ctx context.Context, config FloodConfig) (report *FloodReport, err error) {
	if err := config.Check(); err != nil {
		return nil, err
	}
	if config.Program, err = programOr(config.Program); err != nil {
		return nil, err
	}
	config.Progress = orSilent(config.Progress)
	m := &floodRun{config: config}
	defer func() { err = errors.Join(err, stopAll(m.systems)) }()
	s := setup{name: "flood", topology: peers.FloodTopology, intent: peers.FloodIntent, fresh: config.fresh(), base: config.Base, program: config.Program}
	if m.systems, err = bringAllUp(ctx, floodedSystems(), s, config.Progress); err != nil {
		return nil, err
	}
	return m.measure(ctx)
}

// floodRun is the state of a measurement.
type floodRun struct {
	config  FloodConfig
	systems []*measured
	known   [][]netip.Addr // of each system, addresses that are known all the time
	report  *FloodReport
}

func (m *floodRun) measure(ctx context.Context) (*FloodReport, error) {
	version, err := switchVersion(m.systems[0].lab)
	if err != nil {
		return nil, err
	}
	m.report = &FloodReport{Processors: runtime.NumCPU(), Switch: version, Hosts: m.config.Hosts, Rounds: m.config.Rounds, Rate: m.config.Rate}
	for _, r := range m.systems {
		m.config.Progress(r.name + ": warming up")
		known, err := r.makeKnown(ctx, m.config.Hosts)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		m.known = append(m.known, known)
		m.report.Systems = append(m.report.Systems, FloodedReport{Name: r.name, Situations: make([]SituationReport, situations)})
	}
	for round := range m.config.Rounds {
		for i := range m.systems {
			if round%2 == 1 { // so that none always has the place after the other
				i = len(m.systems) - 1 - i
			}
			for _, s := range order(m.systems[i].isat != nil, round) {
				m.config.Progress(fmt.Sprintf("round %d of %d, %s: %v", round+1, m.config.Rounds, m.systems[i].name, s))
				m.report.Spins = append(m.report.Spins, spin())
				if err := m.turn(ctx, i, s); err != nil {
					return nil, fmt.Errorf("%s, %v: %w", m.systems[i].name, s, err)
				}
			}
		}
	}
	m.report.finish()
	return m.report, nil
}

// buildUp is how long a port sends before it is measured what others notice of it.
const buildUp = 500 * time.Millisecond

// turn measures a system in a situation, once everything before has ended.
func (m *floodRun) turn(ctx context.Context, system int, s situation) error {
	r := m.systems[system]
	if err := r.rest(ctx, m.config.Program); err != nil {
		return err
	}
	report := &m.report.Systems[system].Situations[s]
	before, err := r.status(ctx, m.config.Program)
	if err != nil {
		return err
	}
	host, sweep, err := m.traffic(system, s)
	if err != nil {
		return err
	}
	var sender *Sender
	if host != "" {
		if sender, err = r.startTraffic(ctx, m.config.Program, host, sweep); err != nil {
			return err
		}
	}
	err = m.look(ctx, system, s, report)
	if sender != nil {
		sent, stopped := sender.Stop()
		report.Sent.Frames += sent.Frames
		report.Sent.Took += sent.Took
		err = errors.Join(err, stopped)
	}
	if err := errors.Join(err, r.alive()); err != nil {
		return err
	}
	after, err := r.status(ctx, m.config.Program)
	if err != nil {
		return err
	}
	report.grown(before, after)
	return nil
}

// traffic is what goes on in a situation: which host sends, and if it does not
// flood, what.
func (m *floodRun) traffic(system int, s situation) (host string, sweep *Sweep, err error) {
	r := m.systems[system]
	switch s {
	case quiet:
		return "", nil, nil
	case flooded:
		return floodHost, nil, nil
	}
	from, err := newProber(r.lab, scanHost)
	if err != nil {
		return "", nil, err
	}
	sweep = &Sweep{Rate: m.config.Rate, MAC: from.mac, Router: r.mover.nextHop}
	for _, p := range r.pools {
		here := Range{From: from.source(p.prefix.Addr()), First: p.at(0).Addr(), Count: uint32(m.config.Hosts)}
		if s == scanned {
			here.First, here.Count = p.beyondAll()
		}
		sweep.Ranges = append(sweep.Ranges, here)
	}
	return scanHost, sweep, nil
}

// look measures what those notice who have nothing to do with the situation.
func (m *floodRun) look(ctx context.Context, system int, s situation, report *SituationReport) error {
	r := m.systems[system]
	if s != quiet {
		select {
		case <-time.After(buildUp):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	answers, err := r.questions(ctx, m.config.Hosts)
	if err != nil {
		return err
	}
	targets, err := r.pools[0].take(m.config.Hosts)
	if err != nil {
		return err
	}
	found, err := r.firstPings(ctx, targets)
	if err != nil {
		return err
	}
	pinged, err := r.mover.probe(ctx, m.known[system], 1)
	if err != nil {
		return err
	}
	lost := report.add(answers, found, pinged[:m.config.Hosts], pinged[m.config.Hosts:])
	if lost > 0 && r.isat != nil {
		return fmt.Errorf("%d packets were lost: of %d questions, %d first pings and %d pings", lost, len(answers), len(found), len(pinged))
	}
	return nil
}

// makeKnown has so many addresses of each family known, to the network and to the
// hosts that are to ping them.
func (r *measured) makeKnown(ctx context.Context, count int) ([]netip.Addr, error) {
	var known []netip.Addr
	for _, p := range r.pools {
		targets, err := p.take(count)
		if err != nil {
			return nil, err
		}
		known = append(known, targets...)
	}
	outcomes, err := r.mover.probe(ctx, known, 1)
	if err != nil {
		return nil, err
	}
	for i := range outcomes {
		if outcomes[i].lost() > 0 {
			return nil, fmt.Errorf("%v does not answer", outcomes[i].target)
		}
	}
	return known, nil
}

// restTimeout is how long the traces of a flood may stay: Open vSwitch forgets
// what its datapath has cached when it was not used for ten seconds.
const restTimeout = time.Minute

// restFlows is how many flows a datapath at rest has at most.
const restFlows = 500

// rest waits until nothing of what was before goes on any more.
func (r *measured) rest(ctx context.Context, program []string) error {
	ctx, cancel := context.WithTimeout(ctx, restTimeout)
	defer cancel()
	return lab.WaitFor(ctx, "rest after what was before", func() (bool, error) {
		out, err := r.lab.Appctl("upcall/show")
		if err != nil {
			return false, err
		}
		flows, err := cachedFlows(out)
		if err != nil || flows > restFlows {
			return false, err
		}
		status, err := r.status(ctx, program)
		return status.Searches == 0 && status.Held == 0, err
	})
}
