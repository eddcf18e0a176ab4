package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// RestartConfig says what Restart measures.
type RestartConfig struct {
	Bindings int          // hosts whose bindings are kept
	Rounds   int          // of which the medians are reported
	Program  []string     // that runs isat; empty for this one
	Progress func(string) // is told what is being done; may be nil
}

// Check says what is wrong with a configuration.
func (c RestartConfig) Check() error {
	return Config{Bindings: c.Bindings, Rounds: c.Rounds, Duration: 1}.Check()
}

// restarts are what a restarted isat may find.
var restarts = []struct {
	name string
	lost bool // the switches have lost their flows, too
}{
	{"isat was killed", false},
	{"and the switches have lost their flows", true},
}

// askInterval is how often a host asks that has had no answer.
const askInterval = 5 * time.Millisecond

// keptTimeout is how long the writing of bindings may take.
const keptTimeout = time.Minute

// Restart has isat keep bindings, kills it, and measures how long it takes from
// the start of the next one until hosts are answered.
func Restart(ctx context.Context, config RestartConfig) (report *RestartReport, err error) {
	if err := config.Check(); err != nil {
		return nil, err
	}
	if config.Program, err = programOr(config.Program); err != nil {
		return nil, err
	}
	file, remove, err := temporary("intent.yaml", roomyIntent())
	if err != nil {
		return nil, err
	}
	defer remove()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &run{hosts: hosts{count: config.Bindings, switches: fakeSwitches, ports: portsPerFake}}
	r.config.Progress = orSilent(config.Progress)
	data := filepath.Join(filepath.Dir(file), "data")
	start := func() (*controller, error) {
		return startIsat(ctx, config.Program, "--intent", file, "--data-dir", data)
	}
	report = &RestartReport{Bindings: config.Bindings, Switches: fakeSwitches, Rounds: config.Rounds}
	for _, c := range restarts {
		report.Cases = append(report.Cases, RestartCase{Name: c.name})
	}
	if err := r.restarts(ctx, config.Rounds, start, report); err != nil {
		return nil, err
	}
	report.finish()
	return report, nil
}

// restarts makes hosts known to an isat, and kills and starts it for each case of
// each round.
func (r *run) restarts(ctx context.Context, rounds int, start func() (*controller, error), report *RestartReport) (err error) {
	isat, err := start()
	if err != nil {
		return err
	}
	var switches []*fakeSwitch // with all flows
	defer func() {
		closeAll(switches)
		if isat != nil {
			err = errors.Join(err, isat.stop())
		}
	}()
	if switches, err = r.keep(ctx, isat); err != nil {
		return err
	}
	for n := range rounds {
		for i, c := range restarts {
			r.config.Progress(fmt.Sprintf("round %d of %d: %s", n+1, rounds, c.name))
			if err := kill(isat); err != nil {
				return err
			}
			memories := make([]*flowMemory, len(switches))
			for i, f := range switches {
				if memories[i] = newFlowMemory(); !c.lost {
					memories[i] = f.memory
					memories[i].encode()
				}
			}
			began := time.Now()
			if isat, err = start(); err != nil {
				return err
			}
			sample, connected, err := r.answered(ctx, isat, memories, began)
			if err != nil {
				closeAll(connected)
				return fmt.Errorf("%s: %w", c.name, err)
			}
			report.Cases[i].Samples = append(report.Cases[i].Samples, sample)
			if c.lost {
				closeAll(connected) // they need not have all flows
			} else {
				closeAll(switches)
				switches = connected
			}
		}
	}
	return nil
}

func closeAll(switches []*fakeSwitch) {
	for _, f := range switches {
		f.close()
	}
}

// keep makes every host known and waits until all of it is written.
func (r *run) keep(ctx context.Context, isat *controller) ([]*fakeSwitch, error) {
	api, err := client.New(isat.api)
	if err != nil {
		return nil, err
	}
	defer api.Close()
	r.isat = &rig{name: "isat", control: isat}
	for i := range r.hosts.switches {
		f, err := connectRemembering(r.hosts, i, isat.address, newFlowMemory())
		if err != nil {
			return nil, err
		}
		r.isat.switches = append(r.isat.switches, f)
	}
	if err := r.learn(ctx, api, &Report{}); err != nil {
		return nil, err
	}
	r.config.Progress("what is known is written")
	deadline := time.Now().Add(keptTimeout)
	for {
		status, err := api.Status(ctx)
		if err != nil {
			return nil, err
		}
		if status.Counters["kept-written"] >= uint64(r.hosts.count) {
			return r.isat.switches, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("of %d bindings %d were written within %v", r.hosts.count, status.Counters["kept-written"], keptTimeout)
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// kill ends isat as a power failure does.
func kill(isat *controller) error {
	if err := syscall.Kill(isat.pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill isat: %w", err)
	}
	<-isat.ended
	_ = isat.stop() // it tells of the signal, which is no news
	return nil
}

// answered connects the switches and has a host on each of them ask for another
// one on the same until it is answered.
func (r *run) answered(ctx context.Context, isat *controller, memories []*flowMemory, began time.Time) (s RestartSample, switches []*fakeSwitch, err error) {
	s.Ready = time.Since(began)
	askers := make([]*asking, len(memories))
	for i, m := range memories {
		f, err := connectRemembering(r.hosts, i, isat.address, m)
		if err != nil {
			return s, switches, err
		}
		switches = append(switches, f)
		askers[i] = f.keepAsking(ctx, 100)
	}
	timeout := time.After(learnTimeout)
	for i, a := range askers {
		select {
		case at := <-a.answered:
			took := at.Sub(began)
			if s.First == 0 || took < s.First {
				s.First = took
			}
			s.Last = max(s.Last, took)
		case <-switches[i].ended:
			return s, switches, switches[i].err
		case <-timeout:
			return s, switches, fmt.Errorf("no answer on fake switch %d within %v", i+1, learnTimeout)
		}
	}
	api, err := client.New(isat.api)
	if err != nil {
		return s, switches, err
	}
	defer api.Close()
	_, err = await(ctx, api, "every binding is known again", func(st view.Status) bool { return st.Bindings == r.hosts.count }, nil)
	for _, f := range switches {
		f.ignore()
	}
	return s, switches, err
}

// asking is a host that asks for another one of its switch until it is answered.
type asking struct {
	asker, target int
	right         answer
	answered      chan time.Time
	over          atomic.Bool
}

// keepAsking has host n of a switch ask for the one after it.
func (f *fakeSwitch) keepAsking(ctx context.Context, n int) *asking {
	n %= f.hosts.on(f.index) - 1
	a := &asking{asker: f.index + n*f.hosts.switches, target: f.index + (n+1)*f.hosts.switches, right: newAnswer(false), answered: make(chan time.Time, 1)}
	a.right.set(f.hosts, a.asker, a.target)
	f.mu.Lock()
	f.hear = a.hear
	f.mu.Unlock()
	go func() {
		ticker := time.NewTicker(askInterval)
		defer ticker.Stop()
		for !a.over.Load() {
			f.mu.Lock()
			f.out = f.search.append(f.out, f.hosts.port(a.asker), f.hosts.mac(a.asker), f.hosts.ip(a.asker), f.hosts.ip(a.target))
			err := f.flush()
			f.mu.Unlock()
			if err != nil {
				return // the reader tells why
			}
			select {
			case <-ticker.C:
			case <-f.ended:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return a
}

// hear takes the answer, or the question as it is handed to the owner alone, who
// answers it itself.
func (a *asking) hear(f *fakeSwitch, message []byte) error {
	if !a.right.is(message) && !a.toOwner(f, message) {
		return fmt.Errorf("wrong answer: %s", describe(message))
	}
	if a.over.CompareAndSwap(false, true) {
		a.answered <- time.Now()
	}
	return nil
}

// toOwner says whether a packet-out is the question, to the owner at its port.
func (a *asking) toOwner(f *fakeSwitch, message []byte) bool {
	_, m, err := openflow.Decode(message)
	out, ok := m.(*openflow.PacketOut)
	if err != nil || !ok {
		return false
	}
	var frame packet.Frame
	var request packet.ARP
	if frame.Parse(out.Data) != nil || request.Parse(frame.Payload) != nil {
		return false
	}
	right := newAnswer(false)
	right.set(f.hosts, a.target, a.asker) // only for its actions: out of the target's port
	actions := openflow.AppendActions(nil, out.Actions...)
	return request.Op == packet.ARPRequest && request.TPA == f.hosts.ip(a.target) && request.SHA == f.hosts.mac(a.asker) &&
		frame.Dst == f.hosts.mac(a.target) && slices.Equal(actions, right.body[actionsAt-actionsLenAt:len(right.body)-len(right.body[right.frame:])])
}

// ignore has a switch drop what it is to send.
func (f *fakeSwitch) ignore() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hear = func(*fakeSwitch, []byte) error { return nil }
}
