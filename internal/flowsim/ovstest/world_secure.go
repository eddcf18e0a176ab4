package ovstest

import (
	"github.com/isat-sdn/isat/internal/binding"
)

// secureWorld has a strict port with a list of addresses, one with MACs only, a trusted port, one
// that is both, and one that nothing is said of.
func secureWorld() World {
	return World{Name: "secure", Ports: 5, Text: `
kind: network
name: default
number: 1
ports:
  - switch: br0
    port: p1
    security: strict
    allow:
      - {mac: 02:00:00:00:00:01, ips: [10.0.0.1, 10.0.0.8/30, "fe80::1", "2001:db8::/64"]}
      - {mac: 02:00:00:00:00:11, ips: [10.0.0.2]}
  - {switch: br0, port: p2, trusted: true}
  - {switch: br0, port: p4, security: strict, allow: [{mac: 02:00:00:00:00:04}]}
  - {switch: br0, port: p5, trusted: true, security: strict, allow: [{mac: 02:00:00:00:00:05, ips: [10.0.0.5, "fe80::5"]}]}
`, Hosts: []Host{
		{Name: "listed", MAC: mac(1), Port: 1, Net: 1, IPs: ips("10.0.0.1", "fe80::1", "2001:db8::1"), Origin: binding.ARP},
		{Name: "only4", MAC: mac(0x11), Port: 1, Net: 1, IPs: ips("10.0.0.2"), Origin: binding.ARP},
		{Name: "server", MAC: mac(2), Port: 2, Net: 1, IPs: ips("10.0.0.3", "fe80::2"), Origin: binding.ARP, Router: true},
		{Name: "plain", MAC: mac(3), Port: 3, Net: 1, IPs: ips("10.0.0.4", "fe80::3"), Origin: binding.ARP},
		{Name: "any", MAC: mac(4), Port: 4, Net: 1, IPs: ips("10.0.0.99", "fe80::4"), Origin: binding.ARP},
		{Name: "both", MAC: mac(5), Port: 5, Net: 1, IPs: ips("10.0.0.5", "fe80::5"), Origin: binding.ARP},
	}}
}
