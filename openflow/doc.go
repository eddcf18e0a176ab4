// Package openflow encodes and decodes OpenFlow 1.3 messages with the Nicira and ONF extensions
// that Open vSwitch speaks.
//
// The package is pure: it turns bytes into values and values into bytes, and has no sockets,
// clocks or goroutines. [Append] writes one whole message, [Decode] reads one; [ParsePacketIn2]
// and [AppendPacketOut] do the same for the packet path without allocating. [DecodeFlowDump] keeps
// the flows of a switch as they are encoded, for who has many and compares most of them only.
//
// # What Decode promises
//
// Any bytes may be given to it. It never panics, never loops, and allocates memory only in
// proportion to the input. Decoded messages do not alias the input. Messages, multipart bodies,
// properties, instructions, actions and match fields that are not known here are kept as opaque
// bytes and are written out again unchanged.
//
// # Canonical form
//
// A flow that is added and then dumped should come back as the same bytes, because comparing
// desired and installed flows then needs no knowledge of OpenFlow. Open vSwitch keeps flows in a
// form of its own and encodes them afresh for a dump, so the encoders here write what Open vSwitch
// 3.1 would write:
//
//   - [Match] keeps fields in the order of Open vSwitch, drops masks that are all ones, fields whose
//     mask is all zeros, and value bits outside the mask. A match on a wide register (xreg, xxreg)
//     is kept as matches on the 32-bit registers, and one on vlan_tci as vlan_vid and vlan_pcp.
//   - [SetField] without mask is OFPAT_SET_FIELD. With a mask it is NXAST_REG_LOAD2.
//   - [RegLoad] is NXAST_REG_LOAD. Only on a field with an experimenter's number and no Nicira
//     number is it NXAST_REG_LOAD2, which decodes as a masked [SetField].
//   - Actions other than OFPAT_SET_FIELD name fields by their Nicira number where there is one.
//   - Instructions are in the order meter, apply, clear, write, metadata, goto.
//
// Sources: OpenFlow Switch Specification 1.3.5 ("OF1.3" with a section number below), ONF extension
// 230 (bundles), and the manual pages ovs-fields(7) and ovs-actions(7).
package openflow
