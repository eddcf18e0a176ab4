package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

// binary is the isat that is tested, built once.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "isat-e2e")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "isat")
		args := []string{"build", "-o", binary}
		if os.Getenv("ISAT_TEST_RACE") != "" {
			args = append(args, "-race")
		}
		build := exec.Command("go", append(args, "../../cmd/isat")...)
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return 1
		}
		return m.Run()
	}())
}

// deadline is how long a state may take to come about. It is generous: tests
// wait for states, never for times.
const deadline = 30 * time.Second

// world is a lab with a running isat.
type world struct {
	t      *testing.T
	lab    *lab.Lab
	isat   *isat
	client *client.Client
	intent string
	listen string
	args   []string // of every isat that is started here, beyond the usual
}

// isat is a running controller process.
type isat struct {
	cmd    *exec.Cmd
	listen string
	api    string
	log    *logBuffer
	ended  chan struct{}
}

// logBuffer keeps what isat logs, for failures.
type logBuffer struct {
	mu    sync.Mutex
	lines []string
}

func (l *logBuffer) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// startIsat runs isat and waits until it is ready.
func startIsat(t *testing.T, listen, intent string, extra ...string) *isat {
	t.Helper()
	args := append([]string{"run", "--listen", listen, "--api-listen", "127.0.0.1:0", "--log-format", "json", "--log-level", "debug"}, extra...)
	if intent != "" {
		args = append(args, "--intent", intent)
	}
	p := &isat{cmd: exec.Command(binary, args...), log: new(logBuffer), ended: make(chan struct{})}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	go func() {
		defer close(p.ended)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			p.log.add(lines.Text())
			var entry struct {
				Msg      string   `json:"msg"`
				Switches []string `json:"switches"`
				API      string   `json:"api"`
			}
			if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Msg == "isat is ready" {
				p.listen, p.api = entry.Switches[0], entry.API
				close(ready)
			}
		}
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.kill()
		for _, sign := range []string{"DATA RACE", "panic:", "fatal error:"} {
			if log := p.log.String(); strings.Contains(log, sign) {
				t.Errorf("isat reported %s:\n%s", sign, log)
			}
		}
	})
	select {
	case <-ready:
	case <-p.ended:
		t.Fatalf("isat ended:\n%s", p.log)
	case <-time.After(deadline):
		t.Fatalf("isat is not ready:\n%s", p.log)
	}
	return p
}

// kill ends isat as a crash would, and waits until it is gone.
func (p *isat) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.ended
}

// newWorld brings up a lab and an isat that its switches connect to.
func newWorld(t *testing.T, topology lab.Topology, intent string, args ...string) *world {
	t.Helper()
	lab.Require(t)
	w := &world{t: t, args: args}
	if intent != "" {
		w.intent = filepath.Join(t.TempDir(), "intent.yaml")
		if err := os.WriteFile(w.intent, []byte(intent), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.start("tcp:127.0.0.1:0")
	w.listen = w.isat.listen
	topology.Controller = w.listen
	w.lab = lab.Start(t, topology, lab.Options{})
	w.synced()
	ctx, cancel := w.context()
	defer cancel()
	if err := w.lab.WaitAddresses(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			flows, _ := w.lab.Ofctl("-O", "OpenFlow13", "dump-flows", topology.Switches[0].Name)
			var hit []string
			for line := range strings.Lines(flows) {
				if !strings.Contains(line, "n_packets=0,") {
					hit = append(hit, line)
				}
			}
			t.Logf("isat's log:\n%s\nflows that were hit:\n%s", w.isat.log, strings.Join(hit, ""))
		}
	})
	return w
}

func (w *world) start(listen string) {
	w.t.Helper()
	w.isat = startIsat(w.t, listen, w.intent, w.args...)
	c, err := client.New(w.isat.api)
	if err != nil {
		w.t.Fatal(err)
	}
	w.client = c
	w.t.Cleanup(c.Close)
}

func (w *world) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), deadline)
}

// eventually waits for a state, and fails with what was last seen.
func (w *world) eventually(what string, state func() (bool, string)) {
	w.t.Helper()
	var last string
	for end := time.Now().Add(deadline); time.Now().Before(end); {
		ok, seen := state()
		if ok {
			return
		}
		last = seen
		<-time.After(20 * time.Millisecond)
	}
	w.t.Fatalf("%s did not come about: %s", what, last)
}

// synced waits until every switch of the lab is as isat wants it.
func (w *world) synced() {
	w.t.Helper()
	want := len(w.lab.Topology().Switches)
	w.eventually("every switch connected", func() (bool, string) {
		n := 0
		list := w.switches()
		for _, s := range list {
			if s.State == "connected" {
				n++
			}
		}
		return n == want, fmt.Sprint(list)
	})
}

func (w *world) switches() []view.Switch {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	list, err := w.client.Switches(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *world) status() view.Status {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	s, err := w.client.Status(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) counter(name string) uint64 { return w.status().Counters[name] }

// packetIns is how many packets the switches have sent to isat.
func (w *world) packetIns() uint64 { return w.counter("openflow-packet-ins") }

// bindings lists the bindings of an address, or all for an empty one.
func (w *world) bindings(network, ip string) []view.Binding {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	list, err := w.client.Bindings(ctx, api.Filter{Network: network, IP: ip})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// learned waits until an address is bound, and returns the binding.
func (w *world) learned(network, ip, state string) (b view.Binding) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("%s %s in %s", state, ip, network), func() (bool, string) {
		list := w.bindings(network, ip)
		if len(list) == 1 && list[0].State == state {
			b = list[0]
			return true, ""
		}
		return false, fmt.Sprint(list)
	})
	return b
}

// settled waits until isat has handled whatever was on its way: a packet that
// is sent now and seen by it is behind all others.
func (w *world) settled() {
	w.t.Helper()
	last := uint64(0)
	quiet := 0
	w.eventually("a quiet controller", func() (bool, string) {
		n := w.packetIns()
		if n == last {
			quiet++
		} else {
			quiet = 0
		}
		last = n
		return quiet >= 5, fmt.Sprint(n)
	})
}

// exec runs a command in a host and returns its output and exit code.
func (w *world) exec(host string, cmd ...string) (string, int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, code, err := w.lab.Exec(ctx, host, cmd...)
	if err != nil {
		w.t.Fatalf("%s: %v: %v\n%s", host, cmd, err, out)
	}
	return out, code
}

// must runs a command in a host that has to succeed.
func (w *world) must(host string, cmd ...string) string {
	w.t.Helper()
	out, code := w.exec(host, cmd...)
	if code != 0 {
		w.t.Fatalf("%s: %v: exit code %d\n%s", host, cmd, code, out)
	}
	return out
}

// everyPing has a host send some pings, so many seconds apart, and fails unless each of
// them is answered. With a deadline ping waits for the answers; without one it waits
// for the last no longer than twice the longest round trip before, whatever -W says.
func (w *world) everyPing(ctx context.Context, host, to, apart string, count int) error {
	out, code, err := w.lab.Exec(ctx, host, "ping", "-n", "-i", apart, "-c", fmt.Sprint(count), "-w", "60", to)
	if err != nil {
		return err
	}
	for n := 1; n <= count; n++ {
		if !strings.Contains(out, fmt.Sprintf("icmp_seq=%d ttl=", n)) {
			return fmt.Errorf("ping %d of %d from %s to %s was lost, exit code %d:\n%s", n, count, host, to, code, out)
		}
	}
	return nil
}

func (w *world) send(host string, frame []byte) {
	w.t.Helper()
	if err := w.lab.Send(host, frame); err != nil {
		w.t.Fatal(err)
	}
}

// capture records what is on a host's link.
func (w *world) capture(host string) *lab.Capture {
	w.t.Helper()
	c, err := w.lab.Capture(host, "")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	return c
}

// wait waits for a frame that a host receives, and fails without one.
func (w *world) wait(c *lab.Capture, what string, is func(lab.Frame) bool) lab.Frame {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	frames, err := c.Wait(ctx, func(all []lab.Frame) bool { return count(all, is) > 0 })
	if err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
	for _, f := range frames {
		if is(f) {
			return f
		}
	}
	panic("unreachable")
}

func count(all []lab.Frame, is func(lab.Frame) bool) (n int) {
	for _, f := range all {
		if is(f) {
			n++
		}
	}
	return n
}

// barrier makes sure that whatever was sent to the capture's host before has
// arrived: a marker frame, from another host of the same network, comes last.
func (w *world) barrier(from, to string, c *lab.Capture) {
	w.t.Helper()
	marker := frameOf(w.mac(to), w.mac(from), 0x88b5, []byte(fmt.Sprintf("marker %d", time.Now().UnixNano())))
	// The path of unknown stations is longer than that of known ones: the
	// controller may still have something on its way.
	w.settled()
	w.send(from, marker)
	w.wait(c, "the marker", func(f lab.Frame) bool { return !f.Out && string(f.Data) == string(marker) })
}

func (w *world) mac(host string) packet.MAC {
	w.t.Helper()
	h, err := w.lab.Host(host)
	if err != nil {
		w.t.Fatal(err)
	}
	return h.MAC
}

func frameOf(dst, src packet.MAC, etherType uint16, payload []byte) []byte {
	b := append([]byte{}, dst[:]...)
	b = append(b, src[:]...)
	b = append(b, byte(etherType>>8), byte(etherType))
	b = append(b, payload...)
	for len(b) < packet.MinFrameLen {
		b = append(b, 0)
	}
	return b
}

// arp builds a frame with an ARP message. The Ethernet source is sha.
func arp(op uint16, dst, sha packet.MAC, spa string, tha packet.MAC, tpa string) []byte {
	a := packet.ARP{Op: op, SHA: sha, SPA: netip.MustParseAddr(spa).As4(), THA: tha, TPA: netip.MustParseAddr(tpa).As4()}
	return packet.AppendARP(nil, dst, sha, false, 0, &a)
}

// request is a broadcast ARP request.
func request(sha packet.MAC, spa, tpa string) []byte {
	return arp(packet.ARPRequest, packet.Broadcast, sha, spa, packet.MAC{}, tpa)
}

// isARP matches a frame that a host received with an ARP message.
func isARP(op uint16, spa, tpa string) func(lab.Frame) bool {
	return func(f lab.Frame) bool {
		a, ok := arpIn(f)
		return ok && !f.Out && a.Op == op && netip.AddrFrom4(a.SPA).String() == spa && netip.AddrFrom4(a.TPA).String() == tpa
	}
}

func arpIn(f lab.Frame) (a packet.ARP, ok bool) {
	var v packet.Frame
	if v.Parse(f.Data) != nil || v.EtherType != packet.EtherTypeARP {
		return a, false
	}
	return a, a.Parse(v.Payload) == nil
}

func ndIn(f lab.Frame) (n packet.ND, ok bool) {
	var v packet.Frame
	if v.Parse(f.Data) != nil {
		return n, false
	}
	return n, n.Parse(v.Payload) == nil
}

// hosts returns a topology with one switch and hosts h1…hn, 10.0.0.n/24 and
// fd00::n/64.
func hosts(name string, n int) lab.Topology {
	t := lab.Topology{Name: name, Switches: []lab.Switch{{Name: "s1"}}}
	for i := 1; i <= n; i++ {
		t.Hosts = append(t.Hosts, lab.Host{Name: fmt.Sprintf("h%d", i), Addresses: []netip.Prefix{
			netip.MustParsePrefix(fmt.Sprintf("10.0.0.%d/24", i)), netip.MustParsePrefix(fmt.Sprintf("fd00::%d/64", i))}})
	}
	return t
}

func addr(s string) [16]byte { return netip.MustParseAddr(s).As16() }
