package intent

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/packet"
)

func diffIntents(a, b *Intent) string { return gocmp.Diff(a, b, compareAddr, comparePrefix) }

// genRouters draws routers between the networks of an intent. Each interface has a /30 and
// a /112 of its own, inside the network's subnets where there are any.
func genRouters(t *rapid.T, i *Intent) {
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9-]{1,8}`), 0, 4, rapid.ID[string]).Draw(t, "routers")
	slices.Sort(names)
	for _, name := range names {
		i.Routers = append(i.Routers, Router{Name: name})
	}
	numberRouters(i.Routers)
	for n := range i.Routers {
		r := &i.Routers[n]
		for k := range i.Networks {
			if rapid.Bool().Draw(t, "interface") || k == len(i.Networks)-1 && r.Interfaces == nil {
				r.Interfaces = append(r.Interfaces, genInterface(t, r, &i.Networks[k], byte(n), byte(k)))
			}
		}
		genRoutes(t, r)
	}
}

func genInterface(t *rapid.T, r *Router, n *Network, router, network byte) Interface {
	in := Interface{Network: n.Name, NetworkNumber: n.Number, MAC: r.DefaultMAC()}
	if rapid.Bool().Draw(t, "mac") {
		in.MAC = packet.MAC{rapid.Byte().Draw(t, "first") &^ 1, 0, 0, 0xff, router, network}
	}
	base4, base6 := [4]byte{172, 16}, [16]byte{0xfd, 0x01}
	for _, s := range n.Subnets {
		if s.Prefix.Addr().Is4() {
			base4 = s.Prefix.Addr().As4()
		} else {
			base6 = s.Prefix.Addr().As16()
		}
	}
	base4[2], base4[3] = 100+network, 4*router+1
	base6[12], base6[13], base6[15] = 100+network, router, 1
	ip6 := rapid.Bool().Draw(t, "IPv6")
	if !ip6 || rapid.Bool().Draw(t, "IPv4") {
		in.Addresses = append(in.Addresses, netip.PrefixFrom(netip.AddrFrom4(base4), rapid.SampledFrom([]int{30, 31, 32}).Draw(t, "bits")))
	}
	if ip6 {
		in.Addresses = append(in.Addresses, netip.PrefixFrom(netip.AddrFrom16(base6), rapid.SampledFrom([]int{112, 126, 127, 128}).Draw(t, "bits")))
		in.Advertise = genAdvertise(t)
	}
	return in
}

func genAdvertise(t *rapid.T) *Advertise {
	if rapid.Bool().Draw(t, "silent") {
		return nil
	}
	a := &Advertise{
		Managed: rapid.Bool().Draw(t, "managed"), Other: rapid.Bool().Draw(t, "other"),
		Interval: rapid.SampledFrom([]time.Duration{DefaultInterval, genSeconds(t, MinInterval, MaxInterval, "interval")}).Draw(t, "interval"),
	}
	a.Lifetime = rapid.SampledFrom([]time.Duration{0, 3 * a.Interval, genSeconds(t, a.Interval, MaxLifetime, "lifetime")}).Draw(t, "lifetime")
	if rapid.Bool().Draw(t, "with MTU") {
		a.MTU = rapid.Uint32Range(MinMTU, MaxMTU).Draw(t, "mtu")
	}
	for i := range rapid.IntRange(0, MaxDNS).Draw(t, "rdnss") {
		a.RDNSS = append(a.RDNSS, netip.AddrFrom16([16]byte{0xfd, 15: byte(i)}))
	}
	a.DNSSL = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
		"example.org", "null", "true", "1", "0x1.a", "1e3", "a-b.c", "no", "12.34",
	}), 0, MaxDNS, rapid.ID[string]).Draw(t, "dnssl")
	if len(a.DNSSL) == 0 {
		a.DNSSL = nil
	}
	return a
}

// genRoutes draws routes over the neighbours that the interfaces' prefixes have room for.
func genRoutes(t *rapid.T, r *Router) {
	var v4, v6, linkLocal []NextHop
	for _, in := range r.Interfaces {
		for _, address := range in.Addresses {
			// The host part is 1: its neighbour is 2, or 0 where there is no more.
			ip := address.Addr().Next()
			if !address.Contains(ip) {
				ip = address.Addr().Prev()
			}
			switch hop := (NextHop{ip, in.NetworkNumber}); {
			case !address.Contains(ip):
			case ip.Is4():
				v4 = append(v4, hop)
			default:
				v6 = append(v6, hop)
			}
		}
		if in.HasIPv6() && len(linkLocal) == 0 {
			linkLocal = append(linkLocal, NextHop{netip.MustParseAddr("fe80::1"), in.NetworkNumber}, NextHop{netip.MustParseAddr("fe80::2"), in.NetworkNumber})
		}
	}
	add := func(hops []NextHop, prefixes ...string) {
		for _, prefix := range prefixes {
			some := slices.DeleteFunc(slices.Clone(hops), func(NextHop) bool { return rapid.Bool().Draw(t, "drop") })
			if len(some) == 0 {
				continue
			}
			slices.SortFunc(some, func(a, b NextHop) int { return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Network, b.Network)) })
			r.Routes = append(r.Routes, Route{Prefix: netip.MustParsePrefix(prefix), NextHops: some})
		}
	}
	add(v4, "0.0.0.0/0", "10.0.0.0/8", "198.51.100.7/32")
	add(v6, "::/0", "2001:db8::/32")
	add(linkLocal, "2001:db8:1::/48", "2001:db8:2::1/128")
}

// genPolicies draws policies whose texts are of what may be in one, sense or nonsense.
func genPolicies(t *rapid.T, i *Intent) {
	text := rapid.Map(rapid.OneOf(
		rapid.StringMatching(`[ -~\t\n]{1,40}`),
		rapid.StringMatching(`[!-~]( ?[!-~]|\n {0,3}[!-~]|\n\n[!-~]){0,20}`),
		rapid.SampledFrom([]string{"1", "null", "|", ">-", "- a", "a: b", "# a", "a # b", "!tcp", "{", "[", "'", `"`, "---\nx", "a\n---\nb", "a\n...", "? a", "%", "x:\ny", "a\n# b\nc"}),
	), func(s string) string { return strings.Trim(s, " \t\n") }).Filter(func(s string) bool { return s != "" })
	for n := range rapid.IntRange(0, 3).Draw(t, "policies") {
		i.Policies = append(i.Policies, Policy{
			Name: fmt.Sprintf("p%d", n), Table: rapid.SampledFrom([]string{"l2", "guard", "no", "1"}).Draw(t, "table"),
			Priority: rapid.Uint16Range(0, MaxPolicyPriority).Draw(t, "priority"),
			Match:    text.Draw(t, "match"), Actions: text.Draw(t, "actions"),
		})
	}
	slices.SortFunc(i.Policies, comparePolicies)
}

func genSeconds(t *rapid.T, low, high time.Duration, label string) time.Duration {
	return time.Duration(rapid.Int64Range(int64(low/time.Second), int64(high/time.Second)).Draw(t, label)) * time.Second
}

func genAge(t *rapid.T) time.Duration {
	return rapid.SampledFrom([]time.Duration{0, DefaultAge, genSeconds(t, MinAge, MaxAge, "age")}).Draw(t, "which age")
}

// genLife draws ages for prefixes in and around the network's subnets, and the rest.
func genLife(t *rapid.T, n *Network) {
	n.Age = genAge(t)
	prefixes := []netip.Prefix{netip.MustParsePrefix("fe80::/64")}
	for _, s := range n.Subnets {
		prefixes = append(prefixes, s.Prefix, netip.PrefixFrom(s.Prefix.Addr().Next(), s.Prefix.Addr().BitLen()),
			netip.PrefixFrom(s.Prefix.Addr(), s.Prefix.Bits()+3))
	}
	for _, prefix := range rapid.SliceOfNDistinct(rapid.SampledFrom(prefixes), 0, len(prefixes), rapid.ID[netip.Prefix]).Draw(t, "ages") {
		n.Ages = append(n.Ages, AgeRule{prefix, genAge(t)})
	}
	slices.SortFunc(n.Ages, func(a, b AgeRule) int { return comparePrefixes(a.Prefix, b.Prefix) })
	if rapid.Bool().Draw(t, "duplicates") {
		n.Duplicates = DuplicateRule{rapid.IntRange(MinMoves, MaxMoves).Draw(t, "moves"),
			genSeconds(t, MinWithin, MaxWithin, "within"), genSeconds(t, 0, MaxHold, "hold")}
	}
	if rapid.Bool().Draw(t, "sponge") {
		n.Sponge = &Sponge{rapid.IntRange(MinAsked, MaxAsked).Draw(t, "asked"), genMAC(t, "sink")}
	}
}

func genSecurity(t *rapid.T, p *Port) {
	p.Security = Security(rapid.IntRange(0, 2).Draw(t, "security"))
	p.Trusted = rapid.Bool().Draw(t, "trusted")
	if p.Security != SecurityStrict {
		return
	}
	for _, mac := range genMACs(t) {
		a := Allowed{MAC: mac}
		for _, ip := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
			"0.0.0.0/0", "10.1.0.0/16", "10.1.0.1/32", "::/0", "fd00::/64", "fd00::1/128", "fe80::/10",
		}), 0, 4, rapid.ID[string]).Draw(t, "ips") {
			a.IPs = append(a.IPs, netip.MustParsePrefix(ip))
		}
		slices.SortFunc(a.IPs, comparePrefixes)
		p.Allow = append(p.Allow, a)
	}
	slices.SortFunc(p.Allow, func(a, b Allowed) int { return slices.Compare(a.MAC[:], b.MAC[:]) })
}

func genLimits(t *rapid.T, l *Limits) {
	for _, k := range limitKeys {
		if rapid.Bool().Draw(t, "set") {
			*k.of(l) = rapid.IntRange(MinLimit, int(k.high)).Draw(t, k.key)
		}
	}
	l.ParkedTime = genSeconds(t, MinParkedTime, MaxParkedTime, parkedTimeKey)
}
