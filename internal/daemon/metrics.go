package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/core"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/ofconn"
	"github.com/isat-sdn/isat/internal/view"
)

// Metrics describes every metric of a daemon, with the values of one that has just
// been made.
func Metrics() []view.Metric {
	d := &daemon{core: core.New(core.Config{}, intent.Default()), inbox: newInbox(), asked: new(asked),
		clients: api.NewConnections(api.MaxConnections, nil)}
	d.switches = ofconn.New(ofconn.Config{}, d)
	return append(d.core.Metrics(), d.metrics()...)
}

// measure takes every metric of a running daemon. The loop only copies numbers.
func (d *daemon) measure(ctx context.Context) (list []view.Metric, err error) {
	ctx, cancel := context.WithTimeout(ctx, measureTimeout)
	defer cancel()
	if err := d.query(ctx, func(c *core.Core) { list = c.Metrics() }); err != nil {
		return nil, err
	}
	return append(list, d.metrics()...), nil
}

// measureTimeout is how long the loop may be behind before its numbers are given up:
// less than the 10 s for which Prometheus waits by default.
const measureTimeout = 5 * time.Second

// metrics are those of what is around the core.
func (d *daemon) metrics() []view.Metric {
	return append(d.counters(),
		view.Level("isat_kept_changes_waiting", "changes of bindings that wait to be written", d.kept().Waiting),
		view.Level("isat_events_waiting", "events that wait for the core", d.inbox.waiting()),
		view.Level("isat_events_waiting_max", "events that may wait; beyond, punts are dropped", eventQueue),
		view.Count("isat_steps_total", "", "steps of the controller's loop, each of which takes the events that wait", d.steps.Load()),
		view.Metric{Name: "isat_step_seconds_total", Help: "time that the steps took: its rate is the share of one core that the loop is busy for",
			Values: []view.Sample{{Value: time.Duration(d.busy.Load()).Seconds()}}},
		view.Level("isat_api_connections", fmt.Sprintf("connections to the API, of which there may be %d", api.MaxConnections), d.clients.Open()),
		view.Level("isat_watchers", "who follows changes or events", d.changes.readers()+d.happened.readers()),
		view.Level("isat_openflow_connections", "connections of switches, in the handshake or up", d.switches.Counters().Sessions.Load()),
	)
}

// counters are what only grows, of what is around the core.
func (d *daemon) counters() []view.Metric {
	n, kept := d.switches.Counters(), d.kept()
	return []view.Metric{
		view.Count("isat_intent_edits_total", "intent-edits", "edits of the intent that were made", d.asked.made.Load()),
		view.Count("isat_intent_edits_refused_total", "intent-refused",
			"edits of the intent that were refused: it would not have been valid, somebody else's came first, or it could not be kept", d.asked.refused.Load()),
		view.Count("isat_punts_dropped_total", "punt-dropped", "packets that were dropped because the core was behind", d.dropped.Load()),
		view.Count("isat_questions_answered_at_once_total", "question-answered-at-once",
			"questions that a session answered from the binding table without asking the core", d.sessions.answers()),
		view.Count("isat_api_connections_gave_way_total", "api-gave-way",
			"connections to the API that were closed, while no request was under way on them, to make room for another", d.clients.GaveWay()),
		view.Count("isat_api_connections_refused_total", "api-refused",
			"connections to the API that were refused because each of those that are open had a request under way", d.clients.Refused()),
		view.Count("isat_watchers_cut_off_total", "watchers-cut-off", "watchers that were cut off because they did not keep up",
			d.changes.cut.Load()+d.happened.cut.Load()),
		view.Count("isat_watchers_refused_total", "watchers-refused", "watchers that were refused because there were too many",
			d.changes.refused.Load()+d.happened.refused.Load()),
		view.Count("isat_kept_changes_written_total", "kept-written", "changes of bindings that were written to the data directory", kept.Written),
		view.Count("isat_kept_changes_dropped_total", "kept-dropped", "changes of bindings that were not written because too many waited", kept.Dropped),
		view.Count("isat_kept_failures_total", "kept-failed", "times that the data directory could not be written", kept.Failed),
		view.Count("isat_openflow_packet_ins_total", "openflow-packet-ins", "packet-ins from switches", n.PacketIns.Load()),
		view.Count("isat_openflow_early_packet_ins_total", "openflow-early", "packet-ins dropped because the handshake was not over", n.EarlyPkts.Load()),
		view.Count("isat_openflow_packet_outs_total", "openflow-packet-outs", "packet-outs to switches", n.PacketOuts.Load()),
		view.Count("isat_openflow_flow_mods_total", "openflow-flow-mods", "flow-mods to switches, renewals of leases among them", n.FlowMods.Load()),
		view.Count("isat_openflow_malformed_messages_total", "openflow-malformed", "messages from switches that could not be decoded", n.Malformed.Load()),
		view.Count("isat_openflow_error_messages_total", "openflow-errors", "error messages from switches", n.Errors.Load()),
		view.Count("isat_openflow_port_status_total", "openflow-port-status", "messages from switches about ports", n.PortStatus.Load()),
		view.Count("isat_openflow_connections_accepted_total", "openflow-accepted", "connections from switches", n.Accepted.Load()),
		view.Count("isat_openflow_connections_refused_total", "openflow-refused", "connections that ended before they became a session", n.Refused.Load()),
		view.Count("isat_openflow_sessions_replaced_total", "openflow-replaced", "sessions that gave way to a newer one of the same datapath id", n.Replaced.Load()),
		view.Count("isat_openflow_received_bytes_total", "openflow-bytes-in", "octets from switches", n.BytesIn.Load()),
		view.Count("isat_openflow_sent_bytes_total", "openflow-bytes-out", "octets to switches", n.BytesOut.Load()),
	}
}
