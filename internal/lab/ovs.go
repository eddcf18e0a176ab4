package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ovs runs one Open vSwitch of its own: database, daemon and command line tools, all in one
// directory and one namespace.
type ovs struct {
	dir       string
	namespace string
}

// env points every Open vSwitch program at the lab's directory, so that none can find the
// machine's own.
func (o ovs) env() []string {
	return []string{"OVS_RUNDIR=" + o.dir, "OVS_DBDIR=" + o.dir, "OVS_LOGDIR=" + o.dir, "OVS_SYSCONFDIR=" + o.dir}
}

func (o ovs) socket() string { return "unix:" + filepath.Join(o.dir, "db.sock") }

// schemaFile finds the database schema that Open vSwitch installed.
func schemaFile() (string, error) {
	dirs := []string{"/usr/share/openvswitch", "/usr/local/share/openvswitch"}
	if dir := os.Getenv("OVS_PKGDATADIR"); dir != "" {
		dirs = []string{dir}
	}
	for _, dir := range dirs {
		file := filepath.Join(dir, "vswitch.ovsschema")
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("no Open vSwitch database schema in %s", strings.Join(dirs, " or "))
}

// start makes the database and starts both daemons. They detach only once they are ready.
func (o ovs) start(ctx context.Context) ([]process, error) {
	schema, err := schemaFile()
	if err != nil {
		return nil, err
	}
	db := filepath.Join(o.dir, "conf.db")
	if _, err := run(ctx, o.env(), "ovsdb-tool", "create", db, schema); err != nil {
		return nil, fmt.Errorf("make switch database: %w", err)
	}
	server, err := o.daemon(ctx, "ovsdb-server", db, "--remote=p"+o.socket())
	if err != nil {
		return nil, err
	}
	if _, err := o.vsctl(ctx, "--no-wait", "init"); err != nil {
		return []process{server}, fmt.Errorf("initialise switch database: %w", err)
	}
	vswitchd, err := o.daemon(ctx, "ovs-vswitchd", o.socket())
	if err != nil {
		return []process{server}, err
	}
	return []process{server, vswitchd}, nil
}

// daemon starts an Open vSwitch daemon in the switch's namespace. It is not started through
// ip-netns-exec(8): the mount namespace that makes would pin the names of the hosts' namespaces.
func (o ovs) daemon(ctx context.Context, name string, args ...string) (process, error) {
	pidfile := filepath.Join(o.dir, name+".pid")
	args = append(args, "--pidfile="+pidfile, "--log-file="+filepath.Join(o.dir, name+".log"),
		"-vconsole:off", "--detach", "--no-chdir")
	err := inNamespace(o.namespace, func() error {
		_, err := run(ctx, o.env(), name, args...)
		return err
	})
	if err != nil {
		return process{}, fmt.Errorf("start %s: %w%s", name, err, o.lastLog(name))
	}
	text, err := os.ReadFile(pidfile)
	if err != nil {
		return process{}, fmt.Errorf("start %s: %w", name, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return process{}, fmt.Errorf("start %s: pid file %s: %w", name, pidfile, err)
	}
	return newProcess(name, pid)
}

// lastLog returns the last warning or error of a daemon's log, for error messages.
func (o ovs) lastLog(name string) string {
	text, err := os.ReadFile(filepath.Join(o.dir, name+".log"))
	if err != nil {
		return ""
	}
	last := ""
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "|WARN|") || strings.Contains(line, "|ERR|") || strings.Contains(line, "|EMER|") {
			last = strings.TrimSpace(line)
		}
	}
	if last == "" {
		return ""
	}
	return " (last log line: " + last + ")"
}

// commandTimeout bounds one command to Open vSwitch, in seconds as its tools take it.
const commandTimeout = "--timeout=20"

func (o ovs) vsctl(ctx context.Context, args ...string) (string, error) {
	return run(ctx, o.env(), "ovs-vsctl", append([]string{"--db=" + o.socket(), commandTimeout}, args...)...)
}

func (o ovs) ofctl(ctx context.Context, args ...string) (string, error) {
	prefix := []string{commandTimeout}
	if !hasOption(args, "-O", "--protocols") {
		prefix = append(prefix, "-OOpenFlow13")
	}
	return run(ctx, o.env(), "ovs-ofctl", append(prefix, args...)...)
}

func (o ovs) appctl(ctx context.Context, args ...string) (string, error) {
	return run(ctx, o.env(), "ovs-appctl", append([]string{commandTimeout}, args...)...)
}

func hasOption(args []string, short, long string) bool {
	return slices.ContainsFunc(args, func(a string) bool {
		return strings.HasPrefix(a, short) || strings.HasPrefix(a, long)
	})
}

// firstLinkPort is where the port numbers of patch ports begin, clear of the hosts' small ones.
const firstLinkPort = 1001

// bridgeCommands returns the one transaction that makes all bridges, with their ports and links.
func bridgeCommands(t Topology) []string {
	var args []string
	for _, s := range t.Switches {
		args = append(args, "--", "add-br", s.Name,
			"--", "set", "bridge", s.Name, "datapath_type=netdev", "fail_mode=secure",
			"protocols="+strings.Join(s.Protocols, ","),
			"other_config:datapath-id="+FormatDpid(s.Dpid), "other_config:disable-in-band=true")
	}
	next := map[string]uint16{}
	for _, l := range t.Links {
		a, b := l.PortNames()
		args = append(args, patchCommands(l.A, a, b, t.linkPort(next, l.A))...)
		args = append(args, patchCommands(l.B, b, a, t.linkPort(next, l.B))...)
	}
	for _, h := range t.Hosts {
		args = append(args, portCommands(h.Switch, h.Name, h.Port)...)
	}
	return args
}

// linkPort takes the switch's next number for a patch port that no host has.
func (t Topology) linkPort(next map[string]uint16, sw string) uint16 {
	port := max(next[sw], firstLinkPort)
	for slices.ContainsFunc(t.Hosts, func(h Host) bool { return h.Switch == sw && h.Port == port }) {
		port++
	}
	next[sw] = port + 1
	return port
}

func patchCommands(sw, name, peer string, port uint16) []string {
	return []string{"--", "add-port", sw, name, "--", "set", "interface", name, "type=patch", "options:peer=" + peer,
		fmt.Sprintf("ofport_request=%d", port)}
}

func portCommands(sw, name string, port uint16) []string {
	return []string{"--", "add-port", sw, name, "--", "set", "interface", name, fmt.Sprintf("ofport_request=%d", port)}
}

// controllerCommands points all bridges at a controller. Connections are out of band: the
// controller is never reached through the switch it controls.
func controllerCommands(t Topology, target string, maxBackoff, probe time.Duration) []string {
	var args []string
	for i, s := range t.Switches {
		if target == "" {
			args = append(args, "--", "del-controller", s.Name)
			continue
		}
		id := fmt.Sprintf("@c%d", i)
		args = append(args, "--", "--id="+id, "create", "controller", "target="+strconv.Quote(target),
			fmt.Sprintf("max_backoff=%d", maxBackoff.Milliseconds()),
			fmt.Sprintf("inactivity_probe=%d", probe.Milliseconds()), "connection_mode=out-of-band",
			"--", "set", "bridge", s.Name, "controller="+id)
	}
	return args
}

// table is what ovs-vsctl --format=json prints.
type table struct {
	Headings []string            `json:"headings"`
	Data     [][]json.RawMessage `json:"data"`
}

func (o ovs) list(ctx context.Context, name string, columns ...string) (table, error) {
	var t table
	out, err := o.vsctl(ctx, "--format=json", "--columns="+strings.Join(columns, ","), "list", name)
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal([]byte(out), &t); err != nil {
		return t, fmt.Errorf("read table %s of the switch database: %w", name, err)
	}
	for _, row := range t.Data {
		if len(row) != len(columns) {
			return t, fmt.Errorf("read table %s of the switch database: %d columns for %d", name, len(row), len(columns))
		}
	}
	return t, nil
}

// checkPorts returns the first port that Open vSwitch could not make, with its reason, and
// compares port numbers with those asked for.
func (o ovs) checkPorts(ctx context.Context, want map[string]uint16) error {
	t, err := o.list(ctx, "interface", "name", "ofport", "error")
	if err != nil {
		return err
	}
	for _, row := range t.Data {
		var name, failure string
		var port int
		if err := json.Unmarshal(row[0], &name); err != nil {
			return fmt.Errorf("read interface name: %w", err)
		}
		// Both are an empty set, which isn't a string or number, as long as they have no value.
		_ = json.Unmarshal(row[2], &failure)
		_ = json.Unmarshal(row[1], &port)
		switch asked, ours := want[name]; {
		case failure != "":
			return fmt.Errorf("switch port %s: %s", name, failure)
		case ours && port != int(asked):
			return fmt.Errorf("switch port %s: asked for port number %d, Open vSwitch gave %d", name, asked, port)
		}
	}
	return nil
}

// connected counts the controller connections that are up.
func (o ovs) connected(ctx context.Context) (int, error) {
	t, err := o.list(ctx, "controller", "is_connected")
	if err != nil {
		return 0, err
	}
	n := 0
	for _, row := range t.Data {
		if string(row[0]) == "true" {
			n++
		}
	}
	return n, nil
}

// listenAddress is where the relay listens in the switch's namespace for a controller that is
// elsewhere: the same port on the loopback.
func listenAddress(t target) (string, error) {
	_, port, err := net.SplitHostPort(t.address)
	if err != nil {
		return "", fmt.Errorf("controller %s: %w", t.address, err)
	}
	return net.JoinHostPort("127.0.0.1", port), nil
}
