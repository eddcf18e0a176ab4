package intent

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/packet"
)

const (
	blueText = "kind: network\nname: blue\nnumber: 100\nsubnets:\n  - prefix: 10.1.0.0/16\nports:\n  - {switch: br0, port: h1}\n"
	redText  = "kind: network\nname: red\nnumber: 200\nunknown: drop\n"
	r1Text   = "kind: router\nname: r1\ninterfaces:\n  - {network: blue, addresses: [10.1.0.1/16]}\n"
	three    = blueText + "---\n" + redText + "---\n" + r1Text
)

// kept applies texts one after the other to nothing, each at the next revision.
func kept(t *testing.T, texts ...string) []Object {
	t.Helper()
	var stored []Object
	for n, text := range texts {
		plan, err := NewPlan(stored, Request{Files: files(text)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		stored = plan.After(stored, int64(n+1))
	}
	return stored
}

func files(texts ...string) []File {
	var list []File
	for n, text := range texts {
		list = append(list, File{fmt.Sprintf("%c.yaml", 'a'+n), []byte(text)})
	}
	return list
}

func remove(kind, name string, expect int64) Deletion { return Deletion{Ref{kind, name}, expect} }

// TestPlan is what requests do to the three objects above, which are at revision 1.
func TestPlan(t *testing.T) {
	changed := strings.Replace(redText, "drop", "flood", 1)
	for _, test := range []struct {
		name    string
		request Request
		want    string // the changes, or else the error
	}{
		{"the same", Request{Files: files(three)}, `network "blue" unchanged, network "red" unchanged, router "r1" unchanged`},
		{"another order", Request{Files: files(r1Text, redText, blueText)}, `router "r1" unchanged, network "red" unchanged, network "blue" unchanged`},
		{"another form", Request{Files: files("{name: red, kind: network, number: 200, unknown: drop, ports: [], subnets: []}")}, `network "red" unchanged`},
		{"changed", Request{Files: files(changed)}, `network "red" changed`},
		{"created", Request{Files: files("kind: network\nname: green\nnumber: 300\n")}, `network "green" created`},
		{"prune", Request{Files: files(changed), Prune: true}, `network "red" changed, network "blue" deleted, router "r1" deleted`},
		{"the default as it is", Request{Files: files("kind: network\nname: default\n")}, `network "default" unchanged`},
		{"deleted", Request{Delete: []Deletion{remove("network", "red", Anything)}}, `network "red" deleted`},
		{"the default changed", Request{Files: files("kind: network\nname: default\nunknown: drop\n")}, `network "default" changed`},
		{"the default deleted", Request{Delete: []Deletion{remove("network", "default", Anything)}}, `network "default" unchanged`},
		{"all deleted", Request{Delete: []Deletion{remove("router", "r1", 1), remove("network", "blue", 1)}}, `network "blue" deleted, router "r1" deleted`},
		{"right revision", Request{Files: files("revision: 1\n" + changed)}, `network "red" changed`},
		{"old revision of what is the same", Request{Files: files("revision: 7\n" + redText)}, `network "red" unchanged`},
		{"must not exist", Request{Files: files("revision: 0\n" + "kind: network\nname: green\nnumber: 300\n")}, `network "green" created`},
		{"limits", Request{Files: files("kind: limits\nrevision: 0\nparked: 16\n")}, `limits changed`},
		{"limits as they are", Request{Files: files("kind: limits\nparked: 64\n")}, `limits unchanged`},
		{"limits twice", Request{Files: files("kind: limits\n", "kind: limits\n")},
			`b.yaml:1:1: limits at line 1 of b.yaml: there are limits already (line 1 of a.yaml): want one document for all of them`},
		{"nothing", Request{Files: files("# nothing\n"), Prune: true}, "there is no document to apply, and nothing to delete"},
		{"prune without a document", Request{Delete: []Deletion{remove("network", "red", Anything)}, Prune: true},
			"there is no document to apply, and to prune would delete everything: name what is to be deleted"},
		{"what is not there", Request{Delete: []Deletion{remove("policy", "red", Anything)}}, `there is no policy "red"`},
		{"both", Request{Files: files(redText), Delete: []Deletion{remove("network", "red", Anything)}}, `network "red" is both to be changed and to be deleted`},
		{"old revision", Request{Files: files("revision: 7\n" + changed)}, `network "red" was edited from revision 7, and has revision 1 now`},
		{"old revisions", Request{Files: files("revision: 7\n" + changed), Delete: []Deletion{remove("router", "r1", 6)}},
			`network "red" was edited from revision 7, and has revision 1 now, and 1 more`},
		{"exists", Request{Files: files("revision: 0\n" + changed)}, `network "red" exists already, at revision 1`},
		{"gone", Request{Files: files("revision: 1\nkind: network\nname: green\nnumber: 300\n")}, `network "green", edited from revision 1, does not exist any more`},
		{"bad revision", Request{Files: files(redText + "revision: \"1\"\n")},
			`a.yaml:5:11: network "red": revision "1" is none: want a whole number, as "isat get -o yaml" prints it, or 0 for what must not be stored yet`},
		{"a name twice", Request{Files: files(redText, redText)}, `b.yaml:2:7: network "red": name is used twice (first on line 2 of a.yaml): want a name of its own`},
		{"a fault beside what is stored", Request{Files: files("# one\n", "kind: network\nname: green\nnumber: 100\n")},
			`b.yaml:3:9: network "green": number 100 is that of network "blue" (line 3 of stored network "blue"): want a number of its own`},
		{"a fault in what is stored", Request{Delete: []Deletion{remove("network", "blue", Anything)}},
			`stored router "r1":4:14: router "r1": network "blue" is in no document: want the name of a network of the file`},
		{"no name", Request{Files: files(redText, "kind: network\nnumber: 7\n")}, `b.yaml:1:1: network at line 1 of b.yaml: name is missing: want 1 to 63 of the characters a-z, 0-9 and -`},
		{"syntax", Request{Files: files(redText, "kind: [network\n")}, "b.yaml:1:7: parse intent: sequence end token ']' not found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			stored := kept(t, three)
			plan, err := NewPlan(stored, test.request, nil)
			got := ""
			if err != nil {
				got, _, _ = strings.Cut(err.Error(), "\n")
			} else {
				var changes []string
				for _, c := range plan.Changes {
					changes = append(changes, fmt.Sprint(c.Ref, " ", c.Action))
				}
				got = strings.Join(changes, ", ")
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if diff := cmp.Diff(kept(t, three), stored); diff != "" {
				t.Errorf("what is stored has changed:\n%s", diff)
			}
		})
	}
}

// What is always there is not deleted: it goes back to its defaults, which the change shows.
func TestReset(t *testing.T) {
	stored := kept(t, "kind: limits\nparked: 16\n---\nkind: network\nname: default\nunknown: drop\n")
	plan, err := NewPlan(stored, Request{Delete: []Deletion{remove("limits", "limits", Anything), remove("network", "default", Anything)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"-parked: 16\n", "-unknown: drop\n+unknown: solicit\n"} {
		if c := plan.Changes[i]; c.Action != Reset || c.New != nil || !strings.Contains(c.Diff(), want) {
			t.Errorf("%+v\n%s", c, c.Diff())
		}
	}
	if left := plan.After(stored, 2); len(left) != 0 {
		t.Errorf("still stored: %v", left)
	}
}

// A network that gets another number changes no router's document.
func TestNumbersAreNotInRouters(t *testing.T) {
	router := "kind: router\nname: r2\ninterfaces:\n  - {network: blue, addresses: [10.1.0.2/16]}\n  - {network: red, addresses: [10.2.0.2/16]}\n"
	stored := kept(t, blueText+"---\n"+redText+"---\n"+router, strings.Replace(redText, "200", "50", 1))
	plan, err := NewPlan(stored, Request{Files: files(router)}, nil)
	if err != nil || plan.Changes[0].Action != Unchanged {
		t.Errorf("%v, %+v", err, plan)
	}
}

// What is always there is edited, and reset, from a revision like everything else.
func TestFirstEditOfWhatIsAlwaysThere(t *testing.T) {
	stored := kept(t, "kind: limits\nparked: 16\n")
	seen := make(map[string]string)
	for _, o := range Default().Stored(nil) {
		seen[o.Name] = string(o.Document())
	}
	if want := "kind: network\nname: default\nrevision: 0\n"; !strings.HasPrefix(seen["default"], want) || seen["limits"] != "kind: limits\nrevision: 0\n" {
		t.Errorf("got %q", seen)
	}
	for _, test := range []struct {
		request Request
		want    string
	}{
		{Request{Files: files(strings.Replace(seen["default"], "solicit", "drop", 1))}, "<nil>"},
		{Request{Files: files(seen["limits"] + "parked: 7\n")}, "limits, edited from the defaults, has revision 1 now"},
		{Request{Delete: []Deletion{remove("limits", "limits", Nothing)}}, "limits, edited from the defaults, has revision 1 now"},
		{Request{Files: files("kind: network\nname: default\nrevision: 1\nunknown: drop\n")}, `network "default", edited from revision 1, has been reset to the defaults`},
	} {
		if _, err := NewPlan(stored, test.request, nil); fmt.Sprint(err) != test.want {
			t.Errorf("%+v: got %v\nwant %s", test.request, err, test.want)
		}
	}
}

// A conflict has both versions, and the lines in which they differ.
func TestConflictHasBothVersions(t *testing.T) {
	stored := kept(t, redText, strings.Replace(redText, "drop", "flood", 1))
	_, err := NewPlan(stored, Request{Files: files("revision: 1\n" + strings.Replace(redText, "200", "201", 1))}, nil)
	var conflicts Conflicts
	if !errors.As(err, &conflicts) || len(conflicts) != 1 {
		t.Fatalf("got %v", err)
	}
	c := conflicts[0]
	const want = "@@ -1,4 +1,4 @@\n kind: network\n name: red\n-number: 200\n-unknown: flood\n+number: 201\n+unknown: drop\n"
	if c.Present.Revision != 2 || !bytes.Contains(c.Present.Text, []byte("flood")) || !bytes.Contains(c.Yours, []byte("201")) || c.Diff() != want {
		t.Errorf("got %+v\n%s", c, c.Diff())
	}
}

// What is stored and can't be read any more is named.
func TestLoadNamesTheObject(t *testing.T) {
	stored := kept(t, three)
	stored[1].Text = append(stored[1].Text, "colour: red\n"...)
	_, err := Load(stored, nil)
	if err == nil || !strings.HasPrefix(err.Error(), `stored network "red":5:1: network "red": document has an unknown key "colour"`) {
		t.Errorf("got %v", err)
	}
}

func TestRefs(t *testing.T) {
	got, err := Refs(files("kind: network\nname: blue\nrevision: 7\nwhatever: else\n", "{kind: router, name: r1}"))
	if diff := cmp.Diff([]Deletion{remove("network", "blue", 7), remove("router", "r1", Anything)}, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for text, want := range map[string]string{
		"kind: network\n":           "document does not say which object it describes: want the keys kind and name",
		"kind: cat\nname: tom\n":    "document does not say which object it describes",
		"[1, 2]":                    "document does not say which object it describes",
		redText + "revision: new\n": `network "red": revision "new" is none`,
	} {
		if _, err := Refs(files(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// bind plans one static binding of a network, or takes it back.
func bind(stored []Object, network, ip string, macs ...packet.MAC) (*Plan, error) {
	return NewPlan(stored, Request{Bindings: []BindingEdit{{network, Binding{netip.MustParseAddr(ip), macs}}}}, nil)
}

func TestBind(t *testing.T) {
	stored := kept(t, three)
	free := stored
	for _, mac := range []packet.MAC{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}} {
		plan, err := bind(stored, "red", "10.1.0.9", mac)
		if want := redText + "bindings:\n  - {ip: 10.1.0.9, mac: \"" + mac.String() + "\"}\n"; err != nil || len(plan.Changes) != 1 || string(plan.Changes[0].New) != want {
			t.Fatalf("%v: got\n%+v", err, plan)
		}
		stored = plan.After(stored, 2)
		if again, err := bind(stored, "red", "10.1.0.9", mac); err != nil || again.Changes[0].Action != Unchanged {
			t.Errorf("bound again: %v, %+v", err, again)
		}
	}
	plan, err := bind(stored, "red", "10.1.0.9")
	if err != nil || string(plan.Changes[0].New) != redText {
		t.Errorf("unbound: %v, %+v", err, plan)
	}
	plan, err = bind(free, "default", "10.1.0.9", packet.MAC{2})
	if err != nil || plan.Changes[0].Action != Changed || plan.Edits()[0].Expect != Nothing {
		t.Errorf("of the default network, which is not stored: %v, %+v", err, plan)
	}
	if got, want := string(free[1].Document()), "kind: network\nname: red\nrevision: 1\nnumber: 200\nunknown: drop\n"; got != want {
		t.Errorf("got\n%s", got)
	}
}

// The faults of a static binding are shown as if it stood in a file.
func TestBindRefused(t *testing.T) {
	mac := packet.MAC{2, 0, 0, 0, 0, 1}
	red := Request{Files: files(redText), Bindings: []BindingEdit{{"red", Binding{netip.MustParseAddr("10.1.0.9"), nil}}}}
	for name, test := range map[string]struct {
		plan func([]Object) (*Plan, error)
		want string
	}{
		"another subnet": {func(s []Object) (*Plan, error) { return bind(s, "blue", "10.2.0.9", mac) },
			`binding of 10.2.0.9:1:8: network "blue": binding of 10.2.0.9 is in none of the network's subnets: want an address of one of them`},
		"a group": {func(s []Object) (*Plan, error) { return bind(s, "blue", "10.1.0.9", packet.MAC{1}) },
			`binding of 10.1.0.9:1:23: network "blue": mac 01:00:00:00:00:00 is a multicast or broadcast address: want the MAC address of a station, such as 02:00:00:00:00:01`},
		"twice": {func(s []Object) (*Plan, error) { return bind(s, "blue", "10.1.0.9", mac, mac) },
			`binding of 10.1.0.9:1:46: network "blue": macs has 02:00:00:00:00:01 twice: want each once`},
		"a zone": {func(s []Object) (*Plan, error) { return bind(s, "blue", "fe80::1%eth0", mac) },
			`binding of fe80::1%eth0:1:8: network "blue": ip "fe80::1%eth0" is not an IP address: want the address of a host, such as 10.1.0.1 or fd00:1::1`},
		"a router's": {func(s []Object) (*Plan, error) { return bind(s, "blue", "10.1.0.1", mac) },
			`stored router "r1":5:17: router "r1": address 10.1.0.1 is that of a static binding of network "blue" (line 1 of binding of 10.1.0.1): want one of its own`},
		"no network": {func(s []Object) (*Plan, error) { return bind(s, "mauve", "10.1.0.9", mac) }, `there is no network "mauve"`},
		"no binding": {func(s []Object) (*Plan, error) { return bind(s, "red", "10.1.0.9") }, `10.1.0.9 has no static binding in network "red"`},
		"a document, too": {func(s []Object) (*Plan, error) { return NewPlan(s, red, nil) },
			`bindings of network "red" are to be changed, and so is all of it: put them into its document`},
	} {
		_, err := test.plan(kept(t, three))
		if got, _, _ := strings.Cut(fmt.Sprint(err), "\n"); got != test.want {
			t.Errorf("%s: got  %s\nwant %s", name, got, test.want)
		}
	}
}

// Whatever is applied: applying it once more, or what is stored then, in any order and cut
// into any files, changes nothing; with prune exactly what was asked for is left; and what
// was refused has changed nothing.
func TestPlanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stored []Object
		for revision := range int64(rapid.IntRange(1, 3).Draw(t, "steps")) {
			want := genIntent(t)
			request := Request{Files: shuffled(t, want.Objects()), Prune: rapid.Bool().Draw(t, "prune")}
			plan, err := NewPlan(stored, request, nil)
			if err != nil {
				var list Errors
				if request.Prune || !errors.As(err, &list) {
					t.Fatalf("refused: %v", err)
				}
				continue // it and what is stored don't go together
			}
			if request.Prune {
				if diff := diffIntents(want, plan.Intent); diff != "" {
					t.Fatalf("-want +planned:\n%s", diff)
				}
			}
			stored = plan.After(stored, revision+1)
			loaded, err := Load(stored, nil)
			if err != nil {
				t.Fatalf("what is stored can't be loaded: %v", err)
			}
			if diff := diffIntents(plan.Intent, loaded); diff != "" {
				t.Fatalf("-planned +loaded:\n%s", diff)
			}
			again := map[string]Request{"applied again": request, "what is in force": {Files: shuffled(t, loaded.Objects())}}
			if len(stored) > 0 {
				again["what is stored"] = Request{Files: shuffled(t, stored)}
			}
			for name, again := range again {
				plan, err := NewPlan(stored, again, nil)
				if err != nil || len(plan.Edits()) != 0 || diffIntents(plan.Intent, loaded) != "" {
					t.Fatalf("%s: %v %+v", name, err, plan)
				}
			}
		}
	})
}

// Whatever the input, a plan is one whose outcome can be loaded, or there is a reason.
func FuzzPlan(f *testing.F) {
	for _, text := range []string{three, "revision: 1\n" + redText, "kind: limits\nrevision: 0\nparked: 7\n", "kind: network\nname: blue\nnumber: 200\n",
		"{kind: router, name: r1, revision: 99999999999999999999}", "kind: network\nname: [red]\n", "? [kind]\n: network\n", "- kind\n--- |\n text\n"} {
		f.Add([]byte(text), false)
		f.Add([]byte(text), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, prune bool) {
		stored := kept(t, three)
		files := []File{{"fuzz.yaml", data}}
		if refs, err := Refs(files); err != nil && err.Error() == "" || err == nil && slices.Contains(refs, Deletion{}) {
			t.Fatalf("%v %v", refs, err)
		}
		plan, err := NewPlan(stored, Request{Files: files, Prune: prune}, nil)
		if err != nil {
			if err.Error() == "" {
				t.Fatalf("%T without a text", err)
			}
			return
		}
		loaded, err := Load(plan.After(stored, 2), nil)
		if err != nil || diffIntents(plan.Intent, loaded) != "" {
			t.Fatalf("%v\n%s", err, diffIntents(plan.Intent, loaded))
		}
	})
}

// shuffled cuts documents into files, in any order.
func shuffled(t *rapid.T, objects []Object) []File {
	var list []File
	for _, o := range rapid.Permutation(objects).Draw(t, "order") {
		if len(list) == 0 || rapid.Bool().Draw(t, "new file") {
			list = append(list, File{Name: fmt.Sprintf("%d.yaml", len(list))})
		}
		last := &list[len(list)-1]
		last.Data = slices.Concat(last.Data, []byte("---\n"), o.Document())
	}
	return list
}
