package openflow_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/isat-sdn/isat/openflow"
)

// sameMessage compares decoded messages; fields are the same if they are the same variable.
var sameMessage = cmp.Options{
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b *openflow.Field) bool { return a == b }),
}

func TestRoundTrip(t *testing.T) {
	for name, m := range sampleMessages() {
		t.Run(name, func(t *testing.T) {
			b := openflow.Append([]byte("before"), 0x01020304, m)
			if !bytes.HasPrefix(b, []byte("before")) {
				t.Fatal("what was in the buffer changed")
			}
			b = b[len("before"):]
			xid, got, err := openflow.Decode(b)
			if err != nil {
				t.Fatalf("%v\n%x", err, b)
			}
			if xid != 0x01020304 {
				t.Errorf("transaction id %x", xid)
			}
			if diff := cmp.Diff(m, got, sameMessage); diff != "" {
				t.Error(diff)
			}
			again := openflow.Append(nil, xid, got)
			if !bytes.Equal(again, b) {
				t.Errorf("encoding the decoded message\ngot  %x\nwant %x", again, b)
			}
			for i := range b {
				b[i] = 0xaa
			}
			if now := openflow.Append(nil, xid, got); !bytes.Equal(now, again) {
				t.Error("the decoded message refers to the input")
			}
			if !openflow.Fits(m) {
				t.Error("does not fit")
			}
		})
	}
}

// TestTruncated cuts every message at every length, with the length in the header as it was and
// with the length that is left.
// conformance: O1
func TestTruncated(t *testing.T) {
	for name, m := range sampleMessages() {
		whole := openflow.Append(nil, 1, m)
		for n := range whole {
			b := bytes.Clone(whole[:n])
			if _, _, err := openflow.Decode(b); !errors.Is(err, openflow.ErrTruncated) {
				t.Fatalf("%s cut to %d bytes: error %v", name, n, err)
			}
			if n < openflow.HeaderLen {
				continue
			}
			binary.BigEndian.PutUint16(b[2:], uint16(n))
			_, got, err := openflow.Decode(b)
			checkOutcome(t, name, n, got, err)
			var v openflow.PacketIn2View
			if err := openflow.ParsePacketIn2(b, &v); err == nil {
				v.InPort()
			}
		}
		longer := append(bytes.Clone(whole), 0)
		if _, _, err := openflow.Decode(longer); err == nil {
			t.Errorf("%s: a byte after the message is not noticed", name)
		}
	}
}

// checkOutcome wants either a typed error or a message that can be encoded.
func checkOutcome(t *testing.T, name string, n int, m openflow.Message, err error) {
	t.Helper()
	var d *openflow.DecodeError
	switch {
	case err != nil && !errors.As(err, &d):
		t.Errorf("%s cut to %d bytes: error of type %T", name, n, err)
	case err != nil && (d.What == "" || d.Reason == "" || d.Offset > n):
		t.Errorf("%s cut to %d bytes: %+v", name, n, d)
	case err == nil:
		openflow.Append(nil, 1, m)
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", nil, "decode openflow header at byte 0: truncated: need 8 bytes, have 0"},
		{"length less than header", []byte{4, 0, 0, 7, 0, 0, 0, 0}, "decode openflow header at byte 2: length 7 is less than the header"},
		{"version", []byte{1, 20, 0, 8, 0, 0, 0, 0}, "decode openflow barrier-request at byte 0: version 0x01, want 0x04"},
		{"rest", []byte{4, 20, 0, 9, 0, 0, 0, 0, 1}, "decode openflow barrier-request at byte 8: 1 bytes left over"},
		{"features", []byte{4, 6, 0, 9, 0, 0, 0, 0, 1}, "decode openflow features-reply at byte 8: truncated: need 8 bytes, have 1"},
	}
	for _, test := range tests {
		_, _, err := openflow.Decode(test.in)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}

// TestDecodeRefusesNested covers structures whose lengths lie.
func TestDecodeRefusesNested(t *testing.T) {
	mod := openflow.NewFlowMod(openflow.FlowAdd, 0, 1)
	head := openflow.Append(nil, 1, mod) // ends with an empty match
	with := func(tail ...byte) []byte { return openflow.FinishMessage(append(bytes.Clone(head), tail...), 0) }
	nested := openflow.Instructions{Apply: []openflow.Action{nest(70)}}
	tests := []struct {
		name string
		in   []byte
	}{
		{"instruction of length 0", with(0, 1, 0, 0, 0, 0, 0, 0)},
		{"instruction of length 7", with(0, 1, 0, 7, 0, 0, 0, 0)},
		{"instruction longer than message", with(0, 1, 0, 16, 0, 0, 0, 0)},
		{"instruction twice", with(0, 5, 0, 8, 0, 0, 0, 0, 0, 5, 0, 8, 0, 0, 0, 0)},
		{"action of length 0", with(0, 4, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)},
		{"action longer than instruction", with(0, 4, 0, 16, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0)},
		{"clone too deep", with(openflow.AppendInstructions(nil, nested)...)},
		{"match shorter than its header", append(openflow.FinishMessage(bytes.Clone(head), 0)[:len(head)-6], 0, 3, 0, 0, 0, 0)},
	}
	for _, test := range tests {
		_, _, err := openflow.Decode(test.in)
		var d *openflow.DecodeError
		if !errors.As(err, &d) {
			t.Errorf("%s: error %v", test.name, err)
		}
	}
	inner := openflow.Append(nil, 1, &openflow.BundleAdd{Message: &openflow.BarrierRequest{}})
	_, msg, err := openflow.Decode(openflow.Append(nil, 1, &openflow.BundleAdd{Message: &openflow.Unknown{
		MsgType: openflow.TypeExperimenter, Body: inner[openflow.HeaderLen:]}}))
	if err == nil {
		t.Errorf("a bundle-add inside a bundle-add gives %v", msg)
	}
}

func nest(depth int) openflow.Action {
	if depth == 0 {
		return openflow.Output{Port: 1}
	}
	return openflow.Clone{Actions: []openflow.Action{nest(depth - 1)}}
}

func TestHelloSupports(t *testing.T) {
	tests := []struct {
		hello openflow.Hello
		v     uint8
		want  bool
	}{
		{openflow.Hello{Version: 4}, 4, true},
		{openflow.Hello{Version: 6}, 4, true},
		{openflow.Hello{Version: 1}, 4, false},
		{openflow.Hello{Version: 6, Bitmaps: []uint32{1 << 6}}, 4, false},
		{openflow.Hello{Version: 1, Bitmaps: []uint32{1<<1 | 1<<4}}, 4, true},
		{openflow.Hello{Version: 4, Bitmaps: []uint32{}}, 40, false},
	}
	for _, test := range tests {
		if got := test.hello.Supports(test.v); got != test.want {
			t.Errorf("%+v supports %d: %v", test.hello, test.v, got)
		}
	}
}

func TestErrorText(t *testing.T) {
	failed := openflow.Append(nil, 5, openflow.NewFlowMod(openflow.FlowAdd, 0, 0))
	tests := []struct {
		e    openflow.Error
		want string
	}{
		{openflow.Error{ErrType: openflow.ErrBadAction, Code: 4, Data: failed}, "switch refused flow-mod: OFPBAC_BAD_OUT_PORT"},
		{openflow.Error{ErrType: openflow.ErrFlowModFailed, Code: openflow.FlowModTableFull}, "switch reported OFPFMFC_TABLE_FULL"},
		{openflow.Error{ErrType: openflow.ErrFlowModFailed, Code: 99}, "switch reported OFPFMFC code 99"},
		{openflow.Error{ErrType: 99, Code: 98}, "switch reported error type 99 code 98"},
		{openflow.Error{ErrType: openflow.ErrExperimenter, Experimenter: openflow.ExperimenterONF, Code: openflow.BundleMessageFailed}, "switch reported OFPBFC_MSG_FAILED"},
		{openflow.Error{ErrType: openflow.ErrExperimenter, Experimenter: 5, Code: 2}, "switch reported experimenter 0x00000005 error 2"},
	}
	for _, test := range tests {
		if got := test.e.Error(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// TestHotPathAllocations: answering a packet-in must not allocate.
func TestHotPathAllocations(t *testing.T) {
	in := openflow.Append(nil, 1, sampleFlows()["packet in 2"])
	actions := openflow.AppendActions(nil, openflow.Output{Port: openflow.PortInPort})
	mod := sampleFlows()["flow mod"]
	match := sampleMatch()
	gone := openflow.Append(nil, 1, sampleMessages()["flow removed"])
	var v openflow.PacketIn2View
	var removed openflow.FlowRemoved
	out := make([]byte, 0, 4096)
	tests := []struct {
		name string
		run  func()
	}{
		{"parse and answer", func() {
			if err := openflow.ParsePacketIn2(in, &v); err != nil {
				t.Fatal(err)
			}
			if v.InPort() != 3 || v.Metadata() != 1 || v.Reg(1) != 5 {
				t.Fatal("metadata")
			}
			out = openflow.AppendPacketOut(out[:0], 1, v.InPort(), actions, v.Packet)
		}},
		{"flow removed", func() {
			if err := openflow.ParseFlowRemoved(gone, &removed); err != nil {
				t.Fatal(err)
			}
			if removed.Match != match {
				t.Fatal(removed.Match)
			}
		}},
		{"resume", func() { out = openflow.AppendResume(out[:0], 1, &v) }},
		{"flow mod", func() { out = openflow.Append(out[:0], 1, mod) }},
		{"match lookup", func() {
			if _, _, ok := match.Get(openflow.ARPOp); !ok {
				t.Fatal("not found")
			}
			if v, _, _ := match.GetU64(openflow.Reg1); v != 5 {
				t.Fatal(v)
			}
		}},
	}
	for _, test := range tests {
		if n := testing.AllocsPerRun(100, test.run); n != 0 {
			t.Errorf("%s: %v allocations", test.name, n)
		}
	}
}

func TestParsePacketIn2Refuses(t *testing.T) {
	var v openflow.PacketIn2View
	good := openflow.Append(nil, 1, sampleFlows()["packet in 2"])
	if err := openflow.ParsePacketIn2(openflow.Append(nil, 1, &openflow.BarrierReply{}), &v); err == nil {
		t.Error("a barrier reply is taken for a packet-in")
	}
	if err := openflow.ParsePacketIn2(good[:len(good)-1], &v); !errors.Is(err, openflow.ErrTruncated) {
		t.Errorf("cut: %v", err)
	}
	for _, prop := range [][]byte{{0, 3, 0, 4}, {0, 3, 0, 3}, {0, 4, 0, 8, 1, 2, 3, 4}, {0, 1, 0, 5, 1, 0, 0, 0}, {0, 0, 0, 9, 1, 2, 3, 4}, {0, 1}} {
		b := openflow.AppendHeader(nil, openflow.TypeExperimenter, 1)
		b = append(b, 0, 0, 0x23, 0x20, 0, 0, 0, 30)
		b = openflow.FinishMessage(append(b, prop...), 0)
		if err := openflow.ParsePacketIn2(b, &v); err == nil {
			t.Errorf("property %x is accepted", prop)
		}
	}
}

func TestEncodedFlowMods(t *testing.T) {
	encode := func(table uint8, priority uint16, v uint64, change func(*openflow.FlowMod)) []byte {
		m := openflow.NewFlowMod(openflow.FlowAdd, table, priority)
		m.Cookie, m.IdleTimeout, m.HardTimeout, m.Flags = 7, 8, 9, openflow.FlagSendFlowRem
		m.Match = m.Match.U64(openflow.Metadata, v).U32(openflow.Reg0, 4)
		m.Instructions = openflow.Apply(openflow.SetUint(openflow.Reg1, v)).Goto(table + 1)
		if change != nil {
			change(m)
		}
		return openflow.Append(nil, 5, m)
	}
	add := encode(3, 10, 1, nil)
	deletion := encode(3, 10, 1, func(m *openflow.FlowMod) {
		m.Command, m.Cookie, m.IdleTimeout, m.HardTimeout, m.Flags = openflow.FlowDeleteStrict, 0, 0, 0, 0
		m.Instructions = openflow.Instructions{}
	})
	for name, other := range map[string][]byte{
		"table": encode(4, 10, 1, nil), "priority": encode(3, 11, 1, nil), "match": encode(3, 10, 2, nil),
	} {
		if openflow.SameFlow(add, other) {
			t.Errorf("flows that differ in their %s are the same", name)
		}
	}
	if !openflow.SameFlow(add, deletion) || !openflow.SameFlow(add, encode(3, 10, 1, func(m *openflow.FlowMod) { m.Cookie = 8 })) {
		t.Error("flows that differ in nothing that tells them apart are not the same")
	}
	if got := openflow.DeleteInPlace(add); !bytes.Equal(got, deletion) {
		t.Errorf("deletion:\n got %x\nwant %x", got, deletion)
	}
}
