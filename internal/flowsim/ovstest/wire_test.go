package ovstest_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/openflow"
)

// TestWire checks that the harness sees every frame and packet-in of a switch, and nothing else.
func TestWire(t *testing.T) {
	s := ovstest.Start(t, 3)
	c := s.Connect()
	s.OFCtl("add-flow", "in_port=1,actions=set_field:02:00:00:00:00:09->eth_src,output:2,output:3,LOCAL,controller(userdata=01.02)")
	w := s.Wire(c)
	frame := append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}, make([]byte, 46)...)
	want := bytes.Clone(frame)
	want[11] = 9
	for range 300 {
		seen := w.Send(1, frame)
		if len(seen.Frames) != 3 || len(seen.Punts) != 1 {
			t.Fatalf("seen %d frames and %d packet-ins, want 3 and 1", len(seen.Frames), len(seen.Punts))
		}
		for i, port := range []uint32{2, 3, openflow.PortLocal} {
			if f := seen.Frames[i]; f.Port != port || !bytes.Equal(f.Data, want) {
				t.Fatalf("frame %d: %x from port %d, want %x from %d", i, f.Data, f.Port, want, port)
			}
		}
		if p := seen.Punts[0]; !bytes.Equal(p.Packet, want) || !bytes.Equal(p.Userdata, []byte{1, 2}) {
			t.Fatalf("packet-in %x with %x", p.Packet, p.Userdata)
		}
	}
	like := bytes.Clone(frame) // a sync frame but for its addresses
	copy(like[12:], []byte{0x88, 0xb5, 0, 0, 0, 1})
	if seen := w.Send(1, like); len(seen.Frames) != 3 || len(seen.Punts) != 1 {
		t.Errorf("a frame of the sync frames' type: %+v", seen)
	}
	if seen := w.Send(2, frame); len(seen.Frames)+len(seen.Punts) != 0 {
		t.Errorf("a frame that no flow takes: %+v", seen)
	}
	out := w.PacketOut(1, openflow.AppendActions(nil, openflow.Output{Port: 2}), frame)
	if len(out.Frames) != 1 || out.Frames[0].Port != 2 {
		t.Errorf("packet-out: %+v", out)
	}
	if text, err := s.Ctl("ofproto/trace", ovstest.Bridge, "in_port=2"); err != nil || !strings.Contains(text, "Datapath actions: drop") {
		t.Errorf("trace: %v\n%s", err, text)
	}
	if _, err := s.Ctl("no/such"); err == nil {
		t.Error("an unknown control command gives no error")
	}
}
