package daemon

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/core"
)

// Flush implements api.Backend.
func (b backend) Flush(ctx context.Context, s api.Scope) (int, error) {
	return b.operate(ctx, s, (*core.Core).Flush)
}

// ClearDuplicates implements api.Backend.
func (b backend) ClearDuplicates(ctx context.Context, s api.Scope) (int, error) {
	return b.operate(ctx, s, (*core.Core).ClearDuplicates)
}

// operate does something to a scope on the loop, whose next step carries it out.
func (b backend) operate(ctx context.Context, s api.Scope, do func(*core.Core, time.Time, core.Scope) int) (n int, err error) {
	var refused error
	err = b.d.query(ctx, func(c *core.Core) {
		var scope core.Scope
		if scope, refused = scopeOf(c, s); refused == nil {
			n = do(c, b.d.clock.now(), scope)
		}
	})
	if err == nil {
		err = refused
	}
	return n, err
}

// scopeOf finds what a scope names. An address alone must be in one network.
func scopeOf(c *core.Core, s api.Scope) (scope core.Scope, err error) {
	scope.IP, scope.Port = s.IP, s.Port
	if s.Network != "" {
		number, ok := c.NetworkByName(s.Network)
		if !ok {
			return scope, api.Errorf(api.ErrNotFound, "there is no network %q any more", s.Network)
		}
		scope.Network = number
	}
	if s.Switch != "" {
		if scope.Switch, err = strconv.ParseUint(s.Switch, 16, 64); err != nil {
			return scope, api.Errorf(api.ErrConflict, "switch %q is away, and nothing is known behind it", s.Switch)
		}
	}
	if !s.IP.IsValid() {
		return scope, nil
	}
	numbers := c.NetworksKnowing(s.IP)
	if scope.Network == 0 && len(numbers) > 1 {
		var names []string
		for _, n := range numbers {
			names = append(names, c.NetworkName(n))
		}
		return scope, api.Errorf(api.ErrConflict, "%s is in %d networks, %s: name the one that is meant", s.IP, len(names), strings.Join(names, ", "))
	}
	for _, n := range numbers {
		if scope.Network == 0 || scope.Network == n {
			scope.Network = n
			return scope, nil
		}
	}
	in := ""
	if s.Network != "" {
		in = fmt.Sprintf(" in network %q", s.Network)
	}
	return scope, api.Errorf(api.ErrNotFound, "%s is not known%s", s.IP, in)
}
