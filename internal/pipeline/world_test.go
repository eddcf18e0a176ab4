package pipeline_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// state is what a switch should have, drawn at random.
type state struct {
	base     pipeline.Base
	bindings []*binding.Binding
	stations []pipeline.RememberedStation
}

func (s *state) flows() []openflow.FlowMod {
	flows := append([]openflow.FlowMod(nil), s.base.Flows...)
	for _, b := range s.bindings {
		if f, ok := pipeline.BindingFlow(b); ok {
			flows = append(flows, f)
		}
		if f, ok := pipeline.OwnerFlow(b); ok {
			flows = append(flows, f)
		}
	}
	for _, r := range s.stations {
		for _, f := range pipeline.StationFlows(r.Key, r.Port, 0) {
			flows = append(flows, f)
		}
	}
	return flows
}

const drawnPorts = 6

// drawState draws networks, the ports that belong to them, and hosts. Every port, VLAN and address
// of a small set is drawn, so that states overlap.
func drawState(t *rapid.T) *state {
	in := intent.Default()
	for number := uint32(2); number <= 4; number++ {
		n := intent.Network{Name: fmt.Sprintf("n%d", number), Number: number, Unknown: intent.Unknown(rapid.IntRange(0, 2).Draw(t, "unknown"))}
		for i := range rapid.IntRange(0, 2).Draw(t, "subnets") {
			bits := rapid.IntRange(16, 32).Draw(t, "bits")
			addr := netip.AddrFrom4([4]byte{10, byte(i), 0, 0})
			n.Subnets = append(n.Subnets, intent.Subnet{Prefix: netip.PrefixFrom(addr, bits)})
		}
		in.Networks = append(in.Networks, n)
	}
	var attachments []fabric.Attachment
	for port := uint32(1); port <= drawnPorts; port++ {
		number := port
		if port == drawnPorts {
			number = openflow.PortLocal
		}
		for _, vlan := range []uint16{0, 1, 4094} {
			if network := rapid.Uint32Range(0, 4).Draw(t, "network"); network != 0 {
				a := fabric.Attachment{Network: network, Key: binding.NewPortKey(number, vlan), Port: number, Name: fmt.Sprintf("p%d@%d", number, vlan)}
				drawSecurity(t, &a)
				attachments = append(attachments, a)
			}
		}
	}
	in.Routers = drawRouters(t, in)
	s := &state{base: pipeline.NewProgram(in).Base(attachments)}
	if len(attachments) > 0 {
		s.drawHosts(t, attachments)
	}
	return s
}

// drawSecurity draws whom a port believes.
func drawSecurity(t *rapid.T, a *fabric.Attachment) {
	a.Security, a.Trusted = intent.Security(rapid.IntRange(0, 2).Draw(t, "security")), rapid.Bool().Draw(t, "trusted")
	if a.Security != intent.SecurityStrict {
		return
	}
	var list []intent.Allowed
	for mac := range byte(rapid.IntRange(0, 2).Draw(t, "allowed")) {
		allowed := intent.Allowed{MAC: packet.MAC{2, 0, 0, 0, 0, mac}}
		for i := range byte(rapid.IntRange(0, 3).Draw(t, "addresses")) {
			allowed.IPs = append(allowed.IPs, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, i, 0, 0}), 16+8*int(i%3)).Masked(),
				netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, i}), 128-64*int(i%2)).Masked())
		}
		list = append(list, allowed)
	}
	a.Allow = &list
}

// drawRouters draws routers on the networks, with routes of every kind.
func drawRouters(t *rapid.T, in *intent.Intent) []intent.Router {
	var routers []intent.Router
	for r := range byte(rapid.IntRange(0, 2).Draw(t, "routers")) {
		router := intent.Router{Name: fmt.Sprintf("r%d", r), Number: uint16(r)*7 + 1}
		var neighbours []intent.NextHop
		for _, n := range in.Networks {
			if !rapid.Bool().Draw(t, "on the network") {
				continue
			}
			number := byte(n.Number)
			i := intent.Interface{Network: n.Name, NetworkNumber: n.Number, MAC: packet.MAC{2, 'R', r, 0, 0, rapid.SampledFrom([]byte{1, number}).Draw(t, "mac")}}
			i.Addresses = append(i.Addresses, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, number, r, 1}), rapid.IntRange(16, 32).Draw(t, "bits")))
			if rapid.Bool().Draw(t, "ipv6") {
				i.Addresses = append(i.Addresses, netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, number, 15: r + 1}), rapid.IntRange(16, 128).Draw(t, "bits")))
				if rapid.Bool().Draw(t, "advertise") {
					i.Advertise = &intent.Advertise{}
				}
			}
			router.Interfaces = append(router.Interfaces, i)
			neighbours = append(neighbours, intent.NextHop{Addr: netip.AddrFrom4([4]byte{10, number, r, 9}), Network: n.Number})
		}
		if len(neighbours) > 0 {
			for bits := range rapid.IntRange(0, 4).Draw(t, "routes") {
				router.Routes = append(router.Routes, intent.Route{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 0, 0}), 8*bits).Masked(),
					NextHops: neighbours[:rapid.IntRange(1, len(neighbours)).Draw(t, "next hops")]})
			}
			routers = append(routers, router)
		}
	}
	return routers
}

func (s *state) drawHosts(t *rapid.T, attachments []fabric.Attachment) {
	bound, placed := make(map[binding.Key]bool), make(map[binding.StationKey]bool)
	for range rapid.IntRange(0, 12).Draw(t, "hosts") {
		at := rapid.SampledFrom(attachments).Draw(t, "at")
		segment := binding.Segment{Network: at.Network}
		if at.Key.VLAN() == 0 {
			segment.VLAN = rapid.SampledFrom([]uint16{0, 5, 4095}).Draw(t, "vlan")
		}
		mac := packet.MACFromUint64(rapid.Uint64Range(1, 1<<48-1).Draw(t, "mac"))
		key := binding.StationKey{Segment: segment, MAC: mac}
		if placed[key] {
			continue
		}
		placed[key] = true
		s.stations = append(s.stations, pipeline.RememberedStation{Key: key, Port: at.Key})
		for range rapid.IntRange(0, 3).Draw(t, "addresses") {
			b := drawBinding(t, segment, mac)
			if !bound[b.Key] {
				bound[b.Key] = true
				s.bindings = append(s.bindings, b)
			}
		}
	}
}

func drawBinding(t *rapid.T, segment binding.Segment, mac packet.MAC) *binding.Binding {
	var addr [16]byte
	if rapid.Bool().Draw(t, "4") {
		var v4 [4]byte
		binary.BigEndian.PutUint32(v4[:], rapid.Uint32Range(1, 1<<32-1).Draw(t, "ipv4"))
		addr = netip.AddrFrom4(v4).As16()
	} else {
		// Words that are all zeros or ones are what a switch could take for something else.
		for i := range 4 {
			binary.BigEndian.PutUint32(addr[4*i:], rapid.SampledFrom([]uint32{0, 0xffffffff, 1, 0xfe800000, 0x80}).Draw(t, "ipv6"))
		}
		addr[7] |= 1 // not ::, which nobody has
	}
	return &binding.Binding{
		Key: binding.Key{Segment: segment, Addr: addr}, MAC: mac,
		Origin: rapid.SampledFrom([]binding.Origin{binding.ARP, binding.ND, binding.Gateway, binding.Static}).Draw(t, "origin"),
		State:  rapid.SampledFrom([]binding.State{binding.Reachable, binding.Stale}).Draw(t, "state"),
		Router: rapid.Bool().Draw(t, "router"),
	}
}

// remembered are the bindings that a switch remembers, whoever made them.
func (s *state) remembered() []pipeline.RememberedBinding {
	var out []pipeline.RememberedBinding
	for _, b := range s.bindings {
		out = append(out, pipeline.RememberedBinding{Key: b.Key, MAC: b.MAC, Origin: b.Origin,
			Stale: b.State == binding.Stale, Router: b.Router})
	}
	return out
}
