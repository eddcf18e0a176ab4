package pipeline_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/openflow"
)

// TestFlowsPrintedAsOfctl checks that every flow of every world is printed as ovs-ofctl prints it,
// and that ovs-ofctl makes the same flows of the text.
func TestFlowsPrintedAsOfctl(t *testing.T) {
	forEachWorld(t, func(t *testing.T, w ovstest.World) {
		s := ovstest.Start(t, w.Ports)
		c := s.Connect()
		w.Load(t, c)
		want := s.Flows()
		var got []string
		for _, f := range w.Flows(t) {
			got = append(got, openflow.FormatFlow(&f))
		}
		if diff := cmp.Diff(want, got, sorted); diff != "" {
			t.Error(diff)
		}
		s.OFCtl("del-flows")
		s.OFCtlWith(strings.Join(got, "\n"), "add-flows", "-")
		if diff := cmp.Diff(want, s.Flows(), sorted); diff != "" {
			t.Error(diff)
		}
	})
}
