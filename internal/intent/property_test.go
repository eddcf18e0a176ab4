package intent

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/packet"
	_ "github.com/isat-sdn/isat/test/seed"
)

func genMAC(t *rapid.T, label string) packet.MAC {
	v := rapid.Uint64Range(1, 1<<48-1).Draw(t, label)
	mac := packet.MACFromUint64(v)
	mac[0] = mac[0]&^1 | 2
	return mac
}

func genMACs(t *rapid.T) []packet.MAC {
	var macs []packet.MAC
	for range rapid.IntRange(1, 3).Draw(t, "macs") {
		if mac := genMAC(t, "mac"); !slices.Contains(macs, mac) {
			macs = append(macs, mac)
		}
	}
	return macs
}

// genNetwork draws a valid network. Its subnets are 10.N.0.0/16 and fd00:N::/64, its
// gateways .1 and its bindings further up.
func genNetwork(t *rapid.T, number uint32, name string, ports map[portPlace]bool) Network {
	n := Network{Name: name, Number: number, Unknown: Unknown(rapid.IntRange(0, 2).Draw(t, "unknown")),
		Age: DefaultAge, Duplicates: DefaultDuplicates()}
	for _, third := range []byte{1, 2} {
		if !rapid.Bool().Draw(t, "subnet") {
			continue
		}
		s := Subnet{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, third, 0, 0}), 16)}
		if rapid.Bool().Draw(t, "IPv6") {
			s.Prefix = netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 3: third}), 64)
		}
		if rapid.Bool().Draw(t, "gateway") {
			s.Gateway = s.Prefix.Addr().Next()
			if rapid.Bool().Draw(t, "gatewayMAC") {
				s.GatewayMAC = genMAC(t, "mac")
			}
		}
		n.Subnets = append(n.Subnets, s)
	}
	slices.SortFunc(n.Subnets, func(a, b Subnet) int { return comparePrefixes(a.Prefix, b.Prefix) })
	genBindings(t, &n)
	genPorts(t, &n, ports)
	genLife(t, &n)
	return n
}

func genBindings(t *rapid.T, n *Network) {
	for _, s := range n.Subnets {
		ip := s.Prefix.Addr().Next()
		for range rapid.IntRange(0, 3).Draw(t, "bindings") {
			ip = ip.Next()
			n.Bindings = append(n.Bindings, Binding{IP: ip, MACs: genMACs(t)})
		}
	}
	slices.SortFunc(n.Bindings, func(a, b Binding) int { return a.IP.Compare(b.IP) })
}

func genPorts(t *rapid.T, n *Network, taken map[portPlace]bool) {
	// Names that YAML could take for something else are the interesting ones.
	name := rapid.OneOf(
		rapid.StringMatching(`[!-.0-~]{1,15}`),
		rapid.SampledFrom([]string{"null", "yes", "No", "~", "3", "0x1f", "1e3", "-", "#", "a:", "{", `"`, `\`, "eth0.10", "!x", "&x", "*x", "%", "@", "..."}),
	)
	mine := make(map[portPlace]bool)
	for range rapid.IntRange(0, 4).Draw(t, "ports") {
		var p Port
		if text := name.Draw(t, "switch"); rapid.Bool().Draw(t, "by id") || len(text) == 0 {
			p.Switch.DatapathID = rapid.Uint64Min(1).Draw(t, "id")
		} else {
			p.Switch.Name = text
		}
		if rapid.Bool().Draw(t, "by number") {
			p.Port.Number = rapid.Uint32Range(1, MaxPortNumber).Draw(t, "number")
		} else {
			p.Port.Name = name.Draw(t, "port")
		}
		bare := portPlace{sw: p.Switch, port: p.Port}
		p.VLAN = rapid.Uint16Range(0, MaxVLAN).Draw(t, "vlan")
		full := portPlace{p.Switch, p.Port, p.VLAN}
		if !mine[bare] && !taken[full] {
			mine[bare], taken[full] = true, true
			p.Role = PortRole(rapid.IntRange(0, 1).Draw(t, "role"))
			genSecurity(t, &p)
			n.Ports = append(n.Ports, p)
		}
	}
	slices.SortFunc(n.Ports, comparePorts)
}

func genIntent(t *rapid.T) *Intent {
	names := rapid.SliceOfNDistinct(rapid.OneOf(
		rapid.StringMatching(`[a-z0-9-]{1,63}`),
		rapid.SampledFrom([]string{"null", "true", "on", "y", "1", "0x1", "1e3", "-", "--", "---", "-1", "0777"}),
	).Filter(func(s string) bool { return s != DefaultName }), 0, 4, rapid.ID[string]).Draw(t, "names")
	numbers := rapid.SliceOfNDistinct(rapid.Uint32Range(2, MaxNetworkNumber), len(names), len(names), rapid.ID[uint32]).Draw(t, "numbers")
	slices.Sort(numbers)
	ports := make(map[portPlace]bool)
	i := &Intent{Limits: DefaultLimits(), Networks: []Network{genNetwork(t, DefaultNumber, DefaultName, ports)}}
	for k, name := range names {
		i.Networks = append(i.Networks, genNetwork(t, numbers[k], name, ports))
	}
	genRouters(t, i)
	genPolicies(t, i)
	genLimits(t, &i.Limits)
	return i
}

// What is printed is read as the same.
func TestPrintThenParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genIntent(t)
		text := want.YAML()
		got, err := Parse("printed.yaml", text)
		if err != nil {
			t.Fatalf("%v\nin\n%s", err, text)
		}
		if diff := diffIntents(want, got); diff != "" {
			t.Fatalf("-want +got:\n%s\nin\n%s", diff, text)
		}
	})
}

// Intents are equal if they are printed alike.
func TestEqual(t *testing.T) {
	read := func(t *rapid.T, text []byte) *Intent {
		in, err := Parse("printed.yaml", text)
		if err != nil {
			t.Fatalf("%v\nin\n%s", err, text)
		}
		return in
	}
	rapid.Check(t, func(t *rapid.T) {
		text := genIntent(t).YAML()
		a, b := read(t, text), read(t, text)
		if !a.Equal(b) {
			t.Fatalf("not equal to itself:\n%s", text)
		}
		if n := &b.Networks[0]; len(n.Bindings) > 0 {
			n.Bindings[len(n.Bindings)-1].MACs[0][5] ^= 1
			if a.Equal(b) {
				t.Fatalf("equal with another MAC:\n%s\n%s", text, b.YAML())
			}
		}
		if other := genIntent(t).YAML(); a.Equal(read(t, other)) != (string(text) == string(other)) {
			t.Fatalf("equal only as text, or only as an intent:\n%s\n%s", text, other)
		}
	})
}

// Whatever the input, Parse gives a valid intent or errors that point into the file.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	bad, _ := filepath.Glob("testdata/errors/*.yaml")
	for _, file := range append(files, bad...) {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("a: [b: c"))
	f.Add([]byte("? a\n: b"))
	f.Add([]byte("- - - -\n-"))
	f.Add([]byte("name: >\n\n\tx\r\n..."))
	f.Add([]byte("kind: policy\nname: p\ntable: l2\npriority: 1\nmatch: \"\\u0041 bad\"\nactions: |\n  drop;\n"))
	f.Add([]byte("kind: policy\nname: p\ntable: l2\npriority: 1\nmatch: |\n  ip &&\n   bad\nactions: >\n drop;\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ParseWith("fuzz.yaml", data, func(p *Policy) *PolicyFault {
			if at := strings.Index(p.Match, "bad"); at >= 0 {
				return &PolicyFault{Key: "match", Offset: at, Message: "bad"}
			}
			return nil
		})
		if err != nil {
			var list Errors
			if !errors.As(err, &list) || len(list) == 0 {
				t.Fatalf("error %v is a %T", err, err)
			}
			for _, e := range list {
				if e.Line < 1 || e.Column < 1 || e.Message == "" {
					t.Fatalf("error points nowhere: %+v", e)
				}
				_ = e.Error()
			}
			return
		}
		again, err := Parse("printed.yaml", got.YAML())
		if err != nil {
			t.Fatalf("%v\nin\n%s", err, got.YAML())
		}
		if diff := diffIntents(got, again); diff != "" {
			t.Fatalf("-first +printed:\n%s", diff)
		}
	})
}
