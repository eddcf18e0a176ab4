package ofconn

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/isat-sdn/isat/openflow"
)

func TestHandshake(t *testing.T) {
	r := listening(t, Config{})
	f := r.dial(t, 0xabc)
	f.flows = 1000
	f.ports = []openflow.Port{{No: 1, Name: "h1"}, {No: 2, Name: "h2"}}
	st := r.up(t, f).st
	if st.DatapathID != 0xabc || st.Desc.Manufacturer != "fake" || len(st.Ports) != 2 || st.Flows.Len() != 1000 {
		t.Errorf("state %x %+v, %d ports, %d flows", st.DatapathID, st.Desc, len(st.Ports), st.Flows.Len())
	}
	i := uint64(0)
	for flow := range st.Flows.All() {
		if flow.Cookie() != i {
			t.Fatalf("flow %d has cookie %d", i, flow.Cookie())
		}
		i++
	}
	if want := "tcp:" + f.conn.LocalAddr().String(); st.Address != want {
		t.Errorf("address %q, want %q", st.Address, want)
	}
}

// refusedBy runs a switch until the server hangs up, and returns the reply to its hello, if it is an
// error.
func refusedBy(t *testing.T, r *rig, f *fakeSwitch, hello openflow.Message) (reply []byte) {
	t.Helper()
	f.send(1, hello)
	for {
		msg, err := f.receive()
		if err != nil {
			return reply
		}
		if frameType(msg) == openflow.TypeError {
			reply = append(reply, msg...)
			continue
		}
		xid, m, err := openflow.Decode(msg)
		if err != nil {
			t.Fatal(err)
		}
		if m.Type() == openflow.TypeHello {
			continue
		}
		for _, answer := range f.replies(xid, m) {
			f.send(xid, answer)
		}
	}
}

func TestHandshakeRefused(t *testing.T) {
	refuse := func(what func(m openflow.Message) bool, errType, code uint16) func(uint32, openflow.Message) []openflow.Message {
		return func(_ uint32, m openflow.Message) []openflow.Message {
			if what(m) {
				return []openflow.Message{&openflow.Error{ErrType: errType, Code: code}}
			}
			return nil
		}
	}
	part := func(kind openflow.MultipartType) func(m openflow.Message) bool {
		return func(m openflow.Message) bool {
			request, ok := m.(*openflow.MultipartRequest)
			return ok && request.Body.Part() == kind
		}
	}
	is := func(kind openflow.Type) func(m openflow.Message) bool {
		return func(m openflow.Message) bool { return m.Type() == kind }
	}
	for _, tc := range []struct {
		name  string
		hello openflow.Message
		setup func(f *fakeSwitch)
		log   string
		reply string // code of an error message to the switch
	}{
		{"version", &openflow.Hello{Version: 1}, nil,
			"speaks OpenFlow 1.0, not 1.3: ovs-vsctl set bridge BR protocols=OpenFlow13,OpenFlow14,OpenFlow15", "OFPHFC_INCOMPATIBLE"},
		{"newer versions only", &openflow.Hello{Version: 6, Bitmaps: []uint32{1<<5 | 1<<6}}, nil,
			"speaks OpenFlow 1.5, not 1.3", "OFPHFC_INCOMPATIBLE"},
		{"unknown version", &openflow.Hello{Version: 0x63, Bitmaps: []uint32{0}}, nil,
			"speaks OpenFlow version 0x63, not 1.3", "OFPHFC_INCOMPATIBLE"},
		{"refused by the switch", &openflow.Error{ErrType: openflow.ErrHelloFailed}, nil, "switch answered OFPHFC_INCOMPATIBLE", ""},
		{"no hello", &openflow.EchoRequest{}, nil, "first message is echo-request, want hello", ""},
		{"no nicira extensions", nil, func(f *fakeSwitch) {
			f.answer = refuse(is(openflow.TypeExperimenter), openflow.ErrBadRequest, openflow.RequestBadExperiment)
		}, "has no Nicira extensions (it answered OFPBRC_BAD_VENDOR)", ""},
		{"auxiliary", nil, func(f *fakeSwitch) { f.aux = 3 }, "auxiliary connection 3 of switch 0000000000000001", ""},
		{"features", nil, func(f *fakeSwitch) {
			f.answer = refuse(is(openflow.TypeFeaturesRequest), openflow.ErrBadRequest, openflow.RequestPermission)
		}, "features request: switch answered OFPBRC_EPERM", ""},
		{"config", nil, func(f *fakeSwitch) {
			f.answer = refuse(is(openflow.TypeSetConfig), openflow.ErrSwitchConfigFailed, 0)
		}, "set config: switch answered OFPSCFC_BAD_FLAGS", ""},
		{"flows refused", nil, func(f *fakeSwitch) {
			f.answer = refuse(part(openflow.MultipartFlow), openflow.ErrBadRequest, openflow.RequestPermission)
		}, "flow dump: switch answered OFPBRC_EPERM", ""},
		{"flows incomplete", nil, func(f *fakeSwitch) {
			f.answer = func(_ uint32, m openflow.Message) []openflow.Message {
				if part(openflow.MultipartFlow)(m) {
					return []openflow.Message{&openflow.MultipartReply{Flags: openflow.MultipartMore, Body: &openflow.FlowReply{}}}
				}
				return nil
			}
		}, "flow dump is incomplete", ""},
		{"too many flows", nil, func(f *fakeSwitch) { f.flows = 600 }, "switch has more than 500 flows", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := listening(t, Config{MaxFlows: 500})
			for range 3 {
				f := r.dial(t, 1)
				if tc.setup != nil {
					tc.setup(f)
				}
				hello := tc.hello
				if hello == nil {
					hello = openflow.NewHello()
				}
				reply := refusedBy(t, r, f, hello)
				if (len(reply) > 0) != (tc.reply != "") {
					t.Fatalf("reply % x", reply)
				}
				if tc.reply != "" {
					_, m, err := openflow.Decode(reply)
					if err != nil || m.(*openflow.Error).String() != tc.reply {
						t.Errorf("reply %+v, %v", m, err)
					}
					if h := tc.hello.(*openflow.Hello); frameVersion(reply) != h.Version {
						t.Errorf("reply has version %d: the switch can't read it", frameVersion(reply))
					}
				}
			}
			waitFor(t, "three refusals", func() bool { return r.Counters().Refused.Load() == 3 })
			if n := r.log.lines(tc.log); n != 1 {
				t.Errorf("%d log lines say %q:\n%s", n, tc.log, r.log)
			}
			if r.h.calls() != "" {
				t.Errorf("handler was told: %s", r.h.calls())
			}
		})
	}
}

// What is not needed for a session may be missing.
func TestHandshakeWithoutGroupsAndMeters(t *testing.T) {
	r := listening(t, Config{})
	f := r.dial(t, 1)
	f.answer = func(_ uint32, m openflow.Message) []openflow.Message {
		if request, ok := m.(*openflow.MultipartRequest); ok {
			switch request.Body.Part() {
			case openflow.MultipartDesc, openflow.MultipartGroupDesc, openflow.MultipartMeterConfig:
				return []openflow.Message{&openflow.Error{ErrType: openflow.ErrBadRequest, Code: openflow.RequestBadType}}
			}
		}
		return nil
	}
	r.up(t, f)
	if n := r.log.lines("switch refused a request"); n != 3 {
		t.Errorf("log:\n%s", r.log)
	}
}

// Events that come during the dumps are delivered after Up, in their order; packets are not.
func TestHandshakeEvents(t *testing.T) {
	r := listening(t, Config{})
	r.h.packetIn = func(_ *Session, _ *openflow.PacketIn2View, out []byte) []byte {
		t.Error("a packet-in of the handshake was delivered")
		return out
	}
	f := r.dial(t, 1)
	f.answer = func(_ uint32, m openflow.Message) []openflow.Message {
		request, ok := m.(*openflow.MultipartRequest)
		if !ok || request.Body.Part() != openflow.MultipartGroupDesc {
			return nil
		}
		return []openflow.Message{
			&openflow.PortStatus{Reason: openflow.PortAdd, Port: openflow.Port{No: 1, Name: "h1"}},
			&openflow.EchoRequest{Data: []byte("alive?")},
			packetIn(),
			&openflow.PacketIn{},
			&openflow.FlowRemoved{Cookie: 5},
			&openflow.PortStatus{Reason: openflow.PortDelete, Port: openflow.Port{No: 1, Name: "h1"}},
			&openflow.GroupMod{}, // no switch sends this
			&openflow.MultipartReply{Body: &openflow.GroupDescReply{}},
		}
	}
	r.up(t, f)
	for _, reason := range []uint8{openflow.PortAdd, openflow.PortDelete} {
		if m := wait(t, r.h.ports, "port status"); m.Reason != reason || m.Port.Name != "h1" {
			t.Errorf("port status %+v", m)
		}
	}
	if m, ok := wait(t, r.h.messages, "flow-removed").(*openflow.FlowRemoved); !ok || m.Cookie != 5 {
		t.Errorf("message %+v", m)
	}
	if n := r.Counters().EarlyPkts.Load(); n != 2 {
		t.Errorf("%d packet-ins were dropped", n)
	}
}

func packetIn() *openflow.PacketIn2 {
	return &openflow.PacketIn2{Packet: make([]byte, 60), BufferID: openflow.NoBuffer, Cookie: openflow.NoCookie,
		Reason: openflow.ReasonAction, Metadata: openflow.Match{}.U32(openflow.InPort, 3), Userdata: []byte{1, 2, 3, 4}}
}

// conformance: O3
func TestSameDatapathManyTimes(t *testing.T) {
	const n = 24
	r := listening(t, Config{})
	var all sync.WaitGroup
	for range n {
		f := r.dial(t, 77)
		all.Go(func() {
			if err := f.run(); err != nil && !connectionGone(err) {
				t.Error(err)
			}
		})
		t.Cleanup(func() { f.conn.Close() })
	}
	waitFor(t, "one session left", func() bool {
		return r.Counters().Accepted.Load() == n && r.Counters().Sessions.Load() == 1 &&
			strings.HasSuffix(r.h.calls(), fmt.Sprintf("up %d", n))
	})
	// Ups and downs alternate, and each down is of the session that was up.
	calls := strings.Split(r.h.calls(), ", ")
	for i, call := range calls {
		want := "up "
		if i%2 == 1 {
			want = strings.Replace(calls[i-1], "up ", "down ", 1)
		}
		if !strings.HasPrefix(call, want) {
			t.Fatalf("call %d is %q: %v", i, call, calls)
		}
	}
}

func TestHandshakeTimeouts(t *testing.T) {
	for _, tc := range []struct {
		name    string
		respond func(f *fakeSwitch)
		after   time.Duration
	}{
		{"nothing", func(f *fakeSwitch) {}, 10 * time.Second},
		{"hello only", func(f *fakeSwitch) { f.send(1, openflow.NewHello()) }, 10 * time.Second},
		{"a trickle", func(f *fakeSwitch) {
			f.send(1, openflow.NewHello())
			for f.send(2, &openflow.EchoReply{}) == nil {
				time.Sleep(time.Second)
			}
		}, 100 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(Config{})
				f := newFake(r.pipe(t), 1)
				start := time.Now()
				var speaks sync.WaitGroup
				speaks.Go(func() { tc.respond(f) })
				for {
					if _, err := f.receive(); err != nil {
						break
					}
				}
				if took := time.Since(start); took != tc.after {
					t.Errorf("closed after %v, want %v", took, tc.after)
				}
				speaks.Wait()
				synctest.Wait()
				if n := r.log.lines("did not finish the handshake"); n != 1 {
					t.Errorf("log:\n%s", r.log)
				}
			})
		})
	}
}

func TestTooManySessions(t *testing.T) {
	r := listening(t, Config{MaxSessions: 2})
	r.up(t, r.dial(t, 1))
	second := r.dial(t, 2)
	r.up(t, second)
	for range 2 {
		f := r.dial(t, 3)
		if _, err := f.receive(); err == nil {
			t.Error("a third session got a hello")
		}
	}
	if n := r.log.lines("too many switches"); n != 1 {
		t.Errorf("log:\n%s", r.log)
	}
	second.conn.Close()
	if down := wait(t, r.h.downs, "end of the second"); !errors.Is(down.err, ErrPeerClosed) {
		t.Error(down.err)
	}
	waitFor(t, "room", func() bool { return r.Counters().Sessions.Load() == 1 })
	r.up(t, r.dial(t, 3))
}
