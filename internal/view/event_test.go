package view

import "testing"

// Who has nothing to say is routine; whose place is gone is not.
func TestRoutine(t *testing.T) {
	for _, c := range []struct {
		kind   EventKind
		reason string
		want   bool
	}{
		{EventLearned, "heard", true}, {EventConfirmed, "traffic", true}, {EventSilent, ReasonIdle, true},
		{EventSilent, "port-down", false}, {EventMoved, "owner-silent", false}, {EventExpired, "silent", false},
	} {
		if e := (Event{Kind: c.kind, Reason: c.reason}); e.Routine() != c.want {
			t.Errorf("%s %s: routine %v", c.kind, c.reason, !c.want)
		}
	}
}
