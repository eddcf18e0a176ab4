package trace

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/openflow"
)

// Seen is a way of a packet as ovs-appctl(8) ofproto/trace --names tells it.
type Seen struct {
	Lookups []Lookup
	Outputs []string // names of ports
	Punts   int
}

// Lookup is a table that a packet met. Without a flow, only Table is set.
type Lookup struct{ Table, Priority, Cookie string }

func (l Lookup) String() string {
	if l.Cookie == "" {
		return "no flow in table " + l.Table
	}
	return fmt.Sprintf("table %s, priority %s, cookie %s", l.Table, l.Priority, l.Cookie)
}

// traceLine has the lines of a trace that matter.
type traceLine struct{ table, output *regexp.Regexp }

var traceLines = sync.OnceValue(func() traceLine {
	return traceLine{
		table:  regexp.MustCompile(`^ *(\d+)\. (?:No match\.|.*?priority (\d+)(?:, cookie (0x[0-9a-f]+))?$)`),
		output: regexp.MustCompile(`^ *(?:output:(.+)|(LOCAL|IN_PORT))$`),
	}
})

// maxWays bounds the ways that a trace is taken for: twice as many for each look
// at the length of the packet.
const maxWays = 64

// ParseTrace reads what ofproto/trace --names prints. Where a flow looks at the
// length of the packet, a trace tells both outcomes, and not which one is the
// packet's: the result is every way that it may have taken.
func ParseTrace(text string) ([]Seen, error) {
	_, text, ok := strings.Cut(text, "\nbridge(")
	text, _, ok2 := strings.Cut(text, "\nDatapath actions:")
	if !ok || !ok2 {
		return nil, errors.New("the answer of Open vSwitch is no trace")
	}
	var ways []Seen
	todo := [][]string{strings.Split(text, "\n")}
	for len(todo) > 0 {
		lines := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if larger, smaller, ok := outcomes(lines); ok && len(ways)+len(todo) < maxWays {
			todo = append(todo, larger, smaller)
			continue
		}
		ways = append(ways, readWay(lines))
	}
	return ways, nil
}

func readWay(lines []string) (seen Seen) {
	for i, line := range lines {
		switch m, out := traceLines().table.FindStringSubmatch(line), traceLines().output.FindStringSubmatch(line); {
		case m != nil:
			l := Lookup{Table: m[1], Priority: m[2], Cookie: m[3]}
			if l.Priority != "" && l.Cookie == "" {
				l.Cookie = "0x0" // left out
			}
			seen.Lookups = append(seen.Lookups, l)
		case out != nil:
			// What begins with >> says why nothing comes out.
			if i+1 == len(lines) || !strings.HasPrefix(strings.TrimLeft(lines[i+1], " "), ">>") {
				seen.Outputs = append(seen.Outputs, out[1]+out[2])
			}
		case strings.HasPrefix(strings.TrimLeft(line, " "), "controller("):
			seen.Punts++
		}
	}
	return seen
}

// outcomes takes apart what the first look at the length of the packet leads to.
// The actions that follow it in its flow are told twice: first for a larger packet,
// with all that comes of them, then for any other.
func outcomes(lines []string) (larger, smaller []string, ok bool) {
	const look = "check_pkt_larger("
	at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(strings.TrimLeft(l, " "), look) })
	if at < 0 || at+1 == len(lines) || indent(lines[at+1]) != indent(lines[at]) {
		return nil, nil, false
	}
	second := slices.Index(lines[at+2:], lines[at+1])
	if second < 0 {
		return nil, nil, false
	}
	second += at + 2
	end := second
	for end < len(lines) && !isBehind(lines[end], indent(lines[at])) {
		end++
	}
	before, rest := lines[:at], lines[end:]
	return slices.Concat(before, lines[at+1:second], rest), slices.Concat(before, lines[second:end], rest), true
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// isBehind says whether a line belongs to a flow that looked up the one whose
// actions stand at an indentation.
func isBehind(line string, actions int) bool {
	const step, topActions = 4, 4
	if actions <= topActions { // of a flow that was not looked up from another
		return false
	}
	return !traceLines().table.MatchString(line) && indent(line) < actions-step
}

// Compare says where a trace of isat's and one of Open vSwitch part: "" if they
// are the same. Of several ways, the one that goes along the longest counts.
func Compare(t view.Trace, ways []Seen) string {
	best, difference := -1, "Open vSwitch gave no trace"
	for _, w := range ways {
		along, d := compareWay(&t, w)
		if d == "" {
			return ""
		}
		if along > best {
			best, difference = along, d
		}
	}
	return difference
}

// compareWay also says how many lookups are the same.
func compareWay(t *view.Trace, seen Seen) (along int, difference string) {
	const gone = "no table any more"
	for ; along < max(len(t.Steps), len(seen.Lookups)); along++ {
		ours, theirs := gone, gone
		if along < len(t.Steps) {
			ours = lookupOf(&t.Steps[along]).String()
		}
		if along < len(seen.Lookups) {
			theirs = seen.Lookups[along].String()
		}
		if ours != theirs {
			return along, fmt.Sprintf("lookup %d: isat wants %s; the switch has %s", along+1, ours, theirs)
		}
	}
	var ours []string
	for _, o := range t.Outputs {
		ours = append(ours, traceName(t, o))
	}
	slices.Sort(ours)
	theirs := slices.Sorted(slices.Values(seen.Outputs))
	for i, name := range theirs {
		if name == "IN_PORT" {
			theirs[i] = t.Port
		}
	}
	if slices.Sort(theirs); !slices.Equal(ours, theirs) {
		return along, fmt.Sprintf("isat wants it out of %s; the switch sends it out of %s", portList(ours), portList(theirs))
	}
	if n := len(t.Punts); n != seen.Punts {
		return along, fmt.Sprintf("isat wants it at the controller %d times; the switch sends it there %d times", n, seen.Punts)
	}
	return along, ""
}

// traceName is what a port is called in a trace.
func traceName(t *view.Trace, o view.TraceOutput) string {
	switch o.Number {
	case openflow.PortLocal:
		return "LOCAL"
	case t.InPort:
		return t.Port
	}
	return o.Port
}

func portList(ports []string) string {
	if len(ports) == 0 {
		return "no port"
	}
	return strings.Join(ports, ", ")
}

func lookupOf(s *view.TraceStep) Lookup {
	l := Lookup{Table: fmt.Sprint(s.Number)}
	if s.Kind != "" {
		l.Priority, l.Cookie = fmt.Sprint(s.Priority), s.Cookie
	}
	return l
}
