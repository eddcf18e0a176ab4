package pipeline

import (
	"errors"

	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/packet"
)

// Compose makes the packet that an action such as icmp4 { … } begins with, of the
// one that was punted. The error is a *[packet.Exempt] if no packet may be made of
// it, such as an ICMP error about another.
func (c Composition) Compose(frame []byte) ([]byte, error) {
	switch c.Op {
	case logical.OpComposeARP:
		return packet.AppendComposedARP(nil, frame)
	case logical.OpComposeNS:
		return packet.AppendComposedNS(nil, frame)
	case logical.OpComposeNA:
		return packet.AppendComposedNA(nil, frame)
	case logical.OpComposeICMP4:
		return packet.AppendComposedICMP4(nil, frame, uint16(c.Arg))
	case logical.OpComposeICMP6:
		return packet.AppendComposedICMP6(nil, frame, c.Arg)
	}
	return nil, errors.New("nothing that can be composed")
}
