// Package peers holds the files with which systems are brought up side by side
// to be measured ("isat bench route"): a topology, and for each system what makes
// its switch a router. People bring a system up by hand with the same files.
package peers
