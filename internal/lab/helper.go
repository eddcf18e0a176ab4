package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
)

// A helper is a part of isat's own that a lab needs as long as it is up: the relay, and the taggers
// where the kernel has no 802.1Q. It runs inside the process that made the lab, or as a process in
// one of the lab's namespaces, where the clean-up finds it like everything else.
type helperSpec struct {
	name      string // among the lab's processes
	namespace string // where the process lives
	args      []string
	here      func() (closer, error) // the same, inside this process
}

const relayName = "relay"

func relaySpec(namespace, listen string, to target) helperSpec {
	return helperSpec{
		name: relayName, namespace: namespace,
		args: []string{"relay", listen, to.address},
		here: func() (closer, error) { return relayHere(namespace, listen, to) },
	}
}

func taggerName(host string) string { return "tagger of " + host }

func taggerSpec(namespace, host string, ids []uint16) helperSpec {
	args := []string{"tagger"}
	for _, id := range ids {
		args = append(args, strconv.Itoa(int(id)))
	}
	return helperSpec{
		name: taggerName(host), namespace: namespace, args: args,
		here: func() (t closer, err error) {
			err = inNamespace(namespace, func() error {
				t, err = newTagger(hostLink, ids)
				return err
			})
			return t, err
		},
	}
}

// startHelper starts a helper the way the options say.
func (l *Lab) startHelper(spec helperSpec) error {
	if len(l.opts.Helper) == 0 {
		h, err := spec.here()
		if err != nil {
			return fmt.Errorf("start %s: %w", spec.name, err)
		}
		l.helpers[spec.name] = h
		return nil
	}
	p, err := startHelperProcess(l.opts.Helper, spec, l.dir)
	if err != nil {
		return fmt.Errorf("start %s: %w", spec.name, err)
	}
	l.state.Processes = append(l.state.Processes, p)
	return nil
}

// stopHelper ends a helper, be it here or a process, if there is one of that name.
func (l *Lab) stopHelper(name string) error {
	if h := l.helpers[name]; h != nil {
		delete(l.helpers, name)
		return h.Close()
	}
	var rest []process
	for _, p := range l.state.Processes {
		if p.Name != name {
			rest = append(rest, p)
			continue
		}
		ids := map[namespaceID]bool{}
		for _, ns := range l.state.Namespaces {
			if id, err := namespaceIDOf(namespacePath(ns)); err == nil {
				ids[id] = true
			}
		}
		endProcesses([]int{p.PID}, ids)
	}
	l.state.Processes = rest
	return nil
}

// What a helper process is given beyond its arguments are two descriptors.
const (
	outerFD = 3 // the namespace that the lab was made from
	readyFD = 4 // takes "ok\n" or an error message
)

// RunHelper is the body of a helper process, which Up starts with the command Options.Helper. It
// returns when ctx ends.
func RunHelper(ctx context.Context, args []string) error {
	// A SIGHUP to every process of isat's is for those that have a file to read again.
	signal.Ignore(syscall.SIGHUP)
	outer, ready := os.NewFile(outerFD, "outer namespace"), os.NewFile(readyFD, "ready")
	defer outer.Close()
	defer ready.Close()
	// Only a namespace will do here; anything else means that somebody tried it by hand.
	if err := onNamespaceThread(int(outer.Fd()), func() error { return nil }); err != nil {
		return fmt.Errorf("this is started by isat lab up, not by hand: %w", err)
	}
	h, err := newHelper(outer, args)
	if err != nil {
		fmt.Fprintln(ready, err)
		return err
	}
	fmt.Fprintln(ready, "ok")
	ready.Close()
	<-ctx.Done()
	return h.Close()
}

func newHelper(outer *os.File, args []string) (closer, error) {
	switch {
	case len(args) == 3 && args[0] == "relay":
		return relayFrom(outer, args[1], args[2])
	case len(args) > 1 && args[0] == "tagger":
		var ids []uint16
		for _, arg := range args[1:] {
			id, err := strconv.ParseUint(arg, 10, 12)
			if err != nil {
				return nil, fmt.Errorf("tagger: %w", err)
			}
			ids = append(ids, uint16(id))
		}
		return newTagger(hostLink, ids)
	}
	return nil, fmt.Errorf("unknown helper %q", args)
}

// startHelperProcess starts a helper as a process that outlives this one and waits until it is ready.
func startHelperProcess(command []string, spec helperSpec, dir string) (process, error) {
	args := spec.args
	if spec.name == relayName {
		address, err := resolveTarget(args[2])
		if err != nil {
			return process{}, err
		}
		args = []string{args[0], args[1], address}
	}
	outer, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return process{}, err
	}
	defer outer.Close()
	readyR, readyW, err := os.Pipe()
	if err != nil {
		return process{}, err
	}
	defer readyR.Close()
	log, err := os.OpenFile(filepath.Join(dir, "helpers.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return process{}, errors.Join(err, readyW.Close())
	}
	defer log.Close()
	cmd := exec.Command(command[0], append(command[1:len(command):len(command)], args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{outer, readyW}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = inNamespace(spec.namespace, cmd.Start)
	readyW.Close()
	if err != nil {
		return process{}, err
	}
	if text, _ := io.ReadAll(io.LimitReader(readyR, 1024)); string(text) != "ok\n" {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return process{}, fmt.Errorf("it failed: %q (see %s)", text, log.Name())
	}
	p, err := newProcess(spec.name, cmd.Process.Pid)
	// A caller that lives on must reap it, or it would stay as a zombie.
	go func() { _ = cmd.Wait() }()
	return p, err
}
