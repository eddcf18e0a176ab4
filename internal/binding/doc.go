// Package binding says who lives where: which MAC an address has (bindings) and
// behind which port a MAC is (stations).
//
// A binding is where its MAC is, so the place is kept once, with the station.
// The Table has one writer, the core; lookups of bindings are safe from any
// goroutine at any time and take no lock, because published records never
// change and are replaced as a whole. The package is pure: time comes in as an
// argument.
package binding
