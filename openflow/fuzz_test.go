package openflow_test

import (
	"bytes"
	"testing"

	"github.com/isat-sdn/isat/openflow"
)

// exercise decodes b in every way and uses what comes out. Encoding must reach a fixed point:
// decoding it again gives the same bytes.
func exercise(fatalf func(string, ...any), b []byte) {
	var v openflow.PacketIn2View
	if openflow.ParsePacketIn2(b, &v) == nil {
		v.InPort()
		v.U64(openflow.XReg0)
		v.Get(openflow.TCPFlags)
		openflow.AppendResume(nil, 1, &v)
	}
	useFlowDump(b)
	xid, m, err := openflow.Decode(b)
	useFlowRemoved(fatalf, b, m)
	if err != nil {
		return
	}
	if m == nil {
		fatalf("no message and no error for %x", b)
	}
	use(m)
	if !openflow.Fits(m) {
		return // canonical form can be longer than what came in
	}
	once := openflow.Append(nil, xid, m)
	_, again, err := openflow.Decode(once)
	if err != nil {
		fatalf("%v\nin  %x\nout %x", err, b, once)
	}
	if twice := openflow.Append(nil, xid, again); !bytes.Equal(once, twice) {
		fatalf("in    %x\nonce  %x\ntwice %x", b, once, twice)
	}
}

// useFlowRemoved wants a flow that is gone to be read as m, what Decode makes of b, and nothing else
// to be taken for one.
func useFlowRemoved(fatalf func(string, ...any), b []byte, m openflow.Message) {
	var got openflow.FlowRemoved
	err := openflow.ParseFlowRemoved(b, &got)
	if want, ok := m.(*openflow.FlowRemoved); ok != (err == nil) || ok && got != *want {
		fatalf("%x is read as %+v, %v, and decoded as %+v", b, got, err, m)
	}
}

// use calls what callers call on a decoded message.
func use(m openflow.Message) {
	switch m := m.(type) {
	case *openflow.FlowMod:
		useMatch(m.Match)
		openflow.EqualInstructions(m.Instructions, m.Instructions)
	case *openflow.MultipartReply:
		if f, ok := m.Body.(*openflow.FlowReply); ok {
			for i := range f.Flows {
				useMatch(f.Flows[i].Match)
			}
		}
	case *openflow.PacketIn2:
		useMatch(m.Metadata)
	case *openflow.Error:
		_ = m.Error()
		m.FailedXID()
	case *openflow.Hello:
		m.Supports(4)
	}
}

func useFlowDump(b []byte) {
	_, m, err := openflow.DecodeFlowDump(b)
	reply, ok := m.(*openflow.MultipartReply)
	if err != nil || !ok {
		return
	}
	if dump, ok := reply.Body.(*openflow.FlowDump); ok {
		mod := openflow.Append(nil, 1, openflow.NewFlowMod(openflow.FlowAdd, 0, 0))
		for f := range dump.All() {
			useMatch(f.Match())
			f.Loaded(openflow.XReg1)
			f.As(mod)
		}
	}
}

func useMatch(m openflow.Match) {
	_ = m.String()
	m.Wide(openflow.XXReg0)
	m.U32(openflow.Reg3, 5).MaskedU64(openflow.VLANVID, 0x1000, 0x1000).Get(openflow.ActsetOutput)
}

// FuzzDecode: no bytes make Decode or its results panic, loop or change when encoded again.
// conformance: O1
func FuzzDecode(f *testing.F) {
	for _, m := range sampleMessages() {
		f.Add(openflow.Append(nil, 1, m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= openflow.HeaderLen && len(b) <= openflow.MaxMessage {
			b = openflow.FinishMessage(bytes.Clone(b), 0) // let most inputs pass the length check
		}
		exercise(t.Fatalf, b)
	})
}

func BenchmarkParsePacketIn2(b *testing.B) {
	in := openflow.Append(nil, 1, sampleFlows()["packet in 2"])
	actions := openflow.AppendActions(nil, openflow.Output{Port: openflow.PortInPort})
	out := make([]byte, 0, 4096)
	var v openflow.PacketIn2View
	b.ReportAllocs()
	for b.Loop() {
		if err := openflow.ParsePacketIn2(in, &v); err != nil {
			b.Fatal(err)
		}
		out = openflow.AppendPacketOut(out[:0], 1, v.InPort(), actions, v.Packet)
	}
}

func BenchmarkDecodeFlowReply(b *testing.B) { benchmarkFlowReply(b, openflow.Decode) }

func BenchmarkDecodeFlowDump(b *testing.B) { benchmarkFlowReply(b, openflow.DecodeFlowDump) }

func benchmarkFlowReply(b *testing.B, decode func([]byte) (uint32, openflow.Message, error)) {
	var any openflow.Match
	var flows []openflow.FlowStats
	for i := range 200 {
		flows = append(flows, openflow.FlowStats{Priority: 100, Match: any.U64(openflow.Metadata, 1).U32(openflow.Reg0, uint32(i)),
			Instructions: openflow.Apply(openflow.RegLoad{Field: openflow.XReg1, NBits: 48, Value: uint64(i)})})
	}
	in := openflow.Append(nil, 1, &openflow.MultipartReply{Body: &openflow.FlowReply{Flows: flows}})
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := decode(in); err != nil {
			b.Fatal(err)
		}
	}
}
