package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/api/apitest"
	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/view"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadline is far more than anything here takes.
const deadline = 20 * time.Second

func connect(t *testing.T, h http.Handler) *client.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestMethodsReturnWhatTheBackendHas(t *testing.T) {
	b := apitest.New(time.Now())
	c := connect(t, api.New(b, api.Options{}))
	ctx := t.Context()
	check := func(name string, got any, err error, want any) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	status, err := c.Status(ctx)
	check("status", status, err, b.Info)
	switches, err := c.Switches(ctx)
	check("switches", switches, err, b.SwitchList)
	ports, err := c.Ports(ctx, api.Filter{Switch: "s2"})
	check("ports", ports, err, b.PortList[2:3])
	networks, err := c.Networks(ctx)
	check("networks", networks[1], err, b.NetworkList[1])
	bindings, err := c.Bindings(ctx, api.Filter{Network: "blue"})
	check("bindings", bindings, err, b.BindingList[3:])
	stations, err := c.Stations(ctx, api.Filter{MAC: "02:00:00:00:00:01"})
	check("stations", stations, err, b.StationList[:1])
	routers, err := c.Routers(ctx)
	check("routers", routers, err, b.RouterList)
	policies, err := c.Policies(ctx)
	check("policies", policies, err, b.PolicyList)
	flows, err := c.Flows(ctx, api.FlowQuery{Switch: "s1", Limit: 5})
	check("flows", flows, err, b.FlowLists["0000000000000001"])
	flows, err = c.Flows(ctx, api.FlowQuery{Switch: "s1", Table: "l2", OpenFlow: true, Limit: 5})
	check("openflow", flows.Items[0].OpenFlow, err, "cookie=0x1, table=l2")
	trace, err := c.Trace(ctx, api.TraceQuery{Switch: "s1", Port: "h1", Packet: apitest.Ping})
	check("trace", trace, err, b.Traces[apitest.Ping])
	ip := netip.MustParseAddr("10.0.0.2")
	resolution, err := c.Resolve(ctx, api.Target{IP: ip})
	check("resolve", resolution, err, b.Resolutions["10.0.0.2"])
	resolution, err = c.Probe(ctx, api.Target{IP: ip, Network: "default", VLAN: 5})
	check("probe", resolution, err, b.Resolutions["10.0.0.2"])
	explanations, err := c.Explain(ctx, api.Target{IP: ip, Network: "default", VLAN: 5})
	check("explain", explanations, err, b.ExplanationsOf["10.0.0.2"][:1])
}

func TestListsAreReadToTheirEnd(t *testing.T) {
	b := apitest.New(time.Now())
	b.BindingList = nil
	const all = 2*api.MaxLimit + 1
	for i := range all {
		ip := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		b.BindingList = append(b.BindingList, view.Binding{Network: "default", IP: ip.String()})
	}
	c := connect(t, api.New(b, api.Options{}))
	for _, limit := range []int{0, 1, api.MaxLimit, api.MaxLimit + 1} {
		got, err := c.Bindings(t.Context(), api.Filter{Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		want := all
		if limit > 0 {
			want = limit
		}
		if len(got) != want || got[want-1].IP != b.BindingList[want-1].IP {
			t.Errorf("limit %d: %d bindings", limit, len(got))
		}
	}
}

func TestErrorsAreOneLineThatSaysWhatToDo(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := "http://" + free.Addr().String()
	free.Close()
	respond := func(status int, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		})
	}
	hangUp := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) })
	for _, c := range []struct {
		name    string
		base    string
		handler http.Handler
		want    string // URL stands for the address
		is      error
	}{
		{name: "nobody there", base: refused, want: `isat is not running at URL: start it with "isat run", or give --api`},
		{name: "not isat", handler: respond(404, "<html>"), want: "URL answers 404 Not Found, so it is not the API of an isat: give its address with --api", is: api.ErrNotFound},
		{name: "not JSON", handler: respond(200, "hello"), want: "GET URL/v1/status: the answer is not isat's: invalid character 'h' looking for beginning of value"},
		{name: "hangs up", handler: hangUp, want: "isat at URL closed the connection before it answered"},
		{name: "detail", handler: respond(409, `{"detail":"two\nlines"}`), want: "two lines", is: api.ErrConflict},
		{name: "details", handler: respond(422, `{"detail":"validation failed","errors":[{"message":"expected more","location":"query.limit"}]}`),
			want: "validation failed: query.limit expected more", is: api.ErrInvalid},
		{name: "no such host", base: "http://name.invalid:1", want: "cannot reach isat at URL: "},
	} {
		base := c.base
		if c.handler != nil {
			s := httptest.NewServer(c.handler)
			defer s.Close()
			base = s.URL
		}
		cl, err := client.New(base)
		if err != nil {
			t.Fatal(err)
		}
		_, err = cl.Status(t.Context())
		want := strings.ReplaceAll(c.want, "URL", base)
		if err == nil || err.Error() != want && !(strings.HasSuffix(want, ": ") && strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: got %v\nwant %s", c.name, err, want)
		}
		if c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v is not %v", c.name, err, c.is)
		}
		cl.Close()
	}
}

func TestTimeoutsAndInterrupts(t *testing.T) {
	c := connect(t, api.New(apitest.New(time.Now()), api.Options{}))
	unknown := api.Target{IP: netip.MustParseAddr("10.7.7.7")}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := c.Resolve(ctx, unknown)
	if !errors.Is(err, context.DeadlineExceeded) || err.Error() != "no answer from isat at "+c.URL()+" in time: context deadline exceeded" {
		t.Errorf("got %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ in, url, err string }{
		{"", client.DefaultURL, ""},
		{"127.0.0.1:1", "http://127.0.0.1:1", ""},
		{"https://isat.example/", "https://isat.example", ""},
		{"ftp://x", "", `read API address "ftp://x": it is not a URL such as ` + client.DefaultURL},
		{"http://", "", `read API address "http://": it is not a URL such as ` + client.DefaultURL},
		{"http://h/v1", "", `read API address "http://h/v1": give only scheme, host and port, such as ` + client.DefaultURL},
		{"http://u@h", "", `read API address "http://u@h": give only scheme, host and port, such as ` + client.DefaultURL},
	} {
		got, err := client.New(c.in)
		switch {
		case c.err != "":
			if err == nil || err.Error() != c.err {
				t.Errorf("%q: got %v, want %s", c.in, err, c.err)
			}
		case err != nil:
			t.Error(err)
		case got.URL() != c.url:
			t.Errorf("%q: got %s, want %s", c.in, got.URL(), c.url)
		}
	}
}
