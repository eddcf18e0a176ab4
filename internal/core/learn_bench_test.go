package core

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

const benchBatch = 512 // events of one step, as the daemon takes them

func benchPort(n uint32) fabric.Port {
	return fabric.Port{Number: n, Name: "p", Up: true}
}

// benchPunt is the copy of the announcement of host i.
func benchPunt(i int) Event {
	mac, ip := packet.MAC{2}, [4]byte{}
	binary.BigEndian.PutUint32(mac[2:], uint32(i))
	binary.BigEndian.PutUint32(ip[:], 10<<24|uint32(i))
	frame := packet.AppendARP(nil, packet.Broadcast, mac, false, 0, &packet.ARP{Op: packet.ARPRequest, SHA: mac, SPA: ip, TPA: ip})
	return Punt{Switch: 1, Reason: pipeline.ReasonLearn, Segment: binding.Segment{Network: intent.DefaultNumber},
		Port: binding.NewPortKey(uint32(1+i%48), 0), Frame: frame}
}

// benchCore is a core with one switch of 48 ports, which has no flows yet.
func benchCore(b *testing.B) (*Core, time.Time) { return benchCoreOf(b, intent.Default()) }

func benchCoreOf(b testing.TB, in *intent.Intent) (*Core, time.Time) {
	c := New(Config{Table: binding.Config{Seed: maphash.MakeSeed()}}, in)
	up := SwitchUp{Switch: 1, Session: 1}
	for n := range uint32(48) {
		up.Ports = append(up.Ports, benchPort(n+1))
	}
	now := time.Unix(1_700_000_000, 0)
	c.Step(now, up)
	c.Step(now, Synced{Switch: 1, Session: 1})
	if list := c.Switches(); len(list) != 1 || list[0].State != "connected" {
		b.Fatalf("switches: %+v", list)
	}
	return c, now
}

// BenchmarkLearn learns new hosts from punts: per host a station and a binding,
// and the flow-mods for both.
func BenchmarkLearn(b *testing.B) { benchmarkLearn(b, false) }

// BenchmarkLearnAndKeep tells in addition what is to be kept.
func BenchmarkLearnAndKeep(b *testing.B) { benchmarkLearn(b, true) }

func benchmarkLearn(b *testing.B, keep bool) {
	const most = 1 << 18 // of one network, by default
	var c *Core
	var now time.Time
	batch := make([]Event, 0, benchBatch)
	learned := most
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += len(batch) {
		b.StopTimer()
		if learned+benchBatch > most {
			c, now = benchCore(b)
			c.Keep(keep)
			learned = 0
		}
		batch = batch[:0]
		for len(batch) < min(benchBatch, b.N-done) {
			batch = append(batch, benchPunt(learned))
			learned++
		}
		b.StartTimer()
		effects := c.Step(now, batch...)
		for _, s := range effects.Send {
			c.Recycle(s.Messages)
		}
	}
	b.StopTimer()
	if n := c.Table().Len().Bindings; n != learned {
		b.Fatalf("%d bindings known, want %d", n, learned)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "hosts/s")
}

// BenchmarkRestart gives a new core a switch that has the flows of 100 000
// hosts: everything is restored, and nothing is changed.
func BenchmarkRestart(b *testing.B) {
	const hosts = 100_000
	c, now := benchCore(b)
	for i := range hosts {
		c.Step(now, benchPunt(i))
	}
	sw := c.switches[1]
	up := SwitchUp{Switch: 1, Session: 2}
	var flows []openflow.FlowStats
	for f := range wantedFlows(c, sw) {
		flows = append(flows, openflow.FlowStats{TableID: f.TableID, Priority: f.Priority,
			IdleTimeout: f.IdleTimeout, HardTimeout: f.HardTimeout, Flags: f.Flags, Cookie: f.Cookie, Match: f.Match, Instructions: f.Instructions})
	}
	up.Dump.Flows = openflow.FlowDumpOf(flows)
	for _, g := range sw.base.Groups {
		up.Dump.Groups = append(up.Dump.Groups, openflow.GroupDesc{GroupType: g.GroupType, ID: g.ID, Buckets: g.Buckets})
	}
	for _, m := range sw.base.Meters {
		up.Dump.Meters = append(up.Dump.Meters, openflow.MeterConfig{Flags: m.Flags, ID: m.ID, Bands: m.Bands})
	}
	for _, p := range sw.Ports {
		up.Ports = append(up.Ports, p)
	}
	b.ReportAllocs()
	for b.Loop() {
		again := New(Config{Table: binding.Config{Seed: maphash.MakeSeed()}}, intent.Default())
		effects := again.Step(now.Add(time.Minute), up)
		if n := again.Table().Len().Bindings; n != hosts || len(effects.Sync) != 1 || len(effects.Sync[0].Bundle) != 0 {
			b.Fatalf("%d bindings restored, %d changes", n, len(effects.Sync[0].Bundle))
		}
	}
}

const (
	idleBindings = 1_000_000
	// idleAsked is how many of them are asked in a second at the default age limit.
	idleAsked = idleBindings / 600
)

// idleCore is a core with a million bindings, each with a station of its own.
func idleCore(b *testing.B) (*Core, time.Time) {
	in := intent.Default()
	l := &in.Limits
	l.Bindings, l.BindingsPerNetwork, l.BindingsPerPort = intent.MaxKept, intent.MaxKept, intent.MaxKept
	l.Stations, l.StationsPerPort = intent.MaxKept, intent.MaxKept
	c, now := benchCoreOf(b, in)
	for i := range idleBindings {
		c.Step(now, benchPunt(i))
	}
	if n := c.Table().Len().Bindings; n != idleBindings {
		b.Fatalf("%d bindings known, want %d", n, idleBindings)
	}
	return c, now
}

// BenchmarkIdleStep takes a step in which nothing is due, with a million
// bindings, and finds out when the next one is.
func BenchmarkIdleStep(b *testing.B) {
	c, now := idleCore(b)
	b.ReportAllocs()
	for b.Loop() {
		c.Step(now)
		c.Next()
	}
}

// BenchmarkIdleRefresh is what a silent host costs that answers, of a million: its
// flow is gone, it is asked, it answers, and its switch watches again. As many at
// once as are silent in a second at the default age limit.
func BenchmarkIdleRefresh(b *testing.B) {
	c, now := idleCore(b)
	events := make([]Event, 0, 2*idleAsked)
	quiets, punts, answers := make([]Quiet, idleAsked), make([]Punt, idleAsked), make([]Punt, idleAsked)
	step := func() {
		for batch := range slices.Chunk(events, benchBatch) {
			for _, s := range c.Step(now, batch...).Send {
				c.Recycle(s.Messages)
			}
		}
		events = events[:0]
	}
	refreshes, next := c.counters.refreshes, 0
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += idleAsked {
		b.StopTimer()
		first := next
		now = now.Add(10*time.Minute + time.Second)
		for i := range punts {
			punts[i] = benchPunt((first + i) % idleBindings).(Punt)
			answers[i] = punts[i]
			answers[i].Reason = pipeline.ReasonReply
			known := c.Table().Lookup(benchKey(punts[i]))
			quiets[i] = Quiet{Switch: 1, Key: known.Key, MAC: known.MAC, Idle: 10 * time.Minute}
			events = append(events, &quiets[i])
		}
		next = (first + idleAsked) % idleBindings
		for _, s := range c.Step(now).Send { // the leases of so long a time
			c.Recycle(s.Messages)
		}
		b.StartTimer()
		step()
		now = now.Add(time.Millisecond)
		for i := range punts {
			// The copy, because the sender has no flow, and the answer itself.
			events = append(events, &punts[i], &answers[i])
		}
		step()
	}
	b.StopTimer()
	if n := int(c.counters.refreshes - refreshes); n < b.N {
		b.Fatalf("%d owners were asked, want %d", n, b.N)
	}
	b.ReportMetric(100*float64(b.Elapsed())/float64(b.N)*idleAsked/1e9, "%core")
}

func benchKey(p Punt) binding.Key {
	var s resolve.Subject
	if err := s.Parse(p.Frame); err != nil {
		panic(err)
	}
	e, _ := s.Evidence(p.Segment, 1)
	return e.Key
}
