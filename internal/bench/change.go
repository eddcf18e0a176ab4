package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/view"
)

// changesPerSecond is how many bindings change while answers are measured.
const changesPerSecond = 10_000

// changeInterval is how often some of the changes are made.
const changeInterval = time.Millisecond

// newcomers are hosts of one more switch, which isat does not know yet.
type newcomers struct {
	*fakeSwitch
	known int // bindings that isat knew without them
	taken int // those that have announced themselves
}

// changing measures the rate of answers with and without changes, in turns.
// Each change is a new host: a new binding in every switch, and a new station.
func (r *run) changing(ctx context.Context, api *client.Client, report *Report) error {
	r.config.Progress(fmt.Sprintf("%d bindings change in a second", changesPerSecond))
	h := hosts{count: maxHosts - r.hosts.count, first: r.hosts.count, switches: 1, firstSwitch: r.hosts.switches, ports: r.hosts.ports}
	f, err := connect(h, h.firstSwitch, r.isat.control.address)
	if err != nil {
		return err
	}
	defer f.close()
	told := func() bool { return f.flowsIn(pipeline.Bindings) == r.hosts.count }
	if _, err := await(ctx, api, "one more fake switch is told of every host", func(s view.Status) bool { return s.Switches == r.hosts.switches+1 }, told); err != nil {
		return err
	}
	n := &newcomers{fakeSwitch: f, known: r.hosts.count}
	report.Change.Case = cases[1]
	var changed int
	var took time.Duration
	for range r.config.Rounds {
		var still, moving Sample
		for turn := range 2 * turnsPerRound {
			d := r.config.Duration / turnsPerRound
			if turn%4 == 0 || turn%4 == 3 { // so that neither always has the place after the other
				sample, err := r.ask(ctx, r.isat, report.Change.Case, d)
				if err != nil {
					return err
				}
				still.add(sample)
				continue
			}
			sample, made, err := r.askChanging(ctx, n, report.Change.Case, d)
			if err != nil {
				return err
			}
			moving.add(sample)
			changed, took = changed+made, took+sample.Took
		}
		report.Change.Still.Samples = append(report.Change.Still.Samples, still)
		report.Change.Changing.Samples = append(report.Change.Changing.Samples, moving)
	}
	report.Change.PerSecond = float64(changed) / took.Seconds()
	return nil
}

// askChanging is ask while bindings change, and counts how many did.
func (r *run) askChanging(ctx context.Context, n *newcomers, c Case, d time.Duration) (s Sample, made int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	before := n.learnt()
	go func() { ended <- n.come(ctx) }()
	s, err = r.ask(ctx, r.isat, c, d)
	made = n.learnt() - before
	cancel()
	if failed := <-ended; err == nil {
		err = failed
	}
	return s, made, err
}

// learnt counts the newcomers that isat knows.
func (n *newcomers) learnt() int { return n.flowsIn(pipeline.Bindings) - n.known }

// come has newcomers announce themselves until the context ends. No more are on
// their way to isat than its queue holds.
func (n *newcomers) come(ctx context.Context) error {
	began, first := time.Now(), n.taken
	ticker := time.NewTicker(changeInterval)
	defer ticker.Stop()
	for {
		due := first + int(changesPerSecond*(time.Since(began)+changeInterval).Seconds())
		if next := min(due, n.learnt()+learnAhead, n.hosts.count); next > n.taken {
			if err := n.teach(n.taken, next); err != nil {
				return err
			}
			n.taken = next
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
