package intent

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// SwitchRef names a switch: by its bridge name, or by its datapath id. It is comparable,
// and equal references name the same switch; a name and an id may do so too, which only
// the switch itself can tell.
type SwitchRef struct {
	Name       string // empty if the reference is a datapath id
	DatapathID uint64 // if Name is empty; not 0
}

// ParseSwitchRef reads a datapath id (16 hexadecimal digits, as they are, after 0x, or in
// eight pairs separated by colons) or else a bridge name.
func ParseSwitchRef(s string) (SwitchRef, error) {
	if id, ok := parseDatapathID(s); ok {
		if id == 0 {
			return SwitchRef{}, fmt.Errorf("datapath id %s is all zero, which no switch has: want %s", s, wantSwitch)
		}
		return SwitchRef{DatapathID: id}, nil
	}
	if err := checkPortName(s); err != nil {
		return SwitchRef{}, fmt.Errorf("switch %q %w: want %s", shorten(s), err, wantSwitch)
	}
	return SwitchRef{Name: s}, nil
}

// Matches says whether the reference names the switch with this name and datapath id.
func (r SwitchRef) Matches(name string, datapathID uint64) bool {
	if r.Name != "" {
		return r.Name == name
	}
	return r.DatapathID == datapathID
}

// String gives the name, or the datapath id as 16 hexadecimal digits.
func (r SwitchRef) String() string {
	if r.Name != "" {
		return r.Name
	}
	return fmt.Sprintf("%016x", r.DatapathID)
}

func (r SwitchRef) compare(o SwitchRef) int {
	return cmp.Or(strings.Compare(r.Name, o.Name), cmp.Compare(r.DatapathID, o.DatapathID))
}

func parseDatapathID(s string) (uint64, bool) {
	const digits = 16
	switch {
	case len(s) == digits+2 && (s[:2] == "0x" || s[:2] == "0X"):
		s = s[2:]
	case len(s) == digits+digits/2-1:
		for i := 2; i < len(s); i += 3 {
			if s[i] != ':' {
				return 0, false
			}
		}
		s = strings.ReplaceAll(s, ":", "")
	}
	if len(s) != digits {
		return 0, false
	}
	id, err := strconv.ParseUint(s, 16, 64)
	return id, err == nil
}

// PortRef names a port of a switch: by its name, or by its OpenFlow port number. It is
// comparable.
type PortRef struct {
	Name   string // empty if the reference is a number
	Number uint32 // if Name is empty; 1..MaxPortNumber
}

// Matches says whether the reference names the port with this name and number.
func (r PortRef) Matches(name string, number uint32) bool {
	if r.Name != "" {
		return r.Name == name
	}
	return r.Number == number
}

// String gives the name or the number.
func (r PortRef) String() string {
	if r.Name != "" {
		return r.Name
	}
	return strconv.FormatUint(uint64(r.Number), 10)
}

func (r PortRef) compare(o PortRef) int {
	return cmp.Or(strings.Compare(r.Name, o.Name), cmp.Compare(r.Number, o.Number))
}

type nameError string

func (e nameError) Error() string { return string(e) }

// checkPortName refuses what can't be the name of a port or bridge. The error continues a
// sentence that has named it.
func checkPortName(s string) error {
	switch {
	case s == "":
		return nameError("is empty")
	case len(s) > MaxPortNameLen:
		return nameError(fmt.Sprintf("is longer than %d octets, the most that OpenFlow carries", MaxPortNameLen))
	}
	for _, r := range s {
		if r <= ' ' || r > '~' || r == '/' {
			return nameError("contains " + strconv.QuoteRune(r))
		}
	}
	return nil
}
