package bench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/isat-sdn/isat/internal/daemon"
	"github.com/isat-sdn/isat/openflow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// isatHere runs the daemon in this process, with an intent, until the test ends.
func isatHere(t *testing.T, intent string) *controller {
	t.Helper()
	file, remove, err := temporary("intent.yaml", intent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- daemon.Run(ctx, daemon.Config{Listen: []string{"tcp:127.0.0.1:0"}, APIListen: "127.0.0.1:0", IntentFile: file,
			Log: slog.New(slog.NewJSONHandler(w, nil)), Version: "test"})
		w.Close()
	}()
	var log logTail
	ready, read := make(chan *controller, 1), make(chan struct{})
	go func() { log.follow(r, ready); close(read) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("daemon: %v", err)
		}
		<-read
	})
	c := <-ready
	if c == nil {
		t.Fatalf("the daemon does not get ready: %s", log.last)
	}
	c.pid = os.Getpid()
	return c
}

// floorHere runs the floor in this process until the test ends.
func floorHere(t *testing.T) *controller {
	t.Helper()
	in, hold := io.Pipe()
	out, say := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- ServeFloor(context.Background(), in, say) }()
	t.Cleanup(func() {
		hold.Close()
		if err := <-ended; err != nil {
			t.Errorf("floor: %v", err)
		}
	})
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	return &controller{address: strings.TrimSpace(string(line[:n])), pid: os.Getpid()}
}

// The whole measurement, on few hosts and for a short time: every answer is
// right, and a binding costs the flows that it should.
func TestMeasure(t *testing.T) {
	report, err := measure(t.Context(), Config{Bindings: 3000, Duration: 200 * time.Millisecond, Rounds: 2}, isatHere(t, roomyIntent()), floorHere(t))
	if err != nil {
		t.Fatal(err)
	}
	if report.BindingFlows != 1 || report.OwnerFlows != 1 || len(report.Cases) != len(cases) {
		t.Errorf("report: %+v", report)
	}
	for _, c := range report.Cases {
		if c.Isat.PerSecond <= 0 || c.Floor.PerSecond <= 0 || len(c.Isat.Samples) != 2 || len(c.Floor.Samples) != 2 {
			t.Errorf("%v: %+v", c.Case, c)
		}
		if one := c.Case.Outstanding == 1; one != (c.Isat.P50 > 0) || one != (c.Floor.P50 > 0) || c.Isat.P99 < c.Isat.P50 {
			t.Errorf("%v: p50 %v and %v", c.Case, c.Isat.P50, c.Floor.P50)
		}
	}
	if c := report.Change; c.PerSecond <= 0 || c.Still.PerSecond <= 0 || c.Changing.PerSecond <= 0 {
		t.Errorf("while bindings change: %+v", c)
	}
	var text bytes.Buffer
	if err := report.Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"3000 bindings", "4 switches × 256 outstanding", "1 in bindings on each switch, 1 in owners"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in the report:\n%s", want, &text)
		}
	}
}

// A controller whose answers are wrong, or that goes away, fails the run.
func TestWrongAnswersFail(t *testing.T) {
	r := &run{hosts: hosts{count: 100, switches: 1, ports: 4}}
	g, err := r.rig("liar", floorHere(t))
	defer g.close()
	if err != nil {
		t.Fatal(err)
	}
	g.floor = false // its answers are compared with those of a controller that knows
	_, err = r.ask(t.Context(), g, Case{1, 16}, time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "wrong answer: op 2, 10.0.0.") {
		t.Errorf("error %v", err)
	}
	if _, err = r.ask(t.Context(), g, Case{1, 16}, time.Millisecond); err == nil {
		t.Error("a fake switch goes on after a wrong answer")
	}
}

func TestControllerThatGoesAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			conn.Close()
		}
	}()
	r := &run{hosts: hosts{count: 100, switches: 1, ports: 4}}
	g, err := r.rig("absent", &controller{address: l.Addr().String(), pid: os.Getpid()})
	defer g.close()
	if err == nil || !strings.HasPrefix(err.Error(), "absent: fake switch 1: ") {
		t.Errorf("error %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []Config{
		{Bindings: 1, Duration: time.Second, Rounds: 1},
		{Bindings: 1 << 21, Duration: time.Second, Rounds: 1},
		{Bindings: 100, Duration: time.Second},
		{Bindings: 100, Rounds: 1},
	} {
		if _, err := Answer(t.Context(), c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

func TestProgramThatIsNotIsat(t *testing.T) {
	config := Config{Bindings: 100, Duration: time.Second, Rounds: 1, Program: []string{"/bin/sh", "-c", "echo nothing here >&2; exit 3"}}
	if _, err := Answer(t.Context(), config); err == nil || !strings.Contains(err.Error(), "isat run: exit status 3: nothing here") {
		t.Errorf("error %v", err)
	}
	config.Program = []string{"/does/not/exist"}
	if _, err := Answer(t.Context(), config); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// The report says which goals are missed.
func TestReportShowsMissedGoals(t *testing.T) {
	sample := func(perSecond uint64, p50 time.Duration) Controller {
		c := Controller{Samples: []Sample{{Answers: perSecond, Took: time.Second, CPU: time.Second / 2, P50: p50, P99: 2 * p50}}}
		c.finish()
		return c
	}
	r := &Report{
		Bindings: 10, Switches: 4, Processors: 2, Rounds: 1, Duration: time.Second, BindingFlows: 1, OwnerFlows: 1,
		Memory: Memory{Empty: 20e6, Known: 50e6, Asked: 61e6}, Spins: []time.Duration{time.Millisecond},
		Cases: []CaseReport{
			{Case{1, 1024}, sample(600, 0), sample(1000, 0)},
			{Case{4, 256}, sample(400, 0), sample(1000, 0)},
			{Case{1, 1}, sample(10, 20*time.Microsecond), sample(10, 10*time.Microsecond)},
		},
		Change: ChangeReport{Case{4, 256}, sample(1000, 0), sample(700, 0), 10_000},
	}
	var text bytes.Buffer
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	var missed []string
	for line := range strings.Lines(text.String()) {
		if strings.Contains(line, "MISSED") {
			missed = append(missed, strings.Join(strings.Fields(line)[:2], " "))
		}
	}
	if got, want := strings.Join(missed, ", "), "4 switches, 1 switch, resident memory, while 10000"; got != want {
		t.Errorf("missed: %s, want %s:\n%s", got, want, &text)
	}
}

// Every host that is silent is asked, at its own port, and is watched again after
// its answer.
func TestMeasureScale(t *testing.T) {
	config := ScaleConfig{Bindings: 6000, Duration: benchAge / 2}
	report, err := measureScale(t.Context(), config, isatHere(t, scaleIntent()))
	if err != nil {
		t.Fatal(err)
	}
	if report.Asked < 10 || report.Known == 0 || report.Peak < report.Known || report.SilentCPU <= 0 {
		t.Errorf("report: %+v", report)
	}
	var text bytes.Buffer
	if err := report.Write(&text); err != nil {
		t.Fatal(err)
	}
	if want := "for 10 that are asked in a second"; !strings.Contains(text.String(), want) {
		t.Errorf("%q is not in the report:\n%s", want, &text)
	}
}

// A switch that remembers its flows tells a controller of them as they were
// added, in as many replies as it takes.
func TestFlowMemory(t *testing.T) {
	m := newFlowMemory()
	const flows = 1000
	for i := range flows {
		f := openflow.NewFlowMod(openflow.FlowAdd, 20, 10)
		f.Match, f.IdleTimeout, f.Cookie = f.Match.U32(openflow.Reg0, uint32(i)), 7, uint64(i)
		m.add(uint64(i), openflow.Append(nil, 0, f))
	}
	m.encode()
	seen := make(map[uint64]bool)
	for n, reply := range m.dump {
		xid, decoded, err := openflow.Decode(m.appendDump(nil, 5)[:len(m.dump[0])])
		if err != nil || xid != 5 || decoded.Type() != openflow.TypeMultipartReply {
			t.Fatalf("reply %d: %v of id %d, %v", n, decoded, xid, err)
		}
		_, decoded, err = openflow.Decode(reply)
		if err != nil {
			t.Fatal(err)
		}
		part := decoded.(*openflow.MultipartReply)
		if part.More() != (n < len(m.dump)-1) {
			t.Errorf("reply %d of %d: more is %v", n, len(m.dump), part.More())
		}
		for _, f := range part.Body.(*openflow.FlowReply).Flows {
			if v, _, _ := f.Match.GetU64(openflow.Reg0); v != f.Cookie || f.IdleTimeout != 7 || f.TableID != 20 {
				t.Fatalf("flow: %+v", f)
			}
			seen[f.Cookie] = true
		}
	}
	if len(seen) != flows || len(m.dump) < 2 {
		t.Errorf("%d flows in %d replies, want %d in several", len(seen), len(m.dump), flows)
	}
}
