package openflow

import "fmt"

// Multipath hashes fields of the packet, chooses one of MaxLink+1 links by the hash, and writes the
// link's number to bits of Dst (NXAST_MULTIPATH; ovs-actions(7), "The multipath action").
type Multipath struct {
	Fields    uint16 // what is hashed, such as [HashSymmetricL3L4UDP]
	Basis     uint16 // chooses one of many hash functions
	Algorithm uint16 // such as [LinkModuloN]
	MaxLink   uint16 // links are numbered from 0 to this
	Arg       uint32 // of the algorithm; 0 for those that take none
	Dst       *Field
	DstOfs    uint16
	NBits     uint16 // 1 to 64, and enough for MaxLink
}

// What [Multipath] hashes (NX_HASH_FIELDS_*). The symmetric ones give both directions of a
// connection the same hash.
const (
	HashEthSrc           uint16 = 0
	HashSymmetricL4      uint16 = 1 // Ethernet, VLAN and IP addresses, TCP and SCTP ports
	HashSymmetricL3L4    uint16 = 2 // IP addresses and protocol, TCP and SCTP ports
	HashSymmetricL3L4UDP uint16 = 3 // the same and UDP ports
	HashIPSrc            uint16 = 4
	HashIPDst            uint16 = 5
	HashSymmetricL3      uint16 = 6 // IP addresses
)

// How [Multipath] chooses a link by the hash (NX_MP_ALG_*).
const (
	LinkModuloN       uint16 = 0 // hash mod n
	LinkHashThreshold uint16 = 1 // regions of equal size (RFC 2992)
	LinkHRW           uint16 = 2 // highest random weight
	LinkIterHash      uint16 = 3 // iterative hash, with Arg
)

func (a Multipath) appendAction(b []byte) []byte {
	start := len(b)
	b = nxHead(b, nxMultipath)
	b = be.AppendUint16(b, a.Fields)
	b = appendZeros(be.AppendUint16(b, a.Basis), 2)
	b = be.AppendUint16(b, a.Algorithm)
	b = be.AppendUint16(b, a.MaxLink)
	b = appendZeros(be.AppendUint32(b, a.Arg), 2)
	b = be.AppendUint16(b, ofsNBits(a.DstOfs, a.NBits))
	return nxTail(be.AppendUint32(b, a.Dst.actionHeader()), start)
}

func decodeMultipath(r *reader) Action {
	a := Multipath{Fields: r.u16(), Basis: r.u16()}
	r.skip(2)
	a.Algorithm, a.MaxLink, a.Arg = r.u16(), r.u16(), r.u32()
	r.skip(2)
	a.DstOfs, a.NBits = splitOfsNBits(r.u16())
	a.Dst = takeField(r)
	if r.err != nil {
		return nil
	}
	return a
}

var hashFieldWords = [...]string{HashEthSrc: "eth_src", HashSymmetricL4: "symmetric_l4", HashSymmetricL3L4: "symmetric_l3l4",
	HashSymmetricL3L4UDP: "symmetric_l3l4+udp", HashIPSrc: "nw_src", HashIPDst: "nw_dst", HashSymmetricL3: "symmetric_l3"}

var linkWords = [...]string{LinkModuloN: "modulo_n", LinkHashThreshold: "hash_threshold", LinkHRW: "hrw", LinkIterHash: "iter_hash"}

func formatMultipath(a Multipath) string {
	return fmt.Sprintf("multipath(%s,%d,%s,%d,%d,%s)", wordOf(hashFieldWords[:], a.Fields), a.Basis,
		wordOf(linkWords[:], a.Algorithm), int(a.MaxLink)+1, a.Arg, subfield(a.Dst, a.DstOfs, a.NBits))
}

// wordOf is the word for a number, or the number itself where there is none.
func wordOf(words []string, n uint16) string {
	if int(n) < len(words) {
		return words[n]
	}
	return fmt.Sprint(n)
}
