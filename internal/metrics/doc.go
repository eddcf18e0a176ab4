// Package metrics shows the numbers of isat to Prometheus.
//
// What there is to show is described where it is counted, as view.Metric; the
// reference in docs/metrics.md is made from the same descriptions.
package metrics
