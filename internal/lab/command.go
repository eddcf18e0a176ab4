package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// adminDirs are where Debian keeps administration commands, which an ordinary user's PATH lacks.
var adminDirs = []string{"/usr/sbin", "/sbin", "/usr/local/sbin"}

// findCommand looks a command up in PATH and in the administration directories.
func findCommand(name string) (string, error) {
	p, err := exec.LookPath(name)
	if err == nil {
		return p, nil
	}
	for _, dir := range adminDirs {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p, nil
		}
	}
	return "", err
}

// newCommand prepares a command with additional environment.
func newCommand(ctx context.Context, env []string, name string, args ...string) (*exec.Cmd, error) {
	p, err := findCommand(name)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, p, args...)
	cmd.Env = append(os.Environ(), env...)
	// A child that inherited the output pipe and lives on must not hold the caller up.
	cmd.WaitDelay = time.Second
	return cmd, nil
}

// run runs a command and returns its standard output. The error carries what it wrote to its
// standard error.
func run(ctx context.Context, env []string, name string, args ...string) (string, error) {
	cmd, err := newCommand(ctx, env, name, args...)
	if err != nil {
		return "", err
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), commandError(ctx, name, args, stderr.String(), err)
	}
	return stdout.String(), nil
}

func commandError(ctx context.Context, name string, args []string, stderr string, err error) error {
	if ctx.Err() != nil {
		err = errors.Join(err, ctx.Err())
	}
	what := name
	if len(args) > 0 {
		what += " " + args[0]
	}
	if text := strings.TrimSpace(stderr); text != "" {
		return fmt.Errorf("%s: %s (%w)", what, strings.ReplaceAll(text, "\n", "; "), err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
