package logical

// Actions is a parsed list of logical actions. It is immutable.
type Actions struct {
	text string
	list []action // empty: drop
}

// action is one action of a list. The implementations are immutable values.
type action interface {
	// format appends the canonical text, with the semicolon.
	format(b []byte) []byte
	// needs calls add with each prerequisite.
	needs(add func(*node))
	// compile appends the OpenFlow actions.
	compile(c *compiler) error
}

// String is the canonical text: ParseActions(a.String()) gives equal actions.
func (a *Actions) String() string { return string(formatList(nil, a.list)) }

func formatList(b []byte, list []action) []byte {
	if len(list) == 0 {
		return append(b, "drop;"...)
	}
	for i, act := range list {
		if i > 0 {
			b = append(b, ' ')
		}
		b = act.format(b)
	}
	return b
}
