package fabric

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/openflow"
)

// newSwitch makes a switch named br0 with ports 1 to n, named h1 and so on.
func newSwitch(id uint64, n uint32) *Switch {
	s := &Switch{ID: id, Ports: map[uint32]Port{openflow.PortLocal: {Number: openflow.PortLocal, Name: "br0"}}}
	for number := uint32(1); number <= n; number++ {
		s.Ports[number] = Port{Number: number, Name: fmt.Sprintf("h%d", number), Up: true}
	}
	return s
}

func parse(t *testing.T, text string) *intent.Intent {
	t.Helper()
	in, err := intent.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func show(list []Attachment) string {
	var out []string
	for _, a := range list {
		out = append(out, fmt.Sprintf("%d@%d=%d", int32(a.Port), a.Key.VLAN(), a.Network))
	}
	return strings.Join(out, " ")
}

// Which port belongs to which network. The local port is shown as -2.
func TestAttachments(t *testing.T) {
	for _, c := range []struct{ name, intent, want string }{
		{"nothing asked for", "", "1@0=1 2@0=1 3@0=1 -2@0=1"},
		{"by name", `
{kind: network, name: blue, number: 10, ports: [{switch: br0, port: h2}]}`,
			"1@0=1 2@0=10 3@0=1 -2@0=1"},
		{"by number", `
{kind: network, name: blue, number: 10, ports: [{switch: br0, port: 3}]}`,
			"1@0=1 2@0=1 3@0=10 -2@0=1"},
		{"by datapath id", `
{kind: network, name: blue, number: 10, ports: [{switch: "0000000000000007", port: h1}]}`,
			"1@0=10 2@0=1 3@0=1 -2@0=1"},
		{"another switch", `
{kind: network, name: blue, number: 10, ports: [{switch: br1, port: h1}, {switch: "0000000000000008", port: h2}]}`,
			"1@0=1 2@0=1 3@0=1 -2@0=1"},
		{"trunk", `
{kind: network, name: blue, number: 10, ports: [{switch: br0, port: h1, vlan: 100}]}
---
{kind: network, name: red, number: 20, ports: [{switch: br0, port: h1, vlan: 200}, {switch: br0, port: h2, vlan: 200}]}
---
{kind: network, name: plain, number: 30, ports: [{switch: br0, port: h1}]}`,
			"1@0=30 1@100=10 1@200=20 2@200=20 3@0=1 -2@0=1"},
		{"a trunk has no untagged frames of its own", `
{kind: network, name: blue, number: 10, ports: [{switch: br0, port: h1, vlan: 100}]}`,
			"1@100=10 2@0=1 3@0=1 -2@0=1"},
		{"the local port", `
{kind: network, name: blue, number: 10, ports: [{switch: br0, port: br0}]}`,
			"1@0=1 2@0=1 3@0=1 -2@0=10"},
		{"name and number of one port: the first network keeps it", `
{kind: network, name: blue, number: 20, ports: [{switch: br0, port: h1}]}
---
{kind: network, name: red, number: 10, ports: [{switch: br0, port: 1}]}`,
			"1@0=10 2@0=1 3@0=1 -2@0=1"},
		{"default by name", `
{kind: network, name: default, number: 1, ports: [{switch: br0, port: h1, vlan: 7}]}`,
			"1@7=1 2@0=1 3@0=1 -2@0=1"},
		{"a port that is not there", `
{kind: network, name: blue, number: 10, ports: [{switch: br0, port: h9}]}`,
			"1@0=1 2@0=1 3@0=1 -2@0=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSwitch(7, 3)
			in := parse(t, c.intent)
			got := s.Attachments(in)
			if show(got) != c.want {
				t.Errorf("got  %s\nwant %s", show(got), c.want)
			}
			// Ports are kept in a map: the order must not come from there.
			for range 20 {
				if again := s.Attachments(in); !slices.Equal(again, got) {
					t.Fatalf("%s, and then %s", show(got), show(again))
				}
			}
		})
	}
}

// A member that matches no port of any switch is absent, and comes back.
func TestAbsent(t *testing.T) {
	in := parse(t, `
{kind: network, name: blue, number: 10, ports: [{switch: br0, port: h1}, {switch: br0, port: h5}, {switch: br9, port: 2, vlan: 30}]}`)
	names := func(list []AbsentPort) string {
		var out []string
		for _, a := range list {
			out = append(out, a.Network+": "+a.Member.String())
		}
		return strings.Join(out, "; ")
	}
	for _, c := range []struct {
		switches []*Switch
		want     string
	}{
		{nil, "blue: port h1 of switch br0; blue: port h5 of switch br0; blue: port 2 of switch br9 (VLAN 30)"},
		{[]*Switch{newSwitch(1, 3)}, "blue: port h5 of switch br0; blue: port 2 of switch br9 (VLAN 30)"},
		{[]*Switch{newSwitch(1, 3), newSwitch(2, 9)}, "blue: port 2 of switch br9 (VLAN 30)"},
	} {
		if got := names(Absent(in, c.switches)); got != c.want {
			t.Errorf("%d switches: absent are %s\nwant %s", len(c.switches), got, c.want)
		}
	}
}

// A port key holds 16 bits of a port number: hosts can be behind no others.
func TestUsable(t *testing.T) {
	for number, want := range map[uint32]bool{
		0: false, 1: true, 0xfeff: true, 0xff00: false, 0x10001: false,
		openflow.PortMax: false, openflow.PortController: false, openflow.PortLocal: true, openflow.PortAny: false,
	} {
		if got := Usable(number); got != want {
			t.Errorf("port %#x is usable: %v", number, got)
		}
	}
}

func TestPortByKey(t *testing.T) {
	s := newSwitch(1, 2)
	for _, a := range s.Attachments(intent.Default()) {
		if p, ok := s.PortByKey(a.Key); !ok || p.Number != a.Port {
			t.Errorf("key %x is port %+v, %v", a.Key, p, ok)
		}
	}
	if _, ok := s.PortByKey(9); ok {
		t.Error("a port that the switch does not have")
	}
	if s.Name() != "br0" || FormatID(0x1f) != "000000000000001f" {
		t.Errorf("%q %s", s.Name(), FormatID(0x1f))
	}
}
