package api_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/isat-sdn/isat/internal/api"
)

func unlimited() *api.Connections {
	return api.NewConnections(math.MaxInt, slog.New(slog.DiscardHandler))
}

// pipes is a listener to which connections are made in memory, for virtual time.
type pipes struct {
	conns  chan net.Conn
	closed context.Context
	close  context.CancelFunc
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed.Done():
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { p.close(); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// servePipes serves on pipes until the test ends.
func servePipes(t *testing.T, conns *api.Connections, h http.HandlerFunc) pipes {
	p := pipes{conns: make(chan net.Conn)}
	p.closed, p.close = context.WithCancel(context.Background())
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- api.Serve(ctx, p, h, conns) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if synctest.Wait(); conns.Open() != 0 {
			t.Errorf("%d connections are left", conns.Open())
		}
	})
	return p
}

// pipe is the client's end of a connection.
type pipe struct {
	net.Conn
	in *bufio.Reader
}

// dial connects, and returns when the server has done with it what it does at once.
func (p pipes) dial(t *testing.T) *pipe {
	near, far := net.Pipe()
	p.conns <- far
	t.Cleanup(func() { near.Close() })
	synctest.Wait()
	return &pipe{near, bufio.NewReader(near)}
}

func (c *pipe) send(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func (c *pipe) get(t *testing.T, path string) {
	t.Helper()
	c.send(t, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

// answer reads an answer: its status and body, or why there is none.
func (c *pipe) answer() string {
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	synctest.Wait()
	return fmt.Sprint(resp.StatusCode, " ", string(body), err)
}

// closed says whether the server has closed the connection by a time from now.
func (c *pipe) closed(by time.Duration) bool {
	if c.SetReadDeadline(time.Now().Add(by)) != nil {
		return true
	}
	_, err := io.Copy(io.Discard, c.in)
	return err == nil
}

// waiting answers at once, but for /wait, which is answered when the request is over or
// something is released.
func waiting(release <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
		fmt.Fprint(w, r.URL.Path)
	}
}

// At the bound who has no request under way makes room, first who is without for longest;
// then whoever comes is refused, which the log tells of once a minute.
func TestConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		conns := api.NewConnections(3, slog.New(slog.NewTextHandler(&log, nil)))
		release := make(chan struct{})
		p := servePipes(t, conns, waiting(release))
		var c [5]*pipe
		for i := range 3 {
			c[i] = p.dial(t)
			c[i].get(t, fmt.Sprintf("/%d", i))
			if got, want := c[i].answer(), fmt.Sprintf("200 /%d<nil>", i); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
			time.Sleep(time.Second)
		}
		c[0].get(t, "/wait")
		for i := range 2 {
			c[3+i] = p.dial(t)
			if leaves := c[1+i]; !leaves.closed(0) || conns.GaveWay() != uint64(1+i) || conns.Open() != 3 {
				t.Fatalf("%d: nobody, or another, gave way: %d did, %d are open", i, conns.GaveWay(), conns.Open())
			}
			c[3+i].get(t, "/wait")
		}
		const refusal = `503 {"title":"Service Unavailable","status":503,"detail":"3 connections are in use, and more are refused: ` +
			`end a watch, or try again later"}<nil>`
		for range 5 {
			late := p.dial(t)
			if late.get(t, "/"); late.answer() != refusal || !late.closed(time.Minute) {
				t.Fatal("one too many is not refused")
			}
		}
		if conns.Refused() != 5 || conns.GaveWay() != 2 || conns.Open() != 3 {
			t.Errorf("%d refused, %d gave way, %d open: want 5, 2 and 3", conns.Refused(), conns.GaveWay(), conns.Open())
		}
		time.Sleep(time.Minute)
		late := p.dial(t)
		if late.get(t, "/"); late.answer() != refusal {
			t.Error("one too many is not refused")
		}
		if told := log.String(); strings.Count(told, "\n") != 2 || !strings.Contains(told, "in_use=3 refused=1 ") || !strings.Contains(told, "in_use=3 refused=5 ") {
			t.Errorf("logged:\n%s", told)
		}
		close(release)
		for _, i := range []int{0, 3, 4} {
			if got := c[i].answer(); got != "200 /wait<nil>" {
				t.Errorf("who had a request under way: %s", got)
			}
		}
	})
}

// Who is refused hears of it when the request has come, or if none comes, and can send the rest
// of it. Of many at once only some are told.
func TestRefusalIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conns := api.NewConnections(1, slog.New(slog.DiscardHandler))
		p := servePipes(t, conns, waiting(nil))
		p.dial(t).get(t, "/wait")
		early := p.dial(t)
		if early.SetReadDeadline(time.Now().Add(time.Second/2)) != nil || early.answer() != "read pipe: i/o timeout" {
			t.Fatal("it is answered before it has asked")
		}
		if early.SetReadDeadline(time.Time{}) != nil || !strings.HasPrefix(early.answer(), "503 ") {
			t.Error("a silent one is not told")
		}
		early.Close()
		large := p.dial(t)
		large.send(t, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
		if !strings.HasPrefix(large.answer(), "503 ") {
			t.Error("a large request is not refused")
		}
		large.send(t, strings.Repeat("x", 1000000))
		large.Close()
		var told int
		var many []*pipe
		for range 100 {
			many = append(many, p.dial(t))
		}
		for _, c := range many {
			if strings.HasPrefix(c.answer(), "503 ") {
				told++
			}
			c.Close()
		}
		if told != 64 || conns.Refused() != 102 || conns.Open() != 1 {
			t.Errorf("of 102 %d are refused, and of the last 100 %d told; %d are open", conns.Refused(), told, conns.Open())
		}
	})
}

// A connection that has just come is left in peace for a second, and makes room then if it
// has sent nothing, or half a request.
func TestSilentConnectionsMakeRoom(t *testing.T) {
	for _, text := range []string{"", "GET / HTTP/1.1\r\nHost: loc"} {
		synctest.Test(t, func(t *testing.T) {
			conns := api.NewConnections(1, slog.New(slog.DiscardHandler))
			p := servePipes(t, conns, waiting(nil))
			silent := p.dial(t)
			silent.send(t, text)
			early := p.dial(t)
			if early.get(t, "/"); !strings.HasPrefix(early.answer(), "503 ") {
				t.Errorf("%q: a new connection had to make room at once", text)
			}
			time.Sleep(time.Second)
			next := p.dial(t)
			if next.get(t, "/"); next.answer() != "200 /<nil>" || !silent.closed(0) {
				t.Errorf("%q: it does not make room", text)
			}
		})
	}
}

// Nobody keeps a connection by sending slowly, or nothing.
func TestRequestsArriveInTime(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":          "",
		"half a head":      "GET / HTTP/1.1\r\nHost: loc",
		"no body":          "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n",
		"half a body":      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345",
		"a body of chunks": "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
		"a request":        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := servePipes(t, unlimited(), waiting(nil)).dial(t)
				c.send(t, text)
				if !c.closed(time.Hour) {
					t.Error("the connection is open after an hour")
				}
			})
		})
	}
}

// Once the body is there an answer may take its time.
func TestAnswersTakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := servePipes(t, unlimited(), func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			time.Sleep(time.Minute)
			fmt.Fprint(w, string(body), " ", err, " ", r.Context().Err())
		})
		c := p.dial(t)
		c.send(t, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nyes")
		if got := c.answer(); got != "200 yes <nil> <nil><nil>" {
			t.Errorf("got %s", got)
		}
	})
}
