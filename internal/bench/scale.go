package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/intent"
)

// ScaleConfig says what Scale measures.
type ScaleConfig struct {
	Bindings int           // hosts that are known, each with a MAC of its own
	Duration time.Duration // of each measurement of what they cost
	Program  []string      // that runs isat; empty for this one
	Progress func(string)  // is told what is being done; may be nil
}

// Check says what is wrong with a configuration.
func (c ScaleConfig) Check() error {
	switch {
	case c.Bindings < 2*fakeSwitches || c.Bindings > maxHosts:
		return fmt.Errorf("%d bindings: from %d to %d can be measured", c.Bindings, 2*fakeSwitches, maxHosts)
	case c.Duration < benchAge/2:
		return fmt.Errorf("a duration of %v is less than %v, for which hosts are silent at first", c.Duration, benchAge/2)
	}
	return nil
}

// Scale makes many hosts known to isat, and measures what they cost while
// nothing is new about them: memory, and time of a processor.
func Scale(ctx context.Context, config ScaleConfig) (report *ScaleReport, err error) {
	if err := config.Check(); err != nil {
		return nil, err
	}
	program, err := programOr(config.Program)
	if err != nil {
		return nil, err
	}
	file, remove, err := temporary("intent.yaml", scaleIntent())
	if err != nil {
		return nil, err
	}
	defer remove()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	isat, err := startIsat(ctx, program, "--intent", file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, isat.stop()) }()
	return measureScale(ctx, config, isat)
}

// benchAge is the age limit of the hosts: they are silent for half of it before the
// first of them is asked. That so many are asked in a second as at the default
// age limit is up to the fake switches.
const benchAge = 10 * time.Second

// scaleIntent has silent hosts asked early.
func scaleIntent() string {
	return fmt.Sprintf("kind: network\nname: default\nage: %s\n---\n", benchAge) + roomyIntent()
}

// roomyIntent lets as many hosts be known as there can be.
func roomyIntent() string {
	return fmt.Sprintf("kind: limits\nbindings: %[1]d\nbindingsPerNetwork: %[1]d\nbindingsPerPort: %[1]d\nstations: %[1]d\nstationsPerPort: %[1]d\n",
		maxHosts)
}

// temporary writes a file that is there until remove is called.
func temporary(name, text string) (file string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "isat-bench-")
	if err != nil {
		return "", nil, fmt.Errorf("write %s: %w", name, err)
	}
	file = filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		os.RemoveAll(dir)
		return "", nil, fmt.Errorf("write %s: %w", name, err)
	}
	return file, func() { os.RemoveAll(dir) }, nil
}

// measureScale measures a controller that runs.
func measureScale(ctx context.Context, config ScaleConfig, isat *controller) (*ScaleReport, error) {
	r := &run{hosts: hosts{count: config.Bindings, switches: fakeSwitches, ports: portsPerFake}}
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
	learned := &Report{}
	began, err := cpuTime(isat.pid)
	if err != nil {
		return nil, err
	}
	if err := r.learn(ctx, api, learned); err != nil {
		return nil, err
	}
	after, err := cpuTime(isat.pid)
	if err != nil {
		return nil, err
	}
	report := &ScaleReport{
		Bindings: config.Bindings, Switches: fakeSwitches, Processors: runtime.NumCPU(), Duration: config.Duration,
		LearnedPerSecond: learned.LearnedPerSecond, LearnCPU: (after - began) / time.Duration(config.Bindings),
		Empty: learned.Memory.Empty, Known: learned.Memory.Known,
	}
	r.config.Progress(fmt.Sprintf("nothing happens for %v", config.Duration))
	if report.IdleCPU, err = r.spend(ctx, config.Duration, func(time.Duration) error { return nil }); err != nil {
		return nil, err
	}
	if err := r.silence(ctx, config, report); err != nil {
		return nil, err
	}
	status, err := api.Status(ctx)
	if err != nil {
		return nil, err
	}
	report.Rested = status.Memory
	peak, err := peakMemory(isat.pid)
	// The kernel's counts are some pages apart on each processor, so that its peak
	// may be less than what was read of it before.
	report.Peak = max(peak, report.Known, report.Rested)
	return report, err
}

// idleTime is how long a host is silent, at the default age limit, before it is
// asked. When it answers, everything begins anew.
const idleTime = intent.DefaultAge / 2

// tick is how often Open vSwitch looks for flows whose time is over.
const tick = time.Second

// spend has something done every second for a while, and returns the part of a
// processor that isat has used meanwhile.
func (r *run) spend(ctx context.Context, d time.Duration, do func(since time.Duration) error) (float64, error) {
	before, err := cpuTime(r.isat.control.pid)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for since := time.Duration(0); since < d; since = time.Since(began) {
		if err := do(since); err != nil {
			return 0, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	took := time.Since(began)
	after, err := cpuTime(r.isat.control.pid)
	if err != nil {
		return 0, err
	}
	return float64(after-before) / float64(took), nil
}

// silence has the flows of so many owners go every second as if all hosts were
// known for long and said nothing. Each is asked, and answers.
func (r *run) silence(ctx context.Context, config ScaleConfig, report *ScaleReport) error {
	perSecond := float64(config.Bindings) / idleTime.Seconds()
	r.config.Progress(fmt.Sprintf("%.0f hosts a second are asked whether they are still there, for %v", perSecond, config.Duration))
	var answering []*answering
	for _, f := range r.isat.switches {
		answering = append(answering, f.letAnswer())
	}
	asked := 0
	cpu, err := r.spend(ctx, config.Duration, func(since time.Duration) error {
		to := min(int(perSecond*(since+tick).Seconds()), config.Bindings)
		for _, f := range r.isat.switches {
			if err := f.silent(asked, to); err != nil {
				return err
			}
		}
		asked = to
		return nil
	})
	if err != nil {
		return err
	}
	report.Asked, report.AskedPerSecond, report.SilentCPU = asked, perSecond, cpu
	deadline := time.Now().Add(learnTimeout)
	for {
		answered := 0
		for _, a := range answering {
			answered += int(a.count.Load())
		}
		flows := r.flows()
		if answered == asked && flows.Owners == config.Bindings {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("of %d silent hosts %d were asked within %v, and %d of %d are watched again",
				asked, answered, learnTimeout, flows.Owners, config.Bindings)
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
