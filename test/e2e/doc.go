// Package e2e holds the end-to-end tests: real isat processes, real Open
// vSwitch, real kernels as hosts, and captures of what was on the wire.
package e2e
