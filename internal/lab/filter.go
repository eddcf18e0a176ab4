package lab

import (
	"encoding/binary"
	"fmt"
	"sort"
	"strings"
)

// filter says whether a frame is wanted.
type filter func(Frame) bool

// EtherTypes and IP protocol numbers (IANA).
const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherVLAN = 0x8100
	etherSVID = 0x88a8
	etherIPv6 = 0x86dd
	etherLLDP = 0x88cc

	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58

	icmpNS = 135
	icmpNA = 136
)

// summary is what filters look at.
type summary struct {
	ether uint16 // behind tags
	proto byte   // of IPv4 and IPv6 without extension headers
	icmp6 byte   // ICMPv6 type
	op    uint16 // of ARP
	tags  int
}

func summaryOf(data []byte) (s summary) {
	const addresses = 12
	if len(data) < addresses+2 {
		return s
	}
	rest := data[addresses:]
	s.ether, rest = binary.BigEndian.Uint16(rest), rest[2:]
	for (s.ether == etherVLAN || s.ether == etherSVID) && len(rest) >= 4 {
		s.tags++
		s.ether, rest = binary.BigEndian.Uint16(rest[2:]), rest[4:]
	}
	switch {
	case s.ether == etherARP && len(rest) >= 8:
		s.op = binary.BigEndian.Uint16(rest[6:])
	case s.ether == etherIPv4 && len(rest) >= 20:
		s.proto = rest[9]
	case s.ether == etherIPv6 && len(rest) >= 40:
		s.proto = rest[6]
		if s.proto == protoICMPv6 && len(rest) > 40 {
			s.icmp6 = rest[40]
		}
	}
	return s
}

var filterWords = map[string]func(Frame, summary) bool{
	"in":        func(f Frame, _ summary) bool { return !f.Out },
	"out":       func(f Frame, _ summary) bool { return f.Out },
	"arp":       func(_ Frame, s summary) bool { return s.ether == etherARP },
	"request":   func(_ Frame, s summary) bool { return s.ether == etherARP && s.op == 1 },
	"reply":     func(_ Frame, s summary) bool { return s.ether == etherARP && s.op == 2 },
	"ip":        func(_ Frame, s summary) bool { return s.ether == etherIPv4 },
	"ip6":       func(_ Frame, s summary) bool { return s.ether == etherIPv6 },
	"icmp":      func(_ Frame, s summary) bool { return s.ether == etherIPv4 && s.proto == protoICMP },
	"icmp6":     func(_ Frame, s summary) bool { return s.ether == etherIPv6 && s.proto == protoICMPv6 },
	"nd":        func(_ Frame, s summary) bool { return s.icmp6 == icmpNS || s.icmp6 == icmpNA },
	"ns":        func(_ Frame, s summary) bool { return s.icmp6 == icmpNS },
	"na":        func(_ Frame, s summary) bool { return s.icmp6 == icmpNA },
	"udp":       func(_ Frame, s summary) bool { return s.proto == protoUDP },
	"tcp":       func(_ Frame, s summary) bool { return s.proto == protoTCP },
	"lldp":      func(_ Frame, s summary) bool { return s.ether == etherLLDP },
	"tagged":    func(_ Frame, s summary) bool { return s.tags > 0 },
	"broadcast": func(f Frame, _ summary) bool { return isBroadcast(f.Data) },
	"multicast": func(f Frame, _ summary) bool { return isGroup(f.Data) && !isBroadcast(f.Data) },
	"unicast":   func(f Frame, _ summary) bool { return !isGroup(f.Data) },
}

func isGroup(data []byte) bool { return len(data) > 0 && data[0]&1 != 0 }

func isBroadcast(data []byte) bool {
	return len(data) >= 6 && string(data[:6]) == "\xff\xff\xff\xff\xff\xff"
}

// parseFilter understands what Capture documents.
func parseFilter(text string) (filter, error) {
	type term struct {
		negate       bool
		alternatives []func(Frame, summary) bool
	}
	var terms []term
	for _, word := range strings.Fields(text) {
		var t term
		word, t.negate = strings.CutPrefix(word, "!")
		for _, name := range strings.Split(word, "|") {
			f, ok := filterWords[name]
			if !ok {
				return nil, fmt.Errorf("capture filter %q: unknown word %q: expected %s", text, name, strings.Join(filterNames(), ", "))
			}
			t.alternatives = append(t.alternatives, f)
		}
		terms = append(terms, t)
	}
	return func(f Frame) bool {
		s := summaryOf(f.Data)
		for _, t := range terms {
			hit := false
			for _, a := range t.alternatives {
				hit = hit || a(f, s)
			}
			if hit == t.negate {
				return false
			}
		}
		return true
	}, nil
}

func filterNames() []string {
	var names []string
	for name := range filterWords {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
