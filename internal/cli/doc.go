// Package cli is the command line of isat: the daemon, and a client of its
// REST API for people and scripts.
//
// Results go to standard output, errors to standard error as one line that
// says what to do. The exit code is 0 for success, 1 if the command failed or
// what was asked for was not found, and 2 if the command line is wrong.
package cli
