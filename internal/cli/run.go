package cli

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/daemon"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/internal/store"
)

// defaultListen is the port that IANA gave to OpenFlow, on every address.
const defaultListen = "tcp::6653"

func newRunCommand() *cobra.Command {
	var r runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the controller",
		Long: `Runs the controller until it is interrupted. A bridge becomes part of the network
when it is told of it:

  ovs-vsctl set bridge BR protocols=OpenFlow13 fail-mode=secure
  ovs-vsctl set-controller BR tcp:HOST:6653

What is asked for (networks, routers, policies, limits) is said with "isat
apply", or in a file that only isat's owner changes (--intent). Until then there
is one network, default, with every port.`,
		Example: `  isat run
  isat run --data-dir /var/lib/isat
  isat run --intent networks.yaml --log-level debug
  isat run --listen tcp:192.0.2.1:6653 --listen unix:/run/isat.sock`,
		Args: noArgs,
	}
	r.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		config, err := r.config(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		limitGarbage()
		return daemon.Run(cmd.Context(), config)
	}
	return cmd
}

// runFlags are what a controller is started with.
type runFlags struct {
	listen                                 []string
	apiListen, intent, dataDir, etcdListen string
	hold                                   holdFlags
	level, format                          outputFlag
}

func (r *runFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&r.listen, "listen", []string{defaultListen}, "`ADDRESS` on which switches are awaited: tcp:HOST:PORT or unix:PATH; can be repeated")
	f.StringVar(&r.apiListen, "api-listen", api.DefaultAddress, "`HOST:PORT` of the REST API")
	f.StringVar(&r.intent, "intent", "", "`FILE` that says what is asked for, instead of \"isat apply\"; read again on SIGHUP")
	f.StringVar(&r.dataDir, "data-dir", "", "`DIR` that keeps what is applied, and the bindings; without it that lasts as long as isat")
	f.StringVar(&r.etcdListen, "etcd-listen", "", "`URL` at which the etcd inside of --data-dir can be read with etcdctl, and not written: "+
		"http://127.0.0.1:PORT or unix:///PATH; without it nowhere")
	r.hold.add(f)
	r.level = outputFlag{value: "info", allowed: []string{"debug", "info", "warn", "error"}}
	f.Var(&r.level, "log-level", "the least that is logged")
	r.format = outputFlag{value: "text", allowed: []string{"text", "json"}}
	f.Var(&r.format, "log-format", "form of the log on standard error")
	for flag, words := range map[string][]string{"log-level": r.level.allowed, "log-format": r.format.allowed} {
		complete(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	}
}

// config checks the flags. The log goes to w.
func (r *runFlags) config(w io.Writer) (daemon.Config, error) {
	c := daemon.Config{APIListen: r.apiListen, IntentFile: r.intent, DataDir: r.dataDir, EtcdListen: store.Endpoint(r.etcdListen), Version: Version()}
	for _, s := range r.listen {
		address, err := listenAddress(s)
		if err != nil {
			return c, err
		}
		c.Listen = append(c.Listen, address)
	}
	if _, _, err := net.SplitHostPort(r.apiListen); err != nil {
		return c, usageErrorf("--api-listen %q is not HOST:PORT", r.apiListen)
	}
	if err := c.EtcdListen.Check(); err != nil {
		return c, usageErrorf("--etcd-listen %s", err)
	}
	if c.EtcdListen != "" && c.DataDir == "" {
		return c, usageErrorf("--etcd-listen needs --data-dir: without one there is no etcd")
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(r.level.value)); err != nil {
		return c, err
	}
	c.Log = newLogger(w, r.format.value, level)
	var err error
	c.Hold, err = r.hold.limits()
	return c, err
}

// Bounds of the limits on what is held.
const (
	maxHoldPackets = 65536
	maxHoldMemory  = 65536 // MiB
	minHoldTime    = 100 * time.Millisecond
	maxHoldTime    = time.Minute
)

// holdFlags are the bounds of what waits for its next hop.
type holdFlags struct {
	packets int
	memory  int
	age     time.Duration
}

func (h *holdFlags) add(f *pflag.FlagSet) {
	d := resolve.DefaultHoldLimits()
	f.IntVar(&h.packets, "hold-packets", d.PerNextHop, fmt.Sprintf("`PACKETS` that a router holds for one next hop while it is searched, 1 to %d", maxHoldPackets))
	f.IntVar(&h.memory, "hold-memory", d.Bytes>>20, fmt.Sprintf("`MIB` of memory for all held packets, 1 to %d", maxHoldMemory))
	f.DurationVar(&h.age, "hold-time", time.Duration(d.Age), fmt.Sprintf("`TIME` for which a packet is held at most, %v to %v", minHoldTime, maxHoldTime))
}

func (h *holdFlags) limits() (resolve.HoldLimits, error) {
	switch {
	case h.packets < 1 || h.packets > maxHoldPackets:
		return resolve.HoldLimits{}, usageErrorf("--hold-packets %d: want 1 to %d", h.packets, maxHoldPackets)
	case h.memory < 1 || h.memory > maxHoldMemory:
		return resolve.HoldLimits{}, usageErrorf("--hold-memory %d: want 1 to %d", h.memory, maxHoldMemory)
	case h.age < minHoldTime || h.age > maxHoldTime:
		return resolve.HoldLimits{}, usageErrorf("--hold-time %s: want %v to %v", h.age, minHoldTime, maxHoldTime)
	}
	return resolve.HoldLimits{PerNextHop: h.packets, Bytes: h.memory << 20, Age: int64(h.age)}, nil
}

// limitGarbage makes the heap grow by a third, instead of to twice its size, before
// it is collected. What is known lives long, an answer makes no garbage and a new
// host little, so this costs next to no time, and memory a third less all the time
// (docs/design/performance.md). The variable GOGC is obeyed.
func limitGarbage() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(33)
	}
}

// listenAddress checks an address and completes HOST:PORT to tcp:HOST:PORT.
func listenAddress(s string) (string, error) {
	kind, rest, _ := strings.Cut(s, ":")
	switch kind {
	case "unix":
		if rest == "" {
			return "", usageErrorf("--listen %q has no path: write unix:PATH", s)
		}
		return s, nil
	case "tcp":
	default:
		rest = s
	}
	if _, port, err := net.SplitHostPort(rest); err != nil || port == "" {
		return "", usageErrorf("--listen %q is neither tcp:HOST:PORT nor unix:PATH", s)
	}
	return "tcp:" + rest, nil
}

func newLogger(w io.Writer, format string, level slog.Level) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
