package logical

import (
	"fmt"

	"github.com/isat-sdn/isat/openflow"
)

// maxActionBytes bounds what one flow's actions may take on the wire, where a
// whole message has at most [openflow.MaxMessage] bytes.
const maxActionBytes = 60000

// Compile translates the actions for t. The error is an [*Error]: a name that t
// does not know, an argument that does not fit its place, or actions that are
// too long for a flow.
func (a *Actions) Compile(t *Target) (Compiled, error) {
	c := compiler{target: t, text: a.text}
	if n := len(a.list); n > 0 && t.Goto {
		if table, ok, err := c.tailTable(a.list[n-1]); err != nil {
			return Compiled{}, err
		} else if ok && table > t.This {
			if err := c.list(a.list[:n-1]); err != nil {
				return Compiled{}, err
			}
			return Compiled{Apply: c.out, HasGoto: true, Goto: table}, c.checkSize(0)
		}
	}
	if err := c.list(a.list); err != nil {
		return Compiled{}, err
	}
	return Compiled{Apply: c.out}, c.checkSize(0)
}

// compiler appends OpenFlow actions to out.
type compiler struct {
	target   *Target
	text     string
	out      []openflow.Action
	composed bool // out has actions that carry others
}

func (c *compiler) errorf(at int, format string, args ...any) error {
	return &Error{Text: c.text, Offset: at, Message: fmt.Sprintf(format, args...)}
}

func (c *compiler) add(acts ...openflow.Action) { c.out = append(c.out, acts...) }

func (c *compiler) list(list []action) error {
	if c.out == nil {
		c.out = make([]openflow.Action, 0, len(list)+4)
	}
	for _, act := range list {
		if err := act.compile(c); err != nil {
			return err
		}
	}
	return nil
}

// checkSize refuses what does not fit into a message. Short lists of actions
// that carry no others need no counting.
func (c *compiler) checkSize(at int) error {
	const largest = 64 // bytes of an action that carries no others
	if !c.composed && len(c.out) < maxActionBytes/largest {
		return nil
	}
	if n := len(openflow.AppendActions(nil, c.out...)); n > maxActionBytes {
		return c.errorf(at, "the actions take %d bytes in OpenFlow, more than the %d that fit into a flow; use fewer", n, maxActionBytes)
	}
	return nil
}

// tailTable is the table of an action that can be a goto-table instruction.
func (c *compiler) tailTable(act action) (table uint8, ok bool, err error) {
	switch act := act.(type) {
	case nextAction:
		table, err = c.nextTable(act)
		return table, err == nil, err
	case outputAction:
		return c.target.Output, true, nil
	}
	return 0, false, nil
}

func (c *compiler) nextTable(act nextAction) (uint8, error) {
	if !act.given {
		return c.target.Next, nil
	}
	return c.table(act.table)
}

func (c *compiler) table(ref tableRef) (uint8, error) {
	if ref.name == "" {
		return ref.number, nil
	}
	n, ok := c.target.Tables[ref.name]
	if !ok {
		return 0, c.errorf(ref.at, "Unknown table %s.", excerpt(string(formatName(nil, ref.name))))
	}
	return n, nil
}

func resubmit(table uint8) openflow.Action {
	return openflow.Resubmit{InPort: openflow.ResubmitKeepPort, Table: table}
}

func (a nextAction) compile(c *compiler) error {
	table, err := c.nextTable(a)
	if err != nil {
		return err
	}
	c.add(resubmit(table))
	return nil
}

func (outputAction) compile(c *compiler) error {
	c.add(resubmit(c.target.Output))
	return nil
}

func (a lookupAction) compile(c *compiler) error {
	table, err := c.table(a.table)
	if err != nil {
		return err
	}
	c.add(resubmit(table))
	return nil
}

func (a puntAction) compile(c *compiler) error {
	number, ok := c.target.Reasons[a.reason]
	if !ok {
		return c.errorf(a.at, "Unknown reason %s.", excerpt(string(formatName(nil, a.reason))))
	}
	return c.punt(a.at, OpPunt, nil, number)
}

func (a moveAction) compile(c *compiler) error {
	c.add(openflow.RegMove{
		Src: a.src.field.OF, SrcOfs: uint16(a.src.field.Ofs + a.src.ofs),
		Dst: a.dst.field.OF, DstOfs: uint16(a.dst.field.Ofs + a.dst.ofs), NBits: uint16(a.dst.bits),
	})
	return nil
}

func (a swapAction) compile(c *compiler) error {
	x, y := a.x.place(), a.y.place()
	c.add(x.push(), y.push(), x.pop(), y.pop())
	return nil
}

func (decTTLAction) compile(c *compiler) error { c.add(openflow.DecTTL{}); return nil }

func (loopbackAction) compile(c *compiler) error {
	c.add(openflow.RegLoad{Field: openflow.InPortNX, NBits: 16, Value: 0xffff})
	return nil
}

func (a groupAction) compile(c *compiler) error { c.add(openflow.Group{ID: a.id}); return nil }

func (a sendAction) compile(c *compiler) error { c.add(openflow.Output{Port: a.port}); return nil }

func (popVLANAction) compile(c *compiler) error { c.add(openflow.PopVLAN{}); return nil }

func (a pushVLANAction) compile(c *compiler) error {
	c.add(openflow.PushVLAN{EtherType: openflow.EtherTypeVLAN},
		openflow.SetUint(openflow.VLANVID, uint64(openflow.VLANPresent|a.vid)))
	return nil
}

func (a checkLargerAction) compile(c *compiler) error {
	p := a.dst.place()
	c.add(openflow.CheckPktLarger{Len: a.length, Dst: p.Field, Bit: uint16(p.Ofs)})
	return nil
}

// compile gives the inner actions to Punt, encoded. They are carried out as a
// list of actions, so nothing in them is a goto-table instruction.
func (a composeAction) compile(c *compiler) error {
	inner := compiler{target: c.target, text: c.text}
	if err := inner.list(a.inner); err != nil {
		return err
	}
	inner.composed = true
	if err := inner.checkSize(a.at); err != nil {
		return err
	}
	c.composed = true
	return c.punt(a.at, a.op, openflow.AppendActions(nil, inner.out...), a.arg)
}
