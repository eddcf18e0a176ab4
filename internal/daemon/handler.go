package daemon

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/core"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/ofconn"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/openflow"
)

// sessions holds the session of each switch.
type sessions struct {
	mu   sync.RWMutex
	byID map[uint64]*ofconn.Session
	past uint64 // what sessions that are over answered
}

func (s *sessions) get(id uint64) *ofconn.Session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[id]
}

// of returns the session that an effect is for, or nil if it is over.
func (s *sessions) of(id, session uint64) *ofconn.Session {
	if found := s.get(id); found != nil && found.Owner.(*worker).session == session {
		return found
	}
	return nil
}

func (s *sessions) put(session *ofconn.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = make(map[uint64]*ofconn.Session)
	}
	s.byID[session.DatapathID()] = session
}

func (s *sessions) remove(session *ofconn.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[session.DatapathID()] == session {
		delete(s.byID, session.DatapathID())
		s.past += session.Owner.(*worker).answered.Load()
	}
}

// answers counts what the hot path answered in all sessions.
func (s *sessions) answers() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := s.past
	for _, session := range s.byID {
		n += session.Owner.(*worker).answered.Load()
	}
	return n
}

// worker is the scratch space of a session's reader.
type worker struct {
	asked    [ofconn.MaxPacketIns]punted
	keys     [ofconn.MaxPacketIns]binding.Key
	found    [ofconn.MaxPacketIns]*binding.Binding
	reply    []byte
	actions  []byte
	answered atomic.Uint64
	trusted  atomic.Pointer[map[binding.PortKey]bool] // nil until the loop has told
	session  uint64                                   // tells the core's effects for this session from others
}

func dpid(id uint64) string { return fabric.FormatID(id) }

// Up implements ofconn.Handler.
func (d *daemon) Up(s *ofconn.Session, st ofconn.State) {
	w := &worker{session: d.lastSession.Add(1)}
	s.Owner = w
	d.sessions.put(s)
	up := core.SwitchUp{
		Switch: st.DatapathID, Session: w.session, Address: st.Address,
		Version: strings.TrimSpace(st.Desc.Hardware + " " + st.Desc.Software),
		Dump:    pipeline.Dump{Flows: st.Flows, Groups: st.Groups, Meters: st.Meters},
	}
	for _, p := range st.Ports {
		up.Ports = append(up.Ports, portOf(p))
	}
	d.tell(up)
}

func portOf(p openflow.Port) fabric.Port {
	return fabric.Port{
		Number: p.No, Name: p.Name, MAC: p.HWAddr,
		Up: p.Config&openflow.PortConfigDown == 0 && p.State&openflow.PortStateLinkDown == 0,
	}
}

// Down implements ofconn.Handler.
func (d *daemon) Down(s *ofconn.Session, err error) {
	d.sessions.remove(s)
	reason := "closed"
	if err != nil {
		reason = err.Error()
	}
	d.tell(core.SwitchDown{Switch: s.DatapathID(), Reason: reason})
}

// PortStatus implements ofconn.Handler.
func (d *daemon) PortStatus(s *ofconn.Session, m *openflow.PortStatus) {
	d.tell(core.PortChanged{
		Switch: s.DatapathID(), Port: portOf(m.Port), Gone: m.Reason == openflow.PortDelete})
}

// PacketIns implements ofconn.Handler: the hot path. Questions for known
// addresses are answered here, from the table, without allocating; everything
// else goes to the loop.
func (d *daemon) PacketIns(s *ofconn.Session, views []openflow.PacketIn2View, out []byte) []byte {
	w := s.Owner.(*worker)
	// All addresses are looked up at once: at many bindings an answer costs
	// little but the wait for memory.
	for i := range views {
		w.keys[i] = w.asked[i].parse(&views[i])
	}
	d.table.LookupAll(w.keys[:len(views)], w.found[:len(views)])
	answered, trusted := uint64(0), w.trusted.Load()
	for i := range views {
		q := &w.asked[i]
		// What may have come by a link, for an owner who is behind another switch, the
		// loop decides: it knows who asks.
		byLink := w.found[i] != nil && w.found[i].Switch != s.DatapathID() && (trusted == nil || (*trusted)[q.at])
		if q.answerable && !byLink {
			var verdict resolve.Answering
			if w.reply, verdict = resolve.AnswerFrom(w.found[i], &q.subject, w.reply[:0]); verdict == resolve.Answered {
				w.actions = pipeline.AppendDeliver(w.actions[:0], q.at)
				out = openflow.AppendPacketOut(out, 0, openflow.PortController, w.actions, w.reply)
				answered++
				continue
			}
		}
		d.punt(s, q, &views[i])
	}
	w.answered.Add(answered)
	clear(w.found[:len(views)]) // bindings that are replaced are not to be kept
	return out
}

// punted is a packet-in of the batch that a session's reader works on.
type punted struct {
	reason     pipeline.Reason // 0 if it is none of the pipeline's
	segment    binding.Segment
	at         binding.PortKey
	subject    resolve.Subject
	answerable bool // it is a question that isat may answer
}

// parse returns the address that is asked for, if the punt is answerable.
func (q *punted) parse(v *openflow.PacketIn2View) (key binding.Key) {
	q.reason, q.segment, q.at, _ = pipeline.PuntOf(v)
	q.answerable = false
	if q.reason == pipeline.ReasonSearch || q.reason == pipeline.ReasonAnswer {
		if q.subject.Parse(v.Packet) == nil {
			key, q.answerable = q.subject.Question(q.segment)
		}
	}
	return key
}

// punt hands a packet-in to the loop, unless that is behind or its userdata makes
// no sense.
func (d *daemon) punt(s *ofconn.Session, q *punted, v *openflow.PacketIn2View) {
	told := false
	switch id := s.DatapathID(); q.reason {
	case 0:
	case pipeline.ReasonHold, pipeline.ReasonRateLimit:
		waiting, ok := pipeline.WaitingOf(v)
		told = ok && len(v.Continuation) > 0 && d.inbox.offer(core.Paused{
			Switch: id, Port: q.at, Waiting: waiting, Limit: q.reason == pipeline.ReasonRateLimit,
			Resume: openflow.AppendResume(nil, 0, v), Frame: slices.Clone(v.Packet)})
	case pipeline.ReasonCompose:
		made, ok := pipeline.CompositionOf(v)
		told = ok && d.inbox.offer(core.Composed{Switch: id, InPort: v.InPort(), Make: made, Frame: slices.Clone(v.Packet)})
	default:
		e := core.Punt{Switch: id, Reason: q.reason, Segment: q.segment, Port: q.at, Frame: v.Packet}
		if q.reason == pipeline.ReasonLearn {
			e.Known = pipeline.KnownOf(v)
		}
		told = d.inbox.punt(&e)
	}
	if !told {
		d.dropped.Add(1)
	}
}

// FlowRemoved implements ofconn.Handler.
func (d *daemon) FlowRemoved(s *ofconn.Session, gone *openflow.FlowRemoved) {
	if key, mac, ok := pipeline.QuietOwner(gone); ok {
		e := core.Quiet{Switch: s.DatapathID(), Key: key, MAC: mac, Idle: time.Duration(gone.IdleTimeout) * time.Second, Sent: gone.PacketCount > 0}
		d.inbox.quiet(&e, d.ended)
	} else if key, at, ok := pipeline.QuietStation(gone); ok {
		key.Switch = s.DatapathID()
		d.tell(core.QuietStation{Key: key, At: at})
	}
}

// Message implements ofconn.Handler. A switch that refuses a change is not as
// wanted any more: it is closed, comes back, and is compared.
func (d *daemon) Message(s *ofconn.Session, _ uint32, m openflow.Message) {
	if reply, ok := m.(*openflow.MultipartReply); ok {
		if meters, ok := reply.Body.(*openflow.MeterStatsReply); ok {
			d.tell(core.Metered{Switch: s.DatapathID(), Meters: meters.Meters})
		}
		return
	}
	e, ok := m.(*openflow.Error)
	if !ok {
		return
	}
	d.log.Warn("error from switch", slog.String("switch", dpid(s.DatapathID())), slog.String("error", e.Error()))
	d.tell(core.SwitchError{Switch: s.DatapathID(), Text: e.Error()})
	switch e.ErrType {
	case openflow.ErrFlowModFailed, openflow.ErrGroupModFailed, openflow.ErrMeterModFailed,
		openflow.ErrBadMatch, openflow.ErrBadInstruction:
		s.Close(e)
	}
}
