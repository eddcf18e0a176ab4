package metrics

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/isat-sdn/isat/internal/view"
)

// Source gives every metric with its values.
type Source func(context.Context) ([]view.Metric, error)

const (
	// maxScrapes is how many scrapes are served at a time. The next one is told to
	// come later (503).
	maxScrapes = 4
	// scrapeTimeout is less than the 10 s for which Prometheus waits by default.
	scrapeTimeout = 8 * time.Second
)

// Handler serves what the source gives, and the numbers of the Go runtime and of the
// process, in the formats of Prometheus.
func Handler(version string, source Source) http.Handler {
	return promhttp.HandlerFor(Registry(version, source), promhttp.HandlerOpts{
		ErrorHandling:       promhttp.HTTPErrorOnError,
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeTimeout,
	})
}

// Registry holds what Handler serves.
func Registry(version string, source Source) *prometheus.Registry {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: buildInfo.Name, Help: buildInfo.Help,
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collector{source})
	return registry
}

// buildInfo is the one metric of isat that nobody counts.
var buildInfo = view.Metric{Name: "isat_build_info", Help: "1, with the versions of isat and of Go", Gauge: true, Labels: []string{"version", "goversion"}}

// collector makes metrics of Prometheus from those of a source, anew for each scrape.
type collector struct{ source Source }

// Describe implements prometheus.Collector. It says nothing, for which metrics there
// are is known with their values; the registry checks them then.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector. A source that fails, fails the scrape.
func (c collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	list, err := c.source(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(prometheus.NewDesc("isat_metrics", "unavailable", nil, nil), err)
		return
	}
	for i := range list {
		m := &list[i]
		desc := prometheus.NewDesc(m.Name, m.Help, m.Labels, nil)
		kind := prometheus.CounterValue
		if m.Gauge {
			kind = prometheus.GaugeValue
		}
		for _, v := range m.Values {
			one, err := prometheus.NewConstMetric(desc, kind, v.Value, v.Labels...)
			if err != nil {
				one = prometheus.NewInvalidMetric(desc, err)
			}
			out <- one
		}
	}
}
