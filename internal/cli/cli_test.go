package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/api/apitest"
	"github.com/isat-sdn/isat/internal/view"
)

// deadline is far more than anything here takes.
const deadline = 30 * time.Second

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"isat": Main})
}

type backendKey struct{}

// TestScripts runs the scripts of testdata/script, each against a daemon of
// its own made of fixed answers.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			b := apitest.New(time.Now())
			s := httptest.NewServer(api.New(b, api.Options{}))
			env.Defer(s.Close)
			env.Values[backendKey{}] = b
			env.Setenv("ISAT_API", s.URL)
			env.Setenv("TERM", "xterm")
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			env.Setenv("NOBODY", ln.Addr().String())
			return ln.Close()
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"backend": backendCommand,
			"await":   awaitCommand,
			"failed":  expect(exitFailed),
			"usage":   expect(exitUsage),
		},
	})
}

// expect returns a command "NAME PATTERN ARG…" that runs isat with the
// arguments. isat has to end with the exit code, write nothing to standard
// output, and one line to standard error that matches the pattern.
func expect(code int) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) == 0 {
			ts.Fatalf("usage: NAME PATTERN ARG...")
		}
		pattern, err := regexp.Compile(args[0])
		ts.Check(err)
		err = ts.Exec("isat", args[1:]...)
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok || exit.ExitCode() != code {
			ts.Fatalf("isat %s: %v, want exit status %d", strings.Join(args[1:], " "), err, code)
		}
		if out := ts.ReadFile("stdout"); out != "" {
			ts.Fatalf("unexpected output: %s", out)
		}
		text := ts.ReadFile("stderr")
		if strings.Count(text, "\n") != 1 || !pattern.MatchString(strings.TrimSuffix(text, "\n")) {
			ts.Fatalf("error is not one line that matches %s: %s", pattern, text)
		}
	}
}

// awaitCommand waits until somebody listens at an address.
func awaitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await HOST:PORT")
	}
	timeout := time.After(deadline)
	for {
		conn, err := net.Dial("tcp", args[0])
		if err == nil {
			ts.Check(conn.Close())
			return
		}
		select {
		case <-timeout:
			ts.Fatalf("nobody listens at %s: %v", args[0], err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// backendCommand drives the daemon from a script:
//
//	backend await N                watches under way
//	backend publish KIND TYPE N    change the Nth object of the list
//	backend happen JSON            something happens to an address
//	backend scope TEXT             what the last operation is about
//	backend end                    end the watches
//	backend many N                 have N bindings
//	backend fail TEXT              answer everything with this error
//	backend volatile               have edits last as long as the process
//	backend resolution IP JSON     outcome of a search
func backendCommand(ts *testscript.TestScript, neg bool, args []string) {
	b := ts.Value(backendKey{}).(*apitest.Backend)
	if neg || len(args) == 0 {
		ts.Fatalf("usage: backend COMMAND")
	}
	switch args[0] {
	case "await":
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		ts.Check(b.AwaitWatchers(ctx, atoi(ts, args[1])))
	case "publish":
		c := view.Change{Kind: view.Kind(args[1]), Type: view.ChangeType(args[2])}
		switch i := atoi(ts, args[3]); c.Kind {
		case view.KindBinding:
			c.Object = b.BindingList[i]
		case view.KindSwitch:
			c.Object = b.SwitchList[i]
		default:
			ts.Fatalf("kind %s cannot be published", c.Kind)
		}
		b.Publish(c)
	case "happen":
		var e view.Event
		ts.Check(json.Unmarshal([]byte(args[1]), &e))
		b.Happen(e)
	case "scope":
		if scopes := b.Scopes(); len(scopes) == 0 || scopes[len(scopes)-1] != args[1] {
			ts.Fatalf("the scope of the last operation is not %q: %q", args[1], scopes)
		}
	case "end":
		b.EndWatches()
	case "many":
		var list []view.Binding
		for i := range atoi(ts, args[1]) {
			list = append(list, view.Binding{Network: "default", IP: fmt.Sprintf("10.1.%d.%d", i/256, i%256)})
		}
		b.Change(func() { b.BindingList = list })
	case "kept":
		b.Change(func() { b.Kept = []byte(args[1]) })
	case "fail":
		b.Change(func() { b.Err = errors.New(strings.Join(args[1:], " ")) })
	case "volatile":
		b.Change(func() { b.Volatile = true })
	case "resolution":
		var r view.Resolution
		ts.Check(json.Unmarshal([]byte(args[2]), &r))
		b.Change(func() { b.Resolutions[args[1]] = r })
	default:
		ts.Fatalf("unknown command backend %s", args[0])
	}
}

func atoi(ts *testscript.TestScript, s string) int {
	n, err := strconv.Atoi(s)
	ts.Check(err)
	return n
}
