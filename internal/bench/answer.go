package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/view"
)

// Config says what to measure.
type Config struct {
	Bindings int           // hosts that are known; at least Switches times two
	Duration time.Duration // of one case of one controller in one round
	Rounds   int           // of which the medians are reported
	Program  []string      // that runs isat; empty for this one
	Progress func(string)  // is told what is being done; may be nil
}

// Case is a load.
type Case struct {
	Switches    int `json:"switches"`    // at the same time
	Outstanding int `json:"outstanding"` // questions of each switch
}

func (c Case) String() string {
	if c.Switches == 1 {
		return fmt.Sprintf("1 switch × %d outstanding", c.Outstanding)
	}
	return fmt.Sprintf("%d switches × %d outstanding", c.Switches, c.Outstanding)
}

// cases are the loads that are measured.
var cases = []Case{{1, 1024}, {4, 256}, {1, 1}}

const (
	fakeSwitches = 4
	portsPerFake = 48
	// maxBindings is what isat's table holds by default.
	maxBindings = 1 << 20
	// learnAhead is how many announcements may be on their way to isat: fewer
	// than its queue holds, beyond which copies are dropped.
	learnAhead = 1024
	// answerTimeout is how long an answer may take before it is missing, and
	// learnTimeout how long nothing may be learned.
	answerTimeout = 10 * time.Second
	learnTimeout  = 30 * time.Second
)

// run is the state of a measurement.
type run struct {
	config Config
	hosts  hosts
	isat   *rig
	floor  *rig
	asked  uint64 // number of the next question
}

// rig is a controller with its fake switches.
type rig struct {
	name     string
	floor    bool
	control  *controller
	switches []*fakeSwitch
}

// Check says what is wrong with a configuration.
func (c Config) Check() error {
	switch {
	case c.Bindings < 2*fakeSwitches || c.Bindings > maxBindings:
		return fmt.Errorf("%d bindings: from %d to %d can be measured", c.Bindings, 2*fakeSwitches, maxBindings)
	case c.Rounds < 1:
		return fmt.Errorf("%d rounds: at least one is needed", c.Rounds)
	case c.Duration <= 0:
		return fmt.Errorf("a duration of %v is not more than zero", c.Duration)
	}
	return nil
}

// Answer measures, and reports. An error is one of the measurement itself or a
// wrong answer; a goal that is not reached is none.
func Answer(ctx context.Context, config Config) (report *Report, err error) {
	if err := config.Check(); err != nil {
		return nil, err
	}
	if config.Program, err = programOr(config.Program); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	file, remove, err := temporary("intent.yaml", roomyIntent())
	if err != nil {
		return nil, err
	}
	defer remove()
	isat, err := startIsat(ctx, config.Program, "--intent", file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, isat.stop()) }()
	floor, err := startFloor(ctx, config.Program)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, floor.stop()) }()
	return measure(ctx, config, isat, floor)
}

// programOr is how isat is run: as was said, or as this program.
func programOr(program []string) ([]string, error) {
	if len(program) > 0 {
		return program, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find isat's own program: %w", err)
	}
	return []string{self}, nil
}

func orSilent(progress func(string)) func(string) {
	if progress == nil {
		return func(string) {}
	}
	return progress
}

// measure measures two controllers that run.
func measure(ctx context.Context, config Config, isat, floor *controller) (*Report, error) {
	r := &run{config: config, hosts: hosts{count: config.Bindings, switches: fakeSwitches, ports: portsPerFake}}
	r.config.Progress = orSilent(config.Progress)
	api, err := client.New(isat.api)
	if err != nil {
		return nil, err
	}
	defer api.Close()
	r.isat, err = r.rig("isat", isat)
	defer r.isat.close()
	if err != nil {
		return nil, err
	}
	r.floor, err = r.rig("floor", floor)
	defer r.floor.close()
	if err != nil {
		return nil, err
	}
	report := &Report{Bindings: config.Bindings, Switches: fakeSwitches, Processors: runtime.NumCPU(), Duration: config.Duration, Rounds: config.Rounds}
	if err := r.learn(ctx, api, report); err != nil {
		return nil, err
	}
	if err := r.rounds(ctx, report); err != nil {
		return nil, err
	}
	status, err := api.Status(ctx)
	if err != nil {
		return nil, err
	}
	report.Memory.Asked = status.Memory
	if err := r.changing(ctx, api, report); err != nil {
		return nil, err
	}
	report.finish()
	return report, nil
}

// rig connects the fake switches to a controller. What it returns is to be
// closed even with an error.
func (r *run) rig(name string, control *controller) (*rig, error) {
	g := &rig{name: name, floor: control.api == "", control: control}
	for i := range r.hosts.switches {
		f, err := connect(r.hosts, i, control.address)
		if err != nil {
			return g, fmt.Errorf("%s: %w", name, err)
		}
		g.switches = append(g.switches, f)
	}
	timeout := time.After(learnTimeout)
	for _, f := range g.switches {
		select {
		case <-f.ready:
		case <-f.ended:
			return g, fmt.Errorf("%s: %w", name, f.err)
		case <-timeout:
			return g, fmt.Errorf("%s: fake switch %d was not asked who it is within %v", name, f.index+1, learnTimeout)
		}
	}
	return g, nil
}

func (g *rig) close() {
	for _, f := range g.switches {
		f.close()
	}
}

// learn makes every host known to isat, and measures what that takes.
func (r *run) learn(ctx context.Context, api *client.Client, report *Report) error {
	status, err := await(ctx, api, "the fake switches are connected", func(s view.Status) bool { return s.Switches == r.hosts.switches }, nil)
	if err != nil {
		return err
	}
	if status.Bindings != 0 {
		return fmt.Errorf("isat knows %d bindings before any host has said a word", status.Bindings)
	}
	report.Memory.Empty = status.Memory
	r.config.Progress(fmt.Sprintf("%d hosts announce themselves", r.hosts.count))
	began := time.Now()
	first := r.isat.switches[0] // it is given every binding, as each of the switches is
	for sent := 0; sent < r.hosts.count; {
		if next := min(r.hosts.count, first.flowsIn(pipeline.Bindings)+learnAhead); next > sent {
			for _, f := range r.isat.switches {
				if err := f.teach(sent, next); err != nil {
					return err
				}
			}
			sent = next
			continue
		}
		if err := first.waitLearned(ctx); err != nil {
			return err
		}
	}
	flowsThere := func() bool { return r.flows().Bindings == r.hosts.count*r.hosts.switches }
	status, err = await(ctx, api, "every host is known", func(s view.Status) bool { return s.Bindings == r.hosts.count }, flowsThere)
	if err != nil {
		return err
	}
	report.LearnedPerSecond = float64(r.hosts.count) / time.Since(began).Seconds()
	report.Memory.Known = status.Memory
	flows := r.flows()
	report.BindingFlows = float64(flows.Bindings) / float64(r.hosts.count*r.hosts.switches)
	report.OwnerFlows = float64(flows.Owners) / float64(r.hosts.count)
	if flows.Bindings != r.hosts.count*r.hosts.switches || flows.Owners != r.hosts.count {
		return fmt.Errorf("%d bindings have %d flows in bindings on %d switches, and %d in owners: there should be one per switch, and one",
			r.hosts.count, flows.Bindings, r.hosts.switches, flows.Owners)
	}
	return nil
}

// flowCounts are flows on all switches together.
type flowCounts struct{ Bindings, Owners int }

func (r *run) flows() (n flowCounts) {
	for _, f := range r.isat.switches {
		n.Bindings += f.flowsIn(pipeline.Bindings)
		n.Owners += f.flowsIn(pipeline.Owners)
	}
	return n
}

// waitLearned waits until the switch is given another binding.
func (f *fakeSwitch) waitLearned(ctx context.Context) error {
	select {
	case <-f.learned:
		return nil
	case <-f.ended:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(learnTimeout):
		return fmt.Errorf("isat learned nothing for %v", learnTimeout)
	}
}

// await polls the status until it is as wanted, and what else must hold does.
func await(ctx context.Context, api *client.Client, what string, reached func(view.Status) bool, also func() bool) (view.Status, error) {
	deadline := time.Now().Add(learnTimeout)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := api.Status(ctx)
		if err != nil {
			return status, err
		}
		if reached(status) && (also == nil || also()) {
			return status, nil
		}
		if time.Now().After(deadline) {
			return status, fmt.Errorf("not within %v: %s (%d switches, %d bindings)", learnTimeout, what, status.Switches, status.Bindings)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return status, ctx.Err()
		}
	}
}

// rounds runs every case on both controllers, in turns.
func (r *run) rounds(ctx context.Context, report *Report) error {
	for _, c := range cases {
		report.Cases = append(report.Cases, CaseReport{Case: c})
	}
	r.config.Progress("warming up")
	for _, c := range cases {
		for _, g := range []*rig{r.floor, r.isat} {
			if _, err := r.ask(ctx, g, c, r.config.Duration/turnsPerRound); err != nil {
				return err
			}
		}
	}
	for n := range r.config.Rounds {
		r.config.Progress(fmt.Sprintf("round %d of %d", n+1, r.config.Rounds))
		for i, c := range cases {
			report.Spins = append(report.Spins, spin())
			isat, floor, err := r.turns(ctx, c)
			if err != nil {
				return err
			}
			report.Cases[i].Isat.Samples = append(report.Cases[i].Isat.Samples, isat)
			report.Cases[i].Floor.Samples = append(report.Cases[i].Floor.Samples, floor)
		}
	}
	return nil
}

// turnsPerRound is in how many parts each case is done: the controllers take turns
// often, since a machine that does something else, or runs on another clock,
// does so for seconds.
const turnsPerRound = 10

// turns puts a load on both controllers in turns.
func (r *run) turns(ctx context.Context, c Case) (isat, floor Sample, err error) {
	for n := range turnsPerRound {
		order := []*rig{r.floor, r.isat}
		if n%2 == 1 { // so that neither always has the place after the other
			order = []*rig{r.isat, r.floor}
		}
		for _, g := range order {
			sample, err := r.ask(ctx, g, c, r.config.Duration/turnsPerRound)
			if err != nil {
				return isat, floor, err
			}
			if g.floor {
				floor.add(sample)
			} else {
				isat.add(sample)
			}
		}
	}
	isat.finish()
	floor.finish()
	return isat, floor, nil
}

// ask puts a load on a controller for a while.
func (r *run) ask(ctx context.Context, g *rig, c Case, d time.Duration) (s Sample, err error) {
	if c.Outstanding == 1 {
		free, err := r.apart(g)
		if err != nil {
			return s, err
		}
		defer free()
	}
	before, err := cpuTime(g.control.pid)
	if err != nil {
		return s, err
	}
	began := time.Now()
	jobs := make([]*job, c.Switches)
	for i := range jobs {
		jobs[i] = newJob(c.Outstanding, g.floor, r.asked)
		if err := g.switches[i].begin(jobs[i]); err != nil {
			return s, fmt.Errorf("%s, %v: %w", g.name, c, err)
		}
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
		return s, ctx.Err()
	}
	for _, j := range jobs {
		j.stop.Store(true)
	}
	timeout := time.After(answerTimeout)
	for i, j := range jobs {
		select {
		case <-j.done:
		case <-timeout:
			return s, fmt.Errorf("%s, %v: fake switch %d misses answers after %v", g.name, c, i+1, answerTimeout)
		}
		if j.err != nil {
			return s, fmt.Errorf("%s, %v: %w", g.name, c, j.err)
		}
		s.Answers += j.got
		s.latency = append(s.latency, j.latency...)
		s.Took = max(s.Took, j.ended.Sub(began))
		r.asked = max(r.asked, j.first+j.sent)
	}
	after, err := cpuTime(g.control.pid)
	if err != nil {
		return s, err
	}
	s.CPU = after - before
	return s, nil
}

// apart gives the controller and this process a processor each, until free is
// called. With one question at a time both sleep in between, and where the
// kernel wakes them, on one processor or two, would decide the latency: on an
// idle machine that alone moves the median from 20 µs to 60 µs and back.
func (r *run) apart(g *rig) (free func(), err error) {
	if runtime.NumCPU() < 2 {
		return func() {}, nil
	}
	free = func() {
		_ = onOneProcessor(os.Getpid(), -1) // only a process that has ended can refuse
		_ = onOneProcessor(g.control.pid, -1)
	}
	if err := errors.Join(onOneProcessor(os.Getpid(), 0), onOneProcessor(g.control.pid, 1)); err != nil {
		free()
		return nil, err
	}
	return free, nil
}
