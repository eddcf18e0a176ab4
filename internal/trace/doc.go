// Package trace shows what the flows of a switch are and do: it lists them with
// what they counted, and follows a packet through them.
//
// A packet is given as an expression, from which a frame is made, or as bytes.
// The package is pure: whoever calls it knows the flows.
package trace
