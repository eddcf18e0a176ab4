package core

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/view"
)

// Status fills in what the core knows of the daemon's status.
func (c *Core) Status() view.Status {
	n := c.table.Len()
	searches, parked, silent := c.searches.Counts()
	held, _, bytes := c.holds.Counts()
	s := view.Status{
		Networks: len(c.intent.Networks), Bindings: n.Bindings, Stations: n.Stations,
		Searches: searches, Parked: parked, Held: held, HeldBytes: bytes, Silent: silent, Counters: c.Counters(),
	}
	for _, sw := range c.switches {
		if sw.state != away {
			s.Switches++
			s.Ports += len(sw.Ports)
		}
	}
	return s
}

// sortedSwitches returns the switches by datapath id.
func (c *Core) sortedSwitches() []*switchState {
	list := make([]*switchState, 0, len(c.switches))
	for _, sw := range c.switches {
		list = append(list, sw)
	}
	slices.SortFunc(list, func(a, b *switchState) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Switches returns every switch, by datapath id.
func (c *Core) Switches() []view.Switch {
	out := []view.Switch{}
	flows := c.flowCounts()
	for _, sw := range c.sortedSwitches() {
		v := c.viewSwitch(sw)
		v.Flows = flows[sw.ID]
		out = append(out, v)
	}
	return out
}

// flowCounts says of each switch how many flows wanted gives, with one look at each
// binding for all of them, and without making the flows.
func (c *Core) flowCounts() map[uint64]int {
	count := make(map[uint64]int, len(c.switches))
	everywhere := 0
	for b := range c.table.Bindings {
		if b.Answered() {
			everywhere++
		}
		switch {
		case b.Unwatched:
		case b.Origin.Configured():
			everywhere++
		default:
			count[b.Switch]++
		}
	}
	for id, sw := range c.switches {
		count[id] += everywhere + len(sw.base.Flows)
		for _, b := range sw.held {
			if b.Answered() {
				count[id]++
			}
		}
		for _, a := range sw.attachments {
			count[id] += 2 * c.table.CountsAt(binding.Location{Switch: id, Port: a.Key}).Stations
		}
	}
	return count
}

func (c *Core) viewSwitch(sw *switchState) view.Switch {
	return view.Switch{
		ID: fabric.FormatID(sw.ID), Name: sw.Name(), Address: sw.address, State: connectionNames[sw.state],
		Since: time.Unix(0, sw.since), Version: sw.version, Ports: len(sw.Ports), Changes: sw.sync,
		Renewals: sw.renewals, LastError: sw.lastError,
	}
}

// Ports returns every port, and those that the intent names and no switch has.
func (c *Core) Ports() []view.Port {
	out := []view.Port{}
	var switches []*fabric.Switch
	for _, sw := range c.sortedSwitches() {
		out = append(out, c.portViews(sw)...)
		if sw.state != away {
			switches = append(switches, &sw.Switch)
		}
	}
	for _, a := range fabric.Absent(c.intent, switches) {
		out = append(out, view.Port{
			Switch: a.Member.Switch.String(), Number: a.Member.Port.Number, Name: a.Member.Port.Name,
			State: "absent", Networks: []string{withVLAN(a.Network, a.Member.VLAN)},
		})
	}
	return out
}

func withVLAN(network string, vlan uint16) string {
	if vlan == 0 {
		return network
	}
	return fmt.Sprintf("%s@%d", network, vlan)
}

// portViews returns the ports of a switch, by number.
func (c *Core) portViews(sw *switchState) []view.Port {
	byPort := make(map[uint32]*view.Port, len(sw.Ports))
	out := make([]view.Port, 0, len(sw.Ports))
	for _, p := range sw.Ports {
		state := "down"
		if p.Up {
			state = "up"
		}
		out = append(out, view.Port{
			Switch: fabric.FormatID(sw.ID), Number: p.Number, Name: p.Name, MAC: p.MAC.String(), State: state, Networks: []string{},
		})
	}
	slices.SortFunc(out, func(a, b view.Port) int { return cmp.Compare(a.Number, b.Number) })
	for i := range out {
		byPort[out[i].Number] = &out[i]
	}
	for _, a := range sw.attachments {
		v := byPort[a.Port]
		n := c.table.CountsAt(binding.Location{Switch: sw.ID, Port: a.Key})
		v.Networks = append(v.Networks, withVLAN(c.names[a.Network], a.Key.VLAN()))
		v.Stations += n.Stations
		v.Bindings += n.Bindings
	}
	return out
}

// Networks returns every network, by number.
func (c *Core) Networks() []view.Network { return c.networkViews() }

func (c *Core) networkViews() []view.Network {
	ports := make(map[uint32]int)
	for _, sw := range c.switches {
		for _, a := range sw.attachments {
			ports[a.Network]++
		}
	}
	out := make([]view.Network, 0, len(c.intent.Networks))
	for i := range c.intent.Networks {
		n := &c.intent.Networks[i]
		known := c.table.CountsIn(n.Number)
		searches, silent := c.searches.CountsIn(n.Number)
		v := view.Network{
			Number: n.Number, Name: n.Name, Unknown: n.Unknown.String(), Subnets: []view.Subnet{}, Ports: ports[n.Number],
			Bindings: known.Bindings, Stations: known.Stations, Searches: searches, Silent: silent,
		}
		for _, s := range n.Subnets {
			v.Subnets = append(v.Subnets, viewSubnet(s))
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b view.Network) int { return cmp.Compare(a.Number, b.Number) })
	return out
}

func viewSubnet(s intent.Subnet) view.Subnet {
	v := view.Subnet{Prefix: s.Prefix.String()}
	if s.Gateway.IsValid() {
		v.Gateway = s.Gateway.String()
	}
	if !s.GatewayMAC.IsZero() {
		v.GatewayMAC = s.GatewayMAC.String()
	}
	return v
}

// portName is what a port is called on its switch.
func (c *Core) portName(sw *switchState, key binding.PortKey) string {
	if p, ok := sw.PortByKey(key); ok {
		return p.Name
	}
	return fmt.Sprint(key.Number())
}

// ViewBinding shows a binding.
func (c *Core) ViewBinding(b *binding.Binding) view.Binding {
	v := view.Binding{
		Network: c.names[b.Network], VLAN: b.VLAN, IP: b.IP().String(), MAC: b.MAC.String(),
		Origin: b.Origin.String(), State: stateName(b), Router: b.Router, Restored: b.Restored,
		Learned: time.Unix(0, b.Learned), Questions: int(b.Tries), Moves: c.table.Moves(b.Key),
	}
	if limit := c.table.AgeLimit(b.Key); limit != 0 && !b.Origin.Configured() {
		v.AgeLimit = time.Duration(limit).String()
	}
	if _, until, leased := c.table.LeaseOf(b.Key); leased {
		v.Lease = time.Unix(0, until)
	}
	if b.Heard != 0 {
		v.Heard = time.Unix(0, b.Heard)
	}
	if s := c.table.StationOf(b); s != nil {
		v.Switch, v.PortVLAN = fabric.FormatID(s.Switch), s.Port.VLAN()
		if sw := c.switches[s.Switch]; sw != nil {
			v.Port = c.portName(sw, s.Port)
		}
	}
	if p, ok := c.table.Permitted(b.Key); ok {
		for _, mac := range p.MACs {
			v.Permitted = append(v.Permitted, mac.String())
		}
	}
	if b.Answered() {
		v.Flows = append(v.Flows, "bindings")
	}
	if (b.Switch != 0 || b.Origin.Configured()) && !b.Unwatched {
		v.Flows = append(v.Flows, "owners")
	}
	return v
}

// stateName is the state as people see it: what an operator asked for has none
// of its own.
func stateName(b *binding.Binding) string {
	if b.Origin.Configured() {
		return "static"
	}
	return b.State.String()
}

func (c *Core) viewStation(s *binding.Station) view.Station {
	v := view.Station{
		Network: c.names[s.Network], VLAN: s.VLAN, MAC: s.MAC.String(), Switch: fabric.FormatID(s.Switch),
		PortVLAN: s.Port.VLAN(), Bindings: []string{}, Learned: time.Unix(0, s.Learned), Restored: s.Restored,
	}
	if sw := c.switches[s.Switch]; sw != nil {
		v.Port = c.portName(sw, s.Port)
	}
	for _, b := range c.table.BindingsOf(s) {
		v.Bindings = append(v.Bindings, b.IP().String())
	}
	slices.Sort(v.Bindings)
	return v
}

// NetworkByName finds the number of a network.
func (c *Core) NetworkByName(name string) (uint32, bool) {
	n, ok := c.intent.ByName(name)
	if !ok {
		return 0, false
	}
	return n.Number, true
}

func (c *Core) changedBinding(change binding.Change) {
	if len(c.recalled) > 0 {
		c.recognize(change)
	}
	if c.keeping {
		c.keep(change)
	}
	if !c.watched {
		return
	}
	switch {
	case change.New == nil:
		c.effects.Changes = append(c.effects.Changes, Change{Type: view.Deleted, Binding: change.Old})
	case change.Old == nil:
		c.effects.Changes = append(c.effects.Changes, Change{Type: view.Added, Binding: change.New})
	default:
		c.effects.Changes = append(c.effects.Changes, Change{Type: view.Modified, Binding: change.New})
	}
}

func (c *Core) changedStation(t view.ChangeType, s *binding.Station) {
	if c.watched {
		v := c.viewStation(s)
		c.effects.Changes = append(c.effects.Changes, Change{Type: t, Station: &v})
	}
}

func (c *Core) changedSwitch(t view.ChangeType, sw *switchState) {
	if c.watched {
		v := c.viewSwitch(sw)
		c.effects.Changes = append(c.effects.Changes, Change{Type: t, Switch: &v})
	}
}

// changedPorts tells watchers what differs between two listings of the ports
// of one switch.
func (c *Core) changedPorts(before, after []view.Port) {
	if !c.watched {
		return
	}
	key := func(p *view.Port) string { return fmt.Sprint(p.Number) }
	same := func(a, b *view.Port) bool {
		return a.Name == b.Name && a.State == b.State && a.MAC == b.MAC && slices.Equal(a.Networks, b.Networks)
	}
	compare(before, after, key, same, func(t view.ChangeType, p *view.Port) {
		c.effects.Changes = append(c.effects.Changes, Change{Type: t, Port: p})
	})
}

func (c *Core) changedNetworks(before, after []view.Network) {
	if !c.watched {
		return
	}
	key := func(n *view.Network) string { return n.Name }
	same := func(a, b *view.Network) bool {
		return a.Number == b.Number && a.Unknown == b.Unknown && slices.Equal(a.Subnets, b.Subnets)
	}
	compare(before, after, key, same, func(t view.ChangeType, n *view.Network) {
		c.effects.Changes = append(c.effects.Changes, Change{Type: t, Network: n})
	})
}

// compare tells what was added, modified and deleted between two listings.
func compare[T any](before, after []T, key func(*T) string, same func(a, b *T) bool, tell func(view.ChangeType, *T)) {
	old := make(map[string]*T, len(before))
	for i := range before {
		old[key(&before[i])] = &before[i]
	}
	for i := range after {
		k := key(&after[i])
		was, ok := old[k]
		delete(old, k)
		switch {
		case !ok:
			tell(view.Added, &after[i])
		case !same(was, &after[i]):
			tell(view.Modified, &after[i])
		}
	}
	for i := range before {
		if _, ok := old[key(&before[i])]; ok {
			tell(view.Deleted, &before[i])
		}
	}
}

// KeysOf finds an address in every segment that knows it and every network
// that has a subnet for it; without any, in the default network.
func (c *Core) KeysOf(ip netip.Addr, vlan uint16) []binding.Key {
	var keys []binding.Key
	seen := make(map[binding.Key]bool)
	put := func(segment binding.Segment) {
		if key := binding.NewKey(segment, ip); !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	for i := range c.intent.Networks {
		n := &c.intent.Networks[i]
		segment := binding.Segment{Network: n.Number, VLAN: vlan}
		if _, ok := n.SubnetOf(ip); ok || c.table.Lookup(binding.NewKey(segment, ip)) != nil {
			put(segment)
		}
	}
	if len(keys) == 0 {
		put(binding.Segment{Network: intent.DefaultNumber, VLAN: vlan})
	}
	return keys
}

// NetworksKnowing finds the networks in which an address is known, in whichever VLAN,
// by number. It looks at every binding.
func (c *Core) NetworksKnowing(ip netip.Addr) (numbers []uint32) {
	addr := ip.As16()
	for b := range c.table.Bindings {
		if b.Addr == addr && !slices.Contains(numbers, b.Network) {
			numbers = append(numbers, b.Network)
		}
	}
	slices.Sort(numbers)
	return numbers
}
