package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/isat-sdn/isat/packet"
)

// maxTopologyFile bounds what is read as a topology. A thousand hosts take about 100 kB.
const maxTopologyFile = 1 << 20

// FileError is one error in a topology file, printed as file:line:column: what.
type FileError struct {
	File         string
	Line, Column int // from 1
	Msg          string
}

func (e FileError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Msg)
}

// Load reads a topology: the built-in one of that name, or else a file.
func Load(arg string) (Topology, error) {
	if slices.Contains(Builtin(), arg) {
		return LoadBuiltin(arg)
	}
	info, err := os.Stat(arg)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Topology{}, fmt.Errorf("topology %q: no such file, and the built-in ones are %s", arg, strings.Join(Builtin(), ", "))
	case err != nil:
		return Topology{}, fmt.Errorf("read topology: %w", err)
	case info.Size() > maxTopologyFile:
		return Topology{}, fmt.Errorf("read topology %s: %d bytes, more than the limit of %d", arg, info.Size(), maxTopologyFile)
	}
	text, err := os.ReadFile(arg)
	if err != nil {
		return Topology{}, fmt.Errorf("read topology: %w", err)
	}
	return Parse(arg, text)
}

// Parse reads a topology. The error joins one FileError for everything that is wrong, in the order
// of the file.
func Parse(file string, text []byte) (Topology, error) {
	p := &topologyParser{file: file, at: map[string]position{"": {1, 1}}}
	root, err := p.document(text)
	if err != nil {
		return Topology{}, err
	}
	t := p.topology(root)
	var v validator
	t.validate(&v)
	for _, err := range v.errs {
		var problem Problem
		if errors.As(err, &problem) && !p.badPath(problem.Path) {
			p.errs = append(p.errs, p.located(problem))
		}
	}
	if len(p.errs) > 0 {
		return Topology{}, joinSorted(p.errs)
	}
	return t, nil
}

type position struct{ line, column int }

// topologyParser turns the syntax tree into a Topology. It notes where each value stood, so that
// what validation finds later can be shown there too, and never stops at the first error.
type topologyParser struct {
	file string
	errs []FileError
	at   map[string]position // by path, as in hosts[2].switch
	bad  []string            // paths already reported: validation of a zero value would only repeat it
}

func (p *topologyParser) document(text []byte) (ast.Node, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) && syntax.GetToken() != nil {
			pos := syntax.GetToken().Position
			return nil, FileError{p.file, pos.Line, pos.Column, syntax.GetMessage()}
		}
		return nil, fmt.Errorf("%s: %w", p.file, err)
	}
	var root ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			pos := position{1, 1}
			if tok := doc.Body.GetToken(); tok != nil {
				pos = position{tok.Position.Line, tok.Position.Column}
			}
			return nil, FileError{p.file, pos.line, pos.column, "a second document: a topology file has one"}
		}
		root = doc.Body
	}
	if root == nil {
		return nil, FileError{p.file, 1, 1, "empty: expected name, switches and hosts"}
	}
	return root, nil
}

func (p *topologyParser) topology(root ast.Node) (t Topology) {
	p.mapping(root, "", fields{
		"name":        p.text(&t.Name),
		"description": p.text(&t.Description),
		"controller":  p.text(&t.Controller),
		"switches":    listOf(p, &t.Switches, p.bridge),
		"hosts":       listOf(p, &t.Hosts, p.host),
		"links":       listOf(p, &t.Links, p.link),
	})
	return t
}

func (p *topologyParser) bridge(n ast.Node, path string) (s Switch) {
	p.mapping(n, path, fields{
		"name": p.text(&s.Name),
		"dpid": scalarTo(p, &s.Dpid, parseDpid),
		"protocols": listOf(p, &s.Protocols, func(n ast.Node, path string) (v string) {
			p.text(&v)(n, path)
			return v
		}),
	})
	return s
}

func (p *topologyParser) host(n ast.Node, path string) (h Host) {
	up, dad := true, true
	p.mapping(n, path, fields{
		"name":      p.text(&h.Name),
		"switch":    p.text(&h.Switch),
		"port":      scalarTo(p, &h.Port, parseUint16("a port number, 1 to 65279")),
		"mac":       scalarTo(p, &h.MAC, parseMAC),
		"addresses": listOf(p, &h.Addresses, p.prefix),
		"vlan":      scalarTo(p, &h.VLAN, parseUint16("a VLAN, 1 to 4094")),
		"vlans":     listOf(p, &h.VLANs, p.tagged),
		"gateways": listOf(p, &h.Gateways, func(n ast.Node, path string) (a netip.Addr) {
			scalarTo(p, &a, parseAddr)(n, path)
			return a
		}),
		"up":  scalarTo(p, &up, parseBool),
		"dad": scalarTo(p, &dad, parseBool),
	})
	h.Down, h.NoDAD = !up, !dad
	return h
}

func (p *topologyParser) tagged(n ast.Node, path string) (l TaggedLink) {
	p.mapping(n, path, fields{
		"id":        scalarTo(p, &l.ID, parseUint16("a VLAN, 1 to 4094")),
		"addresses": listOf(p, &l.Addresses, p.prefix),
	})
	return l
}

func (p *topologyParser) link(n ast.Node, path string) (l Link) {
	p.mapping(n, path, fields{"a": p.text(&l.A), "b": p.text(&l.B)})
	return l
}

func (p *topologyParser) prefix(n ast.Node, path string) (v netip.Prefix) {
	scalarTo(p, &v, parsePrefix)(n, path)
	return v
}

// Values.

func parseDpid(s string) (uint64, error) {
	hex := strings.TrimPrefix(strings.ReplaceAll(s, ":", ""), "0x")
	v, err := strconv.ParseUint(hex, 16, 64)
	if err != nil || v == 0 || (len(hex) != 16 && !strings.HasPrefix(s, "0x")) {
		return 0, fmt.Errorf("%q is not a datapath id: expected 16 hexadecimal digits, not all zero", s)
	}
	return v, nil
}

func parseUint16(want string) func(string) (uint16, error) {
	return func(s string) (uint16, error) {
		v, err := strconv.ParseUint(s, 10, 16)
		if err != nil || v == 0 {
			return 0, fmt.Errorf("%q is not %s", s, want)
		}
		return uint16(v), nil
	}
}

var macText = regexp.MustCompile(`^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$`)

func parseMAC(s string) (packet.MAC, error) {
	mac, err := packet.ParseMAC(s)
	if err != nil || !macText.MatchString(s) || mac == (packet.MAC{}) {
		return packet.MAC{}, fmt.Errorf("%q is not a MAC address: expected six hexadecimal bytes, as in 02:00:00:00:00:01", s)
	}
	return mac, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	v, err := netip.ParsePrefix(s)
	if err != nil {
		return v, fmt.Errorf("%q is not an address with a prefix length, as in 10.0.0.1/24", s)
	}
	return v, nil
}

func parseAddr(s string) (netip.Addr, error) {
	v, err := netip.ParseAddr(s)
	if err != nil {
		return v, fmt.Errorf("%q is not an IP address", s)
	}
	return v, nil
}

func parseBool(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", s)
}
