package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// argv returns the command line and the additional environment that run a command in a member.
// ip-netns-exec(8) also mounts the namespace's own /sys and /etc/netns files.
func (l *Lab) argv(member string, cmd []string) (argv, env []string, err error) {
	if len(cmd) == 0 {
		return nil, nil, errors.New("no command given")
	}
	t := l.Topology()
	ns := namespaceName(t.Name, member)
	switch {
	case t.host(member) >= 0:
	case t.switchNamed(member) >= 0:
		ns = l.ovs.namespace
		env = l.ovs.env()
	default:
		return nil, nil, fmt.Errorf("lab %s has no host or switch %q: there are %s", t.Name, member, strings.Join(t.members(), ", "))
	}
	env = append(env, "ISAT_LAB="+t.Name, "ISAT_LAB_HOST="+member)
	// ip reports a missing command as its own failure; this says it better.
	if _, err := findCommand(cmd[0]); err != nil {
		return nil, nil, &CommandError{Command: cmd[0], Err: err}
	}
	return append([]string{"ip", "netns", "exec", ns}, cmd...), env, nil
}

func (t Topology) members() []string {
	var names []string
	for _, h := range t.Hosts {
		names = append(names, h.Name)
	}
	for _, s := range t.Switches {
		names = append(names, s.Name)
	}
	return names
}

// CommandError is a command that can't be run.
type CommandError struct {
	Command string
	Err     error
}

func (e *CommandError) Error() string {
	var cause *exec.Error
	if errors.As(e.Err, &cause) {
		return fmt.Sprintf("run %q: %v", e.Command, cause.Err)
	}
	return fmt.Sprintf("run %q: %v", e.Command, e.Err)
}

func (e *CommandError) Unwrap() error { return e.Err }

// ExitCode is what shells return: 127 for a command that isn't there, 126 for one that can't be run.
func (e *CommandError) ExitCode() int {
	if errors.Is(e.Err, exec.ErrNotFound) || errors.Is(e.Err, os.ErrNotExist) {
		return 127
	}
	return 126
}

// Become replaces this process by a command in a host or switch (see Command), so that its terminal,
// signals and exit code are the command's own. It returns only on failure.
func (l *Lab) Become(member string, cmd ...string) error {
	if err := checkRoot(); err != nil {
		return err
	}
	argv, env, err := l.argv(member, cmd)
	if err != nil {
		return err
	}
	file, err := findCommand(argv[0])
	if err != nil {
		return &CommandError{Command: argv[0], Err: err}
	}
	// As root in a lab, the administration directories belong in the search path.
	path := os.Getenv("PATH")
	for _, dir := range adminDirs {
		if !strings.Contains(":"+path+":", ":"+filepath.Clean(dir)+":") {
			path += ":" + dir
		}
	}
	env = append(append(os.Environ(), env...), "PATH="+path)
	return &CommandError{Command: argv[0], Err: syscall.Exec(file, argv, env)}
}
