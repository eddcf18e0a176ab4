// Package pipeline turns intent, bindings and the fabric into the flows that a
// switch should have: tables and registers by name, the rules of each table,
// and what to send to a switch so that it has exactly those flows.
//
// The packet path is classify → guard → learn → punt → answer → reply → … ;
// docs/tables.md, generated from the rules, shows it in full. The package is
// pure: it makes flows, and knows nothing of connections.
package pipeline
