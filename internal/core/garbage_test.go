package core

import (
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
)

// Asking owners goes on for ever, and each collection of garbage takes the longer
// the more is known. So an owner that is asked and answers leaves nothing behind but
// the three states of its binding that were published meanwhile.
func TestAskingMakesLittleGarbage(t *testing.T) {
	const hosts = 64
	c, now := benchCoreOf(t, intent.Default())
	punts, answers, quiets := make([]Punt, hosts), make([]Punt, hosts), make([]Quiet, hosts)
	var silent, heard []Event
	for i := range hosts {
		c.Step(now, benchPunt(i))
		punts[i] = benchPunt(i).(Punt)
		answers[i] = punts[i]
		answers[i].Reason = pipeline.ReasonReply
		quiets[i] = Quiet{Switch: 1, Key: benchKey(punts[i]), MAC: c.Table().Lookup(benchKey(punts[i])).MAC, Idle: intent.DefaultAge / 2}
		silent, heard = append(silent, &quiets[i]), append(heard, &punts[i], &answers[i])
	}
	step := func(events ...Event) {
		effects := c.Step(now, events...)
		for _, s := range effects.Send {
			c.Recycle(s.Messages)
		}
	}
	ask := func() {
		now = now.Add(intent.DefaultAge/2 + time.Second)
		step(silent...)
		now = now.Add(time.Millisecond)
		step(heard...)
	}
	for range 100 { // the first ones make room
		ask()
	}
	before := c.counters.refreshes
	const rounds = 50
	n := testing.AllocsPerRun(rounds, ask)
	if asked := c.counters.refreshes - before; asked != (rounds+1)*hosts {
		t.Fatalf("%d owners were asked, want %d", asked, (rounds+1)*hosts)
	}
	// A step has effects, of which there are few however many are asked.
	const effects = 8
	if n > 3*hosts+effects {
		t.Errorf("%v allocations for %d owners that are asked", n, hosts)
	}
}
