package intent

import (
	"fmt"
	"net/netip"
	"time"
)

// Keys of the mappings about the life of bindings.
var (
	ageKeys       = []string{"prefix", "age"}
	duplicateKeys = []string{"moves", "within", "hold"}
	spongeKeys    = []string{"asked", "mac"}
)

var wantAge = fmt.Sprintf("one from %s to %s, such as 20m, or 0 for never", seconds(MinAge), seconds(MaxAge))

// rawAge is an age limit of a prefix as read.
type rawAge struct {
	AgeRule
	at place // of the prefix
}

// age reads an age limit. It is not ok without the field.
func (d *decoder) age(f fields) item[time.Duration] {
	age := d.duration(f, "age", wantAge, 0, MaxAge)
	if age.ok && age.value != 0 && age.value < MinAge {
		d.failf(age.at, "age %s is under %s: the owner is asked three times before it ends, and needs time to answer; want %s",
			seconds(age.value), seconds(MinAge), wantAge)
		age.ok = false
	}
	return age
}

func (d *decoder) ages(f fields) []rawAge {
	var ages []rawAge
	for _, entry := range d.limited(f, "ages", "age limits of prefixes", MaxAges) {
		f, ok := d.mapping(entry, "ages entry", ageKeys)
		if !ok {
			continue
		}
		prefix := d.agePrefix(f)
		if _, ok := f.values["age"]; !ok && !f.misspelt["age"] {
			d.failf(f.at, "age is missing: want a duration, %s", wantAge)
		}
		if age := d.age(f); age.ok && prefix.ok {
			ages = append(ages, rawAge{AgeRule{prefix.value, age.value}, prefix.at})
		}
	}
	return ages
}

// agePrefix reads a prefix of any length: that of all addresses of a family is one, too.
func (d *decoder) agePrefix(f fields) item[netip.Prefix] {
	s, ok := d.scalar(f, "prefix", wantPrefix)
	if !ok {
		return item[netip.Prefix]{at: s.at}
	}
	return d.maskedPrefix(s, "prefix")
}

// maskedPrefix reads a prefix of hosts' addresses whose host bits are zero.
func (d *decoder) maskedPrefix(s scalar, what string) item[netip.Prefix] {
	prefix, err := netip.ParsePrefix(s.text)
	ip := prefix.Addr()
	switch {
	case err != nil || ip.Is4In6():
		d.failf(s.at, "%s %q is not an address and a prefix length: want %s", what, shorten(s.text), wantPrefix)
	case prefix.Masked() != prefix:
		d.failf(s.at, "%s %s has host bits set: want %s", what, prefix, prefix.Masked())
	case !isHost(ip) && !(ip.IsUnspecified() && prefix.Bits() < ip.BitLen()):
		d.failf(s.at, "%s %s holds no hosts' addresses: want %s", what, prefix, wantPrefix)
	default:
		return item[netip.Prefix]{prefix, s.at, true}
	}
	return item[netip.Prefix]{at: s.at}
}

// duplicates reads when an address is a duplicate; what isn't written is the default.
func (d *decoder) duplicates(f fields) DuplicateRule {
	rule := DefaultDuplicates()
	node, ok := f.values["duplicates"]
	if !ok {
		return rule
	}
	f, ok = d.mapping(node, "duplicates", duplicateKeys)
	if !ok {
		return rule
	}
	if _, ok := f.values["moves"]; ok {
		rule.Moves = int(d.uintField(f, "moves", MinMoves, MaxMoves).value)
	}
	if within := d.secondsField(f, "within", MinWithin, MaxWithin); within.ok {
		rule.Within = within.value
	}
	if hold := d.secondsField(f, "hold", 0, MaxHold); hold.ok {
		rule.Hold = hold.value
	}
	return rule
}

func (d *decoder) sponge(f fields) *Sponge {
	node, ok := f.values["sponge"]
	if !ok {
		return nil
	}
	f, ok = d.mapping(node, "sponge", spongeKeys)
	if !ok {
		return nil
	}
	sponge := &Sponge{Asked: DefaultAsked, MAC: SpongeMAC}
	if _, ok := f.values["asked"]; ok {
		sponge.Asked = int(d.uintField(f, "asked", MinAsked, MaxAsked).value)
	}
	if _, ok := f.values["mac"]; ok {
		sponge.MAC = d.mac(f, "mac").value
	}
	return sponge
}
