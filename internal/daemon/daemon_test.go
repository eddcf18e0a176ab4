package daemon

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// Whatever keeps a daemon from starting is said in one line, that names what
// is wrong and where, and leaves no socket open.
func TestStartErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	broken := filepath.Join(t.TempDir(), "intent.yaml")
	if err := os.WriteFile(broken, []byte("kind: network\nname: blue\nnumber: x\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	free := "tcp:127.0.0.1:0"
	for _, c := range []struct {
		name   string
		config Config
		want   []string
		lines  int // 0 for one
	}{
		{"switch port taken", Config{Listen: []string{"tcp:" + taken.Addr().String()}, APIListen: "127.0.0.1:0"}, []string{taken.Addr().String(), "in use"}, 0},
		{"second switch port taken", Config{Listen: []string{free, "tcp:" + taken.Addr().String()}, APIListen: "127.0.0.1:0"}, []string{"in use"}, 0},
		{"api port taken", Config{Listen: []string{free}, APIListen: taken.Addr().String()}, []string{taken.Addr().String(), "in use"}, 0},
		{"no such address", Config{Listen: []string{"tcp:192.0.2.1:0"}, APIListen: "127.0.0.1:0"}, []string{"192.0.2.1"}, 0},
		{"not an address", Config{Listen: []string{"nonsense"}, APIListen: "127.0.0.1:0"}, []string{"nonsense"}, 0},
		{"no intent file", Config{Listen: []string{free}, APIListen: "127.0.0.1:0", IntentFile: "/does/not/exist.yaml"}, []string{"read intent", "/does/not/exist.yaml"}, 0},
		{"broken intent", Config{Listen: []string{free}, APIListen: "127.0.0.1:0", IntentFile: broken}, []string{broken + ":3:", "number"}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
			err := Run(t.Context(), c.config)
			if err == nil {
				t.Fatal("it runs")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if n := strings.Count(err.Error(), "\n") + 1; n != max(c.lines, 1) {
				t.Errorf("error has %d lines: %q", n, err)
			}
		})
	}
}

// A daemon that is told to end while nobody is connected, and while somebody
// is, does.
func TestEnds(t *testing.T) {
	r := run(t, Config{})
	r.dial(t, 1, false)
	run(t, Config{})
}

// A switch connects, hosts are learned, and the API shows it all.
func TestBackend(t *testing.T) {
	r := run(t, Config{})
	f := r.connect(t, 7)
	ctx := t.Context()
	f.punt(pipeline.ReasonLearn, 1, request(1, 1))
	f.punt(pipeline.ReasonLearn, 2, request(2, 2))
	waitFor(t, "two bindings", func() bool {
		list, err := r.Bindings(ctx, api.Filter{})
		return err == nil && len(list) == 2
	})
	waitFor(t, "their flows", func() bool { return f.flowCount(pipeline.Bindings) == 2 && f.flowCount(pipeline.Owners) == 2 })

	status, err := r.Status(ctx)
	if err != nil || status.Version != "test" || status.Switches != 1 || status.Bindings != 2 || status.Stations != 2 ||
		status.Memory == 0 || status.Started.IsZero() || len(status.Listen) != 1 {
		t.Errorf("status: %+v, %v", status, err)
	}
	if status.Counters["openflow-packet-ins"] != 2 || status.Counters["punt-learn"] != 2 || status.Counters["openflow-flow-mods"] == 0 {
		t.Errorf("counters: %v", status.Counters)
	}
	switches, err := r.Switches(ctx)
	if err != nil || len(switches) != 1 || switches[0].Name != "br0" || switches[0].Version != "fake 1.0" || switches[0].ID != "0000000000000007" {
		t.Errorf("switches: %+v, %v", switches, err)
	}
	ports, err := r.Ports(ctx, api.Filter{})
	if err != nil || len(ports) != 4 || ports[0].Name != "h1" || ports[0].Bindings != 1 || ports[0].State != "up" {
		t.Errorf("ports: %+v, %v", ports, err)
	}
	networks, err := r.Networks(ctx)
	if err != nil || len(networks) != 1 || networks[0].Ports != 4 || networks[0].Bindings != 2 {
		t.Errorf("networks: %+v, %v", networks, err)
	}
	stations, err := r.Stations(ctx, api.Filter{})
	if err != nil || len(stations) != 2 {
		t.Errorf("stations: %+v, %v", stations, err)
	}
	explained, err := r.Explain(ctx, api.Target{IP: netip.MustParseAddr("10.0.0.1")})
	if err != nil || len(explained) != 1 || explained[0].Outcome != "answered" {
		t.Errorf("explained: %+v, %v", explained, err)
	}
}

// A question that the switch could not answer is answered at once if the
// address is known, and counted even when the session is over.
func TestAnswersAtOnce(t *testing.T) {
	r := run(t, Config{})
	f := r.connect(t, 1)
	f.punt(pipeline.ReasonLearn, 1, request(1, 1))
	waitFor(t, "the binding", func() bool { return f.flowCount(pipeline.Bindings) == 1 })
	f.punt(pipeline.ReasonSearch, 2, request(2, 1))
	waitFor(t, "the answer", func() bool {
		return f.sent(func(frame *packet.Frame, arp *packet.ARP) bool {
			return frame.Dst == hostMAC(2) && arp.Op == packet.ARPReply && arp.SHA == hostMAC(1) && arp.SPA == hostIP(1)
		})
	})
	counted := func() bool {
		status, err := r.Status(t.Context())
		return err == nil && status.Counters["question-answered-at-once"] == 1
	}
	waitFor(t, "the count", counted)
	f.conn.Close()
	waitFor(t, "switch away", func() bool {
		list, err := r.Switches(t.Context())
		return err == nil && list[0].State == "away"
	})
	if !counted() {
		t.Error("the count is forgotten with the session")
	}
}

// The operator's search goes to the wire, and the host's answer ends it.
func TestResolveAndProbe(t *testing.T) {
	r := run(t, Config{})
	f := r.connect(t, 1)
	asked := func(to packet.MAC) bool {
		return f.sent(func(frame *packet.Frame, arp *packet.ARP) bool {
			return frame.Dst == to && frame.Src == pipeline.MAC && arp.TPA == hostIP(3)
		})
	}
	answer := packet.AppendARP(nil, pipeline.MAC, hostMAC(3), false, 0,
		&packet.ARP{Op: packet.ARPReply, SHA: hostMAC(3), SPA: hostIP(3), THA: pipeline.MAC})
	target := api.Target{IP: netip.AddrFrom4(hostIP(3))}
	if _, err := r.Probe(t.Context(), target); err == nil || !strings.Contains(err.Error(), "isat resolve 10.0.0.3") {
		t.Errorf("probe of an unknown address: %v", err)
	}
	for _, ask := range []struct {
		call func(context.Context, api.Target) (view.Resolution, error)
		to   packet.MAC
	}{{r.Resolve, packet.Broadcast}, {r.Probe, hostMAC(3)}} {
		type result struct {
			view.Resolution
			err error
		}
		done := make(chan result, 1)
		go func() {
			got, err := ask.call(t.Context(), target)
			done <- result{got, err}
		}()
		waitFor(t, "the question", func() bool { return asked(ask.to) })
		f.punt(pipeline.ReasonReply, 3, answer)
		select {
		case got := <-done:
			if got.err != nil || !got.Found || got.Binding == nil || got.Binding.MAC != hostMAC(3).String() || got.Binding.Port != "h3" {
				t.Errorf("%+v, %v", got.Resolution, got.err)
			}
		case <-time.After(patience):
			t.Fatal("no answer")
		}
	}
	if _, err := r.Resolve(t.Context(), api.Target{Network: "nowhere", IP: target.IP}); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("an unknown network: %v", err)
	}
}

// A port that goes takes along what was learned there.
func TestPortStatus(t *testing.T) {
	r := run(t, Config{})
	f := r.connect(t, 1)
	f.punt(pipeline.ReasonLearn, 1, request(1, 1))
	waitFor(t, "the binding", func() bool { return f.flowCount(pipeline.Bindings) == 1 })
	f.send(0, &openflow.PortStatus{Reason: openflow.PortDelete, Port: openflow.Port{No: 1, Name: "h1"}})
	waitFor(t, "no binding", func() bool { return f.flowCount(pipeline.Bindings) == 0 })
	f.send(0, &openflow.PortStatus{Reason: openflow.PortAdd, Port: openflow.Port{No: 9, Name: "h9", State: openflow.PortStateLinkDown}})
	waitFor(t, "the new port", func() bool {
		ports, err := r.Ports(t.Context(), api.Filter{})
		return err == nil && len(ports) == 4 && ports[2].Name == "h9" && ports[2].State == "down"
	})
}

// SIGHUP reads the intent again. A file with errors changes nothing.
func TestReload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "intent.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	reload := func() {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	networks := func(r *running) string {
		list, err := r.Networks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, n := range list {
			names = append(names, n.Name)
		}
		return strings.Join(names, " ")
	}
	write("kind: network\nname: blue\nnumber: 10\n")
	r := run(t, Config{IntentFile: file})
	if got := networks(r); got != "default blue" {
		t.Errorf("networks at the start: %s", got)
	}
	write("kind: network\nname: blue\nnumber: 10\nports: 7\n")
	reload()
	waitFor(t, "the refusal", func() bool { return r.log.contains("intent not changed") })
	if got := networks(r); got != "default blue" {
		t.Errorf("networks after a broken file: %s", got)
	}
	// Each fault is one line of the log, without the picture of where it is.
	if fault := file + `:4:8: network \"blue\": ports is \"7\": want a list of ports"`; !r.log.contains(fault) {
		t.Errorf("the log does not say %s", fault)
	}
	write(strings.Repeat("- 1\n---\n", maxTold+2))
	reload()
	waitFor(t, "the number of other faults", func() bool { return r.log.contains("more=2") })
	write("kind: network\nname: red\nnumber: 20\n")
	reload()
	waitFor(t, "the change", func() bool { return networks(r) == "default red" })
	if status, err := r.Status(t.Context()); err != nil || status.Intent != file {
		t.Errorf("status: %+v, %v", status, err)
	}
	write("# nothing\n")
	reload()
	waitFor(t, "the refusal", func() bool { return r.log.contains("has no document: to ask for nothing, describe the network") })
	if got := networks(r); got != "default red" {
		t.Errorf("networks after an empty file: %s", got)
	}
	write("kind: network\nname: default\n")
	reload()
	waitFor(t, "nothing to be asked for", func() bool { return networks(r) == "default" })
}

// SIGHUP without an intent file is no accident.
func TestReloadWithoutFile(t *testing.T) {
	r := run(t, Config{})
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the warning", func() bool { return r.log.contains("started without --intent") })
}

// A switch that refuses what it is brought to is closed, and is told when it
// comes back.
func TestRefusedSync(t *testing.T) {
	r := run(t, Config{})
	r.dial(t, 1, true)
	waitFor(t, "the refusal", func() bool { return r.log.contains("switch not brought to what is wanted") })
	waitFor(t, "switch away", func() bool {
		list, err := r.Switches(t.Context())
		return err == nil && len(list) == 1 && list[0].State == "away"
	})
	f := r.connect(t, 1)
	if f.commits != 1 {
		t.Errorf("%d bundles for a switch that takes them", f.commits)
	}
	// An error for a flow ends the session as well.
	f.send(0, &openflow.Error{ErrType: openflow.ErrFlowModFailed, Code: 1})
	waitFor(t, "switch away again", func() bool {
		list, err := r.Switches(t.Context())
		return err == nil && list[0].State == "away" && list[0].LastError != ""
	})
}

// A switch that reconnects with what it had is sent no bundle.
func TestReconnect(t *testing.T) {
	r := run(t, Config{})
	first := r.connect(t, 1)
	first.punt(pipeline.ReasonLearn, 1, request(1, 1))
	waitFor(t, "the binding", func() bool { return first.flowCount(pipeline.Bindings) == 1 })
	// The newer connection wins while the older is still there.
	second := r.dial(t, 1, false)
	waitFor(t, "the second session", func() bool {
		second.mu.Lock()
		defer second.mu.Unlock()
		return second.commits == 1
	})
	waitFor(t, "its flows", func() bool { return second.flowCount(pipeline.Bindings) == 1 })
	list, err := r.Switches(t.Context())
	if err != nil || len(list) != 1 {
		t.Errorf("switches: %+v, %v", list, err)
	}
	waitFor(t, "connected", func() bool {
		list, err := r.Switches(t.Context())
		return err == nil && list[0].State == "connected"
	})
}

// A watcher sees what is there, and then what changes.
func TestWatch(t *testing.T) {
	r := run(t, Config{})
	f := r.connect(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := make(chan view.Change, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- r.Watch(ctx, view.KindStation, api.Filter{}, func(c view.Change) error {
			seen <- c
			return nil
		})
	}()
	next := func(want view.ChangeType) {
		t.Helper()
		select {
		case c := <-seen:
			if c.Type != want {
				t.Errorf("%+v, want %v", c, want)
			}
		case <-time.After(patience):
			t.Fatalf("no %v", want)
		}
	}
	f.punt(pipeline.ReasonLearn, 1, request(1, 1))
	next(view.Added)
	f.punt(pipeline.ReasonLearn, 2, request(1, 1))
	next(view.Modified)
	f.send(0, &openflow.PortStatus{Reason: openflow.PortDelete, Port: openflow.Port{No: 2, Name: "h2"}})
	next(view.Deleted)
	cancel()
	<-ended
}
