package e2e

import (
	"bytes"
	"context"
	octets "encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

// floodLimits leave a flood something to fill.
const floodLimits = `kind: limits
bindingsPerPort: 500
stationsPerPort: 500
`

// A flood of ARP from one port, as fast as one sender can, changes nothing for the
// others: who is known is answered by the switch, who is new is found, and what is
// kept stays within its limits (conformance: L1, L2, L3, L5).
func TestFlood(t *testing.T) {
	topology := lab.Topology{Name: "flood", Switches: []lab.Switch{{Name: "s1"}}}
	for n := 1; n <= 5; n++ {
		topology.Hosts = append(topology.Hosts, lab.Host{Name: fmt.Sprintf("h%d", n), Addresses: []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("10.0.0.%d/8", n))}})
	}
	w := newWorld(t, topology, floodLimits)
	w.must("h4", "ping", "-c", "1", "10.0.0.5")
	w.learned("default", "10.0.0.5", "reachable")
	w.learned("default", "10.0.0.4", "reachable")
	const known, fresh = 500, 200
	var add strings.Builder
	for n := range 2 * fresh {
		fmt.Fprintf(&add, "ip addr add 10.7.%d.%d/32 dev eth0\n", n/200, n%200+1)
	}
	w.must("h3", "sh", "-c", add.String())

	quiet := w.questions("h4", "10.0.0.4", "10.0.0.5", known)
	quietNew := w.firstPings("h2", "10.7.0", fresh)
	start := w.status()
	f := w.startFlood("h1")
	w.eventually("a flood", func() (bool, string) {
		c := w.status().Counters
		return c["punt-learn"] > start.Counters["punt-learn"]+100, fmt.Sprint(c)
	})
	busy := w.questions("h4", "10.0.0.4", "10.0.0.5", known)
	busyNew := w.firstPings("h2", "10.7.1", fresh)
	sent, took := f.stop(t)
	end := w.status()

	t.Logf("%d frames in %v, %.0f a second; %d packets reached the controller", sent, took.Round(time.Millisecond),
		float64(sent)/took.Seconds(), end.Counters["openflow-packet-ins"]-start.Counters["openflow-packet-ins"])
	t.Logf("answers for a known host: %s without the flood, %s during it", spreadOf(quiet), spreadOf(busy))
	t.Logf("first packets to new hosts: %s without the flood, %s during it", spreadOf(quietNew), spreadOf(busyNew))
	t.Logf("%d bindings, %d stations; memory before %d KiB, after %d KiB", end.Bindings, end.Stations, start.Memory>>10, end.Memory>>10)
	for name, n := range end.Counters {
		if strings.Contains(name, "refused") && n > 0 {
			t.Logf("%s %d", name, n)
		}
	}
	if end.Bindings > start.Bindings+500+2*fresh || end.Stations > start.Stations+500 {
		t.Errorf("%d bindings and %d stations: more than the limits", end.Bindings, end.Stations)
	}
	if end.Memory > start.Memory+64<<20 {
		t.Errorf("memory grew from %d to %d", start.Memory, end.Memory)
	}
}

// flood is a sender that runs in a host.
type flood struct {
	stdin io.Closer
	out   bytes.Buffer
	wait  func() error
	began time.Time
}

func (w *world) startFlood(host string) *flood {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w.t.Cleanup(cancel)
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd, err := w.lab.Command(ctx, host, self, "-test.run=^TestFloodSender$", "-test.v")
	if err != nil {
		w.t.Fatal(err)
	}
	f := &flood{wait: cmd.Wait, began: time.Now()}
	cmd.Env = append(cmd.Environ(), "ISAT_FLOOD=eth0")
	cmd.Stdout, cmd.Stderr = &f.out, &f.out
	if f.stdin, err = cmd.StdinPipe(); err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return f
}

// stop ends the flood and says how much of it there was.
func (f *flood) stop(t *testing.T) (sent int, took time.Duration) {
	t.Helper()
	took = time.Since(f.began)
	_ = f.stdin.Close()
	err := f.wait()
	_, text, found := strings.Cut(f.out.String(), "sent ")
	text, _, _ = strings.Cut(text, "\n")
	sent, err2 := strconv.Atoi(text)
	if err != nil || !found || err2 != nil {
		t.Fatalf("flood: %v\n%s", err, f.out.String())
	}
	return sent, took
}

// TestFloodSender is what startFlood runs: it sends ARP requests from random
// senders for random addresses until its standard input ends.
func TestFloodSender(t *testing.T) {
	name := os.Getenv("ISAT_FLOOD")
	if name == "" {
		t.Skip("it is run by TestFlood")
	}
	link, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var done atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		done.Store(true)
	}()
	to := &unix.SockaddrLinklayer{Ifindex: link.Index}
	var frame []byte
	sent := 0
	for ; !done.Load(); sent++ {
		mac := packet.MACFromUint64(rand.Uint64N(1 << 40))
		mac[0] = 0x06
		arp := packet.ARP{Op: packet.ARPRequest, SHA: mac, SPA: randomHost(), TPA: randomHost()}
		frame = packet.AppendARP(frame[:0], packet.Broadcast, mac, false, 0, &arp)
		if err := unix.Sendto(fd, frame, 0, to); err != nil && err != unix.ENOBUFS {
			t.Fatal(err)
		}
	}
	fmt.Printf("sent %d\n", sent)
}

// randomHost is an address in 10.128.0.0/9, where nobody is.
func randomHost() (ip [4]byte) {
	octets.BigEndian.PutUint32(ip[:], 10<<24|1<<23|rand.Uint32N(1<<23))
	return ip
}

// questions asks for a known host so many times, one after the other, and gives
// how long each answer took. None may be missing.
func (w *world) questions(host, own, target string, times int) []time.Duration {
	w.t.Helper()
	seen, err := w.lab.Capture(host, "arp")
	if err != nil {
		w.t.Fatal(err)
	}
	defer seen.Close()
	question := request(w.mac(host), own, target)
	var took []time.Duration
	for len(took) < times {
		w.send(host, question)
		ctx, cancel := w.context()
		_, err := seen.Wait(ctx, func(all []lab.Frame) bool {
			answers := answerTimes(all, question, isARP(packet.ARPReply, target, own))
			enough := len(answers) > len(took)
			if enough {
				took = answers
			}
			return enough
		})
		cancel()
		if err != nil {
			w.t.Fatalf("question %d for %s: %v", len(took)+1, target, err)
		}
	}
	return took
}

// answerTimes pairs each question in a capture with the answer after it.
func answerTimes(frames []lab.Frame, question []byte, isAnswer func(lab.Frame) bool) []time.Duration {
	var took []time.Duration
	var asked time.Time
	for _, f := range frames {
		switch {
		case f.Out && bytes.Equal(f.Data, question):
			asked = f.Time
		case !asked.IsZero() && isAnswer(f):
			took = append(took, f.Time.Sub(asked))
			asked = time.Time{}
		}
	}
	return took
}

var pingTime = regexp.MustCompile(`time=([0-9.]+) ms`)

// firstPings pings hosts that are not known yet, prefix.1 and so on, once each,
// and gives the round trips of those packets. None may be lost.
func (w *world) firstPings(host, prefix string, hosts int) []time.Duration {
	w.t.Helper()
	var took []time.Duration
	for n := range hosts {
		out := w.must(host, "ping", "-n", "-c", "1", "-W", "10", fmt.Sprintf("%s.%d", prefix, n+1))
		m := pingTime.FindStringSubmatch(out)
		if m == nil {
			w.t.Fatalf("no time in\n%s", out)
		}
		ms, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			w.t.Fatal(err)
		}
		took = append(took, time.Duration(ms*float64(time.Millisecond)))
	}
	return took
}

// spreadOf prints the median, the 99th percentile and the greatest of times.
func spreadOf(times []time.Duration) string {
	slices.Sort(times)
	at := func(percent int) time.Duration { return times[(len(times)-1)*percent/100].Round(time.Microsecond) }
	return fmt.Sprintf("p50 %v, p99 %v, max %v of %d", at(50), at(99), at(100), len(times))
}
