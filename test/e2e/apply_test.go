package e2e

import (
	"bytes"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// command runs isat on the running one and returns its output and exit code.
func (w *world) command(stdin string, args ...string) (string, int) {
	w.t.Helper()
	cmd := exec.Command(binary, append(args, "--api", w.isat.api)...)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &out
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		w.t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// ofRules finds in a dump the flows that come from the intent alone; hosts may be learned
// at any time.
var ofRules = regexp.MustCompile(`cookie=0x15a7..0[12]`)

func (w *world) rules() []string {
	w.t.Helper()
	return slices.DeleteFunc(w.flows("s1"), func(flow string) bool { return !ofRules.MatchString(flow) })
}

// What is applied is done in the switch, an equal document and a refused one change no
// flow, and all of it is there after a crash.
func TestApply(t *testing.T) {
	w := newWorld(t, twoNetworksTopology("apply"), "", "--data-dir", t.TempDir())
	want := func(stdin, says string, code int, args ...string) {
		t.Helper()
		if out, got := w.command(stdin, args...); got != code || !strings.Contains(out, says) {
			t.Fatalf("isat %s: code %d, want %d and %q:\n%s", strings.Join(args, " "), got, code, says, out)
		}
		w.settled()
	}
	pings := func(want bool) {
		t.Helper()
		if out, code := w.exec("b1", "ping", "-c", "1", "-W", "3", "10.0.0.2"); (code == 0) != want {
			t.Fatalf("b1 pings b2: %v, want %v:\n%s", code == 0, want, out)
		}
	}
	const policy = "kind: policy\nname: no-ping\ntable: l2\npriority: 100\nmatch: icmp4\nactions: drop;\n"
	want(twoNetworks, `network "blue" created`, 0, "apply", "-f", "-")
	pings(true)
	w.learned("blue", "10.0.0.1", "reachable")
	w.learned("blue", "10.0.0.2", "reachable")
	flows := w.rules()
	want(twoNetworks, `network "blue" unchanged`, 0, "apply", "-f", "-")
	want(strings.Replace(twoNetworks, "number: 200", "number: 100", 1), "nothing was changed", 1, "apply", "-f", "-")
	want(policy, "created (dry run)", 0, "apply", "--dry-run", "-f", "-")
	if diff := difference(flows, w.rules()); diff != "" {
		t.Errorf("what changes nothing changed flows:\n%s", diff)
	}
	want(policy, `policy "no-ping" created`, 0, "apply", "-f", "-")
	pings(false)
	w.isat.kill()
	w.start(w.listen)
	w.synced()
	pings(false)
	want("", `policy "no-ping" deleted`, 0, "delete", "policy", "no-ping")
	pings(true)
	want("", `+  - {ip: 10.0.0.77, mac: "02:00:00:00:00:77"}`, 0, "bind", "10.0.0.77", "02:00:00:00:00:77", "--network", "blue")
	w.learned("blue", "10.0.0.77", "static")
}
