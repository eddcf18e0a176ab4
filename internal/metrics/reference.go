package metrics

import (
	"fmt"
	"slices"
	"strings"

	"github.com/isat-sdn/isat/internal/view"
)

// open are the labels whose values are not known before isat runs, and what bounds
// them.
var open = map[string]string{
	"network":   "the names of the networks in the intent",
	"switch":    "the datapath ids of the switches that connected",
	"name":      "the names of their bridges",
	"version":   "the version of isat",
	"goversion": "the version of Go that isat was built with",
}

// Reference describes metrics in Markdown.
func Reference(list []view.Metric) string {
	list = append(slices.Clone(list), buildInfo)
	slices.SortFunc(list, func(a, b view.Metric) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	b.WriteString("# Metrics\n\n" +
		"isat serves them at `/metrics` on the address of its API, for Prometheus. Counters count from the start of isat. " +
		"No label ever holds an address of a host, so the number of series is bounded by the intent and the switches. " +
		"A scrape costs the controller's loop the copy of these numbers, however many bindings there are; " +
		"one that has to wait longer than 5 s for the loop fails, and more than 4 at a time are refused. " +
		"Those of the Go runtime (`go_…`) and of the process (`process_…`) are there, too. " +
		"[examples/alerts/isat.yaml](../examples/alerts/isat.yaml) has rules for alerts.\n\n" +
		"`isat status -o wide` and `GET /v1/status` show those that have a name in the last column, as long as they are not zero; " +
		"the value of a label follows after a hyphen.\n\n" +
		"| metric | type | labels | what it says | in the status |\n|---|---|---|---|---|\n")
	for _, m := range list {
		kind := "counter"
		if m.Gauge {
			kind = "gauge"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", m.Name, kind, quoted(m.Labels), m.Help, statusName(m))
	}
	b.WriteString("\n## Labels\n\n")
	for _, m := range list {
		for i, label := range m.Labels {
			if _, ok := open[label]; !ok {
				fmt.Fprintf(&b, "- `%s` of `%s`: %s\n", label, m.Name, quoted(values(m, i)))
			}
		}
	}
	for _, label := range []string{"network", "switch", "name", "version", "goversion"} {
		fmt.Fprintf(&b, "- `%s`: %s\n", label, open[label])
	}
	return b.String()
}

// statusName is what the status shows a metric as: its labels in capitals.
func statusName(m view.Metric) string {
	if m.Short == "" {
		return ""
	}
	return "`" + strings.Join(append([]string{m.Short}, upper(m.Labels)...), "-") + "`"
}

func upper(list []string) (out []string) {
	for _, s := range list {
		out = append(out, strings.ToUpper(s))
	}
	return out
}

// values lists the values of a metric's label, in their order.
func values(m view.Metric, label int) (list []string) {
	for _, v := range m.Values {
		if !slices.Contains(list, v.Labels[label]) {
			list = append(list, v.Labels[label])
		}
	}
	return list
}

func quoted(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return "`" + strings.Join(list, "`, `") + "`"
}
