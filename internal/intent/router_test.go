package intent

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// A router's number follows from its name. Only a router that an earlier name's takes the
// number from has another one.
func TestRouterNumbers(t *testing.T) {
	alone := func(name string) uint16 {
		r := []Router{{Name: name}}
		numberRouters(r)
		return r[0].Number
	}
	var routers []Router
	for i := range MaxRouters {
		routers = append(routers, Router{Name: fmt.Sprintf("router-%04d", i)})
	}
	numberRouters(routers)
	taken, moved := make(map[uint16]string), 0
	for _, r := range routers {
		if other, ok := taken[r.Number]; ok || r.Number == 0 {
			t.Fatalf("%s has number %d, and so has %q", r.Name, r.Number, other)
		}
		taken[r.Number] = r.Name
		if r.Number == alone(r.Name) {
			continue
		}
		moved++
		for n := alone(r.Name); n != r.Number; n = n%65535 + 1 {
			if other, ok := taken[n]; !ok || other >= r.Name {
				t.Errorf("%s has number %d, though %d was free when its turn came", r.Name, r.Number, n)
			}
		}
	}
	if moved == 0 || moved > MaxRouters/10 {
		t.Errorf("%d of %d routers have another number than alone: want some, and few", moved, MaxRouters)
	}
}

// The number that follows 65535 is 1.
func TestRouterNumberWraps(t *testing.T) {
	var last []Router
	for i := 0; len(last) < 2; i++ {
		r := []Router{{Name: fmt.Sprint(i)}}
		numberRouters(r)
		if r[0].Number == 65535 {
			last = append(last, r[0])
		}
	}
	numberRouters(last)
	if last[0].Number != 65535 || last[1].Number != 1 {
		t.Errorf("got %d and %d: want 65535 and 1", last[0].Number, last[1].Number)
	}
}

func TestRouterAccessors(t *testing.T) {
	i := parseFile(t, "testdata/reference.yaml")
	r, ok := i.RouterByName("r1")
	if !ok || r.Name != "r1" || r != &i.Routers[0] {
		t.Fatalf("RouterByName(r1) = %v, %v", r, ok)
	}
	if same, ok := i.RouterByNumber(r.Number); !ok || same != r {
		t.Errorf("RouterByNumber(%d) = %v, %v", r.Number, same, ok)
	}
	if got, ok := i.RouterByName("r"); ok {
		t.Errorf("RouterByName(r) = %v", got)
	}
	if got, ok := i.RouterByNumber(1); ok {
		t.Errorf("RouterByNumber(1) = %v", got)
	}
	wan, ok := r.InterfaceOn(300)
	if !ok || wan.Network != "wan" {
		t.Fatalf("InterfaceOn(300) = %v, %v", wan, ok)
	}
	if got, ok := r.InterfaceOn(200); ok {
		t.Errorf("InterfaceOn(200) = %v", got)
	}
	if got := wan.LinkLocal(); got != netip.MustParseAddr("fe80::ff:fe00:902") {
		t.Errorf("LinkLocal = %s", got)
	}
	r2, _ := i.RouterByName("r2")
	if wan.HasIPv6() != true || r2.Interfaces[0].HasIPv6() != false {
		t.Error("HasIPv6")
	}
}

// A router and its networks may stand in any order, and its lists, too.
func TestOrderIsFree(t *testing.T) {
	documents := []string{
		"kind: network\nname: a\nnumber: 7\n",
		"kind: network\nname: b\nnumber: 5\n",
		"kind: router\nname: r\ninterfaces:\n  - {network: a, addresses: [10.7.0.1/24, 10.7.0.2/24]}\n  - {network: b, addresses: [10.5.0.1/24]}\n" +
			"routes:\n  - {prefix: 10.0.0.0/8, via: [10.7.0.9, 10.5.0.9]}\n  - {prefix: 0.0.0.0/0, via: 10.5.0.9}\n",
		"kind: router\nname: r0\ninterfaces:\n  - {network: default, addresses: [10.0.0.1/24]}\n",
	}
	forth, err := Parse("forth", []byte(strings.Join(documents, "---\n")))
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(documents)
	documents[1] = "kind: router\nname: r\ninterfaces:\n  - {network: b, addresses: [10.5.0.1/24]}\n  - {network: a, addresses: [10.7.0.2/24, 10.7.0.1/24]}\n" +
		"routes:\n  - {prefix: 0.0.0.0/0, via: [10.5.0.9]}\n  - {prefix: 10.0.0.0/8, via: [10.5.0.9, 10.7.0.9]}\n"
	back, err := Parse("back", []byte(strings.Join(documents, "---\n")))
	if err != nil {
		t.Fatal(err)
	}
	if diff := diffIntents(forth, back); diff != "" {
		t.Errorf("-forth +back:\n%s", diff)
	}
	if len(back.Routers) != 2 || back.Routers[0].Interfaces[0].NetworkNumber != 5 {
		t.Errorf("got %+v", back.Routers)
	}
}

func TestSeconds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", 10 * time.Second: "10s", time.Minute: "1m", 90 * time.Second: "1m30s",
		10 * time.Minute: "10m", time.Hour: "1h", 2*time.Hour + 30*time.Minute: "2h30m", time.Hour + time.Second: "1h0m1s",
	} {
		got := seconds(d)
		if back, err := time.ParseDuration(got); got != want || err != nil || back != d {
			t.Errorf("seconds(%s) = %q: want %q", d, got, want)
		}
	}
}

// What there may be of each is checked before it costs anything.
func TestRouterLimits(t *testing.T) {
	const head = "kind: router\nname: r\ninterfaces:\n"
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i>>8, i&0xff)
		}
		return b.String()
	}
	var networks strings.Builder
	for i := range MaxInterfaces + 1 {
		fmt.Fprintf(&networks, "---\nkind: network\nname: n-%d-%d\nnumber: %d\n", i>>8, i&0xff, i+2)
	}
	for name, test := range map[string]struct {
		text  func(n int) string
		limit int
		want  string
	}{
		"routers": {
			func(n int) string {
				return many(n, "---\nkind: router\nname: r-%d-%d\ninterfaces:\n  - {network: default, addresses: [10.%[1]d.%[2]d.1/24]}\n")
			}, MaxRouters, "the file has 4097 routers: want at most 4096",
		},
		"interfaces": {
			func(n int) string {
				return head + many(n, "  - {network: n-%d-%d, addresses: [10.%[1]d.%[2]d.1/24]}\n") + networks.String()
			}, MaxInterfaces, "interfaces has 257 entries: want at most 256",
		},
		"addresses": {
			func(n int) string {
				return head + "  - network: default\n    addresses:\n" + many(n, "    - 10.%d.%d.1/24\n")
			}, MaxAddresses, "addresses has 17 entries: want at most 16",
		},
		"routes": {
			func(n int) string {
				return head + "  - {network: default, addresses: [192.0.2.1/24]}\nroutes:\n" + many(n, "  - {prefix: 10.%d.%d.0/24, via: 192.0.2.2}\n")
			}, MaxRoutes, "routes has 4097 entries: want at most 4096",
		},
		"policies": {
			func(n int) string {
				return many(n, "---\nkind: policy\nname: p-%d-%d\ntable: l2\npriority: 1\nmatch: ip\nactions: drop;\n")
			}, MaxPolicies, "the file has 1001 policies: want at most 1000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse("fits.yaml", []byte(test.text(test.limit))); err != nil {
				t.Fatal(err)
			}
			_, err := Parse("over.yaml", []byte(test.text(test.limit+1)))
			var list Errors
			if !errors.As(err, &list) || len(list) != 1 || !strings.HasSuffix(list[0].Message, test.want) {
				t.Errorf("got %v: want %s", err, test.want)
			}
		})
	}
}
