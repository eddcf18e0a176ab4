package view

// Document is one document of the intent.
type Document struct {
	Kind     string `json:"kind" doc:"Kind of the object" example:"network"`
	Name     string `json:"name" doc:"Its name, unique among those of the kind"`
	Revision *int64 `json:"revision,omitempty" minimum:"0" doc:"Revision of its last change; 0 if it is not stored; none if the intent is read from a file"`
	Text     string `json:"text" doc:"Canonical YAML, without the revision"`
}

// IntentChange is what an edit of the intent does to an object.
type IntentChange struct {
	Kind   string `json:"kind" doc:"Kind of the object"`
	Name   string `json:"name" doc:"Its name"`
	Action string `json:"action" enum:"created,changed,unchanged,deleted,reset" doc:"What happens to it; reset: what is always there goes back to its defaults"`
	Diff   string `json:"diff,omitempty" doc:"The lines of the canonical form that differ, as a unified diff, if it is changed or reset"`
}

// IntentEdit is the outcome of an edit of the intent.
type IntentEdit struct {
	DryRun   bool           `json:"dryRun,omitempty" doc:"Nothing was changed: it was asked only what would be"`
	Revision int64          `json:"revision,omitempty" doc:"Revision of the objects that were written; 0 if none was"`
	Volatile bool           `json:"volatile,omitempty" doc:"There is no data directory: the intent lasts as long as the process"`
	Changes  []IntentChange `json:"changes" nullable:"false" doc:"What happens to each object that is described or deleted"`
}

// IntentFault is a fault that keeps an edit of the intent from being made.
type IntentFault struct {
	File    string `json:"file" doc:"Name of the file as given, or the stored object"`
	Line    int    `json:"line" doc:"Line, from 1"`
	Column  int    `json:"column" doc:"Column in characters, from 1"`
	Message string `json:"message" doc:"What is wrong, and what was expected"`
	Excerpt string `json:"excerpt" doc:"The line, and below it a caret under the column"`
}

// IntentConflict is an object that was edited from another revision than it has.
type IntentConflict struct {
	Kind    string   `json:"kind" doc:"Kind of the object"`
	Name    string   `json:"name" doc:"Its name"`
	Message string   `json:"message" doc:"What happened, one line"`
	Edited  int64    `json:"edited" doc:"Revision that the edit was made from; 0: it expected no such object"`
	Present Document `json:"present" doc:"The object as it is; the text is empty if it does not exist"`
	Yours   string   `json:"yours" doc:"What the edit would make of it, without the revision; empty: delete it"`
	Diff    string   `json:"diff" doc:"The lines in which yours differs from what is present"`
}
