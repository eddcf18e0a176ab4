// Package core is the controller's mind: it takes events, changes the state of
// bindings, searches and switches, and returns what has to be done about them.
//
// It composes the pure packages and is pure itself: no sockets, clocks or
// goroutines. One goroutine owns a Core and calls Step; only the binding table
// may be read from elsewhere, through Table.
package core
