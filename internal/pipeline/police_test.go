package pipeline_test

import (
	"fmt"
	"testing"

	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
)

// Whatever a port has punted passes the port's meter: only the tables police and
// controller send to the controller, but for what policies rate-limit and what is
// made of packets (conformance: L1, L5).
func TestEveryPuntIsPoliced(t *testing.T) {
	for _, w := range ovstest.Worlds() {
		for _, f := range w.Flows(t) {
			for _, a := range f.Instructions.Apply {
				c, ok := a.(openflow.Controller2)
				if !ok {
					continue
				}
				reason := pipeline.Reason(c.Userdata[0])
				if reason == pipeline.ReasonCompose || reason == pipeline.ReasonRateLimit {
					continue
				}
				if table := pipeline.Table(f.TableID); table != pipeline.Police && table != pipeline.Controller {
					t.Errorf("%s: table %s punts for %v by itself", w.Name, table, reason)
				}
			}
		}
	}
}

// Every port has a meter, which its flows in police point to: of copies in the
// action, of packets in the instruction. The rates are the limits of the intent.
func TestPortsHaveMeters(t *testing.T) {
	w := ovstest.Worlds()[1]
	in := w.Intent(t)
	in.Limits.PuntsPerPort, in.Limits.PuntsPerReason = 77, 55
	attachments := w.Attachments(t)
	base := pipeline.NewProgram(in).Base(attachments)
	rates := make(map[uint32]uint32)
	for _, m := range base.Meters {
		if rates[m.ID] != 0 {
			t.Errorf("meter %d is there twice", m.ID)
		}
		rates[m.ID] = m.Bands[0].Rate
	}
	if rates[uint32(pipeline.ReasonSearch)] != 55 || rates[uint32(pipeline.ReasonMalformed)] != 55 {
		t.Errorf("the rates of reasons are not those of the limits: %v", rates)
	}
	used := make(map[string]uint32)
	for _, f := range base.Flows {
		key, _, ofPort := f.Match.GetU64(openflow.Reg1)
		if pipeline.Table(f.TableID) != pipeline.Police || !ofPort {
			continue
		}
		id := f.Instructions.Meter
		for _, a := range f.Instructions.Apply {
			if c, ok := a.(openflow.Controller2); ok {
				if id != 0 {
					t.Errorf("the meter of copies limits the packets, too: %s", openflow.FormatFlow(&f))
				}
				id = c.MeterID
			}
		}
		used[fmt.Sprintf("%d %d", key, f.Priority)] = id
		if rates[id] != 77 {
			t.Errorf("meter %d has rate %d: %s", id, rates[id], openflow.FormatFlow(&f))
		}
	}
	for _, a := range attachments {
		if used[fmt.Sprintf("%d 10", a.Key)] == 0 || used[fmt.Sprintf("%d 20", a.Key)] == 0 {
			t.Errorf("%s has no flows in police", a.Name)
		}
	}
	if meterOf(used, attachments, "p4@10") != meterOf(used, attachments, "p4@20") {
		t.Error("the attachments of a trunk do not share its meter")
	}
}

func meterOf(used map[string]uint32, attachments []fabric.Attachment, name string) uint32 {
	for _, a := range attachments {
		if a.Name == name {
			return used[fmt.Sprintf("%d 10", a.Key)]
		}
	}
	return 0
}

// Other limits change meters, and nothing else.
func TestLimitsChangeMetersOnly(t *testing.T) {
	attachments := ovstest.Worlds()[0].Attachments(t)
	in := intent.Default()
	before := pipeline.NewProgram(in).Base(attachments)
	in.Limits.PuntsPerPort, in.Limits.PuntsPerReason = 50, 90
	changes := pipeline.BaseChange(before, pipeline.NewProgram(in).Base(attachments))
	if len(changes) != len(before.Meters) {
		t.Errorf("%d changes for %d meters", len(changes), len(before.Meters))
	}
	for _, m := range changes {
		if mod, ok := m.(*openflow.MeterMod); !ok || mod.Command != openflow.MeterModify {
			t.Errorf("a change that is none of a meter: %v", m.Type())
		}
	}
}
