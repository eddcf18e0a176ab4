package bench

import (
	"slices"
	"time"

	"github.com/isat-sdn/isat/openflow"
)

// flowMemory are the flows of a fake switch that is asked for them: by what tells
// them apart, the messages that added them.
type flowMemory struct {
	added map[uint64][]byte
	dump  [][]byte // replies with all of them, once encode was called
}

func newFlowMemory() *flowMemory { return &flowMemory{added: make(map[uint64][]byte)} }

// maxDump is how many bytes of flows a reply has at most.
const maxDump = 32 << 10

// partMore marks a reply after which there is another one (OpenFlow 1.3.5 §7.3.5).
const partMore = 1

// encode makes the replies, so that it need not be done while a controller waits.
func (m *flowMemory) encode() {
	m.dump = nil
	reply, size := &openflow.FlowReply{}, 0
	end := func(flags uint16) {
		m.dump = append(m.dump, openflow.Append(nil, 0, &openflow.MultipartReply{Flags: flags, Body: reply}))
		reply, size = &openflow.FlowReply{}, 0
	}
	for _, message := range m.added {
		_, decoded, err := openflow.Decode(message)
		f, ok := decoded.(*openflow.FlowMod)
		if err != nil || !ok {
			continue // it was a flow-mod when it came
		}
		reply.Flows = append(reply.Flows, openflow.FlowStats{TableID: f.TableID, Priority: f.Priority, Duration: time.Minute,
			IdleTimeout: f.IdleTimeout, HardTimeout: f.HardTimeout, Flags: f.Flags, Cookie: f.Cookie, Match: f.Match, Instructions: f.Instructions})
		if size += len(message); size >= maxDump {
			end(partMore)
		}
	}
	end(0)
}

// appendDump appends the replies to a request.
func (m *flowMemory) appendDump(b []byte, xid uint32) []byte {
	for _, reply := range m.dump {
		start := len(b)
		b = append(b, reply...)
		be.PutUint32(b[start+openflow.HeaderXID:], xid)
	}
	return b
}

func (m *flowMemory) add(key uint64, message []byte) { m.added[key] = slices.Clone(message) }
