package packet

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"pgregory.net/rapid"
)

// allRouters is ff02::2.
var allRouters = [16]byte{0xff, 0x02, 15: 2}

// advertisementOf has gopacket read an advertisement and its checksum.
func advertisementOf(t interface{ Fatal(...any) }, frame []byte) (*layers.ICMPv6RouterAdvertisement, gopacket.Packet) {
	packet := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	if failed := packet.ErrorLayer(); failed != nil {
		t.Fatal(failed.Error())
	}
	icmp, ok := packet.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
	if !ok {
		t.Fatal("no ICMPv6 in", packet)
	}
	if err := icmp.SetNetworkLayerForChecksum(packet.NetworkLayer()); err != nil {
		t.Fatal(err)
	}
	if err, wrong := packet.VerifyChecksums(); err != nil || len(wrong) > 0 {
		t.Fatal("checksums", err, wrong)
	}
	ra, ok := packet.Layer(layers.LayerTypeICMPv6RouterAdvertisement).(*layers.ICMPv6RouterAdvertisement)
	if !ok {
		t.Fatal("no advertisement in", packet)
	}
	return ra, packet
}

// Every field is where gopacket, and the RFCs for the options it doesn't know, have it.
func TestRouterAdvertisementByOracle(t *testing.T) {
	ra := RouterAdvertisement{
		HopLimit: 64, Managed: true, Lifetime: 1800 * time.Second,
		ReachableTime: 30 * time.Second, RetransTimer: 1500 * time.Millisecond,
		MTU: 1500, SourceMAC: hostA,
		Prefixes: []RAPrefix{
			{Prefix: netip.MustParsePrefix("2001:db8:0:1::5/64"), OnLink: true, Autonomous: true, Valid: InfiniteLifetime, Preferred: 4 * time.Hour},
			{Prefix: netip.MustParsePrefix("2001:db8::/127"), OnLink: true, Valid: time.Hour},
			{Prefix: netip.MustParsePrefix("::/0"), Autonomous: true},
		},
		RDNSS:         []netip.Addr{netip.MustParseAddr("2001:db8::53"), netip.MustParseAddr("fe80::1%eth0")},
		RDNSSLifetime: 20 * time.Minute,
		DNSSL:         []string{"example.org", "a.b."},
	}
	link := LinkLocal(hostA)
	frame := AppendRA(nil, MulticastMAC(AllNodes()), hostA, true, 0x600a, link, AllNodes(), &ra)
	got, packet := advertisementOf(t, frame)
	tag := packet.Layer(layers.LayerTypeDot1Q).(*layers.Dot1Q)
	ip := packet.NetworkLayer().(*layers.IPv6)
	ethernet := packet.LinkLayer().(*layers.Ethernet)
	if tag.VLANIdentifier != 10 || tag.Priority != 3 || ip.HopLimit != 255 || !bytes.Equal(ip.SrcIP, link[:]) || ip.DstIP.String() != "ff02::1" ||
		!bytes.Equal(ethernet.SrcMAC, hostA[:]) || ethernet.DstMAC.String() != "33:33:00:00:00:01" || int(ip.Length) != len(frame)-18-40 {
		t.Errorf("sent as %v", packet)
	}
	want := layers.ICMPv6RouterAdvertisement{
		HopLimit: 64, Flags: 0x80, RouterLifetime: 1800, ReachableTime: 30000, RetransTimer: 1500,
		Options: layers.ICMPv6Options{
			{Type: 1, Data: hostA[:]},
			{Type: 5, Data: unhex(t, "0000 000005dc")},
			{Type: 3, Data: unhex(t, "40 c0 ffffffff 00003840 00000000 20010db8000000010000000000000000")},
			{Type: 3, Data: unhex(t, "7f 80 00000e10 00000000 00000000 20010db8000000000000000000000000")},
			{Type: 3, Data: unhex(t, "00 40 00000000 00000000 00000000 00000000000000000000000000000000")},
			{Type: 25, Data: unhex(t, "0000 000004b0 20010db8000000000000000000000053 fe800000000000000000000000000001")},
			{Type: 31, Data: unhex(t, "0000 000004b0 07 6578616d706c65 03 6f7267 00 01 61 01 62 00 000000000000")},
		},
	}
	got.BaseLayer = layers.BaseLayer{}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What is not set has no option, and what has no form on the wire is left out.
func TestRouterAdvertisementLeavesOut(t *testing.T) {
	long := strings.Repeat("a", 63)
	longest := strings.Join([]string{long, long, long, long[:61]}, ".") // 255 octets on the wire
	for name, test := range map[string]struct {
		ra   RouterAdvertisement
		want []layers.ICMPv6Opt
	}{
		"nothing":          {RouterAdvertisement{}, nil},
		"other flag":       {RouterAdvertisement{Other: true}, nil},
		"MTU of 1279":      {RouterAdvertisement{MTU: 1279}, nil},
		"MTU of 1280":      {RouterAdvertisement{MTU: 1280}, []layers.ICMPv6Opt{5}},
		"prefixes":         {RouterAdvertisement{Prefixes: []RAPrefix{{}, {Prefix: netip.MustParsePrefix("10.0.0.0/8")}, {Prefix: netip.MustParsePrefix("fd00::/64")}}}, []layers.ICMPv6Opt{3}},
		"mapped prefix":    {RouterAdvertisement{Prefixes: []RAPrefix{{Prefix: netip.PrefixFrom(netip.MustParseAddr("::ffff:10.0.0.0"), 104)}}}, nil},
		"servers":          {RouterAdvertisement{RDNSS: []netip.Addr{{}, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::ffff:10.0.0.1")}}, nil},
		"no domain":        {RouterAdvertisement{DNSSL: []string{"", ".", "a..b", ".a", "a.."}}, nil},
		"label of 64":      {RouterAdvertisement{DNSSL: []string{"x." + long + "a"}}, nil},
		"label of 63":      {RouterAdvertisement{DNSSL: []string{"x." + long}}, []layers.ICMPv6Opt{31}},
		"domain of 255":    {RouterAdvertisement{DNSSL: []string{longest}}, []layers.ICMPv6Opt{31}},
		"and a final dot":  {RouterAdvertisement{DNSSL: []string{longest + "."}}, []layers.ICMPv6Opt{31}},
		"domain of 256":    {RouterAdvertisement{DNSSL: []string{longest + "a"}}, nil},
		"one domain of it": {RouterAdvertisement{DNSSL: []string{"a..b", "a"}}, []layers.ICMPv6Opt{31}},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := advertisementOf(t, AppendRA(nil, hostB, hostA, false, 0, LinkLocal(hostA), ip6B, &test.ra))
			var kinds []layers.ICMPv6Opt
			for _, o := range got.Options {
				kinds = append(kinds, o.Type)
			}
			if diff := cmp.Diff(test.want, kinds); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if (got.Flags != 0) != test.ra.Other || test.ra.Other && got.Flags != 0x40 {
				t.Errorf("flags %02x", got.Flags)
			}
		})
	}
}

// Times that don't fit are the nearest that do.
func TestRouterAdvertisementTimes(t *testing.T) {
	for _, test := range []struct {
		d            time.Duration
		lifetime     uint16
		milliseconds uint32
	}{
		{0, 0, 0},
		{-time.Hour, 0, 0},
		{1, 1, 1},
		{time.Millisecond, 1, 1},
		{time.Second, 1, 1000},
		{time.Second + 1, 2, 1001},
		{65534*time.Second + 1, 65535, 65534001},
		{65535 * time.Second, 65535, 65535000},
		{65535*time.Second + 1, 65535, 65535001},
		{math.MaxInt64, 65535, math.MaxUint32},
	} {
		ra := RouterAdvertisement{Lifetime: test.d, ReachableTime: test.d, RetransTimer: test.d}
		got, _ := advertisementOf(t, AppendRA(nil, hostB, hostA, false, 0, LinkLocal(hostA), ip6B, &ra))
		if got.RouterLifetime != test.lifetime || got.ReachableTime != test.milliseconds || got.RetransTimer != test.milliseconds {
			t.Errorf("%v: lifetime %d, times %d and %d", test.d, got.RouterLifetime, got.ReachableTime, got.RetransTimer)
		}
	}
}

// An advertisement passes a link of 1280 octets, whatever it is asked to say, and is well
// formed; it holds everything if that fits.
func TestRouterAdvertisementFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix := RAPrefix{Prefix: netip.MustParsePrefix("fd00::/64")}
		ra := RouterAdvertisement{SourceMAC: hostA, MTU: 1500, RDNSSLifetime: time.Hour}
		for range rapid.IntRange(0, 50).Draw(t, "prefixes") {
			ra.Prefixes = append(ra.Prefixes, prefix)
		}
		for range rapid.IntRange(0, 90).Draw(t, "servers") {
			ra.RDNSS = append(ra.RDNSS, netip.AddrFrom16(genIPv6(t, "server")))
		}
		ra.DNSSL = rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,63}(\.[a-z]{1,63}){0,3}\.?`), 0, 10).Draw(t, "domains")
		need := 40 + 16 + 8 + 8 + 32*len(ra.Prefixes)
		if n := len(ra.RDNSS); n > 0 {
			need += 8 + 16*n
		}
		if len(ra.DNSSL) > 0 {
			names := 0
			for _, d := range ra.DNSSL {
				if len(strings.TrimSuffix(d, "."))+2 <= 255 {
					names += len(strings.TrimSuffix(d, ".")) + 2
				}
			}
			if names > 0 {
				need += 8 + (names+7)/8*8
			}
		}
		frame := AppendRA(nil, hostB, hostA, false, 0, LinkLocal(hostA), ip6B, &ra)
		advertisementOf(t, frame)
		if got := len(frame) - 14; got > 1280 || need <= 1280 && got != need {
			t.Fatalf("%d octets, %d are needed", got, need)
		}
	})
}

// solicitation builds a router solicitation with a right checksum.
func solicitation(src [16]byte, code uint8, options ...byte) []byte {
	b, start := appendIPv6Header(nil, src, allRouters, rsLen+len(options))
	b = append(b, NDRouterSolicitation, code, 0, 0, 0, 0, 0, 0)
	return sealICMPv6(append(b, options...), start, src, allRouters)
}

func TestRouterSolicitationByOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := RS{Src: genIPv6(t, "src"), Dst: allRouters}
		rs := &layers.ICMPv6RouterSolicitation{}
		if rapid.Bool().Draw(t, "has SLL") && want.Src != noIPv6 {
			want.HasSLL, want.SLL = true, genMAC(t, "sll")
			rs.Options = append(rs.Options, layers.ICMPv6Option{Type: layers.ICMPv6OptSourceAddress, Data: want.SLL[:]})
		}
		if rapid.Bool().Draw(t, "nonce") {
			rs.Options = append(rs.Options, layers.ICMPv6Option{Type: optionNonce, Data: make([]byte, 14)})
		}
		ip := ipLayer(want.Src, allRouters)
		b := serialize(t, ip, icmpLayer(ip, layers.ICMPv6TypeRouterSolicitation), rs)
		// The view must not remember the packet before.
		got := RS{HasSLL: true, SLL: hostB}
		if err := got.Parse(append(b, 1, 2, 3)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	})
}

// RFC 4861 §6.1.1, RFC 6980 §5.
func TestRSChecks(t *testing.T) {
	rs := solicitation(ip6A, 0, sllOption...)
	other := append([]byte{optionSourceLinkLayer, 1}, hostB[:]...)
	long := []byte{optionSourceLinkLayer, 2, 15: 0}
	for name, test := range map[string]struct {
		packet []byte
		want   error
		sll    MAC
	}{
		"solicitation":             {rs, nil, hostA},
		"without options":          {solicitation(ip6A, 0), nil, MAC{}},
		"from ::":                  {solicitation(noIPv6, 0), nil, MAC{}},
		"two link-layer options":   {solicitation(ip6A, 0, append(bytes.Clone(sllOption), other...)...), nil, hostA},
		"link-layer of 14 octets":  {solicitation(ip6A, 0, append(long, other...)...), nil, hostB},
		"unknown option":           {solicitation(ip6A, 0, 200, 1, 0, 0, 0, 0, 0, 0), nil, MAC{}},
		"hop limit 254":            {change(rs, 7, 254), malformed[ReasonNDHopLimit], MAC{}},
		"checksum":                 {change(rs, 42, rs[42]^1), malformed[ReasonNDChecksum], MAC{}},
		"code 1":                   {solicitation(ip6A, 1), malformed[ReasonNDCode], MAC{}},
		"length 7":                 {change(rs[:47], 5, 7), malformed[ReasonNDTruncated], MAC{}},
		"payload cut":              {rs[:len(rs)-1], malformed[ReasonIPv6Truncated], MAC{}},
		"header cut":               {rs[:39], malformed[ReasonIPv6Truncated], MAC{}},
		"option of length 0":       {solicitation(ip6A, 0, 1, 0, 0, 0, 0, 0, 0, 0), malformed[ReasonNDOptionLength], MAC{}},
		"option beyond the end":    {solicitation(ip6A, 0, 1, 2, 0, 0, 0, 0, 0, 0), malformed[ReasonNDOptionLength], MAC{}},
		"from :: with link-layer":  {solicitation(noIPv6, 0, sllOption...), malformed[ReasonNDUnspecifiedLinkLayer], MAC{}},
		"from :: with a long one":  {solicitation(noIPv6, 0, long...), malformed[ReasonNDUnspecifiedLinkLayer], MAC{}},
		"from a group":             {solicitation(AllNodes(), 0), malformed[ReasonNDSource], MAC{}},
		"fragment":                 {withHeader(rs, nextFragment, 0, 0, 0, 0, 0, 0, 1), malformed[ReasonNDFragmented], MAC{}},
		"later fragment":           {withHeader(rs, nextFragment, 0, 0, 8, 0, 0, 0, 1), ErrNotRS, MAC{}},
		"router advertisement":     {change(rs, 40, NDRouterAdvertisement), ErrNotRS, MAC{}},
		"UDP":                      {change(rs, 6, 17), ErrNotRS, MAC{}},
		"no payload":               {change(rs[:40], 5, 0), ErrNotRS, MAC{}},
		"behind destination opts.": {withHeader(rs, nextDestination, 0, 1, 4, 0, 0, 0, 0), nil, hostA},
	} {
		t.Run(name, func(t *testing.T) {
			var r RS
			err := r.Parse(test.packet)
			if !errors.Is(err, test.want) || err == nil && (r.SLL != test.sll || r.HasSLL != !test.sll.IsZero()) {
				t.Errorf("%+v, error %v: want %v, %v", r, err, test.sll, test.want)
			}
		})
	}
}

// Any bytes as names: the advertisement is well formed.
func FuzzAppendRA(f *testing.F) {
	f.Add("example.org", "a..b", []byte("\xfd\x00"), uint8(64), int64(time.Hour))
	f.Fuzz(func(t *testing.T, domain, other string, address []byte, bits uint8, d int64) {
		var ip [16]byte
		copy(ip[:], address)
		addr := netip.AddrFrom16(ip)
		ra := RouterAdvertisement{
			HopLimit: bits, Lifetime: time.Duration(d), ReachableTime: time.Duration(d), MTU: binary.BigEndian.Uint32(ip[:]),
			Prefixes: []RAPrefix{{Prefix: netip.PrefixFrom(addr, int(bits)), Valid: time.Duration(d)}},
			RDNSS:    []netip.Addr{addr}, RDNSSLifetime: time.Duration(d), DNSSL: []string{domain, other},
		}
		frame := AppendRA(nil, hostB, hostA, false, 0, LinkLocal(hostA), ip6B, &ra)
		if advertisementOf(t, frame); len(frame) > 14+1280 {
			t.Fatalf("%d octets", len(frame))
		}
	})
}
