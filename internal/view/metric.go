package view

import (
	"slices"
	"strings"
)

// Metric is a number that isat tells of itself, or a family of numbers that differ
// in their labels. Its description and its values stand in one place: without
// anything having happened, the same Metric serves as documentation.
type Metric struct {
	Name   string   // for Prometheus
	Short  string   // in the status, where labels follow after hyphens; empty for what the status says otherwise
	Help   string   // one line
	Gauge  bool     // it goes down, too; otherwise it only grows
	Labels []string // names of the labels, none for a single number
	Values []Sample
}

// Sample is one number of a Metric.
type Sample struct {
	Labels []string // values of the labels, from a bounded set: never an address
	Value  float64
}

// Count is a Metric that only grows.
func Count(name, short, help string, n uint64) Metric {
	return Metric{Name: name, Short: short, Help: help, Values: []Sample{{Value: float64(n)}}}
}

// Level is a Metric that goes up and down.
func Level[N int | int64 | uint64 | float64](name, help string, n N) Metric {
	return Metric{Name: name, Help: help, Gauge: true, Values: []Sample{{Value: float64(n)}}}
}

// CountBy is a family with one label, whose values are the words, in the order of
// the numbers.
func CountBy(name, short, help, label string, words []string, numbers ...uint64) Metric {
	m := Metric{Name: name, Short: short, Help: help, Labels: []string{label}}
	for i, word := range words {
		m.Values = append(m.Values, Sample{Labels: []string{word}, Value: float64(numbers[i])})
	}
	return m
}

// Add adds to the number with these labels, which may be new. It is for small
// families: it looks at every number.
func (m *Metric) Add(n int, labels ...string) {
	for i := range m.Values {
		if slices.Equal(m.Values[i].Labels, labels) {
			m.Values[i].Value += float64(n)
			return
		}
	}
	m.Values = append(m.Values, Sample{Labels: labels, Value: float64(n)})
}

// PutCounters adds to counters what the status shows of the metrics: those with a
// short name, by that, and not zero.
func PutCounters(counters map[string]uint64, metrics []Metric) {
	for i := range metrics {
		m := &metrics[i]
		if m.Short == "" {
			continue
		}
		for _, v := range m.Values {
			if v.Value != 0 {
				counters[strings.Join(append([]string{m.Short}, v.Labels...), "-")] = uint64(v.Value)
			}
		}
	}
}
