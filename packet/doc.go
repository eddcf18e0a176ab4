// Package packet reads and writes the frames of address resolution and of what a router
// says by itself: Ethernet with up to two VLAN tags, ARP, IPv6 neighbour solicitations and
// advertisements, router solicitations and advertisements, and ICMP errors.
//
// A view (Frame, ARP, ND, RS) is a struct that the caller keeps and that Parse fills
// again for every packet. Its slices alias the bytes given to Parse, so a view is
// valid only as long as those bytes are. Parsing never allocates, not even when it
// fails: every way in which a packet can be malformed is a Reason, a bounded set
// that serves as counter keys, and its error value exists beforehand.
//
// A builder appends a whole frame, without frame check sequence, to the slice it is
// given and returns the extended slice; with enough capacity it doesn't allocate.
//
// A composer (AppendComposedARP and the like) is a builder that makes its frame from that
// of an IP packet, with the same tags. What it makes is the packet on which the inner
// actions of a logical action such as `arp { … }` are run: some of its fields are only
// where they begin. About a packet of which the standards say so no ICMP error is
// composed: every cause is an Exemption, bounded like the Reasons.
package packet
