package openflow_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/openflow"
	_ "github.com/isat-sdn/isat/test/seed"
)

func genBytes(n int) *rapid.Generator[[]byte] { return rapid.SliceOfN(rapid.Byte(), n, n) }

func genField() *rapid.Generator[*openflow.Field] { return rapid.SampledFrom(openflow.Fields()) }

func genMatch() *rapid.Generator[openflow.Match] {
	return rapid.Custom(func(t *rapid.T) openflow.Match {
		var m openflow.Match
		for range rapid.IntRange(0, 8).Draw(t, "fields") {
			f := genField().Draw(t, "field")
			var mask []byte
			if f.Maskable && rapid.Bool().Draw(t, "masked") {
				mask = genBytes(f.Bytes()).Draw(t, "mask")
			}
			m = m.Masked(f, genBytes(f.Bytes()).Draw(t, "value"), mask)
		}
		return m
	})
}

func genAction(depth int) *rapid.Generator[openflow.Action] {
	return rapid.Custom(func(t *rapid.T) openflow.Action {
		u8, u16, u32 := rapid.Uint8(), rapid.Uint16(), rapid.Uint32()
		f := genField().Draw(t, "field")
		ofs, nbits := rapid.Uint16Range(0, 63).Draw(t, "ofs"), rapid.Uint16Range(1, 64).Draw(t, "nbits")
		switch rapid.IntRange(0, 13).Draw(t, "kind") {
		case 0:
			return openflow.Output{Port: u32.Draw(t, "port"), MaxLen: u16.Draw(t, "len")}
		case 1:
			return openflow.SetField{Field: f, Value: genBytes(f.Bytes()).Draw(t, "value")}
		case 2:
			mask := genBytes(f.Bytes()).Draw(t, "mask")
			value := genBytes(f.Bytes()).Draw(t, "value")
			for i := range value {
				value[i] &= mask[i]
			}
			return openflow.SetField{Field: f, Value: value, Mask: mask}
		case 3:
			if f.Experimenter != 0 {
				f = openflow.Reg0
			}
			return openflow.RegLoad{Field: f, Ofs: ofs, NBits: nbits, Value: rapid.Uint64().Draw(t, "value")}
		case 4:
			return openflow.RegMove{Src: f, SrcOfs: ofs, Dst: genField().Draw(t, "dst"), DstOfs: ofs, NBits: nbits}
		case 5:
			return openflow.Resubmit{InPort: u16.Draw(t, "port"), Table: u8.Draw(t, "table")}
		case 6:
			return openflow.Controller2{MaxLen: u16.Draw(t, "len"), ControllerID: u16.Draw(t, "id"), Reason: u8.Draw(t, "reason"),
				Userdata: rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "userdata"), Pause: rapid.Bool().Draw(t, "pause"), MeterID: u32.Draw(t, "meter")}
		case 7:
			return openflow.StackPush{Field: f, Ofs: ofs, NBits: nbits}
		case 8:
			return openflow.CheckPktLarger{Len: u16.Draw(t, "len"), Dst: f, Bit: ofs}
		case 9:
			return openflow.Conjunction{ID: u32.Draw(t, "id"), Clause: u8.Draw(t, "clause"), N: u8.Draw(t, "n")}
		case 10:
			return openflow.Note{Data: genBytes(6+8*int(u8.Draw(t, "len")%4)).Draw(t, "note")}
		case 11:
			if f.Experimenter != 0 {
				f = openflow.Reg0
			}
			return openflow.Multipath{Fields: u16.Draw(t, "fields"), Basis: u16.Draw(t, "basis"), Algorithm: u16.Draw(t, "algorithm"),
				MaxLink: u16.Draw(t, "link"), Arg: u32.Draw(t, "arg"), Dst: f, DstOfs: ofs, NBits: nbits}
		case 12:
			if depth < 3 {
				return openflow.Clone{Actions: rapid.SliceOfN(genAction(depth+1), 0, 3).Draw(t, "clone")}
			}
		}
		return openflow.DecTTL{}
	})
}

func genInstructions() *rapid.Generator[openflow.Instructions] {
	return rapid.Custom(func(t *rapid.T) openflow.Instructions {
		i := openflow.Instructions{
			Meter: rapid.Uint32().Draw(t, "meter"),
			Apply: rapid.SliceOfN(genAction(0), 0, 6).Draw(t, "apply"),
			Clear: rapid.Bool().Draw(t, "clear"),
			Write: rapid.SliceOfN(genAction(0), 0, 3).Draw(t, "write"),
		}
		if i.MetadataMask = rapid.Uint64().Draw(t, "metadata mask"); i.MetadataMask != 0 {
			i.WriteMetadata = rapid.Uint64().Draw(t, "metadata")
		}
		if rapid.Bool().Draw(t, "goto") {
			i = i.Goto(rapid.Uint8().Draw(t, "table"))
		}
		return i
	})
}

func genMessage() *rapid.Generator[openflow.Message] {
	return rapid.Custom(func(t *rapid.T) openflow.Message {
		u16, u32, u64 := rapid.Uint16(), rapid.Uint32(), rapid.Uint64()
		data := rapid.SliceOfN(rapid.Byte(), 0, 80)
		switch rapid.IntRange(0, 5).Draw(t, "message") {
		case 0:
			m := openflow.NewFlowMod(openflow.FlowAdd, rapid.Uint8().Draw(t, "table"), u16.Draw(t, "priority"))
			m.Cookie, m.IdleTimeout = u64.Draw(t, "cookie"), u16.Draw(t, "idle")
			m.Match, m.Instructions = genMatch().Draw(t, "match"), genInstructions().Draw(t, "instructions")
			return m
		case 1:
			return &openflow.PacketIn2{Packet: data.Draw(t, "packet"), FullLen: u32.Draw(t, "full"), BufferID: openflow.NoBuffer,
				Cookie: u64.Draw(t, "cookie"), Metadata: genMatch().Draw(t, "metadata"), Userdata: data.Draw(t, "userdata"),
				Continuation: data.Draw(t, "continuation")}
		case 2:
			return &openflow.PacketOut{BufferID: openflow.NoBuffer, InPort: u32.Draw(t, "port"),
				Actions: rapid.SliceOfN(genAction(0), 0, 5).Draw(t, "actions"), Data: data.Draw(t, "data")}
		case 3:
			return &openflow.GroupMod{ID: u32.Draw(t, "id"), Buckets: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) openflow.Bucket {
				return openflow.NewBucket(rapid.SliceOfN(genAction(0), 0, 3).Draw(t, "actions")...)
			}), 0, 4).Draw(t, "buckets")}
		case 4:
			return &openflow.MultipartReply{Body: &openflow.FlowReply{Flows: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) openflow.FlowStats {
				return openflow.FlowStats{Priority: u16.Draw(t, "priority"), Match: genMatch().Draw(t, "match"),
					Instructions: genInstructions().Draw(t, "instructions")}
			}), 0, 3).Draw(t, "flows")}}
		}
		return &openflow.BundleAdd{ID: u32.Draw(t, "id"), XID: u32.Draw(t, "xid"), Message: &openflow.EchoRequest{Data: data.Draw(t, "data")}}
	})
}

// TestPropertyRoundTrip: decoding what was encoded gives the same message.
func TestPropertyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := genMessage().Draw(t, "message")
		b := openflow.Append(nil, 1, m)
		_, got, err := openflow.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, got, sameMessage); diff != "" {
			t.Fatal(diff)
		}
		if again := openflow.Append(nil, 1, got); !bytes.Equal(again, b) {
			t.Fatalf("got %x, want %x", again, b)
		}
	})
}

// TestPropertyMatchOrder: the order in which fields are added does not matter.
func TestPropertyMatchOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := genMatch().Draw(t, "match")
		var parts []openflow.OXM
		for o := range m.All() {
			parts = append(parts, o)
		}
		var again openflow.Match
		for _, o := range rapid.Permutation(parts).Draw(t, "order") {
			again = again.Masked(o.Field, o.Value, o.Mask)
		}
		if again != m {
			t.Fatalf("got %v, want %v", again, m)
		}
	})
}

// TestPropertyDamage: damaged messages decode or give an error, and nothing else.
func TestPropertyDamage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := openflow.Append(nil, 1, genMessage().Draw(t, "message"))
		for range rapid.IntRange(1, 4).Draw(t, "damages") {
			b[rapid.IntRange(8, max(8, len(b)-1)).Draw(t, "at")%len(b)] = rapid.Byte().Draw(t, "byte")
		}
		exercise(t.Fatalf, b)
	})
}
