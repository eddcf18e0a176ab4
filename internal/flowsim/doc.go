// Package flowsim runs packets through flows as Open vSwitch does, and says where they come out,
// what they look like then, and which flows they met.
//
// It is for tests and for explaining (isat trace); a switch is not needed. Only what
// isat's own flows need is simulated: [New] refuses flows with other fields, actions or groups. What
// it simulates it does as Open vSwitch 3.1 does with its userspace datapath, including how headers
// are read (lib/flow.c), how changed fields get back into the packet (lib/odp-util.c,
// lib/packets.c), and when a translation is given up (ofproto/ofproto-dpif-xlate.c). The tests run
// the same packets through both.
package flowsim
