package intent

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A fault of the pipeline's is reported where it stands in the file, however the value is
// written. Each text has a policy whose match begins with tcp; the check points at bad.
func TestPolicyFaultPlace(t *testing.T) {
	for name, test := range map[string]struct{ match, want string }{
		"plain":                {"tcp && bad", "match: tcp && bad|              ^"},
		"single quotes":        {"'tcp && ''x'' bad'", "match: 'tcp && ''x'' bad'|                     ^"},
		"double quotes":        {`"tcp && \"x\" bad"`, `match: "tcp && \"x\" bad"|                     ^`},
		"escapes":              {`"\x74c\u0070 &\U00000026\tbad"`, `match: "\x74c\u0070 &\U00000026\tbad"|                                 ^`},
		"space before":         {`"  tcp && bad"`, `match: "  tcp && bad"|                 ^`},
		"beyond the end":       {"tcp", "match: tcp|          ^"},
		"block":                {"|\n  tcp &&\n    bad", "    bad|    ^"},
		"block with indicator": {"|2-\n\n    tcp &&\n\n   bad", "   bad|   ^"},
		"folded block":         {">\n  tcp &&\n  bad", "match: >|       ^"},
		"plain on two lines":   {"tcp &&\n  bad", "match: tcp &&|       ^"},
		"quotes on two lines":  {"\"tcp &&\n  bad\"", "match: \"tcp &&|       ^"},
		"tab before":           {"\ttcp && bad", "match: \ttcp && bad|       \t       ^"},
	} {
		t.Run(name, func(t *testing.T) {
			text := "kind: policy\nname: p\ntable: l2\npriority: 1\nmatch: " + test.match + "\nactions: drop;\n"
			_, err := ParseWith("f.yaml", []byte(text), func(p *Policy) *PolicyFault {
				if !strings.HasPrefix(p.Match, "tcp") {
					t.Errorf("match is %q", p.Match)
				}
				offset := strings.Index(p.Match, "bad")
				if offset < 0 {
					offset = 1000
				}
				return &PolicyFault{Key: "match", Offset: offset, Message: "no good"}
			})
			if err == nil {
				t.Fatal("no error")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != 3 || !strings.HasSuffix(lines[0], `: policy "p": no good`) {
				t.Fatalf("got %v", err)
			}
			if got := lines[1][4:] + "|" + lines[2][4:]; got != test.want {
				t.Errorf("got\n%s\nwant\n%s", strings.ReplaceAll(got, "|", "\n"), strings.ReplaceAll(test.want, "|", "\n"))
			}
		})
	}
}

// The check is asked about policies that could be read, in the order of the file, and its
// faults stand among the others.
func TestPolicyCheck(t *testing.T) {
	const text = `kind: policy
name: a
table: l3
priority: 1
match: ip4
actions: drop;
---
kind: policy
name: b
table: l2
priority: 1000
match: ip4
actions: drop;
---
kind: policy
name: c
table: l2
priority: 1
match: ip4
actions: |
  next;
  dorp;
---
kind: policy
name: d
table: l2
priority: 1
match: ip4
actions: drop;
`
	var asked []string
	check := func(p *Policy) *PolicyFault {
		asked = append(asked, p.Name)
		switch p.Name {
		case "a":
			return &PolicyFault{Key: "table", Message: "no such table"}
		case "c":
			return &PolicyFault{Key: "actions", Offset: strings.Index(p.Actions, "dorp"), Message: "no such action"}
		case "d":
			return &PolicyFault{Key: "", Offset: -7, Message: "not today"}
		}
		return nil
	}
	_, err := ParseWith("f.yaml", []byte(text), check)
	const want = `f.yaml:3:8: policy "a": no such table
    table: l3
           ^
f.yaml:11:11: policy "b": priority 1000 is out of range: want a whole number from 0 to 999
    priority: 1000
              ^
f.yaml:22:3: policy "c": no such action
      dorp;
      ^
f.yaml:24:1: policy "d": not today
    kind: policy
    ^`
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "c", "d"}, asked); diff != "" {
		t.Errorf("asked about, -want +got:\n%s", diff)
	}
	if _, err := Parse("f.yaml", []byte(strings.Replace(text, "1000", "999", 1))); err != nil {
		t.Errorf("without a check: %v", err)
	}
}

func TestPolicyByName(t *testing.T) {
	i := parseFile(t, "testdata/reference.yaml")
	if p, ok := i.PolicyByName("lldp"); !ok || p != &i.Policies[1] {
		t.Errorf("PolicyByName(lldp) = %v, %v", p, ok)
	}
	if p, ok := i.PolicyByName("none"); ok {
		t.Errorf("PolicyByName(none) = %v", p)
	}
}

// A printed text looks like what an operator writes.
func TestQuoteText(t *testing.T) {
	for text, want := range map[string]string{
		"drop;":                     `"drop;"`,
		"ip4":                       "ip4",
		"1":                         `"1"`,
		`inport == "h1"`:            `'inport == "h1"'`,
		`inport == "h1" || 'x'`:     `"inport == \"h1\" || 'x'"`,
		"ip4 &&\n  inport == \"a\"": "|-\n  ip4 &&\n    inport == \"a\"",
		"ip4 && \ntcp":              `"ip4 && \ntcp"`,
		"ip4\t&&\ntcp":              `"ip4\t&&\ntcp"`,
	} {
		if got := quoteText(text); got != want {
			t.Errorf("quoteText(%q) = %s: want %s", text, got, want)
		}
	}
}

func TestPolicyTextLimit(t *testing.T) {
	policy := func(n int) []byte {
		return []byte("kind: policy\nname: p\ntable: l2\npriority: 1\nmatch: " + strings.Repeat("a", n) + "\nactions: drop;\n")
	}
	if _, err := Parse("f", policy(MaxPolicyText)); err != nil {
		t.Fatal(err)
	}
	if _, err := Parse("f", policy(MaxPolicyText+1)); err == nil || !strings.Contains(err.Error(), "match has 4097 characters: want at most 4096") {
		t.Errorf("got %v", err)
	}
}
