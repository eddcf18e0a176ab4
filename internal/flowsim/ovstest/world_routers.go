package ovstest

import (
	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/packet"
)

// routersWorld has two routers with a network between them, routes with one next hop and with
// several, an uplink, policies, and hosts that are known and that are not.
func routersWorld() World {
	return World{Name: "routers", Ports: 5, Text: `
kind: network
name: left
number: 101
subnets: [{prefix: 10.1.1.0/24}, {prefix: fd00:1::/64}]
ports: [{switch: br0, port: p1}, {switch: br0, port: p2}]
---
kind: network
name: right
number: 102
subnets: [{prefix: 10.1.2.0/24}, {prefix: fd00:2::/64}]
ports: [{switch: br0, port: p3}, {switch: br0, port: p5, vlan: 20}]
---
kind: network
name: middle
number: 103
ports: [{switch: br0, port: p4}]
---
kind: network
name: wan
number: 104
ports: [{switch: br0, port: p5, vlan: 40, role: uplink}]
---
kind: router
name: r1
interfaces:
  - {network: left, addresses: [10.1.1.1/24, "fd00:1::1/64"], advertise: {interval: 60s}}
  - {network: middle, mac: 02:00:00:00:03:01, addresses: [10.1.3.1/24, "fd00:3::1/64"]}
  - {network: wan, addresses: [192.0.2.1/28]}
routes:
  - {prefix: 10.1.2.0/24, via: 10.1.3.2}
  - {prefix: "fd00:2::/64", via: "fd00:3::2"}
  - {prefix: 0.0.0.0/0, via: [192.0.2.2, 192.0.2.3, 192.0.2.4]}
  - {prefix: 198.51.100.0/25, via: 10.1.1.12}
---
kind: router
name: r2
interfaces:
  - {network: right, addresses: [10.1.2.1/24, "fd00:2::1/64"]}
  - {network: middle, mac: 02:00:00:00:03:02, addresses: [10.1.3.2/24, "fd00:3::2/64"]}
routes:
  - {prefix: 10.1.1.0/24, via: 10.1.3.1}
  - {prefix: "::/0", via: ["fd00:3::1", "fd00:3::9"]}
---
kind: policy
name: no-telnet
table: guard
priority: 10
match: tcp.dst == 23
actions: drop;
---
kind: policy
name: closed
table: ip-input
priority: 20
match: inport == "p1" && ip4.dst == {10.1.2.12, 10.1.2.14, 10.1.2.16} && udp.dst == {53, 67, 123}
actions: icmp4 { eth.dst <-> eth.src; ip4.dst <-> ip4.src; icmp4.code = 13; loopback; next(l2); };
`, Hosts: append([]Host{
		{Name: "left1", MAC: mac(0x11), Port: 1, Net: 101, IPs: ips("10.1.1.11", "fd00:1::11", "fe80::11"), Origin: binding.ARP},
		{Name: "left2", MAC: mac(0x12), Port: 2, Net: 101, IPs: ips("10.1.1.12", "fd00:1::12"), Origin: binding.ND},
		{Name: "right3", MAC: mac(0x23), Port: 3, Net: 102, IPs: ips("10.1.2.13", "fd00:2::13"), Origin: binding.ARP},
		{Name: "right5", MAC: mac(0x25), Port: 5, Trunk: 20, Net: 102, IPs: ips("10.1.2.15", "fd00:2::15"), Origin: binding.ARP},
		{Name: "gw2", MAC: mac(0x42), Port: 5, Trunk: 40, Net: 104, IPs: ips("192.0.2.2"), Origin: binding.ARP, Router: true},
		{Name: "gw3", MAC: mac(0x43), Port: 5, Trunk: 40, Net: 104, IPs: ips("192.0.2.3"), Origin: binding.ARP, Router: true},
	}, routerHosts()...)}
}

// routerHosts are the routers' own interfaces, which have bindings and are nowhere.
func routerHosts() []Host {
	own := func(name string, net uint32, m packet.MAC, addresses ...string) Host {
		return Host{Name: name, MAC: m, Net: net, IPs: ips(addresses...), Origin: binding.Gateway, Router: true}
	}
	r1, r2 := packet.MAC{2, 'i', 's', 'R', 0xf2, 0x00}, packet.MAC{2, 'i', 's', 'R', 0x0d, 0x32}
	return []Host{
		own("r1-left", 101, r1, "10.1.1.1", "fd00:1::1"),
		own("r1-middle", 103, packet.MAC{2, 0, 0, 0, 3, 1}, "10.1.3.1", "fd00:3::1"),
		own("r1-wan", 104, r1, "192.0.2.1"),
		own("r2-right", 102, r2, "10.1.2.1", "fd00:2::1"),
		own("r2-middle", 103, packet.MAC{2, 0, 0, 0, 3, 2}, "10.1.3.2", "fd00:3::2"),
	}
}
