// Package intent holds what an operator asked for (networks, their subnets, member
// ports and static bindings), reads it from YAML and prints it as YAML.
//
// Parse is the only way from text to an Intent, and what it returns is valid: the rest
// of the program doesn't check again. It reports every fault of a file at once, each
// with line, column, the line itself and what was expected. An Intent is kept in one
// canonical order, so that two files which ask for the same give equal values.
//
// # Format
//
// A file is a sequence of YAML documents, one for each network:
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
//
// The network "default" has number 1 and always exists; a document may add to it. Ports
// that no network names belong to it. An empty file is valid.
package intent
