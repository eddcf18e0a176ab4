package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// MaxConnections is how many connections the API has at a time: as many as all watchers
// take, and as many again.
const MaxConnections = 1024

// firstRequest is how long a new connection is left in peace before it has sent a request.
const firstRequest = time.Second

// refusalWait is how long a connection that is refused may take to send something before it
// is told, and then to hear it and go.
const refusalWait = time.Second

// maxRefusing is how many connections are being told so at a time. Others are closed at once.
const maxRefusing = 64

// logInterval is how often it is logged that connections are refused.
const logInterval = time.Minute

// Connections bounds the connections that the API has at a time. If there is no room for a
// new one, one without a request under way makes room: that which has been without for
// longest. If each has a request under way, the new one is refused.
type Connections struct {
	max      int
	log      *slog.Logger
	refusal  []byte
	refusing chan struct{} // as many as are being told
	gaveWay  atomic.Uint64
	refused  atomic.Uint64

	// Of the goroutine that accepts.
	logged  time.Time // when it was logged last that some were refused
	counted uint64    // how many had been by then

	mu   sync.Mutex
	open map[net.Conn]time.Time // from when it may have to make room; zero while a request is under way
}

// NewConnections returns a bound of so many connections, of which there are none yet.
func NewConnections(limit int, log *slog.Logger) *Connections {
	detail := fmt.Sprintf("%d connections are in use, and more are refused: end a watch, or try again later", limit)
	// Encoding strings and a number can't fail.
	body, _ := json.Marshal(huma.ErrorModel{Title: http.StatusText(http.StatusServiceUnavailable), Status: http.StatusServiceUnavailable, Detail: detail})
	head := "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nConnection: close\r\nContent-Length: "
	return &Connections{max: limit, log: log, refusal: fmt.Appendf(nil, "%s%d\r\n\r\n%s", head, len(body), body),
		refusing: make(chan struct{}, maxRefusing), open: make(map[net.Conn]time.Time)}
}

// Open is how many there are.
func (c *Connections) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// GaveWay counts those that were closed, while no request was under way, to make room.
func (c *Connections) GaveWay() uint64 { return c.gaveWay.Load() }

// Refused counts those for which there was no room.
func (c *Connections) Refused() uint64 { return c.refused.Load() }

// bounded is a listener whose connections are bounded.
type bounded struct {
	net.Listener
	*Connections
}

// Accept implements net.Listener.
func (b bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		ok, leaves := b.admit(conn, time.Now())
		if leaves != nil {
			b.gaveWay.Add(1)
			leaves.Close()
		}
		if ok {
			return conn, nil
		}
		b.refuse(conn)
	}
}

// admit takes a connection, if there is room or one leaves.
func (c *Connections) admit(conn net.Conn, now time.Time) (ok bool, leaves net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) >= c.max {
		earliest := now
		for other, from := range c.open {
			if !from.IsZero() && !from.After(earliest) {
				leaves, earliest = other, from
			}
		}
		if leaves == nil {
			return false, nil
		}
		delete(c.open, leaves)
	}
	c.open[conn] = now.Add(firstRequest)
	return true, leaves
}

// refuse has whoever connected be told that there is no room.
func (c *Connections) refuse(conn net.Conn) {
	total := c.refused.Add(1)
	select {
	case c.refusing <- struct{}{}:
		go func() {
			defer func() { <-c.refusing }()
			c.tell(conn)
		}()
	default:
		conn.Close()
	}
	if now := time.Now(); c.logged.IsZero() || now.Sub(c.logged) >= logInterval {
		c.log.Warn("API connections refused: as many as may be are in use",
			slog.Int("in_use", c.max), slog.Uint64("refused", total-c.counted), slog.String("last", conn.RemoteAddr().String()))
		c.logged, c.counted = now, total
	}
}

// tell refuses a connection. A client that is answered before it has asked takes that for a
// fault, and one that is cut off in the middle of its request may lose the answer.
func (c *Connections) tell(conn net.Conn) {
	defer conn.Close()
	// Whatever fails here means that the client is gone, or has had its time.
	_ = conn.SetReadDeadline(time.Now().Add(refusalWait))
	if _, err := conn.Read(make([]byte, 4096)); errors.Is(err, io.EOF) {
		return
	}
	_ = conn.SetDeadline(time.Now().Add(refusalWait))
	_, _ = conn.Write(c.refusal)
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, conn)
}

// follow is the server's hook for what becomes of its connections.
func (c *Connections) follow(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.open[conn]; !ok {
		return // it had to make room
	}
	switch state {
	case http.StateActive:
		c.open[conn] = time.Time{}
	case http.StateIdle:
		c.open[conn] = time.Now()
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
	}
}
