package intent

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/isat-sdn/isat/packet"
)

// A network may have some hundred thousand static bindings, for each of which the YAML
// parser makes twenty tokens and nodes: two kilobytes, and half of the time of an edit.
// So a list of bindings that are all written as isat prints them, one on a line, is read
// here, before the parser sees the text. Whatever is written in another way, or is wrong,
// is left to the parser, and so are its faults.

// bindingList is a list of static bindings that was read line by line.
type bindingList struct {
	key      int // the line of its key, counted through the source
	bindings []rawBinding
}

const bindingsKey = "bindings:\n"

// cutBindings takes the lists of bindings out of a text whose first line has a number,
// and leaves their line breaks. ok says whether there is any.
func cutBindings(text string, line int) (rest string, lists []bindingList, ok bool) {
	var b strings.Builder
	for at := 0; ; {
		found := strings.Index(text[at:], bindingsKey)
		if found < 0 {
			if len(lists) == 0 {
				return text, nil, false
			}
			b.WriteString(text[at:])
			return b.String(), lists, true
		}
		body := at + found + len(bindingsKey)
		line += strings.Count(text[at:body], "\n")
		b.WriteString(text[at:body])
		if at+found > 0 && text[at+found-1] != '\n' {
			at = body
			continue
		}
		list := text[body : body+listEnd(text[body:])]
		if bindings := bindingLines(list, line); len(bindings) > 0 {
			lists = append(lists, bindingList{line - 1, bindings})
			lines := strings.Count(list, "\n")
			b.WriteString(strings.Repeat("\n", lines))
			line += lines
			body += len(list)
		}
		at = body
	}
}

// listEnd gives where the first line begins that can't belong to a list, whatever is in it.
func listEnd(text string) int {
	end := 0
	for end < len(text) && strings.IndexByte(" \t#-\n", text[end]) >= 0 && !strings.HasPrefix(text[end:], "---") {
		next := strings.IndexByte(text[end:], '\n')
		if next < 0 {
			return len(text)
		}
		end += next + 1
	}
	return end
}

// bindingLines reads a list of bindings whose first line has a number. It gives none if one
// is written in another way.
func bindingLines(list string, line int) []rawBinding {
	indent := -1 // that of the first
	bindings := make([]rawBinding, 0, strings.Count(list, "- {ip: "))
	for one := range strings.SplitSeq(list, "\n") {
		item := strings.TrimLeft(one, " ")
		if item != "" && item[0] != '#' {
			if indent < 0 {
				indent = len(one) - len(item)
			}
			b, ok := bindingLine(item)
			if !ok || len(one)-len(item) != indent {
				return nil
			}
			b.at = place{line, indent + len("- {ip: ") + 1}
			bindings = append(bindings, b)
		}
		line++
	}
	return bindings
}

// bindingLine reads - {ip: 10.1.0.9, mac: "02:00:00:00:00:09"} and the same with macs.
func bindingLine(s string) (b rawBinding, ok bool) {
	s, ok1 := strings.CutPrefix(s, "- {ip: ")
	s, ok2 := strings.CutSuffix(s, "}")
	ip, macs, ok3 := strings.Cut(s, ", mac")
	ip, ok4 := lineScalar(ip)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return b, false
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil || addr.Is4In6() || !isHost(addr) {
		return b, false
	}
	b.IP = addr
	if mac, one := strings.CutPrefix(macs, ": "); one {
		return b, b.addMAC(mac)
	}
	macs, ok1 = strings.CutPrefix(macs, "s: [")
	macs, ok2 = strings.CutSuffix(macs, "]")
	if !ok1 || !ok2 {
		return b, false
	}
	for mac := range strings.SplitSeq(macs, ", ") {
		if !b.addMAC(mac) {
			return b, false
		}
	}
	return b, true
}

func (b *rawBinding) addMAC(s string) bool {
	s, ok := lineScalar(s)
	mac, err := packet.ParseMAC(s)
	if !ok || err != nil || mac.IsZero() || mac.IsMulticast() || slices.Contains(b.MACs, mac) {
		return false
	}
	b.MACs = append(b.MACs, mac)
	return true
}

// lineScalar reads an address, in double quotes or as it is where YAML allows that.
func lineScalar(s string) (string, bool) {
	const letters = "0123456789abcdefABCDEF.:-"
	if quoted, ok := strings.CutPrefix(s, `"`); ok {
		s, ok = strings.CutSuffix(quoted, `"`)
		return s, ok && strings.Trim(s, letters) == ""
	}
	plain := s != "" && s[0] != ':' && s[0] != '-' && s[len(s)-1] != ':'
	return s, plain && strings.Trim(s, letters) == ""
}

// belong says whether each list was cut out of the one key for bindings of a network: what
// looks like one may be a part of something else.
func belong(lists []bindingList, bodies []ast.Node) bool {
	lines := make(map[int]bool)
	for _, body := range bodies {
		entries, _ := entriesOf(body)
		kind, _ := entryOf(entries, "kind")
		inDocument := 0
		for _, entry := range entries {
			if t := entry.Key.GetToken(); t.Value == "bindings" {
				inDocument++
				lines[t.Position.Line] = isNull(entry.Value) // and not what stood behind the list
			}
		}
		if inDocument > 1 || inDocument == 1 && kind.text != KindNetwork {
			return false
		}
	}
	return !slices.ContainsFunc(lists, func(l bindingList) bool { return !lines[l.key] })
}

// listed gives the bindings that were cut out of a document.
func (s *source) listed(entries []*ast.MappingValueNode) []rawBinding {
	for _, entry := range entries {
		if t := entry.Key.GetToken(); t.Value == "bindings" {
			at, ok := slices.BinarySearchFunc(s.lists, t.Position.Line, func(l bindingList, line int) int { return l.key - line })
			if ok {
				return s.lists[at].bindings
			}
		}
	}
	return nil
}
