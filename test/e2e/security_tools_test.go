package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/isat-sdn/isat/internal/lab"
)

// need skips a test without the tools that it uses.
func need(t *testing.T, tools ...string) {
	t.Helper()
	lab.Require(t)
	for _, tool := range tools {
		if _, err := lookTool(tool); err != nil {
			if os.Getenv(lab.RequireEnv) == "1" {
				t.Fatalf("%v: run scripts/install-deps test", err)
			}
			t.Skipf("%v: run scripts/install-deps test", err)
		}
	}
}

// lookTool finds a tool, also where only root looks.
func lookTool(tool string) (string, error) {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/local/sbin", "/usr/sbin", "/sbin") {
		path := filepath.Join(dir, tool)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("no %s on this machine", tool)
}

// daemon runs a command in a host until the test ends.
func (w *world) daemon(host string, cmd ...string) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c, err := w.lab.Command(ctx, host, cmd...)
	if err != nil {
		w.t.Fatal(err)
	}
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		cancel()
		_ = c.Wait()
		if w.t.Failed() {
			w.t.Logf("%v said:\n%s", cmd, &out)
		}
	})
}
