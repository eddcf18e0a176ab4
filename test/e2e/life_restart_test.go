package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/lab"
)

// leaseInterval is how often isat renews the leases of a switch.
const leaseInterval = 5 * time.Second

// A restart does not make a silent host young again: the switch's clock runs on,
// whether isat was asked to end or has died, and also while the host is being
// asked, when nobody but isat watches it.
//
// conformance: R2
func TestBindingsAgeAcrossRestarts(t *testing.T) {
	t.Parallel() // the times are long
	w := newWorld(t, hosts("life-restart", 3), "{kind: network, name: default, number: 1, age: 12s}\n")
	var ips []string
	c := w.capture("h1")
	w.confirmAll(3)
	w.must("h1", "sh", "-c", "ip addr del 10.0.0.1/24 dev eth0 && ip addr del fd00::1/64 dev eth0")
	for _, ip := range []string{"10.0.0.1", "fd00::1"} {
		w.send("h1", announcement(w.mac("h1"), ip))
		w.learned("default", ip, "reachable")
		ips = append(ips, ip)
	}
	w.settled()
	heard := w.lastHeard(c, ips[0])

	w.again("killed", func() { w.isat.kill() })
	w.idle(ips[0], 3*time.Second)
	w.again("ended", func() { w.isat.terminate(t) })
	due := heard.Add(age / 2)
	latest := due.Add(late)
	if ready := time.Now(); ready.After(due) { // it took long to start
		latest = ready.Add(late)
	}
	for _, ip := range ips {
		f := w.wait(c, "a question for "+ip, func(f lab.Frame) bool { return question(ip)(f) && f.Time.After(heard) })
		// Counted from the last restart it would come later than that.
		if f.Time.Before(due.Add(-early)) || f.Time.After(latest) {
			t.Errorf("the question for %s came %v after it was heard, want %v", ip, f.Time.Sub(heard), age/2)
		}
	}
	w.isat.kill()
	w.start(w.listen)
	began := time.Now()
	w.synced()
	for _, ip := range ips {
		w.eventually("the end of "+ip, func() (bool, string) {
			left := w.flowsOf(tableBindings, ip) + w.flowsOf(tableOwners, ip)
			return len(w.bindings("default", ip)) == 0 && left == "", left
		})
	}
	// After that restart nobody asks. Whether the age limit is over isat looks at
	// when it renews its leases.
	if took := time.Since(began); took > age+late+leaseInterval {
		t.Errorf("the end came %v after the restart", took)
	}
	for _, ip := range []string{"10.0.0.3", "fd00::3"} {
		w.must("h2", "ping", "-c", "1", "-W", "3", ip)
	}
}

// again starts isat anew, and checks that nothing changes in the switch.
func (w *world) again(how string, stop func()) {
	w.t.Helper()
	before := w.flows("s1")
	stop()
	w.start(w.listen)
	w.synced()
	if c := w.switches()[0].Changes; c.Added+c.Changed+c.Removed+c.Groups+c.Meters != 0 || c.Kept == 0 {
		w.t.Errorf("%s and started: the switch was changed: %+v\n%s", how, c, difference(before, w.flows("s1")))
	}
}

// idle waits until a switch has seen nothing from an address for a while.
func (w *world) idle(ip string, span time.Duration) {
	w.t.Helper()
	w.eventually("an idle flow", func() (bool, string) {
		// Only this version tells.
		out, err := w.lab.Ofctl("-O", "OpenFlow15", "dump-flows", "s1", flowMatch(tableOwners, ip))
		_, rest, _ := strings.Cut(out, "idle_age=")
		age, _, _ := strings.Cut(rest, ",")
		n, bad := time.ParseDuration(age + "s")
		return err == nil && bad == nil && n >= span, out
	})
}

// terminate asks isat to end, and waits until it has.
func (p *isat) terminate(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(deadline):
		t.Fatalf("isat does not end:\n%s", p.log)
	}
}
