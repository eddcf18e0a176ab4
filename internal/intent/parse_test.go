package intent

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/isat-sdn/isat/packet"
)

var (
	compareAddr   = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	comparePrefix = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
)

func mustMAC(t *testing.T, s string) packet.MAC {
	t.Helper()
	mac, err := packet.ParseMAC(s)
	if err != nil {
		t.Fatal(err)
	}
	return mac
}

func parseFile(t *testing.T, file string) *Intent {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(file, data)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestMinimalFile(t *testing.T) {
	want := &Intent{Limits: DefaultLimits(), Networks: []Network{
		{Name: "default", Number: 1, Age: DefaultAge, Duplicates: DefaultDuplicates()},
		{Name: "blue", Number: 100, Age: DefaultAge, Duplicates: DefaultDuplicates()},
	}}
	if diff := cmp.Diff(want, parseFile(t, "testdata/minimal.yaml")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReferenceFile(t *testing.T) {
	got := parseFile(t, "testdata/reference.yaml")
	blue := Network{
		Name: "blue", Number: 100, Unknown: Solicit,
		Subnets: []Subnet{
			{
				Prefix:     netip.MustParsePrefix("10.1.0.0/16"),
				Gateway:    netip.MustParseAddr("10.1.0.1"),
				GatewayMAC: mustMAC(t, "02:00:00:00:01:01"),
			},
			{Prefix: netip.MustParsePrefix("fd00:1::/64"), Gateway: netip.MustParseAddr("fe80::1")},
		},
		Ports: []Port{
			{Switch: SwitchRef{DatapathID: 1}, Port: PortRef{Number: 3}, VLAN: 10},
			{Switch: SwitchRef{DatapathID: 2}, Port: PortRef{Name: "7"}},
			{Switch: SwitchRef{Name: "br0"}, Port: PortRef{Name: "h1"}},
			{Switch: SwitchRef{Name: "br0"}, Port: PortRef{Name: "h3"}, Security: SecurityOff, Trusted: true},
			{Switch: SwitchRef{Name: "br0"}, Port: PortRef{Name: "h4"}, Security: SecurityStrict, Allow: []Allowed{
				{mustMAC(t, "02:00:00:00:00:04"), []netip.Prefix{
					netip.MustParsePrefix("10.1.0.4/32"), netip.MustParsePrefix("fd00:1::/96"), netip.MustParsePrefix("fd00:1::4/128")}},
				{MAC: mustMAC(t, "02:00:00:00:00:0c")},
			}},
		},
		Bindings: []Binding{
			{netip.MustParseAddr("10.1.0.9"), []packet.MAC{mustMAC(t, "02:00:00:00:00:09")}},
			{netip.MustParseAddr("10.1.0.10"), []packet.MAC{mustMAC(t, "02:00:00:00:00:0a"), mustMAC(t, "02:00:00:00:00:0b")}},
			{netip.MustParseAddr("fd00:1::9"), []packet.MAC{mustMAC(t, "02:00:00:00:00:09")}},
		},
		Age: 90 * time.Minute,
		Ages: []AgeRule{
			{netip.MustParsePrefix("10.0.0.0/8"), 3 * time.Second},
			{netip.MustParsePrefix("10.1.2.0/24"), 90 * time.Second},
			{netip.MustParsePrefix("fd00:1::/64"), 0},
		},
		Duplicates: DuplicateRule{Moves: 3, Within: time.Minute},
		Sponge:     &Sponge{Asked: 100, MAC: mustMAC(t, "02:00:00:00:00:ff")},
	}
	want := &Intent{Networks: []Network{
		{Name: "default", Number: 1, Subnets: []Subnet{{Prefix: netip.MustParsePrefix("192.0.2.0/24")}},
			Age: DefaultAge, Duplicates: DefaultDuplicates()},
		blue,
		{
			Name: "red", Number: 200, Unknown: Drop,
			Subnets: []Subnet{{Prefix: netip.MustParsePrefix("10.1.0.0/16")}},
			Ports: []Port{
				{Switch: SwitchRef{Name: "br0"}, Port: PortRef{Name: "eth1"}, Role: Uplink},
				{Switch: SwitchRef{Name: "br0"}, Port: PortRef{Name: "h1"}, VLAN: 20},
			},
			Age: DefaultAge, Duplicates: DuplicateRule{Moves: 5, Within: 3 * time.Minute, Hold: 10 * time.Minute},
			Sponge: &Sponge{Asked: DefaultAsked, MAC: SpongeMAC},
		},
		{
			Name: "wan", Number: 300,
			Ports: []Port{{Switch: SwitchRef{Name: "br1"}, Port: PortRef{Name: "eth1"}, VLAN: 30, Role: Uplink}},
			Age:   DefaultAge, Duplicates: DefaultDuplicates(),
		},
	}, Routers: referenceRouters(t), Policies: []Policy{
		{Name: "all", Table: "guard", Match: "1", Actions: "next;"},
		{Name: "lldp", Table: "l2", Priority: 999, Match: "eth.type == 0x88cc &&\n  inport == \"h1\"", Actions: "output;"},
		{Name: "no-telnet", Table: "l2", Priority: 100, Match: "tcp && tcp.dst == 23", Actions: "drop;"},
	}, Limits: Limits{
		Bindings: 100_000, BindingsPerNetwork: 50_000, BindingsPerPort: 1000, Stations: 200_000, StationsPerPort: 2000,
		UnresolvedPerPort: 32, UnresolvedPerNetwork: 128, Parked: 16, ParkedTime: 3 * time.Second,
		SearchesPerSecond: 500, ProbesPerSecond: 700, PuntsPerPort: 300, PuntsPerReason: 1500, AnnouncementsPerSecond: 4,
	}}
	if diff := cmp.Diff(want, got, compareAddr, comparePrefix); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	golden(t, "testdata/reference.golden", got.YAML())
}

func referenceRouters(t *testing.T) []Router {
	addr, prefix := netip.MustParseAddr, netip.MustParsePrefix
	return []Router{
		{
			Name: "r1", Number: 61952,
			Interfaces: []Interface{
				{
					Network: "blue", NetworkNumber: 100, MAC: mustMAC(t, "02:69:73:52:f2:00"),
					Addresses: []netip.Prefix{prefix("10.1.0.254/16"), prefix("fd00:1::ffff/64")},
					Advertise: &Advertise{
						Managed: true, Other: true, Lifetime: time.Hour, Interval: 5 * time.Minute, MTU: 1450,
						RDNSS: []netip.Addr{addr("fd00:1::53"), addr("fd00:1::35")},
						DNSSL: []string{"lab.example.org", "example.org"},
					},
				},
				{
					Network: "wan", NetworkNumber: 300, MAC: mustMAC(t, "02:00:00:00:09:02"),
					Addresses: []netip.Prefix{prefix("10.9.0.2/24"), prefix("2001:db8:9::2/64")},
				},
			},
			Routes: []Route{
				{prefix("0.0.0.0/0"), []NextHop{{addr("10.9.0.1"), 300}}},
				{prefix("10.2.0.0/16"), []NextHop{{addr("10.1.0.3"), 100}, {addr("10.9.0.3"), 300}, {addr("10.9.0.4"), 300}}},
				{prefix("::/0"), []NextHop{{addr("2001:db8:9::1"), 300}, {addr("fe80::1"), 300}, {addr("fe80::2"), 300}}},
			},
		},
		{
			Name: "r2", Number: 3378,
			Interfaces: []Interface{
				{
					Network: "default", NetworkNumber: 1, MAC: mustMAC(t, "02:69:73:52:0d:32"),
					Addresses: []netip.Prefix{prefix("192.0.2.1/24")},
				},
				{
					Network: "red", NetworkNumber: 200, MAC: mustMAC(t, "02:69:73:52:0d:32"),
					Addresses: []netip.Prefix{prefix("10.1.7.1/31"), prefix("10.1.7.7/32"), prefix("fd00:2::1/64")},
					Advertise: &Advertise{Lifetime: 30 * time.Minute, Interval: 10 * time.Minute},
				},
			},
		},
	}
}

// The example of the package documentation must be what Parse takes.
func TestDocumentedFormat(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var example strings.Builder
	for line := range strings.Lines(string(doc)) {
		if text, ok := strings.CutPrefix(line, "//\t"); ok {
			example.WriteString(text)
		}
	}
	got, err := Parse("doc.go", []byte(example.String()))
	if err != nil {
		t.Fatal(err)
	}
	if blue, ok := got.ByName("blue"); !ok || len(blue.Ports) != 2 || len(blue.Bindings) != 2 || len(blue.Subnets) != 1 ||
		len(got.Routers) != 1 || len(got.Policies) != 1 || got.Limits.PuntsPerPort != 200 {
		t.Errorf("the example reads as %+v", got)
	}
}

func TestNothingAskedFor(t *testing.T) {
	for name, text := range map[string]string{
		"empty":           "",
		"white space":     " \n\n",
		"comment":         "# nothing yet\n",
		"empty documents": "---\n---\n# nothing\n---\n",
		"byte order mark": "\ufeff",
		"default by name": "kind: network\nname: default\n",
		"empty lists":     "kind: network\nname: default\nports:\nsubnets: []\nbindings:\n",
		"JSON":            `{"kind":"network","name":"default","number":1}`,
		"CRLF":            "kind: network\r\nname: default\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse("intent.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(Default(), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// endless is a file like /dev/zero.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	e.read += len(b)
	return len(b), nil
}

func TestReadEndsWhereAFileIsTooLong(t *testing.T) {
	var in endless
	f, err := Read("zero", &in)
	if err != nil || len(f.Data) != MaxFileSize+1 {
		t.Fatalf("got %d octets, %v: want one more than %d", len(f.Data), err, MaxFileSize)
	}
	if most := 2 * MaxFileSize; in.read > most {
		t.Errorf("%d octets were read: want no more than %d", in.read, most)
	}
	want := "zero:1:1: read intent: more than 16777216 octets in all: want less to describe everything"
	if err := CheckText([]File{{"fine", nil}, f}); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v: want %s", err, want)
	}
	if err := CheckText([]File{{"fine", []byte("kind: limits\n")}}); err != nil {
		t.Errorf("got %v: want nothing", err)
	}
}

func TestNamesOutsideOfASCII(t *testing.T) {
	_, err := ParseSwitchRef("brücke")
	if want := `switch "brücke" contains 'ü': `; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v: want %s", err, want)
	}
}

// What can't stand in a file that is to be read by a person.
func TestUnreadableFile(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"not UTF-8":         {"kind: network\nname: \xff\n", "intent.yaml:2:7: read intent: not UTF-8 text: want YAML documents"},
		"control character": {"kind: net\x00work\n", "intent.yaml:1:10: read intent: control character U+0000: want YAML documents, which are text"},
		"too large":         {strings.Repeat("#", MaxFileSize+1), "intent.yaml:1:1: read intent: more than 16777216 octets in all: want less to describe everything"},
		"tab":               {"kind: network\nname: n\n\tnumber: 9\n", "intent.yaml:3:1: parse intent: a tab can't indent a line: want blanks"},
		"nested lists":      {strings.Repeat("- ", 1000), "intent.yaml:1:33: parse intent: nested deeper than 16"},
		"nested mappings":   {strings.Repeat("{a: ", 1000), "intent.yaml:1:65: parse intent: nested deeper than 16"},
		"many keys":         {strings.Repeat("a: b\n", 1000), "intent.yaml:65:2: parse intent: more than 64 keys in a row"},
		"nested keys":       {strings.Repeat("? ", 1000), "intent.yaml:1:33: parse intent: nested deeper than 16"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("intent.yaml", []byte(test.text))
			if err == nil {
				t.Fatal("no error")
			}
			if first, _, _ := strings.Cut(err.Error(), "\n"); first != test.want {
				t.Errorf("got  %s\nwant %s", first, test.want)
			}
		})
	}
}

func TestErrorsUnwrap(t *testing.T) {
	_, err := Parse("f.yaml", []byte("kind: network\nname: A\nnumber: 0\n"))
	var one *Error
	if !errors.As(err, &one) {
		t.Fatalf("no *Error in %v", err)
	}
	if one.File != "f.yaml" || one.Line != 2 || one.Column != 7 || one.Source != "name: A" {
		t.Errorf("got %+v", one)
	}
}

// A line of any length is shown by the part that matters.
func TestLongLine(t *testing.T) {
	text := "kind: network\nname: n\nnumber: 2\nports: [" + strings.Repeat("{switch: br0, port: 1}, ", 50) + "{switch: br0, port: 0}]\n"
	_, err := Parse("f.yaml", []byte(text))
	var list Errors
	if !errors.As(err, &list) {
		t.Fatal(err)
	}
	lines := strings.Split(list[len(list)-1].Error(), "\n")
	if len(lines) != 3 || len(lines[1]) != 4+shownWidth {
		t.Fatalf("got %q", lines)
	}
	if caret := strings.IndexByte(lines[2], '^'); !strings.HasPrefix(lines[1][caret:], "0}]") {
		t.Errorf("the caret is elsewhere:\n%s\n%s", lines[1], lines[2])
	}
}

func TestAccessors(t *testing.T) {
	i := parseFile(t, "testdata/reference.yaml")
	if n, ok := i.ByNumber(200); !ok || n.Name != "red" {
		t.Errorf("ByNumber(200) = %v, %v", n, ok)
	}
	if n, ok := i.ByNumber(2); ok {
		t.Errorf("ByNumber(2) = %v", n)
	}
	if n, ok := i.ByName("green"); ok {
		t.Errorf("ByName(green) = %v", n)
	}
	blue, _ := i.ByName("blue")
	for address, want := range map[string]string{
		"10.0.255.255": "", "10.1.0.0": "10.1.0.0/16", "10.1.255.255": "10.1.0.0/16", "10.2.0.0": "",
		"fd00:1::ffff": "fd00:1::/64", "fd00:2::": "", "::": "",
	} {
		s, ok := blue.SubnetOf(netip.MustParseAddr(address))
		if got := s.Prefix.String(); ok != (want != "") || ok && got != want {
			t.Errorf("SubnetOf(%s) = %s, %v: want %q", address, got, ok, want)
		}
	}
	if b, ok := blue.BindingOf(netip.MustParseAddr("10.1.0.10")); !ok || len(b.MACs) != 2 {
		t.Errorf("BindingOf = %v, %v", b, ok)
	}
	if b, ok := blue.BindingOf(netip.MustParseAddr("10.1.0.11")); ok {
		t.Errorf("BindingOf = %v", b)
	}
}

// The longest prefix that holds an address says how long it lives.
func TestAgeOf(t *testing.T) {
	blue, _ := parseFile(t, "testdata/reference.yaml").ByName("blue")
	for address, want := range map[string]time.Duration{
		"10.1.2.3": 90 * time.Second, "10.1.3.3": 3 * time.Second, "11.0.0.1": 90 * time.Minute,
		"fd00:1::1": 0, "fe80::1": 90 * time.Minute,
	} {
		if got := blue.AgeOf(netip.MustParseAddr(address)); got != want {
			t.Errorf("age of %s is %s: want %s", address, got, want)
		}
	}
}

// Every limit has a key, and what a key sets is its own field.
func TestLimitKeys(t *testing.T) {
	if fields := reflect.TypeFor[Limits]().NumField(); len(limitKeys)+1 != fields {
		t.Fatalf("%d keys and %s for %d fields", len(limitKeys), parkedTimeKey, fields)
	}
	defaults := DefaultLimits()
	for _, k := range limitKeys {
		var l Limits
		*k.of(&l) = 7
		if field := reflect.ValueOf(l).FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, k.key) }); field.Int() != 7 {
			t.Errorf("%s sets another field than its own: %+v", k.key, l)
		}
		if *k.of(&defaults) < MinLimit || *k.of(&defaults) > int(k.high) {
			t.Errorf("the default of %s is out of its bounds", k.key)
		}
	}
}

func TestBroadcast(t *testing.T) {
	for prefix, want := range map[string]string{
		"10.0.0.0/8": "10.255.255.255", "192.0.2.64/26": "192.0.2.127", "192.0.2.4/30": "192.0.2.7",
		"192.0.2.4/31": "", "192.0.2.4/32": "", "fd00::/64": "",
	} {
		got, ok := Subnet{Prefix: netip.MustParsePrefix(prefix)}.Broadcast()
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("broadcast of %s is %s, %v: want %q", prefix, got, ok, want)
		}
	}
}

func TestSwitchRef(t *testing.T) {
	for text, want := range map[string]SwitchRef{
		"br0":                     {Name: "br0"},
		"00000000000000ab":        {DatapathID: 0xab},
		"0x00000000000000AB":      {DatapathID: 0xab},
		"00:00:00:00:00:00:00:ab": {DatapathID: 0xab},
		"ab":                      {Name: "ab"},
		"0xab":                    {Name: "0xab"},
	} {
		got, err := ParseSwitchRef(text)
		if err != nil || got != want {
			t.Errorf("ParseSwitchRef(%q) = %+v, %v: want %+v", text, got, err, want)
		}
		again, err := ParseSwitchRef(got.String())
		if err != nil || again != want {
			t.Errorf("ParseSwitchRef(%q) = %+v, %v: want %+v", got.String(), again, err, want)
		}
	}
	for _, text := range []string{"", "0000000000000000", "a b", "a/b", "00:00:00:00:00:00:00-ab", "0123456789abcdeg"} {
		if got, err := ParseSwitchRef(text); err == nil {
			t.Errorf("ParseSwitchRef(%q) = %+v: want an error", text, got)
		}
	}
}

func TestMatches(t *testing.T) {
	byName, byID := SwitchRef{Name: "br0"}, SwitchRef{DatapathID: 7}
	if !byName.Matches("br0", 9) || byName.Matches("br1", 9) || !byID.Matches("br1", 7) || byID.Matches("br0", 8) {
		t.Error("SwitchRef.Matches")
	}
	name, number := PortRef{Name: "h1"}, PortRef{Number: 3}
	if !name.Matches("h1", 9) || name.Matches("h2", 9) || !number.Matches("h2", 3) || number.Matches("h1", 4) {
		t.Error("PortRef.Matches")
	}
}

// Files are read in time linear in their size, be they one long line; a quadratic step
// would show as a timeout. What fails is reported up to a limit.
func TestManyBindings(t *testing.T) {
	const count = 20_000
	var block, line strings.Builder
	block.WriteString("kind: network\nname: big\nnumber: 2\nsubnets:\n  - prefix: 10.0.0.0/8\nbindings:\n")
	line.WriteString(`{"kind": "network", "name": "big", "number": 2, "bindings": [`)
	for i := range count {
		ip := fmt.Sprintf("10.%d.%d.%d", i>>14, i>>7&0x7f, i&0x7f+1)
		fmt.Fprintf(&block, "  - {ip: %s, mac: 02:00:00:00:00:01}\n", ip)
		if i > 0 {
			line.WriteString(", ")
		}
		fmt.Fprintf(&line, `{"ip": "%s", "macs": ["02:00:00:00:00:01", "02:00:00:00:00:02"]}`, ip)
	}
	line.WriteString("]}")
	for name, text := range map[string]string{"block": block.String(), "one line": line.String()} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse("big.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if n, _ := got.ByNumber(2); len(n.Bindings) != count {
				t.Errorf("%d bindings: want %d", len(n.Bindings), count)
			}
			_, err = Parse("big.yaml", []byte(strings.ReplaceAll(text, "02:", "03:")))
			var list Errors
			if !errors.As(err, &list) || len(list) != maxErrors+1 {
				t.Fatalf("%d errors: want %d", len(list), maxErrors+1)
			}
			if last := list[maxErrors].Message; !strings.HasSuffix(last, "more faults, from here on") {
				t.Errorf("the last error is %q", last)
			}
		})
	}
}
