// Package bench measures how fast isat answers, beside the fastest controller
// that could be, the floor, how its router treats first packets, beside a peer, and
// what hosts notice of a port that floods or scans.
//
// Answer: fake switches, which behave towards a controller as Open vSwitch does,
// connect over loopback to a real "isat run" and to the floor, each a process
// of its own. They make the hosts known with copies of their announcements, and
// then punt ARP requests for them, so many outstanding at a time. Rounds of the
// two controllers alternate, so that what else the machine does meets both.
// Every answer is compared, byte by byte from the actions on, with the only
// right one: a wrong or missing answer fails the run.
//
// The floor reads packet-ins with a large buffer, swaps the addresses in place,
// and writes once per read. It does not look anything up, and checks nothing:
// what isat takes beyond it is what isat's work costs.
//
// Route: each system, isat and OVN, is a router in a lab of its own, with real
// hosts on a real switch (bench/peers). The same code sends packets to addresses
// that the router does not know, in turns, and moves addresses from one host to
// another. All times are those that the kernel gives to frames on the hosts'
// links. A reply that was not routed exactly once fails the run.
//
// Flood: isat, and a switch that only learns MACs, each in a lab of its own. Hosts
// ask, ping and look for new ones while nothing else goes on and while a process on
// another port sends as fast as it can, in turns; with isat also while one scans
// through its router, and while it sends as much to known addresses, which is the
// floor of a scan. A packet that isat loses, or a wrong answer, fails the run.
package bench
