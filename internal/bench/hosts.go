package bench

import (
	"encoding/binary"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/packet"
)

// network is the number of the default network, to which every port belongs
// when isat runs without an intent.
const network = 1

// maxHosts is how many hosts there may be: 10.0.0.0/8 has room for them.
const maxHosts = 1 << 24

// hosts are the hosts of a run, numbered from 0. They are spread evenly over
// the switches, and there over the ports.
type hosts struct {
	count       int
	first       int // the addresses begin here: with as many as others have
	switches    int
	firstSwitch int // likewise of the switches
	ports       int // per switch
}

func (h hosts) mac(i int) (mac packet.MAC) {
	mac[0], mac[1] = 0x02, 0xbe
	binary.BigEndian.PutUint32(mac[2:], uint32(h.first+i))
	return mac
}

func (h hosts) ip(i int) (ip [4]byte) {
	binary.BigEndian.PutUint32(ip[:], 10<<24|uint32(h.first+i))
	return ip
}

func (h hosts) switchOf(i int) int { return h.firstSwitch + i%h.switches }

func (h hosts) port(i int) binding.PortKey {
	return binding.NewPortKey(uint32(1+i/h.switches%h.ports), 0)
}

// on counts the hosts behind a switch.
func (h hosts) on(sw int) int { return (h.count - sw + h.switches - 1) / h.switches }

// Primes larger than any count of hosts: multiples of a prime, modulo the
// count, visit every host before one comes again, in no order that a cache
// could use.
const (
	strideTarget = 2654435761
	strideAsker  = 4294967291
)

// pair is question n of a switch: a host behind the switch asks for any other.
func (h hosts) pair(sw int, n uint64) (asker, target int) {
	asker = sw + h.switches*int(n*strideAsker%uint64(h.on(sw)))
	target = int((n + uint64(sw)*7919) * strideTarget % uint64(h.count))
	if target == asker {
		target = (target + 1) % h.count
	}
	return asker, target
}
