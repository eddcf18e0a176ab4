// Package peers holds the files with which systems are brought up side by side
// to be measured: for "isat bench route" a topology, and for each system what makes
// its switch a router; for "isat bench flood" a topology, and what isat is told of
// it. People bring a system up by hand with the same files.
package peers
