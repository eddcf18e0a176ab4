package core

import (
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/intent"
)

// Of what hosts provoke at most so many a second are told, and all are counted.
func TestProvokedEventsAreLimited(t *testing.T) {
	c := New(Config{Start: time.Unix(1_700_000_000, 0)}, intent.Default())
	c.WatchEvents(true, false)
	for range 10 * toldPerSecond {
		c.decide(refusedOwner, binding.Key{}, who{}, who{})
		c.decide(movedSilent, binding.Key{}, who{}, who{})
	}
	if got := len(c.effects.Events); got != 11*toldPerSecond || c.counters.decisions[refusedOwner] != 10*toldPerSecond {
		t.Errorf("%d events told, want %d; %d refusals counted", got, 11*toldPerSecond, c.counters.decisions[refusedOwner])
	}
}

// Everything that is decided has a kind, a reason and a text, and no two the same.
func TestDecisionsAreNamed(t *testing.T) {
	seen := make(map[string]bool)
	for d := range numDecisions {
		i := decisions[d]
		if i.kind == "" || i.reason == "" || i.text == "" {
			t.Errorf("decision %d is %+v", d, i)
		}
		if name := string(i.kind) + i.reason + i.text; seen[name] {
			t.Errorf("%+v is there twice", i)
		} else {
			seen[name] = true
		}
	}
}
