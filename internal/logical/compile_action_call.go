package logical

import "github.com/isat-sdn/isat/openflow"

func (p Place) push() openflow.Action {
	return openflow.StackPush{Field: p.Field, Ofs: uint16(p.Ofs), NBits: uint16(p.Bits)}
}

func (p Place) pop() openflow.Action {
	return openflow.StackPop{Field: p.Field, Ofs: uint16(p.Ofs), NBits: uint16(p.Bits)}
}

// passed is an argument of a call and the place where it goes.
type passed struct {
	arg operand
	to  Place
}

// call appends what body appends, for the action of that name, with the arguments in their places. Whatever
// the places held is restored afterwards, so that a caller does not see them
// change. All arguments are read before any place is written: an argument may
// come from the place of another.
func (c *compiler) call(name string, args []passed, body func() error) error {
	moved := make([]passed, 0, len(args))
	for _, a := range args {
		if a.to.Field == nil {
			return c.unavailable(a.arg.at, name)
		}
		if a.arg.bits != a.to.Bits {
			return c.errorf(a.arg.at, "Cannot pass %d-bit field %s in the %d bits that it has here.", a.arg.bits, a.arg, a.to.Bits)
		}
		if a.arg.place() != a.to {
			moved = append(moved, a)
		}
	}
	for _, a := range moved {
		c.add(a.to.push())
	}
	for i := len(moved) - 1; i >= 0; i-- {
		c.add(moved[i].arg.place().push())
	}
	for _, a := range moved {
		c.add(a.to.pop())
	}
	if err := body(); err != nil {
		return err
	}
	for i := len(moved) - 1; i >= 0; i-- {
		c.add(moved[i].to.pop())
	}
	return nil
}

func (c *compiler) unavailable(at int, name string) error {
	return c.errorf(at, "Action %s is not available here.", name)
}

// punt appends what sends the packet to the controller, for the action at an
// offset of the text.
func (c *compiler) punt(at int, op Op, inner []byte, arg uint64) error {
	if c.target.Punt == nil {
		return c.unavailable(at, op.String())
	}
	c.add(c.target.Punt(op, inner, arg))
	return nil
}

// byVersion picks the place of an address.
func byVersion(ip uint64, v4, v6 Place) Place {
	if ip == 4 {
		return v4
	}
	return v6
}

func (a getAction) compile(c *compiler) error {
	get := &c.target.Get
	args := []passed{{a.port, get.Port}, {a.addr, byVersion(a.ip, get.IPv4, get.IPv6)}}
	return c.call(a.name(), args, func() error {
		c.set(get.Result, number{}, ones(get.Result.Bits))
		c.add(resubmit(get.Table))
		return nil
	})
}

func (a waitAction) compile(c *compiler) error {
	get := &c.target.Get
	args := []passed{{a.port, get.Port}, {a.addr, byVersion(a.ip, get.IPv4, get.IPv6)}}
	return c.call(a.op.String(), args, func() error { return c.punt(a.port.at, a.op, nil, a.ip) })
}

func (a putAction) compile(c *compiler) error {
	put := &c.target.Put
	op := OpPutARP
	if a.ip == 6 {
		op = OpPutND
	}
	args := []passed{{a.port, put.Port}, {a.addr, byVersion(a.ip, put.IPv4, put.IPv6)}, {a.mac, put.MAC}}
	return c.call(op.String(), args, func() error {
		if put.Code.Field == nil {
			return c.punt(a.port.at, op, nil, 0)
		}
		c.add(put.Code.push())
		c.set(put.Code, small(put.Number(op)), ones(put.Code.Bits))
		if err := c.punt(a.port.at, op, nil, 0); err != nil {
			return err
		}
		c.add(put.Code.pop())
		return nil
	})
}
