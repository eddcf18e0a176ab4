package store

import (
	"fmt"
	"regexp"
	"strings"
)

// Object is one document of the intent.
type Object struct {
	Kind, Name string
	Revision   int64  // of the last change; rises, and is never used twice
	Text       []byte // canonical YAML
}

// UnreadableError says that a document is stored that can't be used. Its text is
// what there is of it.
type UnreadableError struct {
	Object
	Dir string
	Why string // what is wrong: continues a sentence
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf(`read the intent from %s: %s %q %s: %s`, e.Dir, e.Kind, e.Name, e.Why, Remedy(e.Dir, e.Kind, e.Name))
}

// Remedy says what to do about a document in a data directory with which isat does
// not start.
func Remedy(dir, kind, name string) string {
	dir = shellWord(dir)
	return fmt.Sprintf(`"isat apply -f FILE --data-dir %s" replaces it, "isat delete %s %s --data-dir %s" takes it away, and "isat get intent --data-dir %s" shows what there is`,
		dir, shellWord(kind), shellWord(name), dir, dir)
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)

// shellWord is s as one word of a POSIX shell.
func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Edit is a change of one object.
type Edit struct {
	Kind, Name string
	Text       []byte // nil deletes the object
	Expect     int64  // what the editor saw: an object's revision, Anything or Nothing
}

// What an edit may expect instead of a revision.
const (
	Anything int64 = 0  // whatever is there is replaced
	Nothing  int64 = -1 // the object must not exist
)

// ConflictError says that an object is not what an edit expected, so that
// nothing was changed.
type ConflictError struct {
	Kind, Name string
	Expect     int64
	Have       Object // what is there; its Revision is 0 if nothing is
}

func (e *ConflictError) Error() string {
	switch {
	case e.Expect == Nothing:
		return fmt.Sprintf("%s %q exists already, at revision %d", e.Kind, e.Name, e.Have.Revision)
	case e.Have.Revision == 0:
		return fmt.Sprintf("%s %q at revision %d was changed: it is gone", e.Kind, e.Name, e.Expect)
	}
	return fmt.Sprintf("%s %q was changed meanwhile: it is at revision %d, and the edit is of revision %d", e.Kind, e.Name, e.Have.Revision, e.Expect)
}

// FullError says that the disk of the store has too little room, so that
// nothing was changed. It may be tried again when there is more.
type FullError struct {
	Dir  string
	Free uint64 // bytes
	Need uint64 // bytes
}

func (e *FullError) Error() string {
	return fmt.Sprintf("write to %s: %d MiB are free, and %d MiB must be: make room on its disk", e.Dir, e.Free>>20, e.Need>>20)
}
