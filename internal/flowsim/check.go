package flowsim

import (
	"errors"
	"fmt"
	"slices"

	"github.com/isat-sdn/isat/openflow"
)

var errNotSimulated = errors.New("it is not simulated")

// checkFlow says what of a flow is not simulated.
func checkFlow(f *openflow.FlowMod) error {
	if f.Command != openflow.FlowAdd {
		return fmt.Errorf("command %d does not add it", f.Command)
	}
	for o := range f.Match.All() {
		if _, ok := fields[o.Field]; !ok {
			return fmt.Errorf("match on %s is not simulated", o.Field)
		}
	}
	i := &f.Instructions
	if i.Clear || len(i.Write) > 0 || len(i.Raw) > 0 {
		return errors.New("instructions other than meter, apply, write-metadata and goto are not simulated")
	}
	if i.HasGoto && i.GotoTable <= f.TableID {
		return fmt.Errorf("it goes back to table %d", i.GotoTable)
	}
	if slices.ContainsFunc(i.Apply, isConjunction) {
		return checkClauses(i)
	}
	return checkActions(i.Apply)
}

func isConjunction(a openflow.Action) bool { _, ok := a.(openflow.Conjunction); return ok }

// checkClauses checks a flow that is a part of conjunctive matches, which can do nothing else
// (ovs-fields(7), "Conjunctive match fields").
func checkClauses(i *openflow.Instructions) error {
	if i.Meter != 0 || i.MetadataMask != 0 || i.HasGoto {
		return errors.New("a flow with conjunction has no other instructions")
	}
	for _, a := range i.Apply {
		switch a := a.(type) {
		case openflow.Note:
		case openflow.Conjunction:
			if a.N < 2 || a.N > maxClauses || a.Clause >= a.N {
				return fmt.Errorf("clause %d of %d: there are 2 to %d clauses", int(a.Clause)+1, a.N, maxClauses)
			}
		default:
			return errors.New("a flow with conjunction has no other actions")
		}
	}
	return nil
}

// checkGroup says what of a group is not simulated.
func checkGroup(g *openflow.GroupMod) error {
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
	return errs
}

// setOrder is the place of an action in an action set.
func setOrder(a openflow.Action) int {
	switch a.(type) {
	case openflow.PopVLAN:
		return 0
	case openflow.PushVLAN:
		return 1
	case openflow.DecTTL:
		return 2
	case openflow.RegMove, openflow.RegLoad, openflow.SetField, openflow.SetTTL:
		return 3
	}
	return 4
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

func checkAction(a openflow.Action) error {
	switch a := a.(type) {
	case openflow.Output:
		if a.Port >= openflow.PortMax && a.Port != openflow.PortLocal && a.Port != openflow.PortInPort && a.Port != openflow.PortController {
			return errNotSimulated
		}
	case openflow.Group, openflow.PushVLAN, openflow.PopVLAN, openflow.Resubmit, openflow.Note, openflow.Exit,
		openflow.Controller2, openflow.DecTTL, openflow.SetTTL:
	case openflow.SetField:
		if len(a.Value) != a.Field.Bytes() || a.Mask != nil && len(a.Mask) != len(a.Value) {
			return errNotSimulated
		}
		return checkWrite(a.Field, 0, uint16(a.Field.Bits))
	case openflow.RegLoad:
		return checkWrite(a.Field, a.Ofs, a.NBits)
	case openflow.RegMove:
		return errors.Join(checkRead(a.Src, a.SrcOfs, a.NBits), checkWrite(a.Dst, a.DstOfs, a.NBits))
	case openflow.StackPush:
		return checkRead(a.Field, a.Ofs, a.NBits)
	case openflow.StackPop:
		return checkWrite(a.Field, a.Ofs, a.NBits)
	case openflow.CheckPktLarger:
		return checkWrite(a.Dst, a.Bit, 1)
	case openflow.Multipath:
		return checkMultipath(a)
	case openflow.Clone:
		return checkActions(a.Actions)
	default:
		return errNotSimulated
	}
	return nil
}

func checkMultipath(a openflow.Multipath) error {
	if _, ok := hashes(a.Fields); !ok {
		return fmt.Errorf("hash of kind %d: %w", a.Fields, errNotSimulated)
	}
	if a.Algorithm > openflow.LinkHashThreshold {
		return fmt.Errorf("algorithm %d: %w", a.Algorithm, errNotSimulated)
	}
	if a.NBits < 16 && a.MaxLink>>a.NBits != 0 {
		return fmt.Errorf("link %d does not fit into %d bits", a.MaxLink, a.NBits)
	}
	return checkWrite(a.Dst, a.DstOfs, a.NBits)
}

func checkRead(f *openflow.Field, ofs, nbits uint16) error {
	if _, ok := fields[f]; !ok || nbits == 0 || int(ofs)+int(nbits) > 8*f.Bytes() {
		return errNotSimulated
	}
	return nil
}

func checkWrite(f *openflow.Field, ofs, nbits uint16) error {
	if !writable(f) {
		return errNotSimulated
	}
	return checkRead(f, ofs, nbits)
}
