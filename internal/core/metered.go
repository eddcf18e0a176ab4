package core

import (
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
)

// Metered is what a switch's meters have dropped since they exist.
type Metered struct {
	Switch uint64
	Meters []openflow.MeterStats
}

// askMeters has the switch tell what its meters drop: nobody else knows what
// limits of punts refuse.
func (sw *switchState) askMeters() {
	sw.send(openflow.Request(&openflow.MeterStatsRequest{ID: openflow.MeterAll}))
}

// apply counts what was dropped since a meter was heard of last: the first time
// that is nothing.
func (e Metered) apply(c *Core) {
	sw := c.switches[e.Switch]
	if sw == nil || sw.state == away {
		return
	}
	for i := range e.Meters {
		m := &e.Meters[i]
		if len(m.Bands) == 0 {
			continue
		}
		dropped := m.Bands[0].Packets
		before, known := sw.metered[m.ID]
		sw.metered[m.ID] = dropped
		if before > dropped {
			before = 0 // the meter was made anew
		}
		switch reason, ok := pipeline.MeterReason(m.ID); {
		case !known:
		case ok:
			c.counters.puntsDropped[reason] += dropped - before
		default:
			c.counters.puntsDroppedPort += dropped - before
		}
	}
}
