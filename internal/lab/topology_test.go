package lab

import (
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/isat-sdn/isat/packet"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Every testdata/*.yaml is wrong in the way that its .golden file says.
func TestParseErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse(filepath.Base(file), text)
			if err == nil {
				t.Fatal("no error")
			}
			got := err.Error() + "\n"
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBuiltin(t *testing.T) {
	if diff := cmp.Diff([]string{"demo", "pair", "routed", "two-networks", "vlan"}, Builtin()); diff != "" {
		t.Error(diff)
	}
	for _, name := range Builtin() {
		topo, err := LoadBuiltin(name)
		if err != nil {
			t.Error(err)
		}
		if topo.Name != name || topo.Description == "" {
			t.Errorf("%s: name %q, description %q", name, topo.Name, topo.Description)
		}
	}
}

func TestParse(t *testing.T) {
	got, err := Parse("full.yaml", []byte(`
name: full
controller: tcp:[::1]:6653
switches:
  - {name: s1, dpid: 0000000000000010, protocols: [OpenFlow13]}
  - {name: s2, dpid: "0x2a"}
hosts:
  - {name: h1, switch: s1, port: 7, mac: 02:00:00:00:00:0a, addresses: [10.0.0.1/24], gateways: [10.0.0.254], up: false}
  - {name: h2, switch: s2, vlan: 10, vlans: [{id: 20, addresses: ["fd00::2/64"]}], dad: false}
links:
  - {a: s1, b: s2}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Topology{
		Name: "full", Controller: "tcp:[::1]:6653",
		Switches: []Switch{{Name: "s1", Dpid: 0x10, Protocols: []string{"OpenFlow13"}}, {Name: "s2", Dpid: 0x2a}},
		Hosts: []Host{
			{
				Name: "h1", Switch: "s1", Port: 7, MAC: packet.MAC{2, 0, 0, 0, 0, 10}, Down: true,
				Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}, Gateways: []netip.Addr{netip.MustParseAddr("10.0.0.254")},
			},
			{
				Name: "h2", Switch: "s2", VLAN: 10, NoDAD: true,
				VLANs: []TaggedLink{{ID: 20, Addresses: []netip.Prefix{netip.MustParsePrefix("fd00::2/64")}}},
			},
		},
		Links: []Link{{"s1", "s2"}},
	}
	equal := cmp.Options{cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })}
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Error(diff)
	}
}

// What a topology leaves out is filled in without a clash with what it says.
func TestComplete(t *testing.T) {
	topo := Topology{
		Name: "x", Switches: []Switch{{Name: "s1"}},
		Hosts: []Host{{Name: "h1"}, {Name: "h2", Port: 1, MAC: packet.MAC{2, 0, 0, 0, 0, 1}}, {Name: "h3"}},
	}.complete()
	if err := topo.Validate(); err != nil {
		t.Fatal(err)
	}
	ports := []uint16{topo.Hosts[0].Port, topo.Hosts[1].Port, topo.Hosts[2].Port}
	if diff := cmp.Diff([]uint16{2, 1, 3}, ports); diff != "" {
		t.Error(diff)
	}
	if topo.Switches[0].Dpid != 1 || topo.Hosts[2].Switch != "s1" {
		t.Errorf("%+v", topo)
	}
}

func TestLoad(t *testing.T) {
	if _, err := Load("no-such-topology"); err == nil || !strings.Contains(err.Error(), "the built-in ones are demo, pair") {
		t.Errorf("%v", err)
	}
	big := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(big, make([]byte, maxTopologyFile+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("%v", err)
	}
}

func TestParseTarget(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"tcp:127.0.0.1:6653", "127.0.0.1:6653"},
		{"tcp:127.0.0.1", "127.0.0.1:6653"},
		{"tcp:[::1]:6633", "[::1]:6633"},
		{"tcp:[::1]", "[::1]:6653"},
		{"tcp:host.example:1", "host.example:1"},
		{"tcp:::1", ""}, {"tcp:fd00::1", ""}, {"tcp:", ""}, {"tcp::6653", ""}, {"tcp:h:0", ""}, {"tcp:h:70000", ""},
		{"ssl:h:1", ""}, {"h:1", ""}, {"", ""},
	} {
		got, err := parseTarget(tt.in)
		if got.address != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: %q, %v, want %q", tt.in, got.address, err, tt.want)
		}
	}
}

// A lab whose name begins with another's has namespaces that can't be taken for the other's.
func TestNamespaceNames(t *testing.T) {
	for _, name := range []string{"a-b", "h1-", "", "H1", "sixteen_letters_", "1h", SwitchNamespace, "lo"} {
		topo := Topology{Name: "x", Switches: []Switch{{Name: "s1"}}, Hosts: []Host{{Name: name}}}
		if topo.Validate() == nil {
			t.Errorf("host name %q is accepted", name)
		}
	}
}

func TestFilter(t *testing.T) {
	arp := append([]byte("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01"), make([]byte, 20)...)
	tagged := append(append(append([]byte{}, arp[:12]...), 0x81, 0, 0, 10), arp[12:]...)
	ns := append([]byte("\x33\x33\xff\x00\x00\x01\x02\x00\x00\x00\x00\x01\x86\xdd\x60\x00\x00\x00\x00\x18\x3a\xff"), make([]byte, 32+24)...)
	ns[54] = icmpNS
	for _, tt := range []struct {
		filter string
		frame  Frame
		want   bool
	}{
		{"", Frame{Data: arp}, true},
		{"in", Frame{Data: arp}, true},
		{"out", Frame{Data: arp}, false},
		{"arp", Frame{Data: arp}, true},
		{"request", Frame{Data: tagged}, true},
		{"reply", Frame{Data: arp}, false},
		{"tagged arp", Frame{Data: tagged}, true},
		{"!tagged arp", Frame{Data: tagged}, false},
		{"arp|nd", Frame{Data: ns}, true},
		{"arp|na", Frame{Data: ns}, false},
		{"!arp|nd", Frame{Data: ns}, false},
		{"ns multicast icmp6 out", Frame{Data: ns, Out: true}, true},
		{"multicast", Frame{Data: arp}, false},
		{"broadcast", Frame{Data: arp}, true},
		{"unicast", Frame{Data: []byte{2}}, true},
		{"arp|ip|ip6|udp|tcp|icmp|lldp", Frame{}, false},
	} {
		match, err := parseFilter(tt.filter)
		if err != nil {
			t.Fatal(err)
		}
		if match(tt.frame) != tt.want {
			t.Errorf("%q on %x: %v", tt.filter, tt.frame.Data, !tt.want)
		}
	}
	for _, bad := range []string{"dst host", "arp|", "!", "ARP"} {
		if _, err := parseFilter(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// An ordinary user, or a machine without Open vSwitch, is told in one line.
func TestCheck(t *testing.T) {
	err := Check()
	if os.Geteuid() != 0 {
		if err == nil || err.Error() != "isat lab needs root: run it with sudo" {
			t.Errorf("%v", err)
		}
		return
	}
	t.Setenv("PATH", t.TempDir())
	saved := adminDirs
	adminDirs = nil
	defer func() { adminDirs = saved }()
	err = Check()
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "apt-get install openvswitch-switch") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}

type fakeTB struct {
	TB
	skipped, failed string
}

func (f *fakeTB) Helper()                           {}
func (f *fakeTB) Skipf(format string, args ...any)  { f.skipped = format }
func (f *fakeTB) Fatalf(format string, args ...any) { f.failed = format }

func TestRequire(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Setenv("PATH", t.TempDir())
		saved := adminDirs
		adminDirs = nil
		defer func() { adminDirs = saved }()
	}
	for _, value := range []string{"", "1"} {
		t.Setenv(RequireEnv, value)
		var f fakeTB
		Require(&f)
		if (f.failed != "") != (value == "1") || (f.skipped != "") != (value == "") {
			t.Errorf("%s=%q: %+v", RequireEnv, value, f)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range Builtin() {
		text, err := builtinFiles.ReadFile("topologies/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		topo, err := Parse("fuzz.yaml", []byte(text))
		if err != nil {
			return
		}
		if err := topo.complete().Validate(); err != nil {
			t.Errorf("complete makes it invalid: %v", err)
		}
		bridgeCommands(topo.complete())
	})
}
