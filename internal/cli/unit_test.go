package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/api/apitest"
	_ "github.com/isat-sdn/isat/test/seed"
)

func TestNearest(t *testing.T) {
	words := []string{"bindings", "networks", "ports", "b", "net"}
	for _, c := range []struct{ word, want string }{
		{"bindngs", "bindings"}, {"bnidings", "bindings"}, {"bind", "bindings"}, {"network", "networks"},
		{"porst", "ports"}, {"zebra", ""}, {"xyz", ""},
	} {
		if got := nearest(c.word, words); got != c.want {
			t.Errorf("nearest(%q) = %q, want %q", c.word, got, c.want)
		}
	}
}

func TestDistanceIsAMetricOfTypingErrors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.StringMatching(`[a-c]{0,6}`).Draw(t, "a")
		b := rapid.StringMatching(`[a-c]{0,6}`).Draw(t, "b")
		d := distance(a, b)
		if d != distance(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) || d < max(len(a), len(b))-min(len(a), len(b)) {
			t.Fatalf("distance(%q, %q) = %d", a, b, d)
		}
	})
}

func TestByteSize(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 20_480: "20.5 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 25_500_000: "25.5 MB", 1<<64 - 1: "18.4 EB",
	} {
		if got := byteSize(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestAges(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{-time.Second, "0s"}, {119 * time.Second, "119s"}, {2 * time.Minute, "2m"},
		{119 * time.Minute, "119m"}, {2 * time.Hour, "2h"}, {48 * time.Hour, "2d"},
	} {
		if got := ageOf(c.d); got != c.want {
			t.Errorf("%s: got %s, want %s", c.d, got, c.want)
		}
	}
	if got := age(time.Time{}); got != "" {
		t.Errorf("age of never: %q", got)
	}
	for _, c := range []struct{ in, want string }{{"250.4µs", "250 µs"}, {"1.26ms", "1.3 ms"}, {"3.04s", "3.0 s"}, {"soon", "soon"}} {
		if got := took(c.in); got != c.want {
			t.Errorf("took(%s) = %s, want %s", c.in, got, c.want)
		}
	}
}

func TestPortNumbers(t *testing.T) {
	for n, want := range map[uint32]string{0: "", 7: "7", 0xfffffffe: "LOCAL"} {
		if got := portNumber(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestListenAddress(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{":6653", "tcp::6653"}, {"tcp:127.0.0.1:6653", "tcp:127.0.0.1:6653"}, {"[::1]:0", "tcp:[::1]:0"},
		{"tcp:[::1]:6653", "tcp:[::1]:6653"}, {"unix:/run/x", "unix:/run/x"}, {defaultListen, defaultListen},
		{"unix:", ""}, {"tcp:h", ""}, {"tcp:h:", ""}, {"", ""}, {"udp:h:1", ""},
	} {
		got, err := listenAddress(c.in)
		if got != c.want || (err == nil) == (c.want == "") {
			t.Errorf("%q: got %q, %v, want %q", c.in, got, err, c.want)
		}
	}
}

func TestReport(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		text string
	}{
		{nil, 0, ""},
		{errors.New("no"), 1, "isat: no\n"},
		{usageErrorf("no %d", 1), 2, "isat: no 1\n"},
		{exitStatus(7), 7, ""},
		{fmt.Errorf("run: %w", exitStatus(3)), 3, ""},
		{fmt.Errorf("write: %w", syscall.EPIPE), 0, ""},
		{fmt.Errorf("ask: %w", context.Canceled), 1, "isat: interrupted\n"},
	} {
		var b bytes.Buffer
		if got := report(&b, c.err); got != c.code || b.String() != c.text {
			t.Errorf("%v: got %d %q, want %d %q", c.err, got, b.String(), c.code, c.text)
		}
	}
}

func TestLogFormats(t *testing.T) {
	for format, want := range map[string]string{"text": "level=WARN msg=late", "json": `"level":"WARN","msg":"late"`} {
		var b bytes.Buffer
		log := newLogger(&b, format, slog.LevelWarn)
		log.Info("quiet")
		log.Warn("late")
		if got := b.String(); !strings.Contains(got, want) || strings.Contains(got, "quiet") {
			t.Errorf("%s: %s", format, got)
		}
	}
}

// A table keeps its columns aligned, whatever the cells and the batches.
func TestTablesAreAligned(t *testing.T) {
	var b bytes.Buffer
	table := newTable(&b, []string{"A", "LONG"})
	for _, rows := range [][][]string{{{"x", ""}, {"wide cell", "y"}}, {{"ü", "z"}}} {
		if err := table.print(rows); err != nil {
			t.Fatal(err)
		}
	}
	want := "A          LONG\nx          -\nwide cell  y\nü          z\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	b.Reset()
	table = newTable(&b, []string{"STATE", "X"})
	table.colour = true
	if err := table.print([][]string{{"up", "1"}}); err != nil {
		t.Fatal(err)
	}
	if want := "\x1b[1mSTATE\x1b[0m  \x1b[1mX\x1b[0m\n\x1b[32mup\x1b[0m     1\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

// Of many who bind addresses in one network at once nobody loses.
func TestBindingsAtOnce(t *testing.T) {
	const editors = 8
	b := apitest.New(time.Now())
	s := httptest.NewServer(api.New(b, api.Options{}))
	defer s.Close()
	codes := make([]int, editors)
	var errs [editors]bytes.Buffer
	var running sync.WaitGroup
	for i := range codes {
		running.Go(func() {
			args := []string{"bind", fmt.Sprintf("10.0.9.%d", i+1), "02:00:00:00:09:01", "--network", "blue", "--api", s.URL}
			codes[i] = Run(t.Context(), args, strings.NewReader(""), io.Discard, &errs[i])
		})
	}
	running.Wait()
	for i, code := range codes {
		if code != exitOK {
			t.Errorf("%d: %s", i, errs[i].String())
		}
	}
	list, err := b.Intent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list {
		if o.Name == "blue" && strings.Count(string(o.Text), "{ip: 10.0.9.") != editors {
			t.Errorf("a binding is lost:\n%s", o.Text)
		}
	}
}

func TestEveryCommandIsDescribed(t *testing.T) {
	root := newRoot()
	text := string(commandReference(root))
	for _, name := range []string{"run", "status", "get", "resolve", "probe", "explain", "version", "lab", "apply", "delete", "edit", "bind", "unbind"} {
		if !strings.Contains(text, "\n## isat "+name+"\n") {
			t.Errorf("isat %s is not in the reference", name)
		}
	}
	if strings.Count(text, "```")%2 != 0 {
		t.Error("a code block is not closed")
	}
}
