package core

import (
	"encoding/hex"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

var update = flag.Bool("update", false, "rewrite the transcripts under testdata")

// Every transcript under testdata is played again. Its commands begin at the
// margin, what came of them is indented; testdata/README says what there is.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got; rewrite it with -update once it is understood):\n%s", file, diff)
			}
		})
	}
}

// player plays one transcript.
type player struct {
	*world
	t     *testing.T
	out   strings.Builder
	line  string
	began time.Time
	ids   uint64
}

func play(t *testing.T, script string) string {
	p := &player{t: t}
	p.world = newWorld(intent.Default(), Config{Grace: time.Minute, Table: binding.Config{Seed: testSeed}}, func(format string, args ...any) {
		t.Helper()
		t.Fatalf("%s: "+format, append([]any{p.line}, args...)...)
	})
	p.began, p.report = p.now, p.reportEffects
	p.tell = func(line string) { fmt.Fprintf(&p.out, "    %s\n", line) }
	lines := strings.SplitAfter(script, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if strings.HasPrefix(line, "    ") {
			continue // what came of it last time
		}
		p.out.WriteString(line)
		p.line = strings.TrimSpace(line)
		text := ""
		for i+1 < len(lines) && strings.HasPrefix(lines[i+1], "| ") {
			i++
			p.out.WriteString(lines[i])
			text += strings.TrimPrefix(lines[i], "| ")
		}
		if p.line != "" && !strings.HasPrefix(p.line, "#") {
			words := strings.Fields(p.line)
			p.command(words, text)
			if !slices.Contains(words, "loses") {
				p.check()
			}
		}
	}
	return p.out.String()
}

// reportEffects tells what the core says.
func (p *player) reportEffects(effects *Effects) {
	for _, n := range effects.Notes {
		line := n.Text
		for _, a := range n.Attrs {
			switch a.Key {
			case "kept", "added", "changed", "removed", "address", "ports":
				// They change with the rules of the pipeline.
			default:
				line += fmt.Sprintf(" %s=%v", a.Key, a.Value)
			}
		}
		if n.Level >= slog.LevelWarn {
			line = "warning: " + line
		}
		p.tell("note: " + line)
	}
	for _, done := range effects.Done {
		r := done.Resolution
		line := fmt.Sprintf("answer %d: %s found=%v sent=%d", done.ID, r.IP, r.Found, r.Sent)
		if r.Binding != nil {
			line += fmt.Sprintf(" %s on port %q", r.Binding.MAC, r.Binding.Port)
		}
		if r.Why != "" {
			line += ": " + r.Why
		}
		p.tell(line)
	}
	for i := range effects.Events {
		p.tell("event: " + eventLine(&effects.Events[i]))
	}
	var changes []string // places come out of maps
	for _, c := range effects.Changes {
		changes = append(changes, "change: "+changeLine(&c))
	}
	p.tellSorted(changes)
}

func changeLine(change *Change) string {
	switch {
	case change.Binding != nil:
		return fmt.Sprintf("%s binding %s = %s", change.Type, change.Binding.IP(), change.Binding.MAC)
	case change.Station != nil:
		return fmt.Sprintf("%s station %s on %s", change.Type, change.Station.MAC, change.Station.Port)
	case change.Switch != nil:
		return fmt.Sprintf("%s switch %s %s", change.Type, change.Switch.Name, change.Switch.State)
	case change.Port != nil:
		return fmt.Sprintf("%s port %s %s in %s", change.Type, change.Port.Name, change.Port.State, strings.Join(change.Port.Networks, ","))
	default:
		return fmt.Sprintf("%s network %s", change.Type, change.Network.Name)
	}
}

func eventLine(e *view.Event) string {
	name := func(mac, port string) string {
		m, err := packet.ParseMAC(mac)
		if err != nil {
			return "somewhere"
		}
		if port == "" {
			port = "?"
		}
		return macName(m) + "@" + port
	}
	line := fmt.Sprintf("%s %s %s", e.Kind, cmpOr(e.IP, "station"), name(e.MAC, e.Port))
	if e.OldMAC != "" {
		line += " of " + name(e.OldMAC, e.OldPort)
	}
	return line + ": " + e.Reason
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// operate does by hand what an operator does: flush, or clear, [IP].
func (p *player) operate(what string, words []string) {
	var scope Scope
	if len(words) > 0 {
		scope.IP = netip.MustParseAddr(words[0])
	}
	n := 0
	if what == "flush" {
		n = p.core.Flush(p.now, scope)
	} else {
		n = p.core.ClearDuplicates(p.now, scope)
	}
	p.tell(fmt.Sprintf("%d bindings", n))
	p.step()
}

// traffic is a packet that is neither ARP nor ND, from HOST and its address: it
// hits the flow of its owner, and nobody is told.
func (p *player) traffic(words []string) {
	mac, sw, _ := p.sender(words[0])
	key := p.key(words[1:])
	owner, _ := pipeline.OwnerFlow(&binding.Binding{Key: key, MAC: mac, State: binding.Reachable})
	if f, ok := sw.flows[owner.Key()]; ok {
		f.hit, f.hits = p.now, f.hits+1
		sw.flows[owner.Key()] = f
		return
	}
	p.tell(sw.Name() + " does not know the owner")
}

func (p *player) command(words []string, text string) {
	rest := words[1:]
	switch words[0] {
	case "switch":
		p.switchCommand(rest)
	case "intent":
		in, err := intent.Parse("intent", []byte(text))
		if err != nil {
			p.fail("%v", err)
		}
		p.step(NewIntent{in})
	case "arp-request", "arp-reply", "arp-probe", "ns", "dad", "na", "frame":
		p.frameCommand(words[0], rest)
	case "routed":
		p.routedCommand(rest)
	case "router-solicitation":
		p.solicitCommand(rest)
	case "compose":
		p.composeCommand(rest)
	case "hold":
		p.hold = true
	case "sync":
		p.hold = false
		for len(p.held) > 0 {
			p.sync(strings.Join(rest, " "))
		}
	case "resolve", "probe":
		p.ids++
		p.step(Question{ID: p.ids, Key: p.key(rest), Unicast: words[0] == "probe"})
	case "restart":
		config := p.core.config
		config.Start = p.now
		p.world.core = New(config, p.core.intent)
		for _, sw := range p.switches {
			sw.up = false
		}
	case "watch":
		p.core.Watch(rest[0] == "on")
	case "follow":
		p.core.WatchEvents(true, true)
	case "flush", "clear":
		p.operate(words[0], rest)
	case "traffic":
		p.traffic(rest)
	default:
		p.showCommand(words[0], rest)
	}
}

// showCommand tells what the core shows, or lets time pass.
func (p *player) showCommand(word string, rest []string) {
	switch {
	case word == "explain":
		x := p.core.Explain(p.now, p.key(rest))
		for _, f := range x.Facts {
			p.tell(fmt.Sprintf("%s (%s)", f.What, f.Source))
		}
		p.tell(x.Outcome + ": " + x.Why)
	case word == "bindings":
		var lines []string
		for _, b := range p.core.Bindings(Choice{}) {
			lines = append(lines, fmt.Sprintf("%s %s = %s %s %s port=%q restored=%v", b.Network, b.IP, b.MAC, b.Origin, b.State, b.Port, b.Restored))
		}
		p.tellSorted(lines)
	case word == "ports":
		for _, v := range p.core.Ports() {
			p.tell(fmt.Sprintf("%s %s in %s, %d stations, %d bindings", v.Name, v.State, strings.Join(v.Networks, ","), v.Stations, v.Bindings))
		}
	case word == "switches":
		for _, v := range p.core.Switches() {
			p.tell(fmt.Sprintf("%s %s, restored %d, last error %q", v.Name, v.State, v.Changes.Restored, v.LastError))
		}
	case word == "counters":
		var lines []string
		for name, n := range p.core.Counters() {
			if slices.ContainsFunc(rest, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
				lines = append(lines, fmt.Sprintf("%s %d", name, n))
			}
		}
		p.tellSorted(lines)
	case strings.HasPrefix(word, "+"):
		d, err := time.ParseDuration(word[1:])
		if err != nil {
			p.fail("%v", err)
		}
		p.pass(d)
	default:
		p.fail("there is no command %q", word)
	}
}

func (p *player) tellSorted(lines []string) {
	slices.Sort(lines)
	for _, line := range lines {
		p.tell(line)
	}
}

// pass lets time pass, and says when something came of it.
func (p *player) pass(d time.Duration) {
	end, told := p.now.Add(d), p.tell
	for {
		at, ok := p.core.Next()
		if flow, ends := p.nextEnd(); ends && (!ok || flow.Before(at)) {
			at, ok = flow, true
		}
		if !ok || at.After(end) {
			break
		}
		if at.After(p.now) {
			p.now = at
		}
		quiet := p.expire(p.now)
		p.tell = func(line string) { told(fmt.Sprintf("at %v: %s", p.now.Sub(p.began).Round(time.Millisecond), line)) }
		p.step(quiet...)
	}
	p.tell, p.now = told, end
}

func (p *player) switchCommand(words []string) {
	name, what, rest := words[0], words[1], words[2:]
	var sw *modelSwitch
	for _, known := range p.switches {
		if known.Name() == name {
			sw = known
		}
	}
	if sw == nil {
		sw = p.addSwitch(uint64(len(p.switches)+1), name)
	}
	switch what {
	case "up":
		for _, port := range rest {
			number, portName := portOf(port)
			sw.Ports[number] = fabric.Port{Number: number, Name: portName, Up: true}
		}
		p.step(p.connect(sw))
	case "up-with-down":
		for _, port := range rest {
			number, portName := portOf(port)
			sw.Ports[number] = fabric.Port{Number: number, Name: portName}
		}
		p.step(p.connect(sw))
	case "down":
		p.step(p.disconnect(sw))
	case "empty":
		sw.reset()
	case "loses":
		maps.DeleteFunc(sw.flows, func(_ openflow.FlowKey, f modelFlow) bool {
			return strings.Contains(p.flowLine(sw, &f.FlowMod, f.FlowMod, true)+" ", " "+rest[0]+" ")
		})
	case "error":
		p.step(SwitchError{Switch: sw.ID, Text: strings.Join(rest, " ")})
	case "port", "port-down":
		number, portName := portOf(rest[0])
		sw.Ports[number] = fabric.Port{Number: number, Name: portName, Up: what == "port"}
		p.step(PortChanged{Switch: sw.ID, Port: sw.Ports[number]})
	case "port-gone":
		number, _ := portOf(rest[0])
		gone := sw.Ports[number]
		delete(sw.Ports, number)
		p.step(PortChanged{Switch: sw.ID, Port: gone, Gone: true})
	default:
		p.fail("there is no such thing as switch %s", what)
	}
}

// portOf reads NUMBER or NUMBER=NAME.
func portOf(s string) (uint32, string) {
	number, name, _ := strings.Cut(s, "=")
	n, _ := strconv.ParseUint(number, 10, 32)
	return uint32(n), name
}

// key reads IP [NETWORK].
func (p *player) key(words []string) binding.Key {
	network := uint32(intent.DefaultNumber)
	if len(words) > 1 {
		number, ok := p.core.NetworkByName(words[1])
		if !ok {
			p.fail("no network %s", words[1])
		}
		network = number
	}
	return binding.NewKey(binding.Segment{Network: network}, netip.MustParseAddr(words[0]))
}

// sender reads HOST or HOST@SWITCH/PORT, and what stands at the end: vlan N.
func (p *player) sender(s string) (mac packet.MAC, sw *modelSwitch, port uint32) {
	host, at, explicit := strings.Cut(s, "@")
	if host == "isat" {
		mac = pipeline.MAC
	} else {
		n, err := strconv.ParseUint(strings.TrimPrefix(host, "h"), 10, 8)
		if err != nil {
			p.fail("no host %q", host)
		}
		mac = hostMAC(byte(n))
	}
	switchName, portName := "", host
	if explicit {
		switchName, portName, _ = strings.Cut(at, "/")
	}
	for _, id := range slices.Sorted(maps.Keys(p.switches)) {
		for _, candidate := range p.switches[id].Ports {
			if candidate.Name == portName && (switchName == "" || p.switches[id].Name() == switchName) {
				return mac, p.switches[id], candidate.Number
			}
		}
	}
	p.fail("no port for %s", s)
	return mac, nil, 0
}

// frameCommand sends a frame. The words are HOST IP [asks|to] ..., see
// testdata/README.
func (p *player) frameCommand(kind string, words []string) {
	mac, sw, port := p.sender(words[0])
	words = words[1:]
	tagged, vlan := false, uint64(0)
	if n := len(words); n >= 2 && words[n-2] == "vlan" {
		tagged = true
		vlan, _ = strconv.ParseUint(words[n-1], 10, 12)
		words = words[:n-2]
	}
	f := frameSpec{mac, tagged, uint16(vlan), words}
	p.receive(sw, port, f.build(p, kind))
}

type frameSpec struct {
	mac    packet.MAC
	tagged bool
	vlan   uint16
	words  []string
}

func (f *frameSpec) flag(name string) bool { return slices.Contains(f.words, name) }

func (f *frameSpec) ip(i int) netip.Addr { return netip.MustParseAddr(f.words[i]) }

func (f *frameSpec) build(p *player, kind string) []byte {
	arp := packet.ARP{Op: packet.ARPRequest, SHA: f.mac}
	switch kind {
	case "arp-request": // FROM TO
		arp.SPA, arp.TPA = f.ip(0).As4(), f.ip(1).As4()
		return packet.AppendARP(nil, packet.Broadcast, f.mac, f.tagged, f.vlan, &arp)
	case "arp-probe": // TO
		arp.TPA = f.ip(0).As4()
		return packet.AppendARP(nil, packet.Broadcast, f.mac, f.tagged, f.vlan, &arp)
	case "arp-reply": // FROM HOST TO
		arp.Op, arp.SPA, arp.TPA = packet.ARPReply, f.ip(0).As4(), f.ip(2).As4()
		arp.THA = macOf(f.words[1])
		return packet.AppendARP(nil, arp.THA, f.mac, f.tagged, f.vlan, &arp)
	case "ns": // FROM TO
		target := f.ip(1).As16()
		group := packet.SolicitedNode(target)
		return packet.AppendNS(nil, packet.MulticastMAC(group), f.mac, f.tagged, f.vlan, f.ip(0).As16(), group, target, &f.mac, nil)
	case "dad": // TO
		target := f.ip(0).As16()
		group := packet.SolicitedNode(target)
		return packet.AppendNS(nil, packet.MulticastMAC(group), f.mac, f.tagged, f.vlan, [16]byte{}, group, target, nil, []byte("nonce!"))
	case "na": // FROM HOST TO [R] [S] [O]
		return packet.AppendNA(nil, macOf(f.words[1]), f.mac, f.tagged, f.vlan, f.ip(0).As16(), f.ip(2).As16(), f.ip(0).As16(), f.mac,
			f.flag("R"), f.flag("S"), f.flag("O"))
	}
	raw, err := hex.DecodeString(f.words[0])
	if err != nil {
		p.fail("%v", err)
	}
	return slices.Concat(packet.Broadcast[:], f.mac[:], raw)
}

// macOf reads a host or isat.
func macOf(s string) packet.MAC {
	if s == "isat" {
		return pipeline.MAC
	}
	n, _ := strconv.ParseUint(strings.TrimPrefix(s, "h"), 10, 8)
	return hostMAC(byte(n))
}

// The lines of a transcript have to be right themselves.
func TestFrameLine(t *testing.T) {
	mac := hostMAC(1)
	target := netip.MustParseAddr("2001:db8::2").As16()
	frame := packet.AppendNA(nil, pipeline.MAC, mac, true, 7, target, target, target, mac, true, false, true)
	if got, want := frameLine(frame), "na 2001:db8::2 is at h1, flags RO, to isat alone, vlan 7"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var s resolve.Subject
	if err := s.Parse(frame); err != nil || s.Kind != resolve.Advertisement {
		t.Errorf("%v %v", s.Kind, err)
	}
	if got := portKeyName(uint32(binding.NewPortKey(openflow.PortLocal, 0))); got != "port local" {
		t.Errorf("%q", got)
	}
}
