package core

// Times of a contest in nanoseconds: the owner is asked three times, and has a
// quarter of a second in all to answer (conformance R4, R6), the wheel's tick
// included.
const (
	contestTries    = 3
	contestInterval = int64(70e6)
	contestTime     = int64(230e6)
	// Whoever gives up an address or a MAC may answer for it a little longer than
	// its heir claims it, so an answer settles a claim for a moment only: for a
	// quarter of a second first, and then for half of one. If the claimant goes on,
	// it has what it claims well within a second after the owner answered last (VRRP).
	firstRest = int64(250e6)
	maxRest   = int64(500e6)
	// claimStands is how long a claimant is taken to claim what it claimed last.
	claimStands = int64(1e9)
)

// inquiry is how a claim is looked into: the owner is asked, and if it answers asked
// again after a rest, as long as the claim stands.
type inquiry struct {
	asked   int   // questions of this round
	since   int64 // when it began
	claimed int64 // when the claimant was heard last
	rest    int64 // the last one, 0 before the first
	resting bool  // the owner has answered in this round
}

// answered has the inquiry rest, and says when that is over. One of a crowd rests as
// long as the claim stands, so that what was claimed once is asked for once.
func (q *inquiry) answered(now int64, crowd bool) int64 {
	q.resting = true
	if crowd {
		return now + claimStands
	}
	q.rest = min(max(firstRest, 2*q.rest), maxRest)
	return now + q.rest
}

// again begins another round after a rest. From now on only what is heard after
// its questions says that the owner is still there. It says whether the claim
// stands.
func (q *inquiry) again(now int64) bool {
	if now-q.claimed >= claimStands {
		return false
	}
	q.resting, q.asked, q.since = false, 0, now
	return true
}
