package demo

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/view"
)

// unknownAddresses are in the hosts' subnets, and nobody has them.
var unknownAddresses = [...]netip.Addr{ipv4: netip.MustParseAddr("10.0.0.99"), ipv6: netip.MustParseAddr("fd00::99")}

// stages runs the parts of the demo one after the other.
func (d *demo) stages(ctx context.Context) (rows []*figures, err error) {
	for _, s := range []struct {
		stage stage
		does  string
		run   func(context.Context, *figures) error
	}{
		{firstContact, "all hosts ping each other, and nobody is known", d.pingAll},
		{known, fmt.Sprintf("the same %d times more, each time with empty neighbour caches", d.Rounds), d.pingAgain},
		{nobody, "h1 pings an address that nobody has", d.pingNobody},
	} {
		for _, f := range []family{ipv4, ipv6} {
			d.say("%s: %s", f, s.does)
			row := &figures{stage: s.stage, family: f}
			if err := d.measure(ctx, row, s.run); err != nil {
				return nil, fmt.Errorf("%s, %s: %w", f, s.stage, err)
			}
			rows = append(rows, row)
		}
		if s.stage == firstContact {
			if err := d.waitKnown(ctx); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

// measure runs a part between two readings of all counters, with a capture on
// every host.
func (d *demo) measure(ctx context.Context, row *figures, run func(context.Context, *figures) error) error {
	if err := d.flush(ctx, d.hosts()...); err != nil {
		return err
	}
	before, err := d.read(ctx, row.family)
	if err != nil {
		return err
	}
	captures := make(map[string]*lab.Capture)
	defer func() {
		for _, c := range captures {
			_ = c.Close()
		}
	}()
	for _, h := range d.hosts() {
		if captures[h], err = d.lab.Capture(h, ""); err != nil {
			return err
		}
	}
	if err := run(ctx, row); err != nil {
		return err
	}
	after, err := d.read(ctx, row.family)
	if err != nil {
		return err
	}
	row.bySwitch = after.answered - before.answered
	row.searches = int(after.counters["search-started"] - before.counters["search-started"])
	row.packetIns = int(after.counters["openflow-packet-ins"] - before.counters["openflow-packet-ins"])
	return d.look(row, captures)
}

// look takes the figures from the captures.
func (d *demo) look(row *figures, captures map[string]*lab.Capture) error {
	w := wire{frames: make(map[string][]lab.Frame), owner: make(map[netip.Addr]string)}
	for _, h := range d.lab.Topology().Hosts {
		for _, a := range h.Addresses {
			w.owner[a.Addr()] = h.Name
		}
	}
	for host, c := range captures {
		dropped, err := c.Dropped()
		if err != nil {
			return err
		}
		row.lostFrame += dropped
		w.frames[host] = c.Frames()
	}
	row.wire = w.traffic(row.family)
	for i := range row.pings {
		w.follow(&row.pings[i])
	}
	return nil
}

// reading is what the counters say at a moment at which nothing is on its way.
type reading struct {
	answered int // packets that became answers in the switch
	counters map[string]uint64
}

// quietLooks is how many equal looks at the controller's counters mean that
// nothing is on its way to it any more.
const quietLooks = 8

func (d *demo) read(ctx context.Context, f family) (r reading, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	var last uint64
	quiet := 0
	err = lab.WaitFor(ctx, "a quiet controller", func() (bool, error) {
		s, err := d.client.Status(ctx)
		if err != nil {
			return false, err
		}
		if n := s.Counters["openflow-packet-ins"] + s.Counters["openflow-packet-outs"]; n != last {
			last, quiet = n, 0
		}
		quiet++
		r.counters = s.Counters
		return quiet >= quietLooks && s.Searches == 0, nil
	})
	if err != nil {
		return r, err
	}
	r.answered, err = d.answersOfSwitch(f)
	return r, err
}

var packetCount = regexp.MustCompile(`n_packets=(\d+)`)

// answersOfSwitch counts the packets of the flows that make answers.
func (d *demo) answersOfSwitch(f family) (n int, err error) {
	// The datapath tells its packet counts to the flows now and then, and when asked.
	if _, err := d.lab.Appctl("revalidator/wait"); err != nil {
		return 0, err
	}
	table, makes := pipeline.Reply, "arp_op"
	if f == ipv6 {
		table, makes = pipeline.ReplyNDEnd, "nd_reserved"
	}
	dump, err := d.lab.Ofctl("dump-flows", d.lab.Topology().Switches[0].Name, fmt.Sprintf("table=%d", table))
	if err != nil {
		return 0, err
	}
	found := false
	for line := range strings.Lines(dump) {
		_, actions, _ := strings.Cut(line, "actions=")
		count := packetCount.FindStringSubmatch(line)
		if count == nil || !strings.Contains(actions, makes) {
			continue
		}
		packets, err := strconv.Atoi(count[1])
		if err != nil {
			return 0, fmt.Errorf("read packet count %q: %w", count[1], err)
		}
		found = true
		n += packets
	}
	if !found {
		return 0, fmt.Errorf("no flow of table %d makes answers:\n%s", table, dump)
	}
	return n, nil
}

func (d *demo) hosts() (names []string) {
	for _, h := range d.lab.Topology().Hosts {
		names = append(names, h.Name)
	}
	return names
}

// flush empties the kernels' neighbour caches.
func (d *demo) flush(ctx context.Context, hosts ...string) error {
	for _, h := range hosts {
		if out, code, err := d.lab.Exec(ctx, h, "ip", "neigh", "flush", "all"); err != nil || code != 0 {
			return fmt.Errorf("flush the neighbour cache of %s: code %d, %w\n%s", h, code, err, out)
		}
	}
	return nil
}

// pingAll has every host ping every other one, each from an empty cache.
func (d *demo) pingAll(ctx context.Context, row *figures) error {
	hosts := d.lab.Topology().Hosts
	for _, from := range hosts {
		if err := d.flush(ctx, from.Name); err != nil {
			return err
		}
		for _, to := range hosts {
			for _, a := range to.Addresses {
				if to.Name == from.Name || familyOf(a.Addr()) != row.family {
					continue
				}
				if err := d.ping(ctx, row, from.Name, a.Addr(), 3*time.Second); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (d *demo) pingAgain(ctx context.Context, row *figures) error {
	for range d.Rounds {
		if err := d.flush(ctx, d.hosts()...); err != nil {
			return err
		}
		if err := d.pingAll(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) pingNobody(ctx context.Context, row *figures) error {
	address := unknownAddresses[row.family]
	if err := d.ping(ctx, row, "h1", address, 4*time.Second); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	return lab.WaitFor(ctx, "the search for "+address.String()+" to end", func() (bool, error) {
		list, err := d.client.Explain(ctx, api.Target{IP: address})
		if err != nil || len(list) != 1 {
			return false, err
		}
		row.silent = list[0].Outcome == "silent"
		return list[0].Outcome != "joined", nil
	})
}

// ping sends one echo request and waits for the reply. Whether one came is
// seen on the wire.
func (d *demo) ping(ctx context.Context, row *figures, from string, to netip.Addr, wait time.Duration) error {
	p := ping{from: from, to: to, began: time.Now()}
	_, _, err := d.lab.Exec(ctx, from, "ping", "-n", "-c", "1", "-W", fmt.Sprint(wait.Seconds()), to.String())
	if err != nil {
		return err
	}
	p.ended = time.Now()
	row.pings = append(row.pings, p)
	return nil
}

// waitKnown waits until all addresses of the hosts are bound and answered.
func (d *demo) waitKnown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	missing := ""
	err := lab.WaitFor(ctx, "all hosts to be known", func() (bool, error) {
		list, err := d.client.Bindings(ctx, api.Filter{})
		if err != nil {
			return false, err
		}
		missing = d.unknown(list)
		return missing == "", nil
	})
	if err != nil && missing != "" {
		return fmt.Errorf("%w: %s is not", err, missing)
	}
	return err
}

// unknown names an address of the hosts that is not answered for.
func (d *demo) unknown(list []view.Binding) string {
	reachable := make(map[string]bool)
	for _, b := range list {
		reachable[b.IP] = b.State == "reachable"
	}
	for _, h := range d.lab.Topology().Hosts {
		for _, a := range h.Addresses {
			if !reachable[a.Addr().String()] {
				return a.Addr().String()
			}
		}
	}
	return ""
}
