// Package seed has the tests that draw their cases at random draw the same ones from the same sources.
// Test packages that use rapid import it for that alone. What scripts/test runs can so be repeated: a
// case that fails anywhere fails everywhere, until the sources change. Cases beyond those are drawn by
// scripts/hunt.
package seed
