// Package project holds the tests of the project as a whole: which package may
// lean on which, what every package and document has to have, and that nothing
// generated or written about the program has drifted from it.
package project
