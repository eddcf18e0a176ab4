package logical

// For the tests outside of the package.
var (
	MatchSymbols = matchSymbols
	MatchNames   = matchNames
)
