package pipeline

import (
	"fmt"
	"iter"
	"slices"

	"github.com/isat-sdn/isat/openflow"
)

// Dump is what a switch said that it has.
type Dump struct {
	Flows  openflow.FlowDump
	Groups []openflow.GroupDesc
	Meters []openflow.MeterConfig
}

// Difference is what it takes to bring a switch to what is wanted. Meters can't
// be part of a bundle and go first; Bundle is in the order in which it must be
// carried out. Unmeter takes meters away, and the flows that point to them
// (OpenFlow 1.3.5 §6.4), which are not wanted either.
type Difference struct {
	Meters  []openflow.Message
	Bundle  []openflow.Message
	Unmeter []openflow.Message
	// Flows, and how many changes of groups and meters.
	Kept, Added, Changed, Removed int
	GroupChanges, MeterChanges    int
}

// Empty says that the switch is as wanted.
func (d *Difference) Empty() bool { return len(d.Meters)+len(d.Bundle)+len(d.Unmeter) == 0 }

// Compare works out the difference between what a switch has and what it should
// have. The flows that it should have are encoded flow-mods, which need not last.
// Whatever else is on the switch is taken away: the bridge is isat's.
func (d Dump) Compare(flows iter.Seq[[]byte], groups []openflow.GroupMod, meters []openflow.MeterMod) Difference {
	var out Difference
	d.compareMeters(&out, meters)
	stale := d.compareGroups(&out, groups)
	d.compareFlows(&out, flows)
	out.Bundle = append(out.Bundle, stale...)
	return out
}

// flowKey is openflow.FlowKey, for what is encoded: a match needs no object to be
// looked up.
type flowKey struct {
	table    uint8
	priority uint16
	match    string
}

func flowKeyOf(f openflow.FlowStatsView) flowKey {
	return flowKey{f.TableID(), f.Priority(), f.Match().Key()}
}

func (d Dump) compareFlows(out *Difference, want iter.Seq[[]byte]) {
	have := make(map[flowKey]int, d.Flows.Len()) // which of the flows it is
	flows := make([]openflow.FlowStatsView, 0, d.Flows.Len())
	for f := range d.Flows.All() {
		have[flowKeyOf(f)] = len(flows)
		flows = append(flows, f)
	}
	wanted := make([]bool, len(flows))
	for m := range want {
		i, ok := have[flowKey{m[openflow.FlowModTable], be.Uint16(m[openflow.FlowModPriority:]), string(openflow.FlowModOXM(m))}]
		switch {
		case !ok || wanted[i]:
			out.Added++
		case flows[i].As(m):
			out.Kept++
			wanted[i] = true
			continue
		default:
			out.Changed++
			wanted[i] = true
		}
		out.Bundle = append(out.Bundle, decoded(m))
	}
	for i, f := range flows {
		if wanted[i] || have[flowKeyOf(f)] != i { // a switch may tell of a flow twice
			continue
		}
		if kind, _, own := ownCookie(f.Cookie()); own && (kind == kindSilent || kind == kindSponge) {
			continue // goes by itself
		}
		out.Removed++
		remove := Delete(newFlow(Table(f.TableID()), f.Priority(), f.Match(), nil, noTable))
		out.Bundle = append(out.Bundle, &remove)
	}
}

// Encoded encodes flow-mods one after the other, each in the place of the one before.
func Encoded(flows []openflow.FlowMod) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var b []byte
		for i := range flows {
			if b = openflow.Append(b[:0], 0, &flows[i]); !yield(b) {
				return
			}
		}
	}
}

// decoded is the message that was encoded here.
func decoded(m []byte) openflow.Message {
	_, message, err := openflow.Decode(m)
	if err != nil {
		panic(fmt.Sprintf("pipeline: a flow-mod of isat's own: %v", err))
	}
	return message
}

// compareGroups returns the removals apart: they come after the flows that
// point to the groups.
func (d Dump) compareGroups(out *Difference, want []openflow.GroupMod) (removals []openflow.Message) {
	have := make(map[uint32]*openflow.GroupDesc, len(d.Groups))
	for i := range d.Groups {
		have[d.Groups[i].ID] = &d.Groups[i]
	}
	for _, g := range want {
		old, ok := have[g.ID]
		delete(have, g.ID)
		if ok && old.GroupType == g.GroupType && openflow.EqualBuckets(old.Buckets, g.Buckets) {
			continue
		}
		g.Command = openflow.GroupAdd
		if ok {
			g.Command = openflow.GroupModify
		}
		out.GroupChanges++
		out.Bundle = append(out.Bundle, &g)
	}
	for _, g := range d.Groups {
		if _, ok := have[g.ID]; ok {
			out.GroupChanges++
			removals = append(removals, &openflow.GroupMod{Command: openflow.GroupDelete, GroupType: g.GroupType, ID: g.ID})
		}
	}
	return removals
}

func (d Dump) compareMeters(out *Difference, want []openflow.MeterMod) {
	have := make(map[uint32]*openflow.MeterConfig, len(d.Meters))
	for i := range d.Meters {
		have[d.Meters[i].ID] = &d.Meters[i]
	}
	for _, m := range want {
		old, ok := have[m.ID]
		delete(have, m.ID)
		if ok && sameMeter(old, &m) {
			continue
		}
		m.Command = openflow.MeterAdd
		if ok {
			m.Command = openflow.MeterModify
		}
		out.MeterChanges++
		out.Meters = append(out.Meters, &m)
	}
	for _, m := range d.Meters {
		// Those beyond are the switch's own (OpenFlow 1.3.5 §7.3.4.5).
		if have[m.ID] != nil && m.ID <= openflow.MeterMax {
			out.MeterChanges++
			out.Unmeter = append(out.Unmeter, &openflow.MeterMod{Command: openflow.MeterDelete, ID: m.ID})
		}
	}
}

func sameMeter(have *openflow.MeterConfig, want *openflow.MeterMod) bool {
	if have.Flags != want.Flags || len(have.Bands) != len(want.Bands) {
		return false
	}
	for i, a := range have.Bands {
		if b := want.Bands[i]; a.Kind != b.Kind || a.Rate != b.Rate || a.Burst != b.Burst {
			return false
		}
	}
	return true
}

// BaseChange is what it takes to get from one base to another on a switch that
// has the first.
func BaseChange(from, to Base) []openflow.Message {
	have := Dump{}
	flows := make([]openflow.FlowStats, 0, len(from.Flows))
	for _, f := range from.Flows {
		flows = append(flows, openflow.FlowStats{
			TableID: f.TableID, Priority: f.Priority, Match: f.Match, Instructions: f.Instructions,
			Cookie: f.Cookie, HardTimeout: f.HardTimeout, IdleTimeout: f.IdleTimeout, Flags: f.Flags,
		})
	}
	have.Flows = openflow.FlowDumpOf(flows)
	for _, m := range from.Meters {
		have.Meters = append(have.Meters, openflow.MeterConfig{ID: m.ID, Flags: m.Flags, Bands: m.Bands})
	}
	for _, g := range from.Groups {
		have.Groups = append(have.Groups, openflow.GroupDesc{GroupType: g.GroupType, ID: g.ID, Buckets: g.Buckets})
	}
	difference := have.Compare(Encoded(to.Flows), to.Groups, to.Meters)
	return slices.Concat(difference.Meters, difference.Bundle, difference.Unmeter)
}
