package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/api/apitest"
	"github.com/isat-sdn/isat/internal/view"
)

// deadline is far more than anything here takes.
const deadline = 20 * time.Second

// follow opens a watch and returns a function that reads its next event, as
// "event: data".
func follow(t *testing.T, base, path string) func() string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("GET %s: %s %s", path, resp.Status, resp.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(resp.Body)
	return func() string {
		event := ""
		for lines.Scan() {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				event = name
			}
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return event + ": " + data
			}
		}
		return fmt.Sprintf("closed (%v)", lines.Err())
	}
}

func TestWatchSendsPresentObjectsThenChanges(t *testing.T) {
	b := apitest.New(time.Now())
	next := follow(t, serve(t, b).URL, "/v1/watch/networks")
	for _, want := range []string{`"type":"added","object":{"number":1,"name":"default"`, `"type":"added","object":{"number":100,"name":"blue"`} {
		if got := next(); !strings.HasPrefix(got, `change: {"kind":"networks",`+want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	b.Publish(view.Change{Kind: view.KindStation, Type: view.Deleted, Object: view.Station{}})
	b.Publish(view.Change{Kind: view.KindNetwork, Type: view.Deleted, Object: view.Network{Name: "blue"}})
	if got := next(); !strings.Contains(got, `"type":"deleted"`) || !strings.Contains(got, `"subnets":[]`) {
		t.Errorf("got %s, want the deletion of blue", got)
	}
	b.EndWatches()
	if got := next(); got != `end: {"reason":"the watcher was too slow: start it again"}` {
		t.Errorf("got %s", got)
	}
	if got := next(); got != "closed (<nil>)" {
		t.Errorf("got %s after the end", got)
	}
}

func TestWatchFilterTurnsMovesIntoAddedAndDeleted(t *testing.T) {
	b := apitest.New(time.Now())
	next := follow(t, serve(t, b).URL, "/v1/watch/bindings?switch=s2")
	if got := next(); !strings.Contains(got, `"network":"blue"`) {
		t.Fatalf("got %s, want the binding of s2", got)
	}
	moving := b.BindingList[0]
	publish := func(kind view.ChangeType, sw string) {
		moving.Switch = sw
		b.Publish(view.Change{Kind: view.KindBinding, Type: kind, Object: moving})
	}
	const s1, s2 = "0000000000000001", "0000000000000002"
	publish(view.Modified, s1) // not seen before: nothing
	publish(view.Modified, s2) // added
	publish(view.Modified, s2) // modified
	publish(view.Modified, s1) // deleted
	publish(view.Deleted, s1)  // gone already: nothing
	publish(view.Added, s2)    // added
	publish(view.Deleted, s2)  // deleted
	var got []string
	for range 5 {
		_, rest, _ := strings.Cut(next(), `"type":"`)
		kind, _, _ := strings.Cut(rest, `"`)
		got = append(got, kind)
	}
	if diff := cmp.Diff([]string{"added", "modified", "deleted", "added", "deleted"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWatchEndsWithItsClient(t *testing.T) {
	b := apitest.New(time.Now())
	s := serve(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", s.URL+"/v1/watch/ports", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	limit, stop := context.WithTimeout(t.Context(), deadline)
	defer stop()
	if err := b.AwaitWatchers(limit, 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := b.AwaitWatchers(limit, 0); err != nil {
		t.Fatal(err)
	}
}

func TestServeEndsCleanlyAndEndsWatches(t *testing.T) {
	b := apitest.New(time.Now())
	ln, err := api.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- api.Serve(ctx, ln, api.New(b, api.Options{}), unlimited()) }()
	next := follow(t, "http://"+ln.Addr().String(), "/v1/watch/switches")
	next()
	next()
	cancel()
	if got := next(); got != `end: {"reason":"isat is stopping"}` {
		t.Errorf("got %s", got)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(deadline):
		t.Fatal("serve does not end")
	}
	http.DefaultClient.CloseIdleConnections()
}

// A client that does not read its answer is given up.
func TestAnswersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gaveUp := make(chan error, 1)
		p := servePipes(t, unlimited(), func(w http.ResponseWriter, _ *http.Request) {
			page := make([]byte, 1<<20)
			_, err := w.Write(page)
			gaveUp <- err
		})
		p.dial(t).send(t, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		began := time.Now()
		if err := <-gaveUp; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the answer ended with %v", err)
		}
		if took := time.Since(began); took > time.Hour {
			t.Errorf("it took %v", took)
		}
	})
}

func TestServeReportsABrokenListener(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	err = api.Serve(t.Context(), ln, http.NotFoundHandler(), unlimited())
	if err == nil || !strings.HasPrefix(err.Error(), "serve the API on 127.0.0.1:") {
		t.Errorf("got %v", err)
	}
}

func TestListenSaysWhatToDo(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	address := ln.Addr().String()
	_, err = api.Listen(t.Context(), address)
	want := "listen for the API on " + address + ": the address is in use, perhaps by another isat: " +
		"stop it, or choose another address with --api-listen: address already in use"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if _, err = api.Listen(t.Context(), "nowhere"); err == nil || !strings.HasPrefix(err.Error(), "listen for the API on nowhere: ") {
		t.Errorf("got %v", err)
	}
}
