package seed

import (
	"flag"
	"fmt"
	"os"

	_ "pgregory.net/rapid" // has the flag
)

// variable holds the seed, a number; without it, and with 0, each run draws anew.
const variable = "ISAT_TEST_SEED"

func init() {
	value := os.Getenv(variable)
	if value == "" {
		return
	}
	// Before the command line is read: -rapid.seed there has the last word.
	if err := flag.Set("rapid.seed", value); err != nil {
		fmt.Fprintf(os.Stderr, "%s=%q: %v\n", variable, value, err)
		os.Exit(2)
	}
}
