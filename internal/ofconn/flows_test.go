package ofconn

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/openflow"
)

// listed asks for all flows, and returns the cookies of those that came.
func listed(ctx context.Context, s *Session) (cookies []uint64, err error) {
	err = s.Flows(ctx, openflow.AllFlows(), func(flows []openflow.FlowStats) {
		for _, f := range flows {
			cookies = append(cookies, f.Cookie)
		}
	})
	return cookies, err
}

// All parts of a dump come, in their order and once, while the session goes on.
func TestFlows(t *testing.T) {
	r := listening(t, Config{})
	f := r.dial(t, 1)
	f.flows = 2*flowsPerReply + 7
	s := r.up(t, f).s
	for range 3 {
		got, err := listed(within(t), s)
		if err != nil || len(got) != f.flows {
			t.Fatalf("%d flows, %v", len(got), err)
		}
		for i, cookie := range got {
			if cookie != uint64(i) {
				t.Fatalf("flow %d has cookie %d", i, cookie)
			}
		}
		if err := s.Barrier(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.exchanges.all) != 0 {
		t.Error("an exchange stayed")
	}
}

// What keeps a dump from its end is told, and the next one is whole.
func TestFlowsFail(t *testing.T) {
	r := listening(t, Config{MaxFlows: 300})
	f := r.dial(t, 1)
	special := make(chan []openflow.Message, 1)
	f.answer = func(_ uint32, m openflow.Message) []openflow.Message {
		if request, ok := m.(*openflow.MultipartRequest); ok && request.Body.Part() == openflow.MultipartFlow {
			select {
			case reply := <-special:
				return reply
			default:
			}
		}
		return nil
	}
	s := r.up(t, f).s
	for _, c := range []struct {
		name  string
		reply []openflow.Message
		flows int // that come
		want  string
	}{
		{"refused", []openflow.Message{&openflow.Error{ErrType: openflow.ErrBadRequest, Code: openflow.RequestBadType}}, 0, "switch answered OFPBRC_BAD_TYPE"},
		{"too many", parts(200, 200, 200), 200, "more than 300 flows"},
		{"another reply", []openflow.Message{&openflow.MultipartReply{Body: &openflow.GroupDescReply{}}}, 0, ""},
	} {
		special <- c.reply
		got, err := listed(within(t), s)
		if len(got) != c.flows || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d flows, %v, want %q", c.name, len(got), err, c.want)
		}
		if got, err := listed(within(t), s); err != nil || len(got) != 0 {
			t.Errorf("after %s: %d flows, %v", c.name, len(got), err)
		}
	}
}

// parts are a dump of several messages.
func parts(sizes ...int) (out []openflow.Message) {
	for i, n := range sizes {
		reply := &openflow.MultipartReply{Body: &openflow.FlowReply{Flows: make([]openflow.FlowStats, n)}}
		if i < len(sizes)-1 {
			reply.Flags = openflow.MultipartMore
		}
		out = append(out, reply)
	}
	return out
}

// A caller that gives up gets nothing any more; one that waits for its turn can
// give up, too; and the end of the session ends both.
func TestFlowsGivenUp(t *testing.T) {
	r := listening(t, Config{})
	f := r.dial(t, 1)
	asked := make(chan uint32, 3)
	handshaken := false
	f.answer = func(xid uint32, m openflow.Message) []openflow.Message {
		request, ok := m.(*openflow.MultipartRequest)
		if !ok || request.Body.Part() != openflow.MultipartFlow {
			return nil
		}
		if !handshaken {
			handshaken = true
			return nil
		}
		asked <- xid
		return []openflow.Message{&openflow.MultipartReply{Flags: openflow.MultipartMore, Body: &openflow.FlowReply{Flows: make([]openflow.FlowStats, 3)}}}
	}
	s := r.up(t, f).s
	ctx, cancel := context.WithCancel(within(t))
	first := make(chan struct{})
	ended := make(chan error, 1)
	calls := 0
	go func() {
		ended <- s.Flows(ctx, openflow.AllFlows(), func([]openflow.FlowStats) {
			if calls++; calls == 1 {
				close(first)
			}
		})
	}()
	xid := wait(t, asked, "request")
	<-first
	expired, stop := context.WithCancel(within(t))
	stop()
	if err := s.Flows(expired, openflow.AllFlows(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("the second: %v", err)
	}
	cancel()
	if err := wait(t, ended, "end of the first"); !errors.Is(err, context.Canceled) {
		t.Errorf("the first: %v", err)
	}
	f.send(xid, parts(5)[0])
	if err := s.Barrier(within(t)); err != nil {
		t.Error(err)
	}
	if calls != 1 {
		t.Errorf("take was called %d times", calls)
	}
	go func() { ended <- s.Flows(within(t), openflow.AllFlows(), func([]openflow.FlowStats) {}) }()
	wait(t, asked, "request")
	s.Close(errors.New("enough"))
	if err := wait(t, ended, "end with the session"); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("the last: %v", err)
	}
}

// A real switch tells what its flows counted.
func TestOpenVSwitchFlows(t *testing.T) {
	r := listening(t, Config{})
	v := startOVS(t)
	v.bridge("br0", 1, of13, "tcp:"+r.addr)
	s := wait(t, r.h.ups, "session").s
	const many = 3000
	var bundle []openflow.Message
	for i := range uint32(many) {
		m := openflow.NewFlowMod(openflow.FlowAdd, uint8(4+i%2), 10)
		m.Cookie = uint64(i)
		m.Match = openflow.Match{}.U32(openflow.Reg0, i)
		bundle = append(bundle, m)
	}
	if err := s.Sync(within(t), nil, bundle); err != nil {
		t.Fatal(err)
	}
	for table, want := range map[uint8]int{openflow.TableAll: many, 4: many / 2, 9: 0} {
		sel := openflow.AllFlows()
		sel.TableID = table
		n := 0
		err := s.Flows(within(t), sel, func(flows []openflow.FlowStats) {
			for _, f := range flows {
				if table == openflow.TableAll || f.TableID == table {
					n++
				}
			}
		})
		if err != nil || n != want {
			t.Errorf("table %d: %d flows, %v, want %d", table, n, err, want)
		}
	}
}
