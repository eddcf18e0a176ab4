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
// MACs: the one dies, and the other is found.
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
	first := w.keepalived("h1")
	w.eventually("h1 as the master of all", func() (bool, string) {
		out := first.String()
		return strings.Count(out, "Entering MASTER STATE") == len(virtuals), out
	})
	w.keepalived("h2")
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
	w.run("R4-R6-link-down", func(w *world) {
		w.keepalived("h1") // the other one stays the master
		w.failOver("h1", func() {
			if err := w.lab.SetLink("h2", false); err != nil {
				w.t.Fatal(err)
			}
		})
	})
}

// link is the interface that has the address.
func (v *virtual) link() string {
	if v.mac {
		return fmt.Sprintf("vrrp.%d", v.id)
	}
	return "eth0"
}

// keepalived runs one in a host, as a backup that takes over if there is no
// master, and waits until it is ready.
func (w *world) keepalived(host string) *keepalived {
	w.t.Helper()
	var conf strings.Builder
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
	nopreempt
	interface eth0
	%s
	version %d
	virtual_router_id %d
	priority 100
	advert_int %s
	virtual_ipaddress {
		%s/32
	}
}
`, v.id, vmac, v.version, v.id, interval, v.ip)
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
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			k.w.t.Fatal(err)
		}
	}
	k.end()
}

// failOver has the master of all die while a third host pings: no address is
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
	died := time.Now()
	for i, v := range virtuals {
		taken := w.wait(at, "the announcement of "+v.ip, func(f lab.Frame) bool { return f.Out && speaks(f, v.ip) })
		from := time.Time{}
		if v.version == 2 {
			from = taken.Time
		}
		w.unbroken(v.ip, streams[i], died, from)
		mac, state := w.mac(heir).String(), "reachable"
		if v.mac {
			mac = fmt.Sprintf("00:00:5e:00:01:%02x", v.id)
		}
		if v.listed {
			state = "static"
		}
		w.eventually(v.ip+" at "+heir, func() (bool, string) {
			list := w.bindings("default", v.ip)
			return len(list) == 1 && list[0].State == state && list[0].MAC == mac && list[0].Port == heir, fmt.Sprint(list)
		})
	}
}
