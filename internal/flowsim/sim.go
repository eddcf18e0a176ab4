package flowsim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/isat-sdn/isat/openflow"
)

// Sim is the flows and groups of a switch. It does not change, so that any number of packets may be
// run at the same time.
type Sim struct {
	tables map[uint8][]flow // by falling priority
	groups map[uint32]*openflow.GroupMod
}

// flow is a flow made ready for matching.
type flow struct {
	mod   *openflow.FlowMod
	match []term
}

// term is one field of a match.
type term struct {
	get         func(*key) []byte
	value, mask []byte // a nil mask is all ones
}

// New makes a simulation of a switch to which the flow-mods and group-mods were sent in order. It
// refuses those that do not add, and what is not simulated.
func New(flows []openflow.FlowMod, groups []openflow.GroupMod) (*Sim, error) {
	s := &Sim{tables: make(map[uint8][]flow), groups: make(map[uint32]*openflow.GroupMod)}
	for i := range groups {
		if err := s.addGroup(&groups[i]); err != nil {
			return nil, fmt.Errorf("simulate group %d: %w", groups[i].ID, err)
		}
	}
	last := make(map[openflow.FlowKey]int, len(flows))
	for i := range flows {
		last[flows[i].Key()] = i
	}
	for i := range flows {
		if last[flows[i].Key()] != i {
			continue // replaced by a later one
		}
		if err := s.addFlow(&flows[i]); err != nil {
			return nil, fmt.Errorf("simulate flow %q: %w", openflow.FormatFlow(&flows[i]), err)
		}
	}
	for _, table := range s.tables {
		slices.SortStableFunc(table, func(a, b flow) int { return cmp.Compare(b.mod.Priority, a.mod.Priority) })
	}
	return s, nil
}

func (s *Sim) addGroup(g *openflow.GroupMod) error {
	if g.Command != openflow.GroupAdd && g.Command != openflow.GroupModify {
		return fmt.Errorf("command %d does not add it", g.Command)
	}
	if g.GroupType != openflow.GroupTypeAll && g.GroupType != openflow.GroupTypeIndirect {
		return fmt.Errorf("type %d is not simulated", g.GroupType)
	}
	var errs error
	for _, b := range g.Buckets {
		errs = errors.Join(errs, checkActions(b.Actions))
		// A bucket is an action set, which has an order of its own (OpenFlow 1.3.5 §5.10).
		if !slices.IsSortedFunc(b.Actions, func(x, y openflow.Action) int { return setOrder(x) - setOrder(y) }) {
			errs = errors.Join(errs, errors.New("a bucket is not in the order of an action set"))
		}
	}
	s.groups[g.ID] = g
	return errs
}

// setOrder is the place of an action in an action set.
func setOrder(a openflow.Action) int {
	switch a.(type) {
	case openflow.PopVLAN:
		return 0
	case openflow.PushVLAN:
		return 1
	case openflow.RegMove, openflow.RegLoad, openflow.SetField:
		return 2
	}
	return 3
}

func (s *Sim) addFlow(f *openflow.FlowMod) error {
	if f.Command != openflow.FlowAdd {
		return fmt.Errorf("command %d does not add it", f.Command)
	}
	i := &f.Instructions
	if i.Meter != 0 || i.Clear || len(i.Write) > 0 || len(i.Raw) > 0 {
		return errors.New("instructions other than apply, write-metadata and goto are not simulated")
	}
	if i.HasGoto && i.GotoTable <= f.TableID {
		return fmt.Errorf("it goes back to table %d", i.GotoTable)
	}
	if err := checkActions(i.Apply); err != nil {
		return err
	}
	ready := flow{mod: f}
	for o := range f.Match.All() {
		a, ok := fields[o.Field]
		if !ok {
			return fmt.Errorf("match on %s is not simulated", o.Field)
		}
		ready.match = append(ready.match, term{a.get, o.Value, o.Mask})
	}
	s.tables[f.TableID] = append(s.tables[f.TableID], ready)
	return nil
}

func (f *flow) takes(k *key) bool {
	for _, t := range f.match {
		for i, b := range t.get(k) {
			diff := b ^ t.value[i]
			if t.mask != nil {
				diff &= t.mask[i]
			}
			if diff != 0 {
				return false
			}
		}
	}
	return true
}

// lookup finds the flow that takes a packet, nil for none.
func (s *Sim) lookup(table uint8, k *key) *flow {
	flows := s.tables[table]
	for i := range flows {
		if flows[i].takes(k) {
			return &flows[i]
		}
	}
	return nil
}

// checkActions says which actions are not simulated.
func checkActions(acts []openflow.Action) error {
	for _, a := range acts {
		if err := checkAction(a); err != nil {
			return fmt.Errorf("action %q: %w", openflow.FormatActions([]openflow.Action{a}), err)
		}
	}
	return nil
}

var errNotSimulated = errors.New("it is not simulated")

func checkAction(a openflow.Action) error {
	switch a := a.(type) {
	case openflow.Output:
		if a.Port >= openflow.PortMax && a.Port != openflow.PortLocal && a.Port != openflow.PortInPort && a.Port != openflow.PortController {
			return errNotSimulated
		}
	case openflow.Group, openflow.PushVLAN, openflow.PopVLAN, openflow.Resubmit, openflow.Note, openflow.Exit:
	case openflow.Controller2:
		if a.Pause {
			return errNotSimulated
		}
	case openflow.SetField:
		if len(a.Value) != a.Field.Bytes() || a.Mask != nil && len(a.Mask) != len(a.Value) {
			return errNotSimulated
		}
		return checkWrite(a.Field, 0, uint16(a.Field.Bits))
	case openflow.RegLoad:
		return checkWrite(a.Field, a.Ofs, a.NBits)
	case openflow.RegMove:
		if _, ok := fields[a.Src]; !ok || int(a.SrcOfs)+int(a.NBits) > 8*a.Src.Bytes() {
			return errNotSimulated
		}
		return checkWrite(a.Dst, a.DstOfs, a.NBits)
	case openflow.CheckPktLarger:
		return checkWrite(a.Dst, a.Bit, 1)
	case openflow.Clone:
		return checkActions(a.Actions)
	default:
		return errNotSimulated
	}
	return nil
}

func checkWrite(f *openflow.Field, ofs, nbits uint16) error {
	if !writable(f) || nbits == 0 || int(ofs)+int(nbits) > 8*f.Bytes() {
		return errNotSimulated
	}
	return nil
}
