package cli

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/internal/trace"
	"github.com/isat-sdn/isat/internal/view"
)

// traceQuery is what "isat trace" was asked for.
type traceQuery struct {
	sw, port, pcap string
	packet         int
	openflow       bool
	against        bool
	appctl, bridge string
}

func newTraceCommand(a *app) *cobra.Command {
	q := traceQuery{packet: 1}
	cmd := &cobra.Command{
		Use:   "trace PACKET",
		Short: "Follow a packet through the flows of a switch",
		Long: `Follows one packet through the flows that isat wants on a switch, and tells table
by table which flow took it, what that did, and in the end where the packet comes
out, why it was dropped, or what the controller does with it. Nothing is sent.

PACKET is one of
  an expression   equalities joined by &&, such as
                  eth.src == 02:00:00:00:00:01 && ip4.dst == 10.0.0.2 && icmp4.type == 8
                  What it leaves open has a default that makes a well-formed packet.
  hexadecimal     the frame, with or without blanks and 0x
  @FILE           the first packet of a pcap or pcapng file; --packet chooses another

With --against-switch Open vSwitch is asked for the same packet (ofproto/trace), and
the ways are compared: "same", or the first difference and exit code 1. That is not
without effect: what the packet sends to the controller Open vSwitch sends there, and
isat handles it as any other. Of a few packets whose length a flow looks at, such as a
solicitation with several options, a trace of Open vSwitch 3.1 never ends, and the
switch does nothing else: try those on a switch that you can spare.`,
		Example: `  isat trace --switch s1 --in-port h1 'eth.dst == 02:00:00:00:00:02 && ip4.src == 10.0.0.1 && ip4.dst == 10.0.0.2 && udp'
  isat trace --switch s1 --in-port h1 @capture.pcap --packet 3 --openflow
  isat trace --switch s1 --against-switch --appctl 'isat lab exec s1 -- ovs-appctl' 'inport == "h1" && arp.tpa == 10.0.0.2'`,
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if q.pcap != "" {
			return noArgs(cmd, args)
		}
		return oneArg("a packet")(cmd, args)
	}
	cmd.Flags().StringVar(&q.sw, "switch", "", "switch, by `NAME` or datapath id")
	cmd.Flags().StringVar(&q.port, "in-port", "", "port that the packet comes in on, by `NAME` or number")
	cmd.Flags().StringVar(&q.pcap, "pcap", "", "read the packet from this pcap or pcapng `FILE`")
	cmd.Flags().IntVar(&q.packet, "packet", 1, "the `N`th packet of the file")
	cmd.Flags().BoolVar(&q.openflow, "openflow", false, "show the OpenFlow flows too")
	cmd.Flags().BoolVar(&q.against, "against-switch", false, "compare with what Open vSwitch says")
	cmd.Flags().StringVar(&q.appctl, "appctl", "ovs-appctl", "`COMMAND` to ask Open vSwitch with, its first arguments included")
	cmd.Flags().StringVar(&q.bridge, "bridge", "", "`NAME` of the bridge in Open vSwitch (default: the name of the switch)")
	complete(cmd, "switch", a.completeSwitches())
	output := addOutput(cmd, outputTable, outputJSON, outputYAML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := q.read(args)
		if err != nil {
			return err
		}
		return q.run(cmd, a, p, output.value)
	}
	return cmd
}

// read gets the packet that the command line names.
func (q *traceQuery) read(args []string) (trace.Packet, error) {
	if q.sw == "" {
		return trace.Packet{}, usageErrorf("name a switch with --switch: \"isat get switches\" lists them")
	}
	file := q.pcap
	if file == "" {
		if name, ok := strings.CutPrefix(args[0], "@"); ok {
			file = name
		}
	}
	if file != "" {
		frame, err := readPcap(file, q.packet)
		return trace.Packet{Frame: frame}, err
	}
	p, err := trace.ParsePacket(args[0])
	var at *logical.Error
	if errors.As(err, &at) {
		return p, usageErrorf("packet: %s", at.Caret())
	}
	if err != nil {
		return p, usageErrorf("packet: %s", err)
	}
	return p, nil
}

// readPcap reads the nth packet, from 1, of a pcap or pcapng file.
func readPcap(name string, n int) ([]byte, error) {
	if n < 1 {
		return nil, usageErrorf("packet %d: the first is 1", n)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	next, err := openPcap(bufio.NewReader(f))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	for i := 1; ; i++ {
		frame, err := next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("read %s: it has %s, so there is no packet %d", name, count(i-1, "packet"), n)
		case err != nil:
			return nil, fmt.Errorf("read packet %d of %s: %w", i, name, err)
		case i == n:
			return frame, trace.CheckFrame(frame)
		}
	}
}

// openPcap tells pcapng from pcap by its first block (draft-ietf-opsawg-pcapng
// §4.1), and returns what gives one packet after the other.
func openPcap(r *bufio.Reader) (next func() ([]byte, error), err error) {
	const sectionHeader = "\x0a\x0d\x0d\x0a"
	head, err := r.Peek(len(sectionHeader))
	if err != nil {
		return nil, errors.New("it is no pcap file")
	}
	if string(head) == sectionHeader {
		ng, err := pcapgo.NewNgReader(r, pcapgo.DefaultNgReaderOptions)
		if err != nil {
			return nil, err
		}
		return func() ([]byte, error) { b, _, err := ng.ReadPacketData(); return b, err }, ethernet(ng.LinkType())
	}
	classic, err := pcapgo.NewReader(r)
	if err != nil {
		return nil, err
	}
	return func() ([]byte, error) { b, _, err := classic.ReadPacketData(); return b, err }, ethernet(classic.LinkType())
}

// ethernet refuses captures of anything else.
func ethernet(t layers.LinkType) error {
	if t != layers.LinkTypeEthernet {
		return fmt.Errorf("its packets are no Ethernet frames but %s: capture on one interface, not on \"any\"", t)
	}
	return nil
}

func (q *traceQuery) run(cmd *cobra.Command, a *app, p trace.Packet, output string) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), callTimeout)
	defer cancel()
	port := q.port
	if port == "" {
		port = p.Port
	}
	switch {
	case port == "":
		return usageErrorf("say where the packet comes in: with --in-port, or with inport == \"NAME\" in the packet")
	case p.Port != "" && port != p.Port:
		return usageErrorf("the packet says inport == %q, and --in-port says %q", p.Port, port)
	}
	t, err := c.Trace(ctx, api.TraceQuery{Switch: q.sw, Port: port, Packet: hex.EncodeToString(p.Frame)})
	if err != nil {
		return err
	}
	switch output {
	case outputJSON:
		err = printJSON(cmd.OutOrStdout(), t)
	case outputYAML:
		err = printYAML(cmd.OutOrStdout(), t)
	default:
		err = printTrace(cmd.OutOrStdout(), t, q.openflow)
	}
	if err != nil || !q.against {
		return err
	}
	names, err := loadSwitchNames(ctx, c)
	if err != nil {
		return err
	}
	return q.compare(cmd, t, names.name(t.Switch), output)
}

func printTrace(w io.Writer, t view.Trace, openflow bool) error {
	var s strings.Builder
	writeTrace(&s, &t, openflow)
	_, err := io.WriteString(w, s.String())
	return err
}

func writeTrace(s *strings.Builder, t *view.Trace, openflow bool) {
	fmt.Fprintf(s, "%d bytes on port %s: %s\n\n", len(t.Frame)/2, t.Port, t.Frame)
	for i := range t.Steps {
		printStep(s, &t.Steps[i], openflow)
	}
	s.WriteByte('\n')
	for _, o := range t.Outputs {
		fmt.Fprintf(s, "out of port %s", o.Port)
		if o.VLAN != 0 {
			fmt.Fprintf(s, " in VLAN %d", o.VLAN)
		}
		if o.Frame != t.Frame {
			fmt.Fprintf(s, ": %s", o.Frame)
		}
		s.WriteByte('\n')
	}
	for _, p := range t.Punts {
		how := "to the controller"
		if p.Paused {
			how = "paused, to the controller"
		}
		fmt.Fprintf(s, "%s (%s), which %s\n", how, p.Reason, p.Does)
	}
	if t.Dropped {
		fmt.Fprintf(s, "dropped: %s\n", t.Why)
	}
	for _, p := range t.Punts {
		if p.Then != nil {
			s.WriteString("\nthe controller's packet: ")
			writeTrace(s, p.Then, openflow)
		}
	}
}

func printStep(s *strings.Builder, step *view.TraceStep, openflow bool) {
	indent := strings.Repeat("    ", step.Depth)
	if step.Kind == "" {
		fmt.Fprintf(s, "%s%2d %s: no flow\n", indent, step.Number, step.Table)
	} else {
		fmt.Fprintf(s, "%s%2d %s, priority %d: %s => %s", indent, step.Number, step.Table, step.Priority, step.Match, step.Actions)
		if text := remark(step.Owner, step.Doc); text != "" {
			fmt.Fprintf(s, "  # %s", text)
		}
		s.WriteByte('\n')
	}
	if openflow {
		for _, f := range append(step.Clauses, step.OpenFlow) {
			if f != "" {
				fmt.Fprintf(s, "%s      | %s\n", indent, f)
			}
		}
	}
	for _, c := range step.Changes {
		fmt.Fprintf(s, "%s      %s: %s → %s\n", indent, c.Field, orNone(c.Before), orNone(c.After))
	}
	for _, n := range step.Notes {
		fmt.Fprintf(s, "%s      (%s)\n", indent, n)
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
