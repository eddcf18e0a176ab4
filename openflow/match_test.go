package openflow_test

import (
	"encoding/hex"
	"testing"

	"github.com/isat-sdn/isat/openflow"
)

// TestMatchBytes has the encodings that Open vSwitch 3.1 dumps.
func TestMatchBytes(t *testing.T) {
	var any openflow.Match
	tests := []struct {
		name string
		m    openflow.Match
		want string
	}{
		{"any", any, ""},
		{"in port", any.U32(openflow.InPort, 1), "80000004" + "00000001"},
		{"in port nx", any.U16(openflow.InPortNX, 0xfffe), "80000004" + "fffffffe"},
		{"metadata mask", any.MaskedU64(openflow.Metadata, 0x1ff, 0xff), "80000510" + "00000000000000ff" + "00000000000000ff"},
		{"zero mask", any.MaskedU64(openflow.Metadata, 5, 0), ""},
		{"full mask", any.MaskedU64(openflow.Reg0, 5, 0xffffffff), "00010004" + "00000005"},
		{"order", any.U32(openflow.Reg1, 2).U32(openflow.Reg0, 1).U16(openflow.EthType, 0x0806).U32(openflow.InPort, 3),
			"80000004" + "00000003" + "80000a02" + "0806" + "00010004" + "00000001" + "00010204" + "00000002"},
		{"replaced", any.U32(openflow.Reg1, 2).U32(openflow.Reg1, 3), "00010204" + "00000003"},
		{"replaced by nothing", any.U32(openflow.Reg1, 2).MaskedU64(openflow.Reg1, 3, 0), ""},
		{"xreg", any.U64(openflow.XReg0, 0x100000002), "00010004" + "00000001" + "00010204" + "00000002"},
		{"xreg mask", any.MaskedU64(openflow.XReg0, 0x100000002, 0xffffffff), "00010204" + "00000002"},
		{"xreg over reg", any.U32(openflow.Reg1, 9).U64(openflow.XReg0, 0x100000002), "00010004" + "00000001" + "00010204" + "00000002"},
		{"no vlan", any.U16(openflow.VLANTCI, 0), "80000c02" + "0000"},
		{"tci", any.U16(openflow.VLANTCI, 0xb065), "80000c02" + "1065" + "80000e01" + "05"},
		{"vlan mask", any.MaskedU64(openflow.VLANVID, 0x1005, 0x1fff), "80000c02" + "1005"},
		{"frag", any.MaskedU64(openflow.IPFrag, 1, 3), "00013401" + "01"},
		{"experimenter", any.U32(openflow.ActsetOutput, 2), "ffff5608" + "4f4e4600" + "00000002"},
		{"experimenter mask", any.MaskedU64(openflow.TCPFlags, 2, 0x12), "ffff5508" + "4f4e4600" + "0002" + "0012"},
		{"nd reserved", any.U32(openflow.NDReserved, 2), "10000204" + "00000002"},
	}
	for _, test := range tests {
		if got := hex.EncodeToString([]byte(test.m.Key())); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// TestMatchNormalised: what others may send is brought into canonical form when it is decoded.
func TestMatchNormalised(t *testing.T) {
	var any openflow.Match
	tests := []struct {
		name string
		oxm  string
		want openflow.Match
	}{
		{"order", "00010204000000028000000400000003", any.U32(openflow.InPort, 3).U32(openflow.Reg1, 2)},
		{"nxm in port", "00000002fffe", any.U32(openflow.InPort, openflow.PortLocal)},
		{"nxm eth dst", "00000206020000000001", any.MAC(openflow.EthDst, [6]byte{2, 0, 0, 0, 0, 1})},
		{"full mask", "0001010800000005ffffffff", any.U32(openflow.Reg0, 5)},
		{"zero mask", "000101080000000500000000", any},
		{"bits outside mask", "00010108000000ff0000000f", any.MaskedU64(openflow.Reg0, 15, 15)},
		{"xreg", "800100080000000100000002", any.U32(openflow.Reg0, 1).U32(openflow.Reg1, 2)},
	}
	for _, test := range tests {
		oxm, err := hex.DecodeString(test.oxm)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeFlowMatch(oxm)
		if err != nil || got != test.want {
			t.Errorf("%s: got %v, %v, want %v", test.name, got, err, test.want)
		}
	}
	for _, bad := range []string{"800000040000", "80000003000000", "8000000400000001" + "8000000400000002",
		"8000000400000002" + "000000020001" + "8000000400000002", "ffff5602" + "4f4e", "0001010700000000ffffff", "80"} {
		oxm, err := hex.DecodeString(bad)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := decodeFlowMatch(oxm); err == nil {
			t.Errorf("%s is accepted as %v", bad, m)
		}
	}
}

// decodeFlowMatch decodes a flow-mod whose match has the given bytes.
func decodeFlowMatch(oxm []byte) (openflow.Match, error) {
	b := openflow.Append(nil, 1, openflow.NewFlowMod(openflow.FlowAdd, 0, 0))
	b = b[:len(b)-8]
	b = append(b, 0, 1, byte((4+len(oxm))>>8), byte(4+len(oxm)))
	b = append(b, oxm...)
	for (4+len(oxm))%8 != 0 {
		b, oxm = append(b, 0), append(oxm, 0)
	}
	_, m, err := openflow.Decode(openflow.FinishMessage(b, 0))
	if err != nil {
		return openflow.Match{}, err
	}
	return m.(*openflow.FlowMod).Match, nil
}

// TestMatchUnknownFields: fields that are not known stay where they are.
func TestMatchUnknownFields(t *testing.T) {
	const oxm = "80000004" + "00000001" + "0001fc027f00" + "ffff0008" + "00005555" + "01020304" + "00010204" + "00000002" + "7fff0000"
	in, err := hex.DecodeString(oxm)
	if err != nil {
		t.Fatal(err)
	}
	m, err := decodeFlowMatch(in)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString([]byte(m.Key())); got != oxm {
		t.Errorf("got %s, want %s", got, oxm)
	}
	var names []string
	for o := range m.All() {
		names = append(names, o.Field.Name)
	}
	want := []string{"in_port_oxm", "oxm-0001fc02", "oxm-ffff0008-00005555", "reg1", "oxm-7fff0000"}
	if len(names) != len(want) {
		t.Fatalf("fields %v", names)
	}
	for i := range want {
		if names[i] != want[i] {
			t.Errorf("field %d is %s, want %s", i, names[i], want[i])
		}
	}
	if got := m.U32(openflow.Reg0, 7); got == m {
		t.Error("a field added to unknown ones is lost")
	} else if v, _, ok := got.GetU64(openflow.Reg0); !ok || v != 7 {
		t.Errorf("reg0 is %d", v)
	}
}

func TestMatchGet(t *testing.T) {
	m := sampleMatch()
	if v, mask, ok := m.Get(openflow.ARPTPA); !ok || hex.EncodeToString(v) != "0a000000" || hex.EncodeToString(mask) != "ff000000" {
		t.Errorf("arp_tpa %x/%x %v", v, mask, ok)
	}
	if _, _, ok := m.Get(openflow.ARPSPA); ok {
		t.Error("arp_spa is found")
	}
	if v, mask, ok := m.GetU64(openflow.EthType); v != 0x0806 || mask != 0xffff || !ok {
		t.Errorf("eth_type %x/%x %v", v, mask, ok)
	}
	if v, mask, ok := m.Wide(openflow.XReg0); !ok || v[7] != 5 || mask[7] != 0xff || mask[3] != 0 {
		t.Errorf("xreg0 %x/%x %v", v, mask, ok)
	}
	if _, _, ok := m.Wide(openflow.XXReg3); ok {
		t.Error("xxreg3 is found")
	}
	if got, want := m.String(), "in_port_oxm=0x00000003,eth_type=0x0806,arp_op=0x0001,arp_tpa=0x0a000000/0xff000000,"+
		"reg1=0x00000005,metadata=0x0000000000000001/0x0000000000ffffff"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !(openflow.Match{}).IsZero() || m.IsZero() || !m.Equal(sampleMatch()) {
		t.Error("comparison")
	}
}

func TestFieldNames(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range openflow.Fields() {
		if seen[f.Name] {
			t.Errorf("two fields are named %s", f.Name)
		}
		seen[f.Name] = true
		if got, ok := openflow.FieldByName(f.Name); !ok || got != f {
			t.Errorf("%s is not found by its name", f.Name)
		}
		if f.Bits > f.Bytes()*8 || f.Bits <= (f.Bytes()-1)*8 && f.Bytes() < 2 {
			t.Errorf("%s has %d bits in %d bytes", f.Name, f.Bits, f.Bytes())
		}
	}
	for alias, want := range map[string]*openflow.Field{"dl_dst": openflow.EthDst, "nw_src": openflow.IPv4Src, "tunnel_id": openflow.TunnelID} {
		if got, ok := openflow.FieldByName(alias); !ok || got != want {
			t.Errorf("%s is not %s", alias, want)
		}
	}
	if f, ok := openflow.FieldByName("nonsense"); ok {
		t.Errorf("found %s", f)
	}
}

func TestBuilderPanics(t *testing.T) {
	var any openflow.Match
	tests := map[string]func(){
		"value too large":   func() { any.U16(openflow.IPProto, 256) },
		"value too short":   func() { any.Bytes(openflow.IPv6Src, []byte{1}) },
		"mask too short":    func() { any.Masked(openflow.Reg0, []byte{1, 2, 3, 4}, []byte{1}) },
		"set-field too big": func() { openflow.SetUint(openflow.ARPOp, 1<<16) },
		"set-field length":  func() { openflow.AppendActions(nil, openflow.SetBytes(openflow.ARPOp, []byte{1})) },
	}
	for name, run := range tests {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			run()
		})
	}
}
