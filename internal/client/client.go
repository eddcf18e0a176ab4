package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/view"
)

// DefaultURL is where the API of a local isat is.
const DefaultURL = "http://" + api.DefaultAddress

// maxAnswer bounds the body of an answer in bytes. A page of 10 000 bindings
// takes about 5 MB.
const maxAnswer = 64 << 20

// Client is a client of one isat. It is safe for concurrent use.
type Client struct {
	base string
	http *http.Client
}

// New returns a client for the API at base: a URL, or host:port. Nothing is
// sent yet.
func New(base string) (*Client, error) {
	if base == "" {
		base = DefaultURL
	}
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("read API address %q: it is not a URL such as %s", base, DefaultURL)
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("read API address %q: give only scheme, host and port, such as %s", base, DefaultURL)
	}
	transport := &http.Transport{
		// The API is on loopback or on a host that the user names: a proxy
		// could only get in the way.
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     30 * time.Second,
	}
	return &Client{base: u.Scheme + "://" + u.Host, http: &http.Client{Transport: transport}}, nil
}

// URL returns the address of the API.
func (c *Client) URL() string { return c.base }

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Error is an answer of the API other than success.
type Error struct {
	Status int    // HTTP status code
	Detail string // one line for people
	// Why an edit of the intent was refused.
	Faults    []view.IntentFault
	Conflicts []view.IntentConflict
}

func (e *Error) Error() string { return e.Detail }

// Unwrap returns the sentinel of package api that fits the status, or nil.
func (e *Error) Unwrap() error { return api.KindOf(e.Status) }

// Status returns the daemon at a glance.
func (c *Client) Status(ctx context.Context) (view.Status, error) {
	return call[view.Status](ctx, c, http.MethodGet, "/v1/status", nil, nil)
}

// Switches returns every switch that is, or was, connected.
func (c *Client) Switches(ctx context.Context) ([]view.Switch, error) {
	return list[view.Switch](ctx, c, "/v1/switches", nil)
}

// Ports returns the ports that match f.Network and f.Switch.
func (c *Client) Ports(ctx context.Context, f api.Filter) ([]view.Port, error) {
	return list[view.Port](ctx, c, "/v1/ports", query(api.Filter{Network: f.Network, Switch: f.Switch}))
}

// Networks returns every network.
func (c *Client) Networks(ctx context.Context) ([]view.Network, error) {
	return list[view.Network](ctx, c, "/v1/networks", nil)
}

// Routers returns every router.
func (c *Client) Routers(ctx context.Context) ([]view.Router, error) {
	return list[view.Router](ctx, c, "/v1/routers", nil)
}

// Policies returns every policy.
func (c *Client) Policies(ctx context.Context) ([]view.Policy, error) {
	return list[view.Policy](ctx, c, "/v1/policies", nil)
}

// Flows has isat ask a switch for its flows. Of each table come at most q.Limit
// lines, which is at most [api.MaxLimit].
func (c *Client) Flows(ctx context.Context, q api.FlowQuery) (view.FlowList, error) {
	params := url.Values{"switch": {q.Switch}, "limit": {strconv.Itoa(q.Limit)}}
	if q.Table != "" {
		params.Set("table", q.Table)
	}
	if q.OpenFlow {
		params.Set("form", "openflow")
	}
	return call[view.FlowList](ctx, c, http.MethodGet, "/v1/flows", params, nil)
}

// Trace has isat follow a packet through the flows of a switch.
func (c *Client) Trace(ctx context.Context, q api.TraceQuery) (view.Trace, error) {
	return call[view.Trace](ctx, c, http.MethodPost, "/v1/trace", nil, api.TraceBody(q))
}

// Bindings returns the bindings that match f: all pages from f.After on, up to
// f.Limit.
func (c *Client) Bindings(ctx context.Context, f api.Filter) ([]view.Binding, error) {
	return pages[view.Binding](ctx, c, "/v1/bindings", f)
}

// Stations returns the stations that match f: all pages from f.After on, up to
// f.Limit.
func (c *Client) Stations(ctx context.Context, f api.Filter) ([]view.Station, error) {
	return pages[view.Station](ctx, c, "/v1/stations", f)
}

// Resolve has isat search for the target and waits for the outcome.
func (c *Client) Resolve(ctx context.Context, t api.Target) (view.Resolution, error) {
	return call[view.Resolution](ctx, c, http.MethodPost, "/v1/resolve", nil, targetBody(t))
}

// Probe has isat ask the known owner of the target and waits for the outcome.
func (c *Client) Probe(ctx context.Context, t api.Target) (view.Resolution, error) {
	return call[view.Resolution](ctx, c, http.MethodPost, "/v1/probe", nil, targetBody(t))
}

// Flush has isat doubt what was learned in a scope: owners are asked, and what nobody
// answers for goes. It returns how many bindings that are.
func (c *Client) Flush(ctx context.Context, s api.ScopeBody) (int, error) {
	m, err := call[api.Meant](ctx, c, http.MethodPost, "/v1/flush", nil, s)
	return m.Bindings, err
}

// ClearDuplicates releases the frozen addresses of a scope, and returns how many those
// were.
func (c *Client) ClearDuplicates(ctx context.Context, s api.ScopeBody) (int, error) {
	m, err := call[api.Meant](ctx, c, http.MethodPost, "/v1/duplicates/clear", nil, s)
	return m.Bindings, err
}

// Events returns what happened lately and matches, oldest first.
func (c *Client) Events(ctx context.Context, q api.EventQuery) ([]view.Event, error) {
	return list[view.Event](ctx, c, "/v1/events", eventQuery(q))
}

func eventQuery(q api.EventQuery) url.Values {
	values := query(q.Filter)
	for _, k := range q.Kinds {
		values.Add("kind", string(k))
	}
	if q.Since != 0 {
		values.Set("since", q.Since.String())
	}
	if q.Last != 0 {
		values.Set("last", strconv.Itoa(q.Last))
	}
	return values
}

// Explain tells what isat knows of the target, once for every network that may
// hold it if t.Network is empty.
func (c *Client) Explain(ctx context.Context, t api.Target) ([]view.Explanation, error) {
	q := url.Values{"ip": {t.IP.String()}}
	if t.Network != "" {
		q.Set("network", t.Network)
	}
	if t.VLAN != 0 {
		q.Set("vlan", strconv.Itoa(int(t.VLAN)))
	}
	return list[view.Explanation](ctx, c, "/v1/explain", q)
}

// Backup writes all that isat keeps to w: a backup only if there is no error and
// its checksum is right.
func (c *Client) Backup(ctx context.Context, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodGet, "/v1/backup", nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	to := &destination{Writer: w}
	_, err = io.Copy(to, resp.Body)
	switch {
	case to.err != nil:
		return fmt.Errorf("back up: %w", to.err)
	case err != nil:
		return c.transportError(ctx, err)
	}
	return nil
}

// destination tells why it could not be written from why what is written could not be read.
type destination struct {
	io.Writer
	err error
}

func (d *destination) Write(b []byte) (n int, err error) {
	n, d.err = d.Writer.Write(b)
	return n, d.err
}

// Documents returns the documents of the intent, of one kind and name unless
// those are empty.
func (c *Client) Documents(ctx context.Context, kind, name string) ([]view.Document, error) {
	q := url.Values{}
	if kind != "" {
		q.Set("kind", kind)
	}
	if name != "" {
		q.Set("name", name)
	}
	return list[view.Document](ctx, c, "/v1/intent", q)
}

// EditIntent changes the intent: all of the edit or nothing.
func (c *Client) EditIntent(ctx context.Context, edit api.IntentBody) (view.IntentEdit, error) {
	return call[view.IntentEdit](ctx, c, http.MethodPost, "/v1/intent/apply", nil, edit)
}

func targetBody(t api.Target) api.TargetBody {
	return api.TargetBody{IP: t.IP.String(), Network: t.Network, VLAN: t.VLAN}
}

func query(f api.Filter) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"network": f.Network, "switch": f.Switch, "port": f.Port, "mac": f.MAC, "ip": f.IP, "state": f.State, "origin": f.Origin, "after": f.After,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

func list[T any](ctx context.Context, c *Client, path string, q url.Values) ([]T, error) {
	p, err := call[api.Page[T]](ctx, c, http.MethodGet, path, q, nil)
	return p.Items, err
}

func pages[T any](ctx context.Context, c *Client, path string, f api.Filter) ([]T, error) {
	var all []T
	for {
		q := query(f)
		size := api.MaxLimit
		if f.Limit > 0 {
			size = min(size, f.Limit-len(all))
		}
		q.Set("limit", strconv.Itoa(size))
		p, err := call[api.Page[T]](ctx, c, http.MethodGet, path, q, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, p.Items...)
		if p.Next == "" || p.Next == f.After || (f.Limit > 0 && len(all) >= f.Limit) {
			return all, nil
		}
		f.After = p.Next
	}
}

func call[T any](ctx context.Context, c *Client, method, path string, q url.Values, body any) (T, error) {
	var out T
	resp, err := c.send(ctx, method, path, q, body)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return out, c.transportError(ctx, err)
	}
	if len(data) > maxAnswer {
		return out, fmt.Errorf("%s %s%s: the answer is larger than %d bytes", method, c.base, path, maxAnswer)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return out, fmt.Errorf("%s %s%s: the answer is not isat's: %w", method, c.base, path, err)
	}
	return out, nil
}

// send returns only successful responses, whose body the caller closes.
func (c *Client) send(ctx context.Context, method, path string, q url.Values, body any) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		var data bytes.Buffer
		e := json.NewEncoder(&data)
		e.SetEscapeHTML(false) // a large intent must not become several times as large
		if err := e.Encode(body); err != nil {
			return nil, fmt.Errorf("encode request %s: %w", path, err)
		}
		reader = &data
	}
	target := c.base + path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, reader)
	if err != nil {
		return nil, fmt.Errorf("make request %s: %w", path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.transportError(ctx, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, c.problem(resp)
}

// problem reads a problem document (RFC 9457) into one line.
func (c *Client) problem(resp *http.Response) error {
	var p struct {
		Detail string `json:"detail"`
		Errors []struct {
			Message  string `json:"message"`
			Location string `json:"location"`
		} `json:"errors"`
		Faults    []view.IntentFault    `json:"faults"`
		Conflicts []view.IntentConflict `json:"conflicts"`
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil || json.Unmarshal(data, &p) != nil || p.Detail == "" {
		return &Error{Status: resp.StatusCode, Detail: fmt.Sprintf("%s answers %s, so it is not the API of an isat: give its address with --api", c.base, resp.Status)}
	}
	detail := strings.ReplaceAll(p.Detail, "\n", " ")
	for _, e := range p.Errors {
		detail += ": " + strings.TrimSpace(e.Location+" "+e.Message)
	}
	return &Error{resp.StatusCode, detail, p.Faults, p.Conflicts}
}

// transportError says in one line why there is no answer.
func (c *Client) transportError(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("no answer from isat at %s in time: %w", c.base, ctx.Err())
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("isat is not running at %s: start it with \"isat run\", or give --api", c.base)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("isat at %s closed the connection before it answered", c.base)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return fmt.Errorf("cannot reach isat at %s: %w", c.base, err)
}
