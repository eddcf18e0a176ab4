package logical_test

import (
	"testing"

	"github.com/isat-sdn/isat/internal/logical"
)

// typicalActions are what logical flows do most: go on, set a flag, answer, look up, punt.
func typicalActions() []string {
	return []string{
		"next;",
		"drop;",
		"flags.owner = 1; next;",
		`outport = "trunk"; output;`,
		"reg0 = ip4.dst; lookup(owners); next;",
		"get_arp(network, ip4.dst); next;",
		"put_arp(network, arp.spa, arp.sha);",
		"eth.dst = eth.src; eth.src = 02:00:00:00:00:01; arp.op = 2; arp.tha = arp.sha; outport = inport; loopback; output;",
		"punt(learn); next;",
		"ip.ttl--; eth.src = 02:00:00:00:00:01; next(deliver);",
	}
}

// BenchmarkParseActions parses one typical list of actions per operation.
func BenchmarkParseActions(b *testing.B) {
	s, texts := routerSymbols(), typicalActions()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := logical.ParseActions(s, texts[i%len(texts)]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCompileActions compiles one parsed list of actions per operation, with its prerequisites.
func BenchmarkCompileActions(b *testing.B) {
	s, target := routerSymbols(), routerTarget()
	var parsed []*logical.Actions
	for _, text := range typicalActions() {
		a, err := logical.ParseActions(s, text)
		if err != nil {
			b.Fatal(err)
		}
		parsed = append(parsed, a)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		a := parsed[i%len(parsed)]
		a.PrereqExpr()
		if _, err := a.Compile(target); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseAndCompile makes OpenFlow of the texts of one typical logical flow per operation:
// match, actions, and the actions' prerequisites as part of the match.
func BenchmarkParseAndCompile(b *testing.B) {
	s, target := routerSymbols(), routerTarget()
	matches := []string{
		"1",
		`inport == "p1" && eth.src[40]`,
		"eth.bcast && arp.op == 1 && arp.tpa == 10.0.0.255",
		`outport == "trunk"`,
		"ip4 && ip4.dst == 10.0.0.0/8",
		"ip4.src == {0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/3}",
		"arp && flags.owner",
		"arp.op == 1 && arp.tpa == 10.0.0.1",
		"nd_ns && !flags.owner",
		"ip && 1024 <= tcp.dst <= 49151",
	}
	texts := typicalActions()
	var flows int
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e, err := logical.ParseMatch(s, matches[i%len(matches)])
		if err != nil {
			b.Fatal(err)
		}
		a, err := logical.ParseActions(s, texts[i%len(texts)])
		if err != nil {
			b.Fatal(err)
		}
		if _, err := a.Compile(target); err != nil {
			b.Fatal(err)
		}
		var id uint32
		flows += len(e.And(a.PrereqExpr()).Compile(target.Names, &id))
	}
	b.ReportMetric(float64(flows)/float64(b.N), "flows/op")
}
