package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/internal/view"
)

// virtual is an address of the pair's.
type virtual struct {
	id      int
	ip      string
	version int  // of VRRP
	mac     bool // its MAC goes with it (00:00:5e:00:01:id)
	listed  bool // the operator bound it, to the MACs of both
}

var virtuals = []virtual{
	{id: 51, ip: "10.0.0.51", version: 2},
	{id: 52, ip: "10.0.0.52", version: 3, listed: true},
	{id: 53, ip: "10.0.0.53", version: 2, mac: true},
	{id: 54, ip: "10.0.0.54", version: 3, mac: true},
}

// Two keepalived share addresses, with a MAC that goes with the address and
// without, and with and without a binding of the operator's that permits both
// MACs: the one dies, or gives way to the other, and that is found.
//
// conformance: R1, R4, R6
func TestKeepalived(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hosts("life-vrrp", 3), `kind: network
name: default
number: 1
bindings:
  - {ip: 10.0.0.52, macs: ["02:00:00:00:00:01", "02:00:00:00:00:02"]}
`)
	first := w.keepalived("h1", equal)
	w.eventually("h1 as the master of all", func() (bool, string) {
		out := first.String()
		return strings.Count(out, "Entering MASTER STATE") == len(virtuals), out
	})
	second := w.keepalived("h2", equal)
	w.run("R4-R6-killed", func(w *world) {
		w.failOver("h2", func() {
			first.killed()
			for _, v := range virtuals {
				if v.mac {
					w.must("h1", "ip", "link", "del", v.link())
				} else {
					w.must("h1", "ip", "addr", "del", v.ip+"/32", "dev", "eth0")
				}
			}
		})
	})
	first = w.keepalived("h1", equal) // the other one stays the master
	w.run("R4-R6-link-down", func(w *world) {
		w.failOver("h1", func() {
			if err := w.lab.SetLink("h2", false); err != nil {
				w.t.Fatal(err)
			}
		})
	})
	second.terminated()
	if err := w.lab.SetLink("h2", true); err != nil {
		t.Fatal(err)
	}
	w.run("R4-R6-preempted", func(in *world) {
		in.failOver("h2", func() { second = w.keepalived("h2", higher) })
	})
	second.terminated()
	for _, v := range virtuals {
		w.heir(v, "h1")
	}
	w.run("R4-R6-answers-on", func(w *world) { answersOn(w, first) })
}

// The kernel of a master that is stopped answers on, for the addresses and the
// virtual MAC, until isat has refused the other one, and for a moment longer.
func answersOn(w *world, master *keepalived) {
	refused := func(v virtual) int { return len(w.events(v.ip, view.EventRefused)) }
	before := make(map[string]int)
	for _, v := range virtuals {
		before[v.ip] = refused(v)
	}
	w.failOver("h2", func() {
		master.signal(syscall.SIGSTOP)
		w.keepalived("h2", higher)
		for _, v := range virtuals {
			if !v.listed { // that is not asked about
				w.eventually("a refusal of "+v.ip+" at h2", func() (bool, string) {
					n := refused(v)
					return n > before[v.ip], fmt.Sprint(n)
				})
			}
		}
		master.signal(syscall.SIGCONT)
	})
}

// Priorities of VRRP: of two that are equal the master stays the master, and a
// higher one takes over from a master that is there.
const (
	equal  = 100
	higher = 150
)

// link is the interface that has the address.
func (v *virtual) link() string {
	if v.mac {
		return fmt.Sprintf("vrrp.%d", v.id)
	}
	return "eth0"
}

// keepalived runs one in a host, as a backup that takes over if there is no
// master, or one of a lower priority if its own is not that of all, and waits until
// it is ready.
func (w *world) keepalived(host string, priority int) *keepalived {
	w.t.Helper()
	var conf strings.Builder
	preempt := "nopreempt"
	if priority != equal {
		preempt = ""
	}
	for _, v := range virtuals {
		interval, vmac := "1", "" // seconds: no less with version 2
		if v.version == 3 {
			interval = "0.1"
		}
		if v.mac {
			vmac = "use_vmac " + v.link()
		}
		fmt.Fprintf(&conf, `vrrp_instance v%d {
	state BACKUP
	%s
	interface eth0
	%s
	version %d
	virtual_router_id %d
	priority %d
	advert_int %s
	virtual_ipaddress {
		%s/32
	}
}
`, v.id, preempt, vmac, v.version, v.id, priority, interval, v.ip)
	}
	k := &keepalived{w: w, dir: w.t.TempDir()}
	file := filepath.Join(k.dir, "keepalived.conf")
	if err := os.WriteFile(file, []byte(conf.String()), 0o644); err != nil {
		w.t.Fatal(err)
	}
	k.running = w.runs(host, fmt.Sprintf("(v%d) Entering BACKUP STATE", virtuals[len(virtuals)-1].id), "keepalived", "--dont-fork", "--vrrp",
		"--log-console", "--log-detail", "--no-syslog", "--dont-respawn", "--use-file", file,
		"--pid", filepath.Join(k.dir, "parent"), "--vrrp_pid", filepath.Join(k.dir, "child"))
	return k
}

// keepalived is one that is under way. It consists of two processes.
type keepalived struct {
	*running
	w   *world
	dir string
}

// killed kills it before it can say goodbye.
func (k *keepalived) killed() {
	k.w.t.Helper()
	k.signal(syscall.SIGKILL)
	k.end()
}

// terminated has it say goodbye, and take its addresses away.
func (k *keepalived) terminated() {
	k.w.t.Helper()
	k.signal(syscall.SIGTERM)
	k.w.eventually("the end of keepalived", func() (bool, string) {
		_, err := os.Stat(filepath.Join(k.dir, "parent")) // it removes its files last
		return errors.Is(err, os.ErrNotExist), k.String()
	})
	k.end()
}

// signal sends a signal to both processes.
func (k *keepalived) signal(signal syscall.Signal) {
	k.w.t.Helper()
	for _, which := range []string{"child", "parent"} {
		text, err := os.ReadFile(filepath.Join(k.dir, which))
		if err != nil {
			k.w.t.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			k.w.t.Fatal(err)
		}
		// The parent may have ended with its child.
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			k.w.t.Fatal(err)
		}
	}
}

// failOver has the master of all die, or give way, while a third host pings: no address is
// without an answer for a second. With version 2 that counts from when the heir
// takes it over, since the death of the master is found out after three.
func (w *world) failOver(heir string, die func()) {
	w.t.Helper()
	streams := make([]*running, len(virtuals))
	for i, v := range virtuals {
		streams[i] = w.pings("h3", v.ip)
	}
	at := w.capture(heir)
	die()
	for i, v := range virtuals {
		taken := w.wait(at, "the announcement of "+v.ip, func(f lab.Frame) bool { return f.Out && speaks(f, v.ip) })
		from := time.Time{}
		if v.version == 2 {
			from = taken.Time
		}
		w.heir(v, heir)
		w.unbroken(v.ip, streams[i], time.Now(), from)
	}
}

// heir waits until isat has an address at a host.
func (w *world) heir(v virtual, host string) {
	w.t.Helper()
	mac, state := w.mac(host).String(), "reachable"
	if v.mac {
		mac = fmt.Sprintf("00:00:5e:00:01:%02x", v.id)
	}
	if v.listed {
		state = "static"
	}
	w.eventually(v.ip+" at "+host, func() (bool, string) {
		list := w.bindings("default", v.ip)
		return len(list) == 1 && list[0].State == state && list[0].MAC == mac && list[0].Port == host, fmt.Sprint(list)
	})
}
