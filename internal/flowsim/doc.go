// Package flowsim runs packets through flows as Open vSwitch does, and says where they come out,
// what they look like then, and which flows they met.
//
// It is for tests and for explaining (isat trace); a switch is not needed. Only what
// isat's own flows need is simulated: [New] refuses flows with other fields, actions or groups. What
// it simulates it does as Open vSwitch 3.1 does with its userspace datapath, including how headers
// are read (lib/flow.c), how changed fields get back into the packet (lib/odp-util.c,
// lib/packets.c), when a translation is given up, and what is left to do of a paused packet
// (ofproto/ofproto-dpif-xlate.c), mistakes included. The tests run the same packets through both.
//
// Meters let everything through. A [openflow.Multipath] chooses the same link as Open vSwitch for IP;
// for other packets, the switch uses the link of whichever it saw first.
package flowsim
