package cli

import (
	"bytes"
	"fmt"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/daemon"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/packet"
)

// counterReference describes every counter in one Markdown text.
func counterReference() []byte {
	var b bytes.Buffer
	b.WriteString(generated)
	b.WriteString("# Counters\n\n" +
		"`isat status -o wide` and `GET /v1/status` show them; those that are zero are left out. " +
		"They count from the start of isat. No name contains an address, so their number is bounded.\n\n" +
		"| counter | what it counts |\n|---|---|\n")
	for _, c := range daemon.CounterInfos() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", c.Name, c.Counts)
	}
	b.WriteString("\nA name that ends in a word in capitals stands for a family. Their words are:\n\n")
	words(&b, "punt-REASON", pipeline.Reasons())
	words(&b, "station-VERDICT, binding-VERDICT", span(binding.Known, binding.NumVerdicts-1))
	words(&b, "not-learned-REASON", span(resolve.TeachesNothing, resolve.TeachesBadAddress))
	words(&b, "question-VERDICT", span(resolve.Answered, resolve.OwnerOnly))
	words(&b, "search-VERDICT", span(resolve.Started, resolve.RefusedNet))
	words(&b, "malformed-REASON", span(packet.ReasonNone+1, packet.Reason(packet.NumReasons-1)))
	return b.Bytes()
}

// span lists the values from first to last.
func span[T ~uint8](first, last T) (list []T) {
	for v := int(first); v <= int(last); v++ {
		list = append(list, T(v))
	}
	return list
}

func words[T fmt.Stringer](b *bytes.Buffer, family string, list []T) {
	fmt.Fprintf(b, "- `%s`:", family)
	for i, v := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, " `%s`", v)
	}
	b.WriteByte('\n')
}
