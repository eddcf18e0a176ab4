package api_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/api/apitest"
	"github.com/isat-sdn/isat/internal/view"
)

// applied gives the answer to an edit.
func applied(t *testing.T, b api.Backend, body string) (status int, edit view.IntentEdit, problem api.IntentProblem) {
	t.Helper()
	status, text, header := ask(t, serve(t, b), "POST", "/v1/intent/apply", body, "Content-Type", "application/json")
	var err error
	if status == 200 {
		err = json.Unmarshal([]byte(text), &edit)
	} else if err = json.Unmarshal([]byte(text), &problem); header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("answer %d is %s", status, header.Get("Content-Type"))
	}
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return status, edit, problem
}

func TestIntentDocuments(t *testing.T) {
	s := serve(t, apitest.New(time.Now()))
	var got []string
	for _, d := range list[view.Document](t, s, "/v1/intent").Items {
		got = append(got, d.Kind+" "+d.Name)
	}
	if diff := cmp.Diff([]string{"network default", "network blue", "router r1", "policy no-telnet", "limits limits"}, got); diff != "" {
		t.Error(diff)
	}
	policies := list[view.Document](t, s, "/v1/intent?kind=policy").Items
	if len(policies) != 1 || api.ExpectationOf(policies[0].Revision) != 5 || !strings.HasPrefix(policies[0].Text, "kind: policy\nname: no-telnet\ntable: guard\n") {
		t.Errorf("policies: %+v", policies)
	}
	if none := list[view.Document](t, s, "/v1/intent?name=nobody").Items; none == nil || len(none) != 0 {
		t.Errorf("of nobody: %#v", none)
	}
	code, text, header := ask(t, s, "GET", "/v1/intent.yaml?kind=policy", "")
	want := "kind: policy\nname: no-telnet\nrevision: 5\ntable: guard\npriority: 10\nmatch: \"tcp.dst == 23\"\nactions: \"drop;\"\n"
	want = "kind: limits\nrevision: 0\n---\n" + want
	if _, limits, _ := ask(t, s, "GET", "/v1/intent.yaml?kind=limits", ""); code != 200 || limits+"---\n"+text != want || header.Get("Content-Type") != "application/yaml" {
		t.Errorf("%d %s:\n%s", code, header.Get("Content-Type"), text)
	}
}

func TestIntentEdits(t *testing.T) {
	b := apitest.New(time.Now())
	const green = `{"files":[{"name":"a.yaml","text":"kind: network\nname: green\nnumber: 300\n"}]`
	want := view.IntentEdit{DryRun: true, Changes: []view.IntentChange{{Kind: "network", Name: "green", Action: "created"}}}
	if _, got, _ := applied(t, b, green+`,"dryRun":true}`); !cmp.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
	want.DryRun, want.Revision = false, 6
	if _, got, _ := applied(t, b, green+`}`); !cmp.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
	bind := `{"bindings":[{"network":"green","ip":"10.0.0.9","macs":["02:00:00:00:00:09"]}],"dryRun":true}`
	want = view.IntentEdit{DryRun: true, Changes: []view.IntentChange{{Kind: "network", Name: "green", Action: "changed",
		Diff: "@@ -2,3 +2,5 @@\n name: green\n number: 300\n unknown: solicit\n+bindings:\n+  - {ip: 10.0.0.9, mac: \"02:00:00:00:00:09\"}\n"}}}
	if _, got, _ := applied(t, b, bind); !cmp.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
	for edit, want := range map[string]string{
		`{"network":"green","ip":"10.0.0.9"}`:                               `10.0.0.9 has no static binding in network "green"`,
		`{"network":"mauve","ip":"10.0.0.9"}`:                               `there is no network "mauve"`,
		`{"network":"9999","ip":"10.0.0.9"}`:                                `network "9999" is not known`,
		`{"network":"green","ip":"ten"}`:                                    `"ten" is not an IP address`,
		`{"network":"green","ip":"10.0.0.9","macs":["zz"]}`:                 `"zz" is not a MAC`,
		`{"network":"green","ip":"127.0.0.1","macs":["02:00:00:00:00:09"]}`: "is a loopback address",
	} {
		if code, _, p := applied(t, b, `{"bindings":[`+edit+`]}`); code < 400 || code >= 500 || !strings.Contains(p.Detail, want) {
			t.Errorf("%s: %d %s", edit, code, p.Detail)
		}
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/v1/intent/apply", `{"delete":[{"kind":"network","name":"green","revision":0}]}`, 409, `network \"green\" exists already, at revision 6`},
		{"POST", "/v1/intent/apply", `{"delete":[{"kind":"network","name":"green","revision":6}],"dryRun":true}`, 200, `"action":"deleted"`},
		{"POST", "/v1/intent/apply", `{"delete":[{"kind":"network","name":"green"}],"dryRun":true}`, 200, `"action":"deleted"`},
		{"DELETE", "/v1/intent/network/green?revision=0", "", 409, `network \"green\" exists already, at revision 6`},
		{"DELETE", "/v1/intent/network/green?revision=-1", "", 422, "expected number >= 0"},
		{"DELETE", "/v1/intent/network/green?revision=6", "", 200, `"action":"deleted"`},
		{"DELETE", "/v1/intent/network/default", "", 200, `"action":"unchanged"`},
	} {
		code, text, _ := ask(t, serve(t, b), c.method, c.path, c.body, "Content-Type", "application/json")
		if code != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, code, text)
		}
	}
}

func TestIntentRefusals(t *testing.T) {
	const blue = `{"files":[{"name":"a.yaml","text":"kind: network\nname: blue\nnumber: 100\nrevision: 3\n"}]}`
	b := apitest.New(time.Now())
	status, _, p := applied(t, b, blue)
	if status != 409 || p.Detail != `nothing was changed, for network "blue" was edited from revision 3, and has revision 5 now` || len(p.Conflicts) != 1 {
		t.Fatalf("%d %+v", status, p)
	}
	if c := p.Conflicts[0]; c.Edited != 3 || api.ExpectationOf(c.Present.Revision) != 5 || !strings.Contains(c.Present.Text, "unknown: flood") ||
		c.Yours != "kind: network\nname: blue\nnumber: 100\nunknown: solicit\n" || !strings.Contains(c.Diff, "+unknown: solicit") {
		t.Errorf("conflict %+v", c)
	}
	status, _, p = applied(t, b, `{"files":[{"name":"a.yaml","text":"kind: network\nname: green\nnumber: 100\nunknown: burn\n"}],"prune":true}`)
	if status != 422 || len(p.Faults) != 1 || !strings.HasPrefix(p.Detail, "nothing was changed, for the intent would not be valid: a.yaml:4:10: ") {
		t.Fatalf("%d %+v", status, p)
	}
	if f := p.Faults[0]; f.File != "a.yaml" || f.Line != 4 || f.Column != 10 || f.Excerpt != "    unknown: burn\n             ^" {
		t.Errorf("fault %+v", f)
	}
	for _, c := range []struct {
		body   string
		status int
		detail string
	}{
		{`{}`, 400, "there is no document to apply, and nothing to delete"},
		{`{"delete":[{"kind":"policy","name":"nobody"}]}`, 404, `there is no policy "nobody"`},
		{`{"delete":[{"kind":"cat","name":"tom"}]}`, 422, "validation failed"},
		{`{"delete":[{"kind":"network","name":"blue"}]}`, 422, `nothing was changed, for the intent would not be valid: stored router "r1":4:14: ` +
			`router "r1": network "blue" is in no document: want the name of a network of the file`},
	} {
		if status, _, p := applied(t, b, c.body); status != c.status || p.Detail != c.detail {
			t.Errorf("%s: %d %s", c.body, status, p.Detail)
		}
	}
	if b.Revision != 5 {
		t.Errorf("something was changed: revision %d", b.Revision)
	}
	b.Change(func() { b.Err = errors.New("out of paper") })
	if status, _, p := applied(t, b, blue); status != 500 || p.Detail != "out of paper" {
		t.Errorf("%d %+v", status, p)
	}
	for _, path := range []string{"/v1/intent", "/v1/intent.yaml"} {
		if code, text, _ := ask(t, serve(t, b), "GET", path, ""); code != 500 || !strings.Contains(text, "out of paper") {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
}
