package intent

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// outcome parses a text, with lists of bindings read line by line or all by the YAML parser.
func outcome(data []byte, byLine bool) (out string, lists int) {
	src := &source{}
	text, ok := src.read("x", data)
	if !ok {
		return src.result().Error(), 0
	}
	parse := parseAll
	if byLine {
		parse = parseDocuments
	}
	in, _, err := src.intent(parse(src, text), nil, nil)
	if err != nil {
		return err.Error(), len(src.lists)
	}
	return string(in.YAML()), len(src.lists)
}

func sameOutcome(t testing.TB, text []byte) (lists int) {
	t.Helper()
	want, _ := outcome(text, false)
	got, lists := outcome(text, true)
	if got != want {
		t.Errorf("of\n%s\nby line:\n%s\nby the YAML parser:\n%s", text, got, want)
	}
	return lists
}

// Lists of bindings mean the same, and have the same faults at the same places, whether they
// are read by line or by the YAML parser.
func TestBindingLines(t *testing.T) {
	const head = "kind: network\nname: blue\nnumber: 7\nsubnets: [{prefix: 10.0.0.0/8, gateway: 10.0.0.1, gatewayMAC: \"02:00:00:00:00:fe\"}]\n"
	for _, test := range []struct {
		text  string
		lists int
	}{
		{"bindings:\n  - {ip: 10.0.0.9, mac: \"02:00:00:00:00:09\"}\n", 1},
		{"bindings:\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00:09}", 1},
		{"bindings:\n- {ip: \"10.0.0.9\", mac: 02-00-00-00-00-0A}\nage: 5m\n", 1},
		{"bindings:\n  - {ip: \"fd00::1\", macs: [\"02:00:00:00:00:09\", 02:00:00:00:00:0a]}\n", 1},
		{"bindings:\n  - {ip: fd00::1, macs: [02:00:00:00:00:09]}\n", 1},
		{"bindings:\n\n  # one\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00:09}\n# two\n---\nkind: network\nname: red\nnumber: 8\nbindings:\n - {ip: 10.0.0.9, mac: 02:00:00:00:00:09}\n", 2},
		{"bindings:\r\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00:09}\r\n", 1},
		// The faults of what was read by line, at the same places.
		{"bindings:\n  - {ip: 10.0.0.9, mac: \"02:00:00:00:00:09\"}\n  - {ip: \"10.0.0.9\", mac: \"02:00:00:00:00:09\"}\n", 1},
		{"bindings:\n  - {ip: 11.0.0.9, mac: \"02:00:00:00:00:09\"}\n  - {ip: 10.0.0.1, mac: \"02:00:00:00:00:09\"}\n  - {ip: 10.255.255.255, mac: \"02:00:00:00:00:09\"}\n", 1},
		{"ports: 7\nbindings:\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00:09}\ncolour: blue\n", 1},
		// What is written in another way, or is wrong.
		{"bindings:\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00:09}\n  - ip: 10.0.0.8\n    mac: 02:00:00:00:00:09\n", 0},
		{"bindings:\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00:09} # one\n", 0},
		{"bindings: # some\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00:09}\n", 0},
		{"bindings:\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00:09}\n   - {ip: 10.0.0.8, mac: 02:00:00:00:00:09}\n", 0},
		{"bindings:\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00:09}\n- {ip: 10.0.0.8, mac: 02:00:00:00:00:09}\n", 0},
		{"bindings:\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00:09}\n\t- {ip: 10.0.0.8, mac: 02:00:00:00:00:09}\n", 0},
		{"bindings:\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00}\n", 0},
		{"bindings:\n  - {ip: 10.0.0.900, mac: 02:00:00:00:00:09}\n", 0},
		{"bindings:\n  - {ip: 224.0.0.1, mac: 02:00:00:00:00:09}\n", 0},
		{"bindings:\n  - {ip: 10.0.0.9, mac: 03:00:00:00:00:09}\n", 0},
		{"bindings:\n  - {ip: 10.0.0.9, macs: []}\n", 0},
		{"bindings:\n  - {ip: 10.0.0.9, macs: [02:00:00:00:00:09, 02:00:00:00:00:09]}\n", 0},
		{"bindings:\n  - {ip: fd00::, mac: 02:00:00:00:00:09}\n", 0},
		{"bindings:\n  - {ip: ::1, mac: 02:00:00:00:00:09}\n", 0},
		{"bindings:\n  - {ip: \"10.0.0.9, mac: 02:00:00:00:00:09}\n", 0},
		{"bindings:\n", 0},
		{"bindings:\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00:09}\nbindings:\n  - {ip: 10.0.0.8, mac: 02:00:00:00:00:09}\n", 0},
		{"bindings:\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00:09}\nports: [\n", 0},
		// What only looks like a list.
		{"note: \"\nbindings:\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00:09}\n\"\n", 0},
		{"note: |\n  bindings:\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00:09}\n", 0},
		{"- a\nbindings:\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00:09}\n", 0},
	} {
		if lists := sameOutcome(t, []byte(head+test.text)); lists != test.lists {
			t.Errorf("of\n%s%d lists are read by line: want %d", test.text, lists, test.lists)
		}
	}
	// What has the key in another sense, or not at all.
	sameOutcome(t, []byte("kind: limits\nbindings:\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00:09}\n"))
	sameOutcome(t, []byte("kind: router\nname: r1\nbindings:\n  - {ip: 10.0.0.9, mac: 02:00:00:00:00:09}\n"))
}

func TestBindingLinesProperty(t *testing.T) {
	pieces := []string{"kind: network\n", "name: blue\n", "number: 7\n", "bindings:\n", "bindings: \n", "  - {ip: 10.0.0.9, mac: \"02:00:00:00:00:09\"}\n",
		"  - {ip: \"fd00::9\", macs: [\"02:00:00:00:00:09\", 02:00:00:00:00:0a]}\n", " - {ip: 10.0.0.8, mac: 02:00:00:00:00:09}\n", "- {ip: 10.0.0.7, mac: 02:00:00:00:00:09}\n",
		"  - {ip: 10.0.0.9, mac: 02:00:00:00:00}\n", "  - ip: 10.0.0.6\n", "    mac: 02:00:00:00:00:09\n", "\n", "  \n", "# x\n", "   # x\n", "---\n", "...\n", "age: 5m\n", "\"\n", "match: |\n", "'", "{", "}", "[", "]", ": ", "\t", "&a ", "*a ", "!x "}
	rapid.Check(t, func(r *rapid.T) {
		text := "kind: network\nname: blue\nnumber: 7\n" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 14).Draw(r, "pieces"), "")
		want, _ := outcome([]byte(text), false)
		if got, _ := outcome([]byte(text), true); got != want {
			r.Fatalf("of\n%s\nby line:\n%s\nby the YAML parser:\n%s", text, got, want)
		}
	})
}

// A large list costs the parser nothing for a binding.
func TestBindingLinesAreNotParsed(t *testing.T) {
	var lists []int
	for _, n := range []int{100, 200} {
		text := largeNetwork(n)
		rest, cut, ok := cutBindings(string(text), 1)
		if !ok || len(cut) != 1 || len(cut[0].bindings) != n || strings.Count(rest, "\n") != bytes.Count(text, []byte("\n")) {
			t.Fatalf("%d bindings: %v, %d lists", n, ok, len(cut))
		}
		lists = append(lists, len(strings.ReplaceAll(rest, "\n", "")))
	}
	if lists[0] != lists[1] {
		t.Error("bytes left to the parser:", fmt.Sprint(lists))
	}
}

func FuzzBindingLines(f *testing.F) {
	f.Add(largeNetwork(3))
	f.Add([]byte("kind: network\nname: a\nnumber: 2\nbindings:\n\n# x\n - {ip: \"fd00::9\", macs: [\"02:00:00:00:00:09\", 02:00:00:00:00:0a]}\nage: 5m\n---\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) < 4096 {
			sameOutcome(t, text)
		}
	})
}
