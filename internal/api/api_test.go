package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/api/apitest"
	"github.com/isat-sdn/isat/internal/view"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, b api.Backend) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(api.New(b, api.Options{}))
	t.Cleanup(s.Close)
	t.Cleanup(s.Client().CloseIdleConnections)
	return s
}

// ask returns status and body of one request.
func ask(t *testing.T, s *httptest.Server, method, path, body string, headers ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if req.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	client := &http.Client{Transport: s.Client().Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data), resp.Header
}

func list[T any](t *testing.T, s *httptest.Server, path string) api.Page[T] {
	t.Helper()
	code, body, _ := ask(t, s, "GET", path, "")
	if code != 200 {
		t.Fatalf("GET %s: %d %s", path, code, body)
	}
	var p api.Page[T]
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestListsCarryTheObjects(t *testing.T) {
	b := apitest.New(time.Now())
	s := serve(t, b)
	if diff := cmp.Diff(b.SwitchList, list[view.Switch](t, s, "/v1/switches").Items); diff != "" {
		t.Error(diff)
	}
	if got := list[view.Port](t, s, "/v1/ports").Items; len(got) != len(b.PortList) {
		t.Errorf("%d ports", len(got))
	}
	if got := list[view.Network](t, s, "/v1/networks").Items; len(got) != 2 || got[0].Subnets == nil {
		t.Errorf("networks %+v: two with a list of subnets that is not null are expected", got)
	}
	code, body, _ := ask(t, s, "GET", "/v1/status", "")
	var status view.Status
	if err := json.Unmarshal([]byte(body), &status); err != nil || code != 200 {
		t.Fatal(code, err)
	}
	if diff := cmp.Diff(b.Info, status); diff != "" {
		t.Error(diff)
	}
}

// Lists of routers, policies and flows have no nulls in them.
func TestFlowsAndIntentReachTheClient(t *testing.T) {
	b := apitest.New(time.Now())
	b.RouterList = append(b.RouterList, view.Router{Name: "bare"})
	s := serve(t, b)
	if got := list[view.Router](t, s, "/v1/routers").Items; len(got) != 2 || got[1].Interfaces == nil || got[1].Routes == nil {
		t.Errorf("routers: %+v", got)
	}
	if diff := cmp.Diff(b.PolicyList, list[view.Policy](t, s, "/v1/policies").Items); diff != "" {
		t.Error(diff)
	}
	_, body, _ := ask(t, s, "GET", "/v1/flows?switch=s1&table=none", "")
	var flows view.FlowList
	if err := json.Unmarshal([]byte(body), &flows); err != nil || flows.Items == nil || len(flows.Items) != 0 || len(flows.Left) != 1 {
		t.Errorf("flows: %s, %v", body, err)
	}
	_, body, _ = ask(t, s, "POST", "/v1/trace", `{"switch":"s1","packet":"`+apitest.Lost+`"}`, "Content-Type", "application/json")
	var trace view.Trace
	if err := json.Unmarshal([]byte(body), &trace); err != nil || !trace.Dropped || trace.Outputs == nil || trace.Punts == nil ||
		trace.Steps[0].Changes == nil || trace.Steps[0].Notes == nil {
		t.Errorf("trace: %s, %v", body, err)
	}
}

func TestBindingFilters(t *testing.T) {
	s := serve(t, apitest.New(time.Now()))
	const all = "blue 10.0.0.2,default 10.0.0.1,default 10.0.0.2,default fd00::2"
	for _, c := range []struct{ query, want string }{
		{"", all},
		{"network=blue", "blue 10.0.0.2"},
		{"network=100", "blue 10.0.0.2"},
		{"switch=s1", "default 10.0.0.1,default 10.0.0.2,default fd00::2"},
		{"switch=0000000000000002", "blue 10.0.0.2"},
		{"switch=br9", ""},
		{"port=h1", "default 10.0.0.1"},
		{"mac=02-00-00-00-00-02", "default 10.0.0.2,default fd00::2"},
		{"ip=10.0.0.2", "blue 10.0.0.2,default 10.0.0.2"},
		{"ip=::ffff:10.0.0.1", "default 10.0.0.1"},
		{"ip=fd00::/8", "default fd00::2"},
		{"ip=10.0.0.0/31", "default 10.0.0.1"},
		{"state=stale", "default fd00::2"},
		{"origin=arp&state=reachable", "default 10.0.0.1,default 10.0.0.2"},
		{"limit=2", "blue 10.0.0.2,default 10.0.0.1"},
		{"after=default/0/10.0.0.1", "default 10.0.0.2,default fd00::2"},
	} {
		var got []string
		for _, b := range list[view.Binding](t, s, "/v1/bindings?"+c.query).Items {
			got = append(got, b.Network+" "+b.IP)
		}
		if strings.Join(got, ",") != c.want {
			t.Errorf("bindings?%s: got %v, want %s", c.query, got, c.want)
		}
	}
	if got := list[view.Station](t, s, "/v1/stations?ip=fd00::2").Items; len(got) != 1 || got[0].MAC != "02:00:00:00:00:02" {
		t.Errorf("stations?ip=fd00::2: %+v", got)
	}
	if got := list[view.Port](t, s, "/v1/ports?network=blue").Items; len(got) != 2 {
		t.Errorf("ports?network=blue: %+v", got)
	}
}

// documented says whether the document of the API has a status of an operation, if it
// has the operation.
func documented(method, path string, status int) bool {
	path, _, _ = strings.Cut(path, "?")
	for template, item := range api.Document().Paths {
		match := regexp.MustCompile("^" + regexp.MustCompile(`\{\w+\}`).ReplaceAllString(template, "[^/]+") + "$")
		op := map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "DELETE": item.Delete}[method]
		if op == nil || !match.MatchString(path) {
			continue
		}
		if op.Responses[strconv.Itoa(status)] != nil || op.Responses["default"] != nil {
			return true
		}
		return false
	}
	return true
}

func TestErrorsAreProblemDocumentsOfOneLine(t *testing.T) {
	shared := apitest.New(time.Now())
	shared.SwitchList[1].Name = "s1"
	failing := apitest.New(time.Now())
	for _, c := range []struct {
		backend      *apitest.Backend
		err          error
		method, path string
		body         string
		status       int
		detail       string
	}{
		{shared, nil, "GET", "/v1/bindings?network=green", "", 404, `network "green" is not known: the networks are in "isat get networks"`},
		{shared, nil, "GET", "/v1/bindings?switch=s9", "", 404, `switch "s9" is not known: the switches are in "isat get switches"`},
		{shared, nil, "GET", "/v1/ports?switch=s1", "", 409, `2 switches are named "s1": give the datapath id`},
		{shared, nil, "GET", "/v1/stations?mac=zz", "", 400, `"zz" is not a MAC such as 02:00:00:00:00:01`},
		{shared, nil, "GET", "/v1/stations?ip=zz", "", 400, `"zz" is not an IP address`},
		{shared, nil, "GET", "/v1/stations?ip=zz/8", "", 400, `"zz/8" is not a prefix such as 10.0.0.0/24`},
		{shared, nil, "GET", "/v1/bindings?after=zz", "", 400, `read cursor "zz": it is not one that a list returned as next`},
		{shared, nil, "GET", "/v1/bindings?after=a/b/c", "", 400, `read cursor "a/b/c": "b" is not a VLAN`},
		{shared, nil, "GET", "/v1/bindings?limit=0", "", 422, "validation failed"},
		{shared, nil, "GET", "/v1/bindings?port=h9", "", 404, `no switch has a port "h9": the ports are in "isat get ports"`},
		{shared, nil, "GET", "/v1/watch/stations?port=h9&switch=0000000000000001", "", 404,
			`switch 0000000000000001 has no port "h9": the ports are in "isat get ports"`},
		{shared, nil, "GET", "/v1/bindings?netwrok=blue", "", 422, "validation failed"},
		{shared, nil, "GET", "/v1/status?x=", "", 422, "validation failed"},
		{shared, nil, "DELETE", "/v1/intent/network/blue?revison=1", "", 422, "validation failed"},
		{shared, nil, "GET", "/v1/bindings?origin=stork", "", 400, `"stork" is no origin of a binding: there are ` + strings.Join(api.BindingWords("Origin"), ", ")},
		{shared, nil, "GET", "/v1/watch/ports?state=stale", "", 400, "state and origin are of bindings, and not of ports"},
		{shared, nil, "GET", "/v1/events?kind=party", "", 422, "validation failed"},
		{shared, nil, "GET", "/v1/events?since=yesterday", "", 400, `"yesterday" is not a time such as 90s, 10m or 2h`},
		{shared, nil, "GET", "/v1/events?since=-1s", "", 400, `"-1s" is not a time such as 90s, 10m or 2h`},
		{shared, nil, "GET", "/v1/watch/events?network=green", "", 404, `network "green" is not known: the networks are in "isat get networks"`},
		{shared, nil, "POST", "/v1/flush", `{}`, 400, "it is not said which bindings are meant: give an address, a network, a switch or port, or all"},
		{shared, nil, "POST", "/v1/flush", `{"all":true,"ip":"10.0.0.1"}`, 400, "all means every binding, and something narrower is given, too: leave one of them out"},
		{shared, nil, "POST", "/v1/flush", `{"port":"h9"}`, 404, `no switch has a port "h9": the ports are in "isat get ports"`},
		{shared, nil, "POST", "/v1/duplicates/clear", `{"ip":"fe80::1%eth0"}`, 400, `"fe80::1%eth0" is not an IP address`},
		{shared, nil, "GET", "/v1/watch/cats", "", 422, "validation failed"},
		{shared, nil, "GET", "/v1/watch/bindings?network=green", "", 404, `network "green" is not known: the networks are in "isat get networks"`},
		{shared, nil, "GET", "/v1/explain?ip=10.0.0.256", "", 400, `"10.0.0.256" is not an IP address`},
		{shared, nil, "POST", "/v1/resolve", `{"ip":"224.0.0.1"}`, 400, "224.0.0.1 is not the address of a host"},
		{shared, nil, "POST", "/v1/resolve", `{"ip":"fe80::1%eth0"}`, 400, `"fe80::1%eth0" is not an IP address`},
		{shared, nil, "POST", "/v1/resolve", `{"ip":"10.0.0.1","network":"x"}`, 404, `network "x" is not known: the networks are in "isat get networks"`},
		{shared, nil, "POST", "/v1/resolve", `{"ip":"10.0.0.1","vlan":4095}`, 422, "validation failed"},
		{shared, nil, "POST", "/v1/resolve", `{"ip":"10.0.0.1","colour":"red"}`, 422, "validation failed"},
		{shared, nil, "POST", "/v1/resolve", `{"ip":"` + strings.Repeat("1", 5000) + `"}`, 413, "request body is too large limit=4096 bytes"},
		{shared, nil, "POST", "/v1/probe", `{"ip":"10.9.9.9"}`, 404, `10.9.9.9 is not known in network "": find it with "isat resolve 10.9.9.9"`},
		{shared, nil, "GET", "/v1/flows", "", 422, "validation failed"},
		{shared, nil, "GET", "/v1/flows?switch=s9", "", 404, `switch "s9" is not known: the switches are in "isat get switches"`},
		{shared, nil, "GET", "/v1/flows?switch=br9", "", 409, `switch "br9" has not connected yet, so it has no flows`},
		{shared, nil, "GET", "/v1/flows?switch=0000000000000002", "", 409, "switch 0000000000000002 is away, so it can't be asked for its flows"},
		{shared, nil, "GET", "/v1/flows?switch=0000000000000001&limit=10001", "", 422, "validation failed"},
		{shared, nil, "GET", "/v1/flows?switch=0000000000000001&form=prose", "", 422, "validation failed"},
		{shared, nil, "POST", "/v1/trace", `{"switch":"s9","packet":"arp"}`, 404, `switch "s9" is not known: the switches are in "isat get switches"`},
		{shared, nil, "POST", "/v1/trace", `{"switch":"0000000000000001"}`, 422, "validation failed"},
		{shared, nil, "POST", "/v1/trace", `{"switch":"0000000000000001","packet":"zz"}`, 400, `packet: "zz" is none that is known here`},
		{shared, nil, "POST", "/v1/trace", `{"packet":"` + strings.Repeat("0", 256<<10) + `"}`, 413, "request body is too large limit=262144 bytes"},
		{shared, nil, "GET", "/v1/cats", "", 404, "GET /v1/cats is not part of the API: see /docs"},
		{failing, fmt.Errorf("resolve: %w", api.ErrBusy), "POST", "/v1/resolve", `{"ip":"10.0.0.1"}`, 503, "resolve: busy, try it again"},
		{failing, context.DeadlineExceeded, "GET", "/v1/status", "", 504, "context deadline exceeded"},
		{failing, errors.New("out of paper"), "GET", "/v1/status", "", 500, "out of paper"},
		{failing, errors.New("out of paper"), "GET", "/v1/switches", "", 500, "out of paper"},
		{failing, errors.New("out of paper"), "GET", "/v1/ports", "", 500, "out of paper"},
		{failing, errors.New("out of paper"), "GET", "/v1/networks", "", 500, "out of paper"},
		{failing, errors.New("out of paper"), "GET", "/v1/routers", "", 500, "out of paper"},
		{failing, errors.New("out of paper"), "GET", "/v1/policies", "", 500, "out of paper"},
		{failing, errors.New("out of paper"), "GET", "/v1/flows?switch=0000000000000001", "", 500, "out of paper"},
		{failing, errors.New("out of paper"), "POST", "/v1/trace", `{"switch":"0000000000000001","packet":"arp"}`, 500, "out of paper"},
		{failing, errors.New("out of paper"), "GET", "/v1/bindings", "", 500, "out of paper"},
		{failing, errors.New("out of paper"), "GET", "/v1/explain?ip=10.0.0.1", "", 500, "out of paper"},
		{failing, errors.New("out of paper"), "GET", "/v1/watch/ports", "", 500, "out of paper"},
		{failing, errors.New("out of paper"), "GET", "/v1/watch/events", "", 500, "out of paper"},
		{failing, errors.New("out of paper"), "GET", "/v1/events", "", 500, "out of paper"},
		{failing, errors.New("out of paper"), "POST", "/v1/flush", `{"all":true}`, 500, "out of paper"},
		{failing, errors.New("out of paper"), "POST", "/v1/duplicates/clear", `{"all":true}`, 500, "out of paper"},
	} {
		c.backend.Change(func() { c.backend.Err = c.err })
		s := serve(t, c.backend)
		status, body, header := ask(t, s, c.method, c.path, c.body, "Content-Type", "application/json")
		var p struct{ Detail string }
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Errorf("%s %s: %v in %s", c.method, c.path, err, body)
			continue
		}
		if !documented(c.method, c.path, status) {
			t.Errorf("%s %s: the document of the API does not say that it may answer %d", c.method, c.path, status)
		}
		if status != c.status || p.Detail != c.detail || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: got %d %q (%s), want %d %q", c.method, c.path, status, p.Detail, header.Get("Content-Type"), c.status, c.detail)
		}
	}
}

func TestStatusCodesAndKindsAreInverse(t *testing.T) {
	for _, kind := range []error{api.ErrInvalid, api.ErrNotFound, api.ErrConflict, api.ErrBusy} {
		err := fmt.Errorf("probe: %w", api.Errorf(kind, "text"))
		if got := api.KindOf(api.StatusCode(err)); got != kind {
			t.Errorf("kind %v becomes %v", kind, got)
		}
		if err.Error() != "probe: text" {
			t.Errorf("text %q", err)
		}
	}
}

func TestQuestionsReachTheBackend(t *testing.T) {
	s := serve(t, apitest.New(time.Now()))
	for _, path := range []string{"/v1/resolve", "/v1/probe"} {
		_, body, _ := ask(t, s, "POST", path, `{"ip":"10.0.0.2","network":"1"}`, "Content-Type", "application/json")
		var r view.Resolution
		if err := json.Unmarshal([]byte(body), &r); err != nil || !r.Found || r.Binding.MAC != "02:00:00:00:00:02" {
			t.Errorf("%s: %v in %s", path, err, body)
		}
	}
	if got := list[view.Explanation](t, s, "/v1/explain?ip=10.0.0.2").Items; len(got) != 2 || got[1].Facts == nil {
		t.Errorf("explain: %+v", got)
	}
	if got := list[view.Explanation](t, s, "/v1/explain?ip=10.0.0.2&network=100").Items; len(got) != 1 {
		t.Errorf("explain in one network: %+v", got)
	}
	if got := list[view.Explanation](t, s, "/v1/explain?ip=10.0.0.7").Items; got == nil || len(got) != 0 {
		t.Errorf("explain of the unknown: %#v", got)
	}
}

func TestForeignWebPagesAreRefused(t *testing.T) {
	s := httptest.NewServer(api.New(apitest.New(time.Now()), api.Options{Hosts: []string{"isat.lab"}}))
	t.Cleanup(s.Close)
	for _, c := range []struct {
		name    string
		method  string
		headers []string
		want    int
	}{
		{"rebound name", "GET", []string{"Host", "evil.example:8653"}, http.StatusMisdirectedRequest},
		{"other address", "GET", []string{"Host", "192.0.2.1:8653"}, http.StatusMisdirectedRequest},
		{"no host", "GET", []string{"Host", " "}, http.StatusMisdirectedRequest},
		{"localhost", "GET", []string{"Host", "LocalHost"}, 200},
		{"loopback", "GET", []string{"Host", "127.9.9.9:1"}, 200},
		{"loopback v6", "GET", []string{"Host", "[::1]:8653"}, 200},
		{"loopback v6 without a port", "GET", []string{"Host", "[::1]"}, 200},
		{"extra name", "GET", []string{"Host", "isat.lab:8653"}, 200},
		{"cross-site form", "POST", []string{"Sec-Fetch-Site", "cross-site", "Content-Type", "text/plain"}, http.StatusForbidden},
		{"cross-origin", "POST", []string{"Origin", "http://evil.example"}, http.StatusForbidden},
		{"own page", "POST", []string{"Sec-Fetch-Site", "same-origin", "Content-Type", "application/json"}, 200},
	} {
		path, body := "/v1/status", ""
		if c.method == "POST" {
			path, body = "/v1/probe", `{"ip":"10.0.0.2"}`
		}
		code, text, header := ask(t, s, c.method, path, body, c.headers...)
		if code != c.want {
			t.Errorf("%s: got %d %s, want %d", c.name, code, text, c.want)
		}
		for name := range header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: header %s must not be sent", c.name, name)
			}
		}
	}
}
