package ofconn

import (
	"context"
	"fmt"

	"github.com/isat-sdn/isat/openflow"
)

// Flows asks the switch for the flows that a selector chooses, with what they
// have counted, and gives them to take as they come: in parts, while the rest is
// on its way. It returns when take has had all of them.
//
// take runs on the session's reader: it must neither wait nor keep the slice. It
// is not called any more when Flows has returned. More flows than
// [Config.MaxFlows] are an error, so are those of ctx and of the end of the
// session. Calls take turns, so that a switch makes one dump at a time. Flows
// must not be called by a [Handler] method.
func (s *Session) Flows(ctx context.Context, sel openflow.FlowSelector, take func([]openflow.FlowStats)) error {
	select {
	case s.dumping <- struct{}{}:
	case <-s.closed:
		return s.ended()
	case <-ctx.Done():
		return fmt.Errorf("flows of switch %016x: %w", s.dpid, ctx.Err())
	}
	defer func() { <-s.dumping }()

	x := s.exchanges.add(s.xids(1), 1)
	defer s.exchanges.remove(x)
	total := 0
	reached := s.exchanges.expectParts(x, func(m *openflow.MultipartReply) bool {
		body, ok := m.Body.(*openflow.FlowReply)
		if !ok {
			return false
		}
		if total += len(body.Flows); total <= s.cfg.MaxFlows {
			take(body.Flows)
		}
		return total <= s.cfg.MaxFlows && m.More()
	})
	request := openflow.Request(&openflow.FlowRequest{FlowSelector: sel})
	if err := s.Send(openflow.Append(nil, x.first, request)); err != nil {
		return err
	}
	if err := s.await(ctx, reached); err != nil {
		return fmt.Errorf("flows of switch %016x: %w", s.dpid, err)
	}
	if errs, _ := s.exchanges.errors(x); len(errs) > 0 {
		return fmt.Errorf("flows of switch %016x: switch answered %s", s.dpid, errs[0].err.String())
	}
	s.exchanges.remove(x) // take is done with total
	if total > s.cfg.MaxFlows {
		return fmt.Errorf("switch %016x has more than %d flows", s.dpid, s.cfg.MaxFlows)
	}
	return nil
}
