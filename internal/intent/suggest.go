package intent

import (
	"fmt"
	"strings"
)

// suggest says what was expected instead of word: the nearest of the known words if one
// is near, and all of them.
func suggest(word string, known []string) string {
	want := fmt.Sprintf("want %q", known[0])
	if len(known) > 1 {
		want = "want one of " + strings.Join(known, ", ")
	}
	switch best := nearest(word, known); {
	case best != "" && len(known) == 1:
		return fmt.Sprintf("did you mean %q?", best)
	case best != "":
		return fmt.Sprintf("did you mean %q? %s", best, want)
	}
	return want
}

// nearest gives the known word that word is probably a slip of, or nothing.
func nearest(word string, known []string) string {
	const longest = 64 // the distance costs the product of both lengths
	if len(word) > longest {
		return ""
	}
	best, distance := "", 0
	for _, candidate := range known {
		d := editDistance(strings.ToLower(word), strings.ToLower(candidate))
		if best == "" || d < distance {
			best, distance = candidate, d
		}
	}
	// Half of the letters wrong is no slip any more.
	if distance > max(1, len(best)/2) || distance >= len(best) {
		return ""
	}
	return best
}

// editDistance counts the letters to insert, delete, replace or swap with their neighbour
// to get from a to b (optimal string alignment).
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
