// Package ovstest runs an Open vSwitch for tests, as an ordinary user: with dummy ports, in a
// directory of its own, apart from the machine's Open vSwitch.
//
// A [Switch] is driven in four ways: by its command line tools, by OpenFlow ([Session]), by its
// control socket ([Switch.Ctl]) and by frames on its ports ([Switch.Wire]).
package ovstest
