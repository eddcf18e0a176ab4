// Package resolve gives the verdict on a punted packet: what it teaches, how it
// is answered, and how the wire is asked for an address that nobody knows.
//
// Answer serves the hot path: it only reads, allocates nothing, and may run on
// any goroutine. Searches is the memory of questions without an answer, and
// belongs to the core. The package is pure: time comes in as an argument.
package resolve
