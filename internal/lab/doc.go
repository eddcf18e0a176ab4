// Package lab builds a real network on one machine: an Open vSwitch of its own and one network
// namespace per host, for trying isat and for the tests.
//
// A lab consists of
//
//   - a run directory (by default /run/isat-lab/NAME) with the switch database, control sockets,
//     logs and a state file that names everything the lab has made;
//   - the namespace isat-NAME-sw, in which ovsdb-server, ovs-vswitchd (userspace datapath, no kernel
//     module) and the controller relay live, so that port names never meet the machine's own;
//   - one namespace isat-NAME-HOST per host, with one veth: eth0 inside, and the host's name on
//     the switch's side, which is therefore also the name of the Open vSwitch port.
//
// Nothing is added to the machine's own namespace. A controller there is reached through the relay:
// its listening socket belongs to the switch's namespace and its outgoing connections to the
// machine's, and a socket keeps the namespace it was made in. Hosts with tagged interfaces get the
// kernel's, or where it was built without 802.1Q those of a second helper, the tagger.
//
// Everything that a lab starts lives in one of the lab's namespaces. Cleaning up therefore needs no
// memory of process ids: it ends whatever runs there, removes the namespaces and the directory, and
// works as well after a crash as after an orderly life.
package lab
