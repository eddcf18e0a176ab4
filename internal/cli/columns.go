package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/view"
)

// column is one column of the table of a kind of object.
type column[T any] struct {
	title string
	wide  bool // only with -o wide
	value func(T, *switchNames) string
}

// resource is a kind of object that can be listed and watched, free of its
// type.
type resource struct {
	kind    view.Kind
	aliases []string
	short   string
	flags   []string // names of the filter flags that apply
	still   bool     // it changes only with the intent, and can't be watched
	// The kind of the documents that ask for it, if there are any.
	document string
	list     func(context.Context, *client.Client, api.Filter) (objects any, each []any, err error)
	titles   func(wide bool) []string
	row      func(o any, names *switchNames, wide bool) []string
}

func resourceOf[T any](
	kind view.Kind, short string, aliases, flags []string,
	list func(context.Context, *client.Client, api.Filter) ([]T, error),
	columns []column[T],
) resource {
	return resource{
		kind: kind, short: short, aliases: aliases, flags: flags,
		list: func(ctx context.Context, c *client.Client, f api.Filter) (any, []any, error) {
			objects, err := list(ctx, c, f)
			if err != nil {
				return nil, nil, err
			}
			each := make([]any, len(objects))
			for i, o := range objects {
				each[i] = o
			}
			if objects == nil {
				objects = []T{}
			}
			return objects, each, nil
		},
		titles: func(wide bool) []string {
			var out []string
			for _, c := range columns {
				if wide || !c.wide {
					out = append(out, c.title)
				}
			}
			return out
		},
		row: func(o any, names *switchNames, wide bool) []string {
			var out []string
			for _, c := range columns {
				if wide || !c.wide {
					out = append(out, c.value(o.(T), names))
				}
			}
			return out
		},
	}
}

// resources returns every kind, in the order of the help text.
func resources() []resource {
	place := []string{"network", "switch", "port", "mac", "ip"}
	return []resource{
		resourceOf(view.KindSwitch, "List switches", []string{"switch", "sw"}, nil,
			func(ctx context.Context, c *client.Client, _ api.Filter) ([]view.Switch, error) {
				return c.Switches(ctx)
			},
			switchColumns()),
		resourceOf(view.KindPort, "List ports", []string{"port", "p"}, []string{"network", "switch"},
			func(ctx context.Context, c *client.Client, f api.Filter) ([]view.Port, error) { return c.Ports(ctx, f) },
			portColumns()),
		asked(resourceOf(view.KindNetwork, "List networks", []string{"network", "net", "n"}, nil,
			func(ctx context.Context, c *client.Client, _ api.Filter) ([]view.Network, error) {
				return c.Networks(ctx)
			},
			networkColumns()), intent.KindNetwork),
		asked(still(resourceOf(view.KindRouter, "List routers", []string{"router", "r"}, nil,
			func(ctx context.Context, c *client.Client, _ api.Filter) ([]view.Router, error) {
				return c.Routers(ctx)
			},
			routerColumns())), intent.KindRouter),
		asked(still(resourceOf(view.KindPolicy, "List policies: the operator's own logical flows", []string{"policy", "pol"}, nil,
			func(ctx context.Context, c *client.Client, _ api.Filter) ([]view.Policy, error) {
				return c.Policies(ctx)
			},
			policyColumns())), intent.KindPolicy),
		resourceOf(view.KindBinding, "List bindings: which MAC an address has, and where", []string{"binding", "b"}, append([]string{"state", "origin"}, place...),
			func(ctx context.Context, c *client.Client, f api.Filter) ([]view.Binding, error) {
				return c.Bindings(ctx, f)
			},
			bindingColumns()),
		resourceOf(view.KindStation, "List stations: where a MAC is", []string{"station", "st"}, place,
			func(ctx context.Context, c *client.Client, f api.Filter) ([]view.Station, error) {
				return c.Stations(ctx, f)
			},
			stationColumns()),
	}
}

// asked marks what has documents in the intent.
func asked(r resource, kind string) resource {
	r.document = kind
	return r
}

func still(r resource) resource {
	r.still = true
	return r
}

// documentName is the name of an object that has documents.
func documentName(o any) string {
	switch o := o.(type) {
	case view.Network:
		return o.Name
	case view.Router:
		return o.Name
	case view.Policy:
		return o.Name
	}
	return ""
}

func switchColumns() []column[view.Switch] {
	return []column[view.Switch]{
		{title: "NAME", value: func(s view.Switch, _ *switchNames) string { return s.Name }},
		{title: "ID", value: func(s view.Switch, _ *switchNames) string { return s.ID }},
		{title: "STATE", value: func(s view.Switch, _ *switchNames) string { return s.State }},
		{title: "SINCE", value: func(s view.Switch, _ *switchNames) string { return age(s.Since) }},
		{title: "ADDRESS", value: func(s view.Switch, _ *switchNames) string { return s.Address }},
		{title: "PORTS", value: func(s view.Switch, _ *switchNames) string { return strconv.Itoa(s.Ports) }},
		{title: "FLOWS", value: func(s view.Switch, _ *switchNames) string { return strconv.Itoa(s.Flows) }},
		{title: "VERSION", wide: true, value: func(s view.Switch, _ *switchNames) string { return s.Version }},
		{title: "LAST-SYNC", wide: true, value: func(s view.Switch, _ *switchNames) string { return syncText(s.Changes) }},
		{title: "RESTORED", wide: true, value: func(s view.Switch, _ *switchNames) string { return strconv.Itoa(s.Changes.Restored) }},
		{title: "RENEWALS", wide: true, value: func(s view.Switch, _ *switchNames) string { return strconv.FormatUint(s.Renewals, 10) }},
		{title: "LAST-ERROR", wide: true, value: func(s view.Switch, _ *switchNames) string { return s.LastError }},
	}
}

// syncText shows what a reconciliation did as kept=12,+3,~0,-1.
func syncText(s view.Sync) string {
	if s.At.IsZero() {
		return ""
	}
	return fmt.Sprintf("kept=%d,+%d,~%d,-%d", s.Kept, s.Added, s.Changed, s.Removed)
}

func portColumns() []column[view.Port] {
	return []column[view.Port]{
		{title: "SWITCH", value: func(p view.Port, n *switchNames) string { return n.name(p.Switch) }},
		{title: "PORT", value: func(p view.Port, _ *switchNames) string { return p.Name }},
		{title: "NUMBER", value: func(p view.Port, _ *switchNames) string { return portNumber(p.Number) }},
		{title: "STATE", value: func(p view.Port, _ *switchNames) string { return p.State }},
		{title: "NETWORKS", value: func(p view.Port, _ *switchNames) string { return strings.Join(p.Networks, ",") }},
		{title: "STATIONS", value: func(p view.Port, _ *switchNames) string { return strconv.Itoa(p.Stations) }},
		{title: "BINDINGS", value: func(p view.Port, _ *switchNames) string { return strconv.Itoa(p.Bindings) }},
		{title: "MAC", wide: true, value: func(p view.Port, _ *switchNames) string { return p.MAC }},
		{title: "SWITCH-ID", wide: true, value: func(p view.Port, _ *switchNames) string { return p.Switch }},
	}
}

func networkColumns() []column[view.Network] {
	subnets := func(n view.Network, text func(view.Subnet) string) string {
		var out []string
		for _, s := range n.Subnets {
			if t := text(s); t != "" {
				out = append(out, t)
			}
		}
		return strings.Join(out, ",")
	}
	return []column[view.Network]{
		{title: "NAME", value: func(n view.Network, _ *switchNames) string { return n.Name }},
		{title: "NUMBER", value: func(n view.Network, _ *switchNames) string { return number(n.Number) }},
		{title: "UNKNOWN", value: func(n view.Network, _ *switchNames) string { return n.Unknown }},
		{title: "PORTS", value: func(n view.Network, _ *switchNames) string { return strconv.Itoa(n.Ports) }},
		{title: "BINDINGS", value: func(n view.Network, _ *switchNames) string { return strconv.Itoa(n.Bindings) }},
		{title: "STATIONS", value: func(n view.Network, _ *switchNames) string { return strconv.Itoa(n.Stations) }},
		{title: "SUBNETS", value: func(n view.Network, _ *switchNames) string {
			return subnets(n, func(s view.Subnet) string { return s.Prefix })
		}},
		{title: "GATEWAYS", wide: true, value: func(n view.Network, _ *switchNames) string {
			return subnets(n, func(s view.Subnet) string { return s.Gateway })
		}},
		{title: "SEARCHES", wide: true, value: func(n view.Network, _ *switchNames) string { return strconv.Itoa(n.Searches) }},
		{title: "SILENT", wide: true, value: func(n view.Network, _ *switchNames) string { return strconv.Itoa(n.Silent) }},
	}
}

func routerColumns() []column[view.Router] {
	interfaces := func(r view.Router, text func(view.Interface) string) string {
		var out []string
		for _, i := range r.Interfaces {
			if t := text(i); t != "" {
				out = append(out, t)
			}
		}
		return strings.Join(out, ",")
	}
	return []column[view.Router]{
		{title: "NAME", value: func(r view.Router, _ *switchNames) string { return r.Name }},
		{title: "NETWORKS", value: func(r view.Router, _ *switchNames) string {
			return interfaces(r, func(i view.Interface) string { return i.Network })
		}},
		{title: "ADDRESSES", value: func(r view.Router, _ *switchNames) string {
			return interfaces(r, func(i view.Interface) string { return strings.Join(i.Addresses, ",") })
		}},
		{title: "ROUTES", value: func(r view.Router, _ *switchNames) string { return strconv.Itoa(len(r.Routes)) }},
		{title: "NUMBER", wide: true, value: func(r view.Router, _ *switchNames) string { return number(uint32(r.Number)) }},
		{title: "MACS", wide: true, value: func(r view.Router, _ *switchNames) string {
			return interfaces(r, func(i view.Interface) string { return i.MAC })
		}},
		{title: "ADVERTISES", wide: true, value: func(r view.Router, _ *switchNames) string {
			return interfaces(r, func(i view.Interface) string {
				if i.Advertise {
					return i.Network
				}
				return ""
			})
		}},
		{title: "ALL-ROUTES", wide: true, value: func(r view.Router, _ *switchNames) string {
			var out []string
			for _, route := range r.Routes {
				out = append(out, route.Prefix+">"+strings.Join(route.NextHops, "|"))
			}
			return strings.Join(out, ",")
		}},
	}
}

func policyColumns() []column[view.Policy] {
	return []column[view.Policy]{
		{title: "NAME", value: func(p view.Policy, _ *switchNames) string { return p.Name }},
		{title: "TABLE", value: func(p view.Policy, _ *switchNames) string { return p.Table }},
		{title: "PRIORITY", value: func(p view.Policy, _ *switchNames) string { return strconv.Itoa(int(p.Priority)) }},
		{title: "MATCH", value: func(p view.Policy, _ *switchNames) string { return oneLine(p.Match) }},
		{title: "ACTIONS", value: func(p view.Policy, _ *switchNames) string { return oneLine(p.Actions) }},
	}
}

// oneLine shows a text of several lines in one.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func bindingColumns() []column[view.Binding] {
	return []column[view.Binding]{
		{title: "NETWORK", value: func(b view.Binding, _ *switchNames) string { return vlanText(b.Network, b.VLAN) }},
		{title: "IP", value: func(b view.Binding, _ *switchNames) string { return b.IP }},
		{title: "MAC", value: func(b view.Binding, _ *switchNames) string { return b.MAC }},
		{title: "SWITCH", value: func(b view.Binding, n *switchNames) string { return n.name(b.Switch) }},
		{title: "PORT", value: func(b view.Binding, _ *switchNames) string { return vlanText(b.Port, b.PortVLAN) }},
		{title: "ORIGIN", value: func(b view.Binding, _ *switchNames) string { return b.Origin }},
		{title: "STATE", value: func(b view.Binding, _ *switchNames) string { return b.State }},
		{title: "LEARNED", value: func(b view.Binding, _ *switchNames) string { return age(b.Learned) }},
		{title: "HEARD", wide: true, value: func(b view.Binding, _ *switchNames) string { return age(b.Heard) }},
		{title: "AGE-LIMIT", wide: true, value: func(b view.Binding, _ *switchNames) string { return b.AgeLimit }},
		{title: "QUESTIONS", wide: true, value: func(b view.Binding, _ *switchNames) string { return strconv.Itoa(b.Questions) }},
		{title: "ROUTER", wide: true, value: func(b view.Binding, _ *switchNames) string { return yes(b.Router) }},
		{title: "RESTORED", wide: true, value: func(b view.Binding, _ *switchNames) string { return yes(b.Restored) }},
		{title: "FLOWS", wide: true, value: func(b view.Binding, _ *switchNames) string { return strings.Join(b.Flows, ",") }},
		{title: "PERMITTED", wide: true, value: func(b view.Binding, _ *switchNames) string { return strings.Join(b.Permitted, ",") }},
		{title: "SWITCH-ID", wide: true, value: func(b view.Binding, _ *switchNames) string { return b.Switch }},
	}
}

func stationColumns() []column[view.Station] {
	const few = 2
	return []column[view.Station]{
		{title: "NETWORK", value: func(s view.Station, _ *switchNames) string { return vlanText(s.Network, s.VLAN) }},
		{title: "MAC", value: func(s view.Station, _ *switchNames) string { return s.MAC }},
		{title: "SWITCH", value: func(s view.Station, n *switchNames) string { return n.name(s.Switch) }},
		{title: "PORT", value: func(s view.Station, _ *switchNames) string { return vlanText(s.Port, s.PortVLAN) }},
		{title: "LEARNED", value: func(s view.Station, _ *switchNames) string { return age(s.Learned) }},
		{title: "BINDINGS", value: func(s view.Station, _ *switchNames) string {
			if len(s.Bindings) > few {
				return fmt.Sprintf("%s,+%d", strings.Join(s.Bindings[:few], ","), len(s.Bindings)-few)
			}
			return strings.Join(s.Bindings, ",")
		}},
		{title: "RESTORED", wide: true, value: func(s view.Station, _ *switchNames) string { return yes(s.Restored) }},
		{title: "ALL-BINDINGS", wide: true, value: func(s view.Station, _ *switchNames) string { return strings.Join(s.Bindings, ",") }},
		{title: "SWITCH-ID", wide: true, value: func(s view.Station, _ *switchNames) string { return s.Switch }},
	}
}

// vlanText shows a name with a VLAN as the intent does in views: h1@10.
func vlanText(name string, vlan uint16) string {
	if vlan == 0 {
		return name
	}
	return fmt.Sprintf("%s@%d", name, vlan)
}

func number(n uint32) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(n), 10)
}

// localPort is the number of the bridge's own port (OpenFlow 1.3, OFPP_LOCAL).
const localPort = 0xfffffffe

func portNumber(n uint32) string {
	if n == localPort {
		return "LOCAL"
	}
	return number(n)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// age shows how long ago t was, in its largest unit.
func age(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ageOf(time.Since(t))
}

func ageOf(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// switchNames shows switches by name where that says enough.
type switchNames struct {
	byID map[string]string
}

// loadSwitchNames asks for the names once. Names that two switches share are
// left out, and their switches shown by datapath id.
func loadSwitchNames(ctx context.Context, c *client.Client) (*switchNames, error) {
	list, err := c.Switches(ctx)
	if err != nil {
		return nil, err
	}
	n := &switchNames{byID: map[string]string{}}
	for i, s := range list {
		shared := slices.ContainsFunc(list, func(o view.Switch) bool { return o.Name == s.Name && o.ID != s.ID })
		if list[i].Name != "" && !shared {
			n.byID[s.ID] = s.Name
		}
	}
	return n, nil
}

func (n *switchNames) name(id string) string {
	if name := n.byID[id]; name != "" {
		return name
	}
	return id
}

func (n *switchNames) knows(id string) bool { return n.byID[id] != "" }
