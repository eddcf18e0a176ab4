package daemon

import (
	"fmt"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/api"
)

// BenchmarkBind gives a network with many static bindings one more, over the API of a
// daemon with a data directory; each of the numbers is beside that of a network with none.
func BenchmarkBind(b *testing.B) {
	for _, n := range []int{0, 10_000, 200_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := run(b, Config{DataDir: b.TempDir()})
			var text strings.Builder
			text.WriteString("kind: network\nname: large\nnumber: 500\nunknown: solicit\nsubnets: [{prefix: 10.0.0.0/8}]\nbindings:\n")
			for i := range n {
				fmt.Fprintf(&text, "  - {ip: 10.%d.%d.%d, mac: \"02:00:00:%02x:%02x:%02x\"}\n", 1+(i+1)>>16, byte((i+1)>>8), byte(i+1), byte(i>>16), byte(i>>8), byte(i))
			}
			if _, err := r.EditIntent(b.Context(), api.IntentBody{Files: []api.IntentFile{{Name: "large.yaml", Text: text.String()}}}); err != nil {
				b.Fatal(err)
			}
			i := 0
			for b.Loop() {
				i++
				edit := api.IntentBinding{Network: "large", IP: "10.200.0.1", MACs: []string{fmt.Sprintf("02:00:01:00:%02x:%02x", byte(i>>8), byte(i))}}
				if _, err := r.EditIntent(b.Context(), api.IntentBody{Bindings: []api.IntentBinding{edit}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
