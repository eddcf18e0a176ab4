package e2e

import (
	"bufio"
	"context"
	octets "encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

// The life of bindings, with kernels, tools and raw frames as hosts: here is what
// these tests have in common.

// ownMAC is the MAC of isat's own questions.
var ownMAC = packet.MAC{0x02, 'i', 's', 'a', 't', 0x01}

// question matches what a host received of a question of isat's own for an
// address: an ARP request that is no announcement, or an NS.
func question(ip string) func(lab.Frame) bool {
	target := addr(ip)
	return func(f lab.Frame) bool {
		if f.Out || sourceOf(f) != ownMAC {
			return false
		}
		if a, ok := arpIn(f); ok {
			return a.Op == packet.ARPRequest && a.SPA != a.TPA && netip.AddrFrom4(a.TPA) == netip.MustParseAddr(ip)
		}
		n, ok := ndIn(f)
		return ok && n.Type == packet.NDSolicitation && n.Target == target
	}
}

// questions are isat's questions for an address that a host received.
func questions(c *lab.Capture, ip string) (list []lab.Frame) {
	for _, f := range c.Frames() {
		if question(ip)(f) {
			list = append(list, f)
		}
	}
	return list
}

// sourceOf is a frame's source MAC.
func sourceOf(f lab.Frame) packet.MAC { return packet.MAC(f.Data[6:12]) }

// speaks says whether a frame comes from an address, by what it says of itself.
func speaks(f lab.Frame, ip string) bool {
	var v packet.Frame
	if v.Parse(f.Data) != nil {
		return false
	}
	a := netip.MustParseAddr(ip)
	at := map[uint16]int{packet.EtherTypeARP: 14, packet.EtherTypeIPv4: 12, packet.EtherTypeIPv6: 8}
	from, ok := at[v.EtherType]
	if !ok || len(v.Payload) < from+len(a.AsSlice()) || a.Is6() != (v.EtherType == packet.EtherTypeIPv6) {
		return false
	}
	return string(v.Payload[from:from+len(a.AsSlice())]) == string(a.AsSlice())
}

// lastHeard is when a host last sent something from an address.
func (w *world) lastHeard(c *lab.Capture, ip string) (last time.Time) {
	w.t.Helper()
	for _, f := range c.Frames() {
		if f.Out && speaks(f, ip) {
			last = f.Time
		}
	}
	if last.IsZero() {
		w.t.Fatalf("nothing was sent from %s", ip)
	}
	return last
}

// announcement says to everybody that an address is at a MAC: a gratuitous ARP
// request, or an unsolicited NA with O=1.
func announcement(mac packet.MAC, ip string) []byte {
	if netip.MustParseAddr(ip).Is4() {
		return request(mac, ip, ip)
	}
	all := packet.AllNodes()
	return packet.AppendNA(nil, packet.MulticastMAC(all), mac, false, 0, addr(ip), all, addr(ip), mac, false, false, true)
}

// The tables that a binding has a flow in (docs/tables.md).
const (
	tableBindings = 20
	tableOwners   = 21
)

// flowMatch matches, for ovs-ofctl, the flows of an address in a table.
func flowMatch(table int, ip string) string {
	match := fmt.Sprintf("table=%d", table)
	a := netip.MustParseAddr(ip)
	if a.Is4() {
		return match + fmt.Sprintf(",reg0=%#x", octets.BigEndian.Uint32(a.AsSlice()))
	}
	for i := range 4 {
		match += fmt.Sprintf(",reg%d=%#x", 12+i, octets.BigEndian.Uint32(a.AsSlice()[4*i:]))
	}
	return match
}

// flowsOf are the flows of s1 in a table that are about an address.
func (w *world) flowsOf(table int, ip string) string {
	w.t.Helper()
	out, err := w.lab.Ofctl("-O", "OpenFlow13", "dump-flows", "s1", flowMatch(table, ip))
	if err != nil {
		w.t.Fatal(err, out)
	}
	if !strings.Contains(out, "table=") {
		return ""
	}
	return out
}

// events are what was decided about an address, oldest first, each as its kind
// and reason. Only what comes with every host is not remembered.
func (w *world) events(ip string, kinds ...view.EventKind) (list []string) {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	all, err := w.client.Events(ctx, api.EventQuery{EventFilter: api.EventFilter{Filter: api.Filter{IP: ip}, Kinds: kinds}})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range all {
		list = append(list, string(e.Kind)+" "+e.Reason)
	}
	return list
}

// running is a command that is under way, and what it has written.
type running struct {
	mu  sync.Mutex
	out strings.Builder
	end func() // ends it, if it has not ended
}

func (r *running) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.Write(b)
}

func (r *running) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.String()
}

// runs starts a command in a host and ends it, at the latest, with the test. It
// waits until the command has written what is given, if anything is.
func (w *world) runs(host, written string, cmd ...string) *running {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c, err := w.lab.Command(ctx, host, cmd...)
	if err != nil {
		w.t.Fatal(err)
	}
	r := new(running)
	c.Stdout, c.Stderr = r, r
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	r.end = sync.OnceFunc(func() {
		cancel()
		_ = c.Wait() // it was killed
	})
	w.t.Cleanup(r.end)
	w.eventually(strings.Join(cmd, " ")+" at "+host, func() (bool, string) {
		return strings.Contains(r.String(), written), r.String()
	})
	return r
}

// pings has a host ping an address fifty times a second, and waits for the first
// answer.
func (w *world) pings(from, to string) *running {
	w.t.Helper()
	return w.runs(from, " bytes from ", "ping", "-D", "-n", "-i", "0.02", to)
}

// answers are the times at which pings were answered.
func (r *running) answers() (list []time.Time) {
	lines := bufio.NewScanner(strings.NewReader(r.String()))
	for lines.Scan() {
		stamp, rest, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "["), "] ")
		if !ok || !strings.Contains(rest, " bytes from ") {
			continue
		}
		if seconds, err := strconv.ParseFloat(stamp, 64); err == nil {
			list = append(list, time.Unix(0, int64(seconds*1e9)))
		}
	}
	return list
}

// unbroken checks that pings go on to be answered after a moment, and that from
// another moment on they were never without an answer for a second.
func (w *world) unbroken(what string, r *running, since, from time.Time) {
	w.t.Helper()
	var list []time.Time
	w.eventually(what+": answers", func() (bool, string) {
		list = r.answers()
		return len(list) > 0 && list[len(list)-1].After(since), r.String()
	})
	r.end()
	gap, at := time.Duration(0), time.Time{}
	for i := 1; i < len(list); i++ {
		last := list[i-1]
		if last.Before(from) {
			last = from
		}
		if d := list[i].Sub(last); d > gap {
			gap, at = d, last
		}
	}
	w.t.Logf("%s: the longest time without an answer was %v, from %v on", what, gap, at.UTC().Format(time.StampMilli))
	if gap >= time.Second {
		w.t.Errorf("%s: %v without an answer", what, gap)
	}
}
