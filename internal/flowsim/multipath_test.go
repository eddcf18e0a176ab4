package flowsim_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/internal/flowsim"
	"github.com/isat-sdn/isat/openflow"
)

// TestLinksAreOpenVSwitch checks that the simulation chooses the link that Open vSwitch chooses, for
// every kind of hash. It does so for IP only: of other packets Open vSwitch takes the Ethernet addresses
// into the hash, but not into the mask of the flow that it caches, so that the first one decides for all.
func TestLinksAreOpenVSwitch(t *testing.T) {
	b := newBench(t)
	for _, kind := range []uint16{openflow.HashSymmetricL3L4, openflow.HashSymmetricL3L4UDP} {
		for _, algorithm := range []uint16{openflow.LinkModuloN, openflow.LinkHashThreshold} {
			for _, basis := range []uint16{0, 1, 0xffff} {
				t.Run(fmt.Sprintf("hash %d algorithm %d basis %d", kind, algorithm, basis), func(t *testing.T) {
					b.checkLinks(t, openflow.Multipath{Fields: kind, Algorithm: algorithm, Basis: basis, NBits: 16})
				})
			}
		}
	}
}

func (b *bench) checkLinks(t *testing.T, m openflow.Multipath) {
	var any openflow.Match
	var acts []openflow.Action
	for i, last := range []uint16{0, 1, 2, 9, 62, 63, 64, 99, 0xfffe, 0xffff} {
		m.MaxLink, m.Dst = last, openflow.Reg(i)
		acts = append(acts, m)
	}
	flows := []openflow.FlowMod{addFlow(0, 1, any, openflow.Apply(append(acts, openflow.Controller([]byte{1}))...))}
	sim, err := flowsim.New(flows, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.wire.Replace(flows)
	different := make(map[uint32]bool)
	rapid.Check(t, func(r *rapid.T) {
		frame := drawPacketOf(r, rapid.IntRange(0, 1).Draw(r, "network"))
		got := sim.Run(frame, 1)
		if err := difference(got, b.wire.Send(1, frame)); err != nil {
			r.Fatal(err)
		}
		different[got.Punts[0].Regs[1]] = true
	})
	if len(different) != 2 {
		t.Errorf("of two links, %d were chosen", len(different))
	}
}
