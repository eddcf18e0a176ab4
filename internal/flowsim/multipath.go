package flowsim

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/isat-sdn/isat/openflow"
)

// multipath chooses a link and writes its number (multipath_execute in lib/multipath.c).
func (r *run) multipath(a openflow.Multipath) {
	hash, _ := hashes(a.Fields)
	link := chooseLink(hash(&r.key, uint32(a.Basis)), a.Algorithm, uint32(a.MaxLink)+1)
	r.write(a.Dst, a.DstOfs, be.AppendUint64(nil, uint64(link)), 0, a.NBits)
}

// chooseLink chooses one of n links.
func chooseLink(hash uint32, algorithm uint16, n uint32) uint32 {
	if algorithm == openflow.LinkHashThreshold && n > 1 {
		return hash / (math.MaxUint32/n + 1)
	}
	return hash % n
}

// hashes gives the function that computes a kind of hash, if it is simulated.
func hashes(kind uint16) (func(k *key, basis uint32) uint32, bool) {
	switch kind {
	case openflow.HashSymmetricL3L4:
		return func(k *key, basis uint32) uint32 { return hashL3L4(k, basis, false) }, true
	case openflow.HashSymmetricL3L4UDP:
		return func(k *key, basis uint32) uint32 { return hashL3L4(k, basis, true) }, true
	}
	return nil, false
}

// hashL3L4 hashes an IP packet so that both directions of a connection get the same, and other packets
// by hashL2 (flow_hash_symmetric_l3l4 in lib/flow.c, on a little-endian machine and without CRC
// instructions, as distributions build it for x86-64).
func hashL3L4(k *key, basis uint32, withUDP bool) uint32 {
	hash := basis
	switch {
	case isIPv4(k):
		hash = hashAdd(hash, differenceLE(k.ip4Src[:], k.ip4Dst[:]))
	case isIPv6(k):
		for i := 0; i < 16; i += 4 {
			hash = hashAdd(hash, differenceLE(k.ip6Src[i:], k.ip6Dst[i:]))
		}
	default:
		return hashL2(k, basis)
	}
	hash = hashAdd(hash, uint32(k.proto))
	ports := k.proto == protoTCP || k.proto == protoSCTP || k.proto == protoUDP && withUDP
	if ports && k.frag&fragAny == 0 {
		hash = hashAdd(hash, uint32(bits.ReverseBytes16(k.src^k.dst)))
	}
	return hashFinish(hash, basis)
}

// hashL2 hashes Ethernet type, VLAN ids and addresses (flow_hash_symmetric_l2).
func hashL2(k *key, basis uint32) uint32 {
	var vlan uint16
	for _, tag := range k.tags {
		vlan ^= tag.tci & 0xfff
	}
	b := be.AppendUint16(be.AppendUint16(nil, k.ethType), vlan)
	for i := range k.ethSrc {
		b = append(b, k.ethSrc[i]^k.ethDst[i])
	}
	b = append(b, 0, 0)
	hash := basis
	for i := 0; i < len(b); i += 4 {
		hash = hashAdd(hash, binary.LittleEndian.Uint32(b[i:]))
	}
	return hashFinish(hash, basis)
}

// differenceLE is the exclusive or of two words as a little-endian machine reads them.
func differenceLE(a, b []byte) uint32 {
	return binary.LittleEndian.Uint32(a) ^ binary.LittleEndian.Uint32(b)
}

// hashAdd and hashFinish are the steps of MurmurHash3 (x86, 32 bits), of which Open vSwitch makes its
// hashes (lib/hash.h).
func hashAdd(hash, data uint32) uint32 {
	const c1, c2, add = 0xcc9e2d51, 0x1b873593, 0xe6546b64
	hash ^= bits.RotateLeft32(data*c1, 15) * c2
	return bits.RotateLeft32(hash, 13)*5 + add
}

func hashFinish(hash, final uint32) uint32 {
	hash ^= final
	hash ^= hash >> 16
	hash *= 0x85ebca6b
	hash ^= hash >> 13
	hash *= 0xc2b2ae35
	return hash ^ hash>>16
}
