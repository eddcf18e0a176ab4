package project

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/isat-sdn/isat/internal/cli"
	"github.com/isat-sdn/isat/internal/daemon"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/internal/pipeline"
)

// Every package has a doc.go whose first sentence says what it is for.
func TestPackageDocs(t *testing.T) {
	sentence := regexp.MustCompile(`^(Package \w+|Command \w+) [a-z][^.]*\.`)
	for _, u := range units(t) {
		name := "doc.go"
		if strings.HasPrefix(u.path, "cmd/") {
			name = "main.go"
		}
		file := u.files[name]
		switch {
		case file == nil:
			t.Errorf("package %s has no %s", u.path, name)
		case !sentence.MatchString(strings.ReplaceAll(file.Doc.Text(), "\n", " ")):
			t.Errorf("%s/%s: the first sentence does not say what the package is for: %q", u.path, name, file.Doc.Text())
		}
	}
}

// What "isat docs" writes is what is in docs/.
func TestGeneratedDocsAreCurrent(t *testing.T) {
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	if code := cli.Run(t.Context(), []string{"docs", "--dir", dir}, strings.NewReader(""), &stdout, &stderr); code != 0 {
		t.Fatalf("isat docs: code %d: %s", code, stderr.String())
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("isat docs wrote nothing: %v", err)
	}
	for _, e := range entries {
		want, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, filepath.Join("docs", e.Name())); got != string(want) {
			t.Errorf("docs/%s is not what the program generates: run make generate", e.Name())
		}
	}
}

// block is a fenced block of a document.
type block struct {
	file, language, text string
	line                 int
}

func documents(t *testing.T) (list []string) {
	t.Helper()
	walk(t, func(path string) {
		if filepath.Ext(path) == ".md" {
			list = append(list, filepath.ToSlash(path))
		}
	})
	return list
}

func blocks(t *testing.T, file string) (list []block) {
	t.Helper()
	var b *block
	for i, line := range strings.Split(read(t, file), "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && b == nil:
			b = &block{file: file, language: fence, line: i + 1}
		case isFence:
			list = append(list, *b)
			b = nil
		case b != nil:
			b.text += line + "\n"
		}
	}
	if b != nil {
		t.Errorf("%s:%d: the block has no end", file, b.line)
	}
	return list
}

// intentDocument is a line that a document of an intent file has, and no topology.
var intentDocument = regexp.MustCompile(`(?m)^kind: (network|router|policy|limits)$`)

// Every example of an intent file and of a lab's topology is valid.
func TestExamplesParse(t *testing.T) {
	intents := 0
	for _, file := range documents(t) {
		for _, b := range blocks(t, file) {
			if b.language != "yaml" {
				continue
			}
			where := fmt.Sprintf("%s:%d", b.file, b.line)
			var err error
			if intentDocument.MatchString(b.text) {
				intents++
				_, err = intent.ParseWith(where, []byte(b.text), pipeline.NewPolicyChecker().Check)
			} else {
				_, err = lab.Parse(where, []byte(b.text))
			}
			if err != nil {
				t.Errorf("%s: %v", where, err)
			}
		}
	}
	if intents == 0 {
		t.Error("no document has an example of an intent file")
	}
}

// Every intent file in examples/ is for the built-in topology of its name: ports and addresses are
// those of the topology's hosts, and gateways are routers'.
func TestExamplesFitTheirTopologies(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "examples", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in, err := intent.ParseWith(file, text, pipeline.NewPolicyChecker().Check)
			if err != nil {
				t.Fatal(err)
			}
			topology, err := lab.LoadBuiltin(strings.TrimSuffix(filepath.Base(file), ".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			checkFit(t, in, topology)
		})
	}
}

// Alert rules name metrics that there are, with labels that they have.
func TestAlertsNameMetrics(t *testing.T) {
	labels := make(map[string][]string)
	for _, m := range daemon.Metrics() {
		labels[m.Name] = m.Labels
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Labels      map[string]string
				Annotations struct{ Summary, Description string }
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "examples/alerts/isat.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	rules := 0
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			rules++
			if r.Annotations.Summary == "" || r.Labels["severity"] == "" {
				t.Errorf("%s has no summary or severity", r.Alert)
			}
			for _, use := range regexp.MustCompile(`(isat_\w+)(?:\{(\w+)=)?`).FindAllStringSubmatch(r.Expr, -1) {
				have, ok := labels[use[1]]
				if !ok || use[2] != "" && !slices.Contains(have, use[2]) {
					t.Errorf("%s: there is no metric %s with label %q", r.Alert, use[1], use[2])
				}
			}
		}
	}
	if rules == 0 {
		t.Error("there are no rules")
	}
}

func checkFit(t *testing.T, in *intent.Intent, topology lab.Topology) {
	t.Helper()
	hosts := make(map[string]lab.Host)
	for _, h := range topology.Hosts {
		hosts[h.Name] = h
	}
	for i := range in.Networks {
		n := &in.Networks[i]
		gateways := routersOn(in, n.Number)
		for _, p := range n.Ports {
			h, ok := hosts[p.Port.Name]
			delete(hosts, p.Port.Name)
			if !ok {
				t.Errorf("network %q: the topology has no host at port %q", n.Name, p.Port.Name)
			}
			for _, a := range h.Addresses {
				if !slices.ContainsFunc(n.Subnets, func(s intent.Subnet) bool { return s.Prefix == a.Masked() }) {
					t.Errorf("host %s: %v is in no subnet of network %q", h.Name, a, n.Name)
				}
			}
			for _, g := range h.Gateways {
				if !slices.Contains(gateways, g) {
					t.Errorf("host %s: no router has its gateway %v in network %q", h.Name, g, n.Name)
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		t.Errorf("host %s of the topology is in no network", name)
	}
}

// routersOn lists the addresses that routers have in a network.
func routersOn(in *intent.Intent, network uint32) (list []netip.Addr) {
	for r := range in.Routers {
		if i, ok := in.Routers[r].InterfaceOn(network); ok {
			for _, own := range i.Addresses {
				list = append(list, own.Addr())
			}
		}
	}
	return list
}

// Every command that a document tells to type exists, with its flags.
func TestCommandsExist(t *testing.T) {
	targets := makeTargets(t)
	commands := 0
	for _, file := range documents(t) {
		for _, b := range blocks(t, file) {
			if b.language != "sh" {
				continue
			}
			for i, line := range strings.Split(b.text, "\n") {
				words := words(line)
				if len(words) == 0 {
					continue
				}
				where := fmt.Sprintf("%s:%d: %s", b.file, b.line+1+i, line)
				switch filepath.Base(words[0]) {
				case "isat":
					commands++
					if why := checkCommand(t, words[1:]); why != "" {
						t.Errorf("%s: %s", where, why)
					}
				case "make":
					for _, w := range words[1:] {
						if !strings.Contains(w, "=") && !slices.Contains(targets, w) {
							t.Errorf("%s: the Makefile has no target %s", where, w)
						}
					}
				}
			}
		}
	}
	if commands == 0 {
		t.Error("no document names a command")
	}
}

// words splits a line of a shell, without comment, prompt, sudo and variables.
func words(line string) []string {
	line, _, _ = strings.Cut(line, " #")
	list := strings.Fields(strings.TrimPrefix(line, "$ "))
	for len(list) > 0 && (list[0] == "sudo" || strings.Contains(list[0], "=") || strings.HasPrefix(list[0], "#")) {
		if strings.HasPrefix(list[0], "#") {
			return nil
		}
		list = list[1:]
	}
	if n := len(list); n > 0 && list[n-1] == "&" {
		list = list[:n-1]
	}
	return list
}

var usageLine = regexp.MustCompile(`(?m)^Usage:\n  isat ?(.*)$`)

// checkCommand asks for the command's help with all of its arguments: flags
// that don't exist are an error even then, and the help names the command that
// was found.
func checkCommand(t *testing.T, args []string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := cli.Run(t.Context(), append([]string{"--help=true"}, args...), strings.NewReader(""), &stdout, &stderr)
	if code != 0 {
		return strings.TrimSpace(stderr.String())
	}
	usage := usageLine.FindStringSubmatch(stdout.String())
	if usage == nil || strings.HasSuffix(usage[1], "[command]") || strings.HasPrefix(usage[1], "[") {
		return "there is no such command"
	}
	return ""
}

func makeTargets(t *testing.T) (list []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllStringSubmatch(read(t, "Makefile"), -1) {
		list = append(list, m[1])
	}
	return list
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// Every link to a file of the project leads somewhere.
func TestLinks(t *testing.T) {
	for _, file := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, file), -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, ":") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(file), target)); err != nil {
				t.Errorf("%s: link to %s: %v", file, m[1], err)
			}
		}
	}
}
