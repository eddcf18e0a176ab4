package apitest

import (
	"context"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/intent"
)

// documents is the intent of New, as it was asked for at revision 5.
func documents() []intent.Object {
	in, err := intent.Parse("apitest", []byte(`
kind: network
name: blue
number: 100
unknown: flood
subnets: [{prefix: 10.0.0.0/16, gateway: 10.0.0.254, gatewayMAC: "02:00:00:00:00:fe"}]
ports: [{switch: br9, port: later}, {switch: "0000000000000002", port: trunk, vlan: 10}]
bindings: [{ip: 10.0.0.2, macs: ["02:00:00:00:00:03", "02:00:00:00:00:04"]}]
---
kind: router
name: r1
interfaces: [{network: blue, addresses: [10.0.0.253/16]}]
---
kind: policy
name: no-telnet
table: guard
priority: 10
match: tcp.dst == 23
actions: drop;
`))
	if err != nil {
		panic(err)
	}
	var list []intent.Object
	for _, o := range in.Objects() {
		if o.Name != intent.DefaultName && o.Kind != intent.KindLimits {
			o.Revision = 5
			list = append(list, o)
		}
	}
	return list
}

// Intent returns what is asked for, the default network included.
func (b *Backend) Intent(context.Context) ([]intent.Object, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Err != nil {
		return nil, b.Err
	}
	in, err := intent.Load(b.Stored, nil)
	if err != nil {
		return nil, err
	}
	return in.Stored(b.Stored), nil
}

// EditIntent changes b.Stored as the daemon changes what it keeps.
func (b *Backend) EditIntent(_ context.Context, r intent.Request, dryRun bool) (api.IntentEdited, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Err != nil {
		return api.IntentEdited{}, b.Err
	}
	plan, err := intent.NewPlan(b.Stored, r, nil)
	if err != nil {
		return api.IntentEdited{}, err
	}
	done := api.IntentEdited{Changes: plan.Changes, Volatile: b.Volatile}
	if len(plan.Edits()) > 0 && !dryRun {
		b.Revision++
		done.Revision = b.Revision
		b.Stored = plan.After(b.Stored, b.Revision)
	}
	return done, nil
}
