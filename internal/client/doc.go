// Package client talks to the REST API of a running isat.
//
// Every error is one line that can be shown to a user as it is. Errors of the
// API keep their kind: errors.Is works with the sentinels of package api.
package client
