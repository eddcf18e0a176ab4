// Package apitest is a daemon made of fixed answers, for tests of the API, its
// client and the command line.
package apitest
