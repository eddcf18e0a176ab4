// Package demo shows isat at work and judges it: a lab with real hosts on a
// real Open vSwitch, a controller of its own, hosts that resolve and ping each
// other, and a table of what was on the wire meanwhile.
//
// Everything in the table is measured and not taken from what the hosts should
// have done: requests, answers, copies at bystanders, losses and times come
// from captures on every host's link, answers of the switch from the packet
// counters of its flows, and packet-ins and searches from the controller. The
// figures of the switch and of the wire have to agree.
package demo
