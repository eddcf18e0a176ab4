package metrics

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/isat-sdn/isat/internal/view"
)

func scrape(t *testing.T, source Source) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	Handler("v1.2.3", source).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	return w.Code, w.Body.String()
}

func given(list ...view.Metric) Source {
	return func(context.Context) ([]view.Metric, error) { return list, nil }
}

func TestHandler(t *testing.T) {
	code, text := scrape(t, given(
		view.Count("isat_things_total", "", "things", 3),
		view.Level("isat_size_bytes", "how large", 2.5),
		view.CountBy("isat_ends_total", "end", "ends", "reason", []string{"good", "bad"}, 1, 0),
	))
	if code != http.StatusOK {
		t.Fatalf("code %d: %s", code, text)
	}
	for _, want := range []string{
		"# TYPE isat_things_total counter\nisat_things_total 3\n",
		"# TYPE isat_size_bytes gauge\nisat_size_bytes 2.5\n",
		"isat_ends_total{reason=\"bad\"} 0\nisat_ends_total{reason=\"good\"} 1\n",
		`version="v1.2.3"} 1`,
		"\ngo_goroutines ",
		"\nprocess_resident_memory_bytes ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the scrape lacks %q", want)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

// A scrape that can't be complete is none: Prometheus sees that isat is not well.
func TestScrapeFails(t *testing.T) {
	code, text := scrape(t, func(context.Context) ([]view.Metric, error) { return nil, errors.New("the loop is behind") })
	if code != http.StatusInternalServerError || !strings.Contains(text, "the loop is behind") {
		t.Errorf("code %d: %s", code, text)
	}
	code, text = scrape(t, given(view.Metric{Name: "isat_odd", Labels: []string{"a"}, Values: []view.Sample{{Value: 1}}}))
	if code != http.StatusInternalServerError || !strings.Contains(text, "isat_odd") {
		t.Errorf("labels without values: code %d: %s", code, text)
	}
}

func TestReference(t *testing.T) {
	text := Reference([]view.Metric{
		view.CountBy("isat_ends_total", "end", "ends", "reason", []string{"good", "bad"}, 0, 0),
		{Name: "isat_network_bindings", Help: "known", Gauge: true, Labels: []string{"network"}, Values: []view.Sample{{Labels: []string{"default"}}}},
	})
	for _, want := range []string{
		"| `isat_ends_total` | counter | `reason` | ends | `end-REASON` |\n",
		"| `isat_network_bindings` | gauge | `network` | known |  |\n",
		"- `reason` of `isat_ends_total`: `good`, `bad`\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the reference lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "`network` of") {
		t.Errorf("the networks of some intent are documented:\n%s", text)
	}
}
