// Package packet reads and writes the frames of address resolution: Ethernet
// with up to two VLAN tags, ARP, and IPv6 neighbour solicitations and
// advertisements.
//
// A view (Frame, ARP, ND) is a struct that the caller keeps and that Parse fills
// again for every packet. Its slices alias the bytes given to Parse, so a view is
// valid only as long as those bytes are. Parsing never allocates, not even when it
// fails: every way in which a packet can be malformed is a Reason, a bounded set
// that serves as counter keys, and its error value exists beforehand.
//
// A builder appends a whole frame, without frame check sequence, to the slice it is
// given and returns the extended slice; with enough capacity it doesn't allocate.
package packet
