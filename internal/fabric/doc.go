// Package fabric knows the switches and their ports, and works out from the
// intent which port belongs to which network. It is pure.
package fabric
