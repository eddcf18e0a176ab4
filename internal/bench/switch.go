package bench

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net"
	"sync"

	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// fakeSwitch is towards a controller what Open vSwitch is: it shakes hands,
// answers dumps, bundles, barriers and echoes, and takes flows, of which it
// keeps which there are. One goroutine reads, and sends a new question for each
// answer in the same turn: a second one would cost a wake-up per batch, and the
// machine has few processors.
type fakeSwitch struct {
	hosts hosts
	index int
	conn  net.Conn
	ended chan struct{}

	search, learn punt

	mu      sync.Mutex // held while a batch is handled
	out     []byte
	job     *job
	hear    func(*fakeSwitch, []byte) error // takes packet-outs in place of a job
	memory  *flowMemory                     // nil if it is asked for no flows
	ready   chan struct{}                   // closed when the controller has asked who this is
	flows   map[uint64]uint8
	seed    maphash.Seed
	bundles map[uint32][][]byte
	tables  [256]int // flows by table
	learned chan struct{}
	err     error
}

// readBuffer holds the answers to more questions than are ever outstanding.
const readBuffer = 512 << 10

// connect connects a fresh fake switch to a controller.
func connect(h hosts, index int, address string) (*fakeSwitch, error) {
	return connectRemembering(h, index, address, nil)
}

// connectRemembering is connect for one that has flows already, and goes on to
// remember them.
func connectRemembering(h hosts, index int, address string, memory *flowMemory) (*fakeSwitch, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect a fake switch: %w", err)
	}
	f := &fakeSwitch{
		hosts: h, index: index, conn: conn, ended: make(chan struct{}), ready: make(chan struct{}),
		search: newPunt(pipeline.ReasonSearch), learn: newPunt(pipeline.ReasonLearn),
		flows: make(map[uint64]uint8), seed: maphash.MakeSeed(), bundles: make(map[uint32][][]byte),
		learned: make(chan struct{}, 1), memory: memory,
	}
	f.mu.Lock()
	f.out = openflow.Append(f.out, 0, openflow.NewHello())
	err = f.flush()
	f.mu.Unlock()
	if err != nil {
		conn.Close()
		return nil, err
	}
	go f.run()
	return f, nil
}

// close ends the connection and waits for the reader.
func (f *fakeSwitch) close() {
	f.conn.Close()
	<-f.ended
}

// run reads until the connection ends.
func (f *fakeSwitch) run() {
	defer close(f.ended)
	buf := make([]byte, readBuffer)
	filled := 0
	for {
		n, err := f.conn.Read(buf[filled:])
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("the controller closed the connection")
			}
			f.fail(err)
			return
		}
		filled += n
		used, err := f.batch(buf[:filled])
		if err != nil {
			f.fail(err)
			return
		}
		filled = copy(buf, buf[used:filled])
	}
}

// fail ends a job that can't be finished any more.
func (f *fakeSwitch) fail(err error) {
	f.conn.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = fmt.Errorf("fake switch %d: %w", f.index+1, err)
	if f.job != nil {
		f.job.end(f.err)
		f.job = nil
	}
}

// batch handles the whole messages at the front of b, and returns how long
// those are.
func (f *fakeSwitch) batch(b []byte) (used int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(b)-used >= openflow.HeaderLen {
		n := int(be.Uint16(b[used+2:]))
		if n < openflow.HeaderLen {
			return used, fmt.Errorf("a message of %d bytes", n)
		}
		if n > len(b)-used {
			break
		}
		if err := f.handle(b[used : used+n]); err != nil {
			return used, err
		}
		used += n
	}
	if f.job != nil {
		if err := f.job.turn(f); err != nil {
			return used, err
		}
	}
	return used, f.flush()
}

// handle handles one message.
func (f *fakeSwitch) handle(b []byte) error {
	switch openflow.Type(b[1]) {
	case openflow.TypePacketOut:
		if f.hear != nil {
			return f.hear(f, b)
		}
		if f.job == nil {
			return fmt.Errorf("an answer that nobody asked for: %s", describe(b))
		}
		return f.job.answered(f, b)
	case openflow.TypeFlowMod:
		return f.flowMod(b)
	}
	xid, m, err := openflow.Decode(b)
	if err != nil {
		return err
	}
	return f.request(xid, m)
}

// request answers what a controller asks of a switch.
func (f *fakeSwitch) request(xid uint32, m openflow.Message) error {
	reply := func(m openflow.Message) { f.out = openflow.Append(f.out, xid, m) }
	switch m := m.(type) {
	case *openflow.Hello, *openflow.SetConfig, *openflow.SetPacketInFormat, *openflow.SetAsync,
		*openflow.GroupMod, *openflow.MeterMod, *openflow.EchoReply:
	case *openflow.FeaturesRequest:
		reply(&openflow.FeaturesReply{DatapathID: uint64(f.index + 1), Tables: 254, Capabilities: 0x4f})
		close(f.ready)
	case *openflow.EchoRequest:
		reply(&openflow.EchoReply{Data: m.Data})
	case *openflow.BarrierRequest:
		reply(&openflow.BarrierReply{})
	case *openflow.RoleRequest:
		reply(&openflow.RoleReply{Role: m.Role})
	case *openflow.MultipartRequest:
		return f.dump(xid, m)
	case *openflow.BundleControl:
		reply(&openflow.BundleControl{ID: m.ID, Kind: m.Kind + 1, Flags: m.Flags})
		return f.bundle(m)
	case *openflow.BundleAdd:
		if _, ok := m.Message.(*openflow.FlowMod); ok {
			f.bundles[m.ID] = append(f.bundles[m.ID], openflow.Append(nil, m.XID, m.Message))
		}
	default:
		return fmt.Errorf("%v from the controller, which this switch does not know", m.Type())
	}
	return nil
}

// dump answers a multipart request. The switch is fresh when it is asked.
func (f *fakeSwitch) dump(xid uint32, m *openflow.MultipartRequest) error {
	var body openflow.MultipartBody
	switch kind := m.Body.Part(); kind {
	case openflow.MultipartDesc:
		body = &openflow.DescReply{Manufacturer: "Nicira, Inc.", Hardware: "Open vSwitch", Software: "3.1.0", SerialNumber: "None", Datapath: "None"}
	case openflow.MultipartPortDesc:
		body = &openflow.PortDescReply{Ports: f.ports()}
	case openflow.MultipartFlow:
		if f.memory != nil && len(f.memory.dump) > 0 {
			f.out = f.memory.appendDump(f.out, xid)
			return nil
		}
		body = &openflow.FlowReply{}
	case openflow.MultipartGroupDesc:
		body = &openflow.GroupDescReply{}
	case openflow.MultipartMeterConfig:
		body = &openflow.MeterConfigReply{}
	case openflow.MultipartMeter:
		body = &openflow.MeterStatsReply{}
	default:
		return fmt.Errorf("multipart request %v from the controller, which this switch does not know", kind)
	}
	f.out = openflow.Append(f.out, xid, &openflow.MultipartReply{Body: body})
	return nil
}

func (f *fakeSwitch) ports() []openflow.Port {
	list := []openflow.Port{{No: openflow.PortLocal, Name: fmt.Sprintf("bench%d", f.index+1),
		HWAddr: packet.MAC{0x02, 0xbf, 0, byte(f.index)}, Config: openflow.PortConfigDown, State: openflow.PortStateLinkDown}}
	for n := 1; n <= f.hosts.ports; n++ {
		list = append(list, openflow.Port{No: uint32(n), Name: fmt.Sprintf("p%d", n),
			HWAddr: packet.MAC{0x02, 0xbf, 1, byte(f.index), byte(n >> 8), byte(n)}, CurrSpeed: 10_000_000})
	}
	return list
}

func (f *fakeSwitch) bundle(m *openflow.BundleControl) error {
	switch m.Kind {
	case openflow.BundleCommitRequest:
		for _, mod := range f.bundles[m.ID] {
			if err := f.flowMod(mod); err != nil {
				return err
			}
		}
		delete(f.bundles, m.ID)
	case openflow.BundleDiscardRequest:
		delete(f.bundles, m.ID)
	}
	return nil
}

// flowMod changes the set of flows. A flow is told from others by its table,
// priority and match.
func (f *fakeSwitch) flowMod(b []byte) error {
	if len(b) < openflow.FlowModMatch+4 || len(b) < openflow.FlowModMatch+int(be.Uint16(b[openflow.FlowModMatch+2:])) {
		return fmt.Errorf("a flow-mod of %d bytes", len(b))
	}
	var h maphash.Hash
	h.SetSeed(f.seed)
	h.WriteByte(b[openflow.FlowModTable])
	h.Write(b[openflow.FlowModPriority : openflow.FlowModPriority+2])
	h.Write(b[openflow.FlowModMatch : openflow.FlowModMatch+int(be.Uint16(b[openflow.FlowModMatch+2:]))])
	key := h.Sum64()
	_, present := f.flows[key]
	switch table := b[openflow.FlowModTable]; b[openflow.FlowModCommand] {
	case openflow.FlowAdd:
		if f.memory != nil {
			f.memory.add(key, b)
		}
		if !present {
			f.flows[key] = table
			f.tables[table]++
			if pipeline.Table(table) == pipeline.Bindings {
				wake(f.learned)
			}
		}
	case openflow.FlowDeleteStrict:
		if f.memory != nil {
			delete(f.memory.added, key)
		}
		if present {
			delete(f.flows, key)
			f.tables[table]--
		}
	default:
		return fmt.Errorf("flow-mod command %d, which this switch does not know", b[openflow.FlowModCommand])
	}
	return nil
}

// wake wakes the one who waits on a channel of capacity one.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// flowsIn counts the flows of a table.
func (f *fakeSwitch) flowsIn(t pipeline.Table) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tables[t]
}

// teach sends the copies of the announcements of hosts from..to-1, those that
// are behind this switch.
func (f *fakeSwitch) teach(from, to int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := from; i < to; i++ {
		if f.hosts.switchOf(i) == f.index {
			ip := f.hosts.ip(i)
			f.out = f.learn.append(f.out, f.hosts.port(i), f.hosts.mac(i), ip, ip)
		}
	}
	if f.err != nil {
		return f.err
	}
	return f.flush()
}

// flush writes what is to be sent.
func (f *fakeSwitch) flush() error {
	if len(f.out) == 0 {
		return nil
	}
	_, err := f.conn.Write(f.out)
	f.out = f.out[:0]
	return err
}
