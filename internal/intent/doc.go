// Package intent holds what an operator asked for (networks, their subnets, member
// ports, static bindings and the life of the others, routers between networks, policies,
// and limits), reads it from YAML and prints it as YAML.
//
// Parse is the only way from text to an Intent, and what it returns is valid: the rest
// of the program doesn't check again. It reports every fault of a file at once, each
// with line, column, the line itself and what was expected. An Intent is kept in one
// canonical order, so that two files which ask for the same give equal values.
//
// # Format
//
// A file is a sequence of YAML documents in any order, one for each network, router and
// policy, and one for the limits:
//
//	kind: network
//	name: blue            # 1 to 63 of a-z, 0-9 and -, unique
//	number: 100           # 1 to 16777215, unique
//	unknown: solicit      # request for an unknown address: solicit (default), flood, drop
//	subnets:
//	  - prefix: 10.1.0.0/16
//	    gateway: 10.1.0.1              # optional
//	    gatewayMAC: 02:00:00:00:01:01  # optional: isat answers for the gateway
//	ports:
//	  - {switch: br0, port: h1}                           # by name
//	  - {switch: "0000000000000001", port: 3, vlan: 10}   # by datapath id and port number
//	bindings:
//	  - {ip: 10.1.0.9, mac: 02:00:00:00:00:09}
//	  - {ip: 10.1.0.10, macs: [02:00:00:00:00:0a, 02:00:00:00:00:0b]}
//	age: 20m              # how long a silent binding lives; 0: for ever
//	ages:                 # likewise of a prefix; the longest counts
//	  - {prefix: 10.1.2.0/24, age: 5m}
//	duplicates: {moves: 5, within: 3m, hold: 9m}
//	sponge: {asked: 30, mac: 02:69:73:61:74:02}           # optional
//	---
//	kind: network
//	name: wan
//	number: 200
//	ports:
//	  - {switch: br0, port: eth1, role: uplink}           # edge (default) or uplink
//	  - {switch: br0, port: dhcp, trusted: true, security: off}  # learn (default), off, strict
//	  - {switch: br0, port: h9, security: strict, allow: [{mac: 02:00:00:00:00:99, ips: [198.51.100.9]}]}
//	---
//	kind: router
//	name: r1              # unique among routers
//	interfaces:
//	  - network: blue
//	    addresses: [10.1.0.254/16, fd00:1::1/64]
//	    advertise:                     # optional: router advertisements
//	      rdnss: [fd00:1::53]
//	  - network: wan
//	    mac: 02:00:00:00:09:02         # optional
//	    addresses: [198.51.100.2/24, 2001:db8::2/64]
//	routes:
//	  - {prefix: 0.0.0.0/0, via: [198.51.100.1, 198.51.100.3]}
//	  - {prefix: "::/0", via: "fe80::1", network: wan}
//	---
//	kind: policy
//	name: no-telnet       # unique among policies
//	table: l2
//	priority: 100         # 0 to 999
//	match: tcp && tcp.dst == 23
//	actions: drop;
//	---
//	kind: limits          # at most once; what isn't written keeps its default
//	puntsPerPort: 200     # at least 4, like every limit
//
// The network "default" has number 1 and always exists; a document may add to it. Ports
// that no network names belong to it. An empty file is valid.
//
// A document of any kind may have the key revision: the revision of the stored object that it
// was made from. What is stored is changed by a [Request]; [NewPlan] says what comes of it.
//
// What a policy's table, match and actions may be is known to the pipeline, which stands
// above this package: ParseWith takes its judgement as a function and reports its faults
// where they stand in the file.
package intent
