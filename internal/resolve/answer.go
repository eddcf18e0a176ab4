package resolve

import (
	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/packet"
)

// Answering is the verdict of Answer, with its reason.
type Answering uint8

// Verdicts of Answer.
const (
	Answered     Answering = iota + 1
	NoQuestion             // the frame asks for nothing, or by unicast (conformance A9, N10)
	NotKnown               // no binding
	NotReachable           // a stale binding: the owner itself is asked
	AskersOwn              // the asker owns the address (conformance A7, N6)
	OwnerOnly              // only the owner can make this answer (conformance N2)
)

var answeringNames = [...]string{
	Answered: "answered", NoQuestion: "no-question", NotKnown: "unknown", NotReachable: "stale",
	AskersOwn: "own", OwnerOnly: "owner-only",
}

func (a Answering) String() string { return answeringNames[a] }

// Answer appends the frame that answers the subject's question to out, if the
// table knows the answer and isat may give it. It allocates nothing if out has
// room, and may run on any goroutine.
func Answer(table *binding.Table, s *Subject, in binding.Segment, out []byte) ([]byte, Answering) {
	key, ok := s.Question(in)
	if !ok {
		return out, NoQuestion
	}
	return AnswerFrom(table.Lookup(key), s, out)
}

// Question is the address that the subject asks everybody for, so that somebody
// else than the owner may answer.
func (s *Subject) Question(in binding.Segment) (binding.Key, bool) {
	key, ok := s.Target(in)
	return key, ok && s.Frame.Dst.IsMulticast()
}

// AnswerFrom is Answer for a subject with a Question, and b the binding of the
// address, or nil.
func AnswerFrom(b *binding.Binding, s *Subject, out []byte) ([]byte, Answering) {
	switch {
	case b == nil:
		return out, NotKnown
	case s.asker() == b.MAC:
		return out, AskersOwn
	case !b.Answered():
		return out, NotReachable
	}
	return Reply(b, s, out)
}

// Passing is the asker's binding if neither the asker nor the owner b of what is asked
// for is behind this switch, and nil otherwise. The question came in by a link then,
// from a search, which may have found the owner since: an answer would go back by the
// link, and give the owner's MAC a place there.
func Passing(table *binding.Table, s *Subject, in binding.Segment, onSwitch uint64, b *binding.Binding) *binding.Binding {
	if b == nil || b.Switch == onSwitch {
		return nil
	}
	e, teaching := s.Evidence(in, onSwitch)
	if teaching != TeachesBinding {
		return nil
	}
	asker := table.Lookup(e.Key)
	if asker == nil || asker.MAC != e.MAC || asker.Switch == onSwitch {
		return nil
	}
	return asker
}

// asker is the hardware address that the question comes from.
func (s *Subject) asker() packet.MAC {
	if s.Kind == ARPRequest {
		return s.ARP.SHA
	}
	return s.Frame.Src
}

// Reply appends the frame in which b answers the subject's question.
func Reply(b *binding.Binding, s *Subject, out []byte) ([]byte, Answering) {
	if s.Kind == ARPRequest {
		return packet.AppendARPReply(out, &s.Frame, &s.ARP, b.MAC), Answered
	}
	// A multicast solicitation without a link-layer option that is no DAD probe
	// gives no address to answer to; unknown options may be SEND's (RFC 3971).
	if s.ND.UnknownOptions || !s.ND.IsDAD() && !s.ND.HasSLL {
		return out, OwnerOnly
	}
	return packet.AppendNDReply(out, &s.Frame, &s.ND, b.MAC, b.Router, true), Answered
}
