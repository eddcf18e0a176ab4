// Package daemon wires the controller together: it listens for switches,
// carries events to the core and its effects back, and serves the REST API.
//
// One goroutine, the loop, owns the core. Each OpenFlow session has a reader of
// its own, which answers questions for known addresses itself, from the binding
// table, and hands everything else to the loop.
package daemon
