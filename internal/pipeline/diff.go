package pipeline

import (
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
// have. Whatever else is on the switch is taken away: the bridge is isat's.
func (d Dump) Compare(flows iter.Seq[openflow.FlowMod], groups []openflow.GroupMod, meters []openflow.MeterMod) Difference {
	var out Difference
	d.compareMeters(&out, meters)
	stale := d.compareGroups(&out, groups)
	d.compareFlows(&out, flows)
	out.Bundle = append(out.Bundle, stale...)
	return out
}

func (d Dump) compareFlows(out *Difference, want iter.Seq[openflow.FlowMod]) {
	have := make(map[openflow.FlowKey]openflow.FlowStatsView, d.Flows.Len())
	for f := range d.Flows.All() {
		have[f.Key()] = f
	}
	var encoded []byte
	for f := range want {
		key := f.Key()
		old, ok := have[key]
		if ok {
			delete(have, key)
			encoded = openflow.Append(encoded[:0], 0, &f)
		}
		switch {
		case !ok:
			out.Added++
		case old.As(encoded):
			out.Kept++
			continue
		default:
			out.Changed++
		}
		out.Bundle = append(out.Bundle, &f)
	}
	if len(have) == 0 {
		return
	}
	for f := range d.Flows.All() { // in the order of the dump
		if _, left := have[f.Key()]; !left {
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
	difference := have.Compare(func(yield func(openflow.FlowMod) bool) {
		for _, f := range to.Flows {
			if !yield(f) {
				return
			}
		}
	}, to.Groups, to.Meters)
	return slices.Concat(difference.Meters, difference.Bundle, difference.Unmeter)
}
