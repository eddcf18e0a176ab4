// Package bench measures how fast isat answers, beside the fastest controller
// that could be: the floor.
//
// Fake switches, which behave towards a controller as Open vSwitch does,
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
package bench
