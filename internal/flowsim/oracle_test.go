package flowsim_test

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/flowsim"
	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/openflow"
)

// both is a world on a switch and in the simulation.
type both struct {
	world ovstest.World
	sim   *flowsim.Sim
	ovs   *ovstest.Switch
	wire  *ovstest.Wire
}

// newBoth loads a world twice. The switch gets it without rates and timeouts, because the tests take
// more packets and longer than those allow.
func newBoth(t testing.TB, w ovstest.World) *both {
	t.Helper()
	return newBothWith(t, w, func(*openflow.FlowMod) bool { return true })
}

// newBothWith is newBoth with only the flows that keep accepts.
func newBothWith(t testing.TB, w ovstest.World, keep func(*openflow.FlowMod) bool) *both {
	t.Helper()
	var flows []openflow.FlowMod
	for _, f := range w.Flows(t) {
		if keep(&f) {
			flows = append(flows, f)
		}
	}
	base := w.Base(t)
	sim, err := flowsim.New(flows, base.Groups)
	if err != nil {
		t.Fatal(err)
	}
	s := ovstest.Start(t, w.Ports)
	c := s.Connect()
	for _, m := range base.Meters {
		m.Bands = []openflow.Band{openflow.DropBand(1<<20, 1<<20)}
		c.Send(&m)
	}
	c.Barrier()
	var messages []openflow.Message
	for i := range base.Groups {
		messages = append(messages, &base.Groups[i])
	}
	for _, f := range flows {
		f.HardTimeout = 0
		messages = append(messages, &f)
	}
	c.Bundle(messages)
	return &both{world: w, sim: sim, ovs: s, wire: s.Wire(c)}
}

// compare runs a frame through both and says where they differ.
func (b *both) compare(port uint32, frame []byte) (flowsim.Result, error) {
	got := b.sim.Run(frame, port)
	seen := b.wire.Send(port, frame)
	if got.Err != nil {
		return got, fmt.Errorf("the simulation gives up: %w", got.Err)
	}
	return got, difference(got, seen)
}

func difference(got flowsim.Result, seen ovstest.Seen) error {
	outputs := slices.Clone(got.Outputs)
	slices.SortStableFunc(outputs, func(a, b flowsim.Output) int { return cmp.Compare(a.Port, b.Port) })
	if len(outputs) != len(seen.Frames) {
		return fmt.Errorf("out of %s, in the switch out of %s", portsOf(outputs), portsSeen(seen.Frames))
	}
	for i, o := range outputs {
		if f := seen.Frames[i]; f.Port != o.Port || !bytes.Equal(f.Data, o.Frame) {
			return fmt.Errorf("out of port %#x:\n  %x\nin the switch out of port %#x:\n  %x", o.Port, o.Frame, f.Port, f.Data)
		}
	}
	if len(got.Punts) != len(seen.Punts) {
		return fmt.Errorf("%d punts, in the switch %d: %s", len(got.Punts), len(seen.Punts), punts(seen))
	}
	for i := range got.Punts {
		if err := samePunt(&got.Punts[i], seen.Punts[i]); err != nil {
			return fmt.Errorf("punt %d: %w", i, err)
		}
	}
	return nil
}

func samePunt(p *flowsim.Punt, in *openflow.PacketIn2) error {
	if !bytes.Equal(p.Packet, in.Packet) {
		return fmt.Errorf("packet\n  %x\nin the switch\n  %x", p.Packet, in.Packet)
	}
	if !bytes.Equal(p.Userdata, in.Userdata) || p.Reason != in.Reason || p.Cookie != in.Cookie || p.TableID != in.TableID {
		return fmt.Errorf("userdata %x, reason %d, cookie %x, table %d; in the switch %x, %d, %x, %d",
			p.Userdata, p.Reason, p.Cookie, p.TableID, in.Userdata, in.Reason, in.Cookie, in.TableID)
	}
	if paused := len(in.Continuation) > 0; p.Paused != paused {
		return fmt.Errorf("paused is %t, in the switch %t", p.Paused, paused)
	}
	want := map[*openflow.Field]uint64{openflow.InPort: uint64(p.InPort), openflow.Metadata: p.Metadata,
		openflow.TunnelID: p.TunnelID, openflow.PktMark: uint64(p.Mark)}
	for i, v := range p.Regs {
		want[openflow.Reg(i)] = uint64(v)
	}
	for f, v := range want {
		if got, _, _ := in.Metadata.GetU64(f); got != v {
			return fmt.Errorf("%s %#x, in the switch %#x", f, v, got)
		}
	}
	return nil
}

func punts(seen ovstest.Seen) string {
	var s strings.Builder
	for _, p := range seen.Punts {
		fmt.Fprintf(&s, "\n  table %d userdata %x reason %d in %s: %x", p.TableID, p.Userdata, p.Reason, p.Metadata, p.Packet)
	}
	return s.String()
}

func portsOf(outputs []flowsim.Output) string {
	var s []string
	for _, o := range outputs {
		s = append(s, fmt.Sprintf("%#x", o.Port))
	}
	return strings.Join(s, ",")
}

func portsSeen(frames []ovstest.Frame) string {
	var s []string
	for _, f := range frames {
		s = append(s, fmt.Sprintf("%#x", f.Port))
	}
	return strings.Join(s, ",")
}

// explain is the way that a packet took in the simulation and in the switch.
func (b *both) explain(port uint32, frame []byte, r flowsim.Result) string {
	var s strings.Builder
	fmt.Fprintf(&s, "frame %x into port %#x\n", frame, port)
	for _, step := range r.Steps {
		fmt.Fprintf(&s, "%s%d: ", strings.Repeat("  ", step.Depth), step.Table)
		if step.Flow == nil {
			s.WriteString("no flow")
		} else {
			s.WriteString(openflow.FormatFlow(step.Flow))
		}
		for _, n := range step.Notes {
			s.WriteString(" (" + n + ")")
		}
		s.WriteByte('\n')
	}
	text, err := b.trace(port, frame)
	fmt.Fprintf(&s, "%s%v", text, err)
	return s.String()
}

func (b *both) trace(port uint32, frame []byte) (string, error) {
	defer b.wire.Drain()
	return b.ovs.Ctl("ofproto/trace", ovstest.Bridge, fmt.Sprintf("in_port=%d", port&0xffff), hex.EncodeToString(frame))
}
