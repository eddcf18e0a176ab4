package daemon

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/core"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
	_ "github.com/isat-sdn/isat/test/seed"
)

// populated is a core that knows hosts in two networks, in VLANs inside of them, and on
// two switches.
func populated(t *testing.T) *core.Core {
	text, untagged := "kind: network\nname: blue\nnumber: 7\nbindings: [{ip: 10.0.0.250, mac: 02:00:00:00:00:fa}]\nports:\n", ""
	for port := range 6 {
		member := fmt.Sprintf("  - {switch: %q, port: %d", fabric.FormatID(uint64(1+port/3)), 1+port%3)
		text, untagged = text+member+", vlan: 10}\n", untagged+member+"}\n"
	}
	text += "---\nkind: network\nname: default\nports:\n" + untagged
	in, err := intent.Parse("intent", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c := core.New(core.Config{}, in)
	now := time.Unix(1_700_000_000, 0)
	for sw := uint64(1); sw <= 2; sw++ {
		up := core.SwitchUp{Switch: sw, Session: sw}
		for n := range uint32(3) {
			up.Ports = append(up.Ports, fabric.Port{Number: n + 1, Name: fmt.Sprintf("p%d", n+1), Up: true})
		}
		c.Step(now, up, core.Synced{Switch: sw, Session: sw})
	}
	for i := range 120 {
		network, tag := uint32(intent.DefaultNumber), uint16(0)
		if i%2 == 1 {
			network, tag = 7, 10
		}
		mac, ip := packet.MAC{2, 0, 0, 0, byte(i%2 + i/60*2), byte(1 + i%30)}, [4]byte{10, 0, byte(i % 3), byte(1 + i)}
		c.Step(now, core.Punt{
			Switch: uint64(1 + i/60), Reason: pipeline.ReasonLearn, Port: binding.NewPortKey(uint32(1+i%3), tag),
			Segment: binding.Segment{Network: network, VLAN: uint16(i % 4 / 2)},
			Frame:   packet.AppendARP(nil, packet.Broadcast, mac, false, 0, &packet.ARP{Op: packet.ARPRequest, SHA: mac, SPA: ip, TPA: ip}),
		})
	}
	return c
}

// What a backend chooses leaves out nothing that the API would list, whatever the filter
// and the page.
func TestListsAreChosenAsTheAPIDoes(t *testing.T) {
	c := populated(t)
	d := &daemon{core: c, queries: make(chan func()), ended: make(chan struct{})}
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		for look := range d.queries {
			look()
		}
	}()
	defer func() { close(d.queries); <-looked }()
	b := backend{d}
	bindings, stations := c.Bindings(core.Choice{}), c.Stations(core.Choice{})
	if len(bindings) < 100 || len(stations) < 30 {
		t.Fatalf("%d bindings and %d stations are too few to tell", len(bindings), len(stations))
	}
	rapid.Check(t, func(t *rapid.T) {
		one, at := rapid.SampledFrom(bindings).Draw(t, "binding"), rapid.SampledFrom(stations).Draw(t, "station")
		some := func(label, value string) string {
			if rapid.IntRange(0, 3).Draw(t, label) > 0 {
				return ""
			}
			return value
		}
		f := api.Filter{
			Network: some("network", one.Network), Switch: some("switch", one.Switch), Port: some("port", one.Port), MAC: some("mac", one.MAC),
			IP:    some("ip", rapid.SampledFrom([]string{one.IP, "10.0.1.0/24", "fd00::/64"}).Draw(t, "prefix")),
			State: some("state", one.State), Origin: some("origin", one.Origin), Limit: rapid.IntRange(0, 9).Draw(t, "limit"),
		}
		f.After = some("after", api.BindingCursor(one))
		compareLists(t, f, bindings, b.Bindings, api.SelectBindings)
		f.After, f.State, f.Origin = some("after", api.StationCursor(at)), "", ""
		compareLists(t, f, stations, b.Stations, api.SelectStations)
	})
}

// A watch begins with what the filter lets pass, and the loop shows no more than that.
func TestWatchBeginsWithWhatIsChosen(t *testing.T) {
	c := populated(t)
	all := objects(c, view.KindBinding, core.Choice{})
	some := objects(c, view.KindBinding, choiceOf(api.Filter{Network: "blue", State: "static"}))
	if len(all) < 100 || len(some) != 1 || some[0].Object.(view.Binding).IP != "10.0.0.250" {
		t.Errorf("of %d bindings, those chosen: %+v", len(all), some)
	}
}

func compareLists[T view.Binding | view.Station](t *rapid.T, f api.Filter, all []T,
	chosen func(context.Context, api.Filter) ([]T, error), narrow func([]T, api.Filter) ([]T, error)) {
	got, err := chosen(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if f.Limit > 0 && len(got) > f.Limit {
		t.Fatalf("%+v: %d were shown", f, len(got))
	}
	got, err = narrow(got, f)
	if err != nil {
		t.Fatal(err)
	}
	want, err := narrow(slices.Clone(all), f)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%+v: -want +got:\n%s", f, diff)
	}
}
