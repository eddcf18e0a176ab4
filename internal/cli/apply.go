package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/view"
)

// editTimeout bounds an edit of the intent, which may be of 16 MiB and on a slow
// disk.
const editTimeout = 2 * time.Minute

// maxShown is how many lines of a difference, or of a document, are shown.
const maxShown = 60

// outputText is the --output of what is told in sentences.
const outputText = "text"

func newApplyCommand(a *app) *cobra.Command {
	var names []string
	var dir string
	var body api.IntentBody
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Create or change what is asked for: networks, routers, policies, limits",
		Long: `Creates or changes the objects that the documents of a file describe, and says
what changed. A document describes its object completely. What is asked for as
it is stays untouched, and no flow changes. All is done, or nothing: if the
whole would not be valid, every fault is shown.

A document that has the revision that "isat get -o yaml" prints is refused if
somebody else has changed the object meanwhile, and both versions are shown.

What was applied is kept in the data directory of "isat run --data-dir".`,
		Example: `  isat apply -f networks.yaml --dry-run
  isat apply -f networks.yaml
  isat apply -f all.yaml --prune
  isat apply -f mended.yaml --data-dir /var/lib/isat
  isat get network blue -o yaml | sed 's/solicit/flood/' | isat apply -f -`,
		Args: noArgs,
	}
	f := cmd.Flags()
	addFiles(cmd, &names)
	f.BoolVar(&body.Prune, "prune", false, "delete every object that no document describes")
	f.BoolVar(&body.DryRun, "dry-run", false, "say what would change, and change nothing")
	addDataDir(cmd, &dir)
	output := addOutput(cmd, outputText, outputJSON, outputYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if len(names) == 0 {
			return usageErrorf("%q needs -f FILE%s", cmd.CommandPath(), seeHelp(cmd))
		}
		files, err := readFiles(cmd.InOrStdin(), names)
		if err != nil {
			return err
		}
		for _, f := range files {
			body.Files = append(body.Files, api.IntentFile{Name: f.Name, Text: string(f.Data)})
		}
		return a.edit(cmd, dir, body, output.value)
	}
	return cmd
}

func addFiles(cmd *cobra.Command, names *[]string) {
	cmd.Flags().StringArrayVarP(names, "file", "f", nil, "`FILE` with documents, - for standard input; can be repeated")
	complete(cmd, "file", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
	})
}

func readFiles(stdin io.Reader, names []string) ([]intent.File, error) {
	var files []intent.File
	for _, name := range names {
		f, err := readFile(stdin, name)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, intent.CheckText(files)
}

func readFile(stdin io.Reader, name string) (intent.File, error) {
	if name == "-" {
		return intent.Read("standard input", stdin)
	}
	in, err := os.Open(name)
	if err != nil {
		return intent.File{}, fmt.Errorf("read intent: %w", err)
	}
	defer in.Close()
	return intent.Read(name, in)
}

func newDeleteCommand(a *app) *cobra.Command {
	var names []string
	var dir string
	var body api.IntentBody
	cmd := &cobra.Command{
		Use:   "delete {KIND NAME... | -f FILE}",
		Short: "Delete networks, routers, policies or limits that are asked for",
		Long: `Deletes objects that are asked for: all of them, or none if what is left would not
be valid. From a file only kind, name and revision of the documents count. The
network default and the limits go back to the defaults.`,
		Example: `  isat delete policy no-telnet
  isat delete network blue red
  isat delete limits
  isat delete -f networks.yaml
  isat delete network blue --data-dir /var/lib/isat`,
	}
	addFiles(cmd, &names)
	cmd.Flags().BoolVar(&body.DryRun, "dry-run", false, "say what would change, and change nothing")
	addDataDir(cmd, &dir)
	output := addOutput(cmd, outputText, outputJSON, outputYAML)
	cmd.ValidArgsFunction = a.completeObjects()
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if (len(args) > 0) == (len(names) > 0) {
			return usageErrorf("%q needs either a kind and names, or -f FILE%s", cmd.CommandPath(), seeHelp(cmd))
		}
		var list []intent.Deletion
		if len(args) > 0 {
			list, err = namedObjects(args)
			if dir != "" && err != nil && len(args) > 1 {
				list, err = namedAs(args[0], args[1:]), nil // a newer isat's kind
			}
		} else if files, readErr := readFiles(cmd.InOrStdin(), names); readErr != nil {
			err = readErr
		} else {
			list, err = intent.Refs(files)
		}
		if err != nil {
			return err
		}
		for _, d := range list {
			body.Delete = append(body.Delete, api.IntentDeletion{Kind: d.Kind, Name: d.Name, Revision: api.RevisionOf(d.Expect)})
		}
		return a.edit(cmd, dir, body, output.value)
	}
	return cmd
}

// namedObjects reads KIND NAME...
func namedObjects(args []string) ([]intent.Deletion, error) {
	kind, err := documentKind(args[0])
	if err != nil {
		return nil, err
	}
	names := args[1:]
	if kind == intent.KindLimits {
		if len(names) > 0 && !slices.Equal(names, []string{intent.LimitsName}) {
			return nil, usageErrorf("the limits have no name, but got %q", names[0])
		}
		names = []string{intent.LimitsName}
	}
	if len(names) == 0 {
		return nil, usageErrorf("which %s? give its name", kind)
	}
	return namedAs(kind, names), nil
}

func namedAs(kind string, names []string) (list []intent.Deletion) {
	for _, name := range names {
		list = append(list, intent.Deletion{Ref: intent.Ref{Kind: kind, Name: name}})
	}
	return list
}

// documentKind reads a kind of document by any of its names.
func documentKind(word string) (string, error) {
	kinds := []string{intent.KindLimits}
	for _, r := range resources() {
		if r.document == "" {
			continue
		}
		kinds = append(kinds, r.document)
		for _, name := range append([]string{string(r.kind)}, r.aliases...) {
			if name == word {
				return r.document, nil
			}
		}
	}
	if word == intent.KindLimits {
		return word, nil
	}
	hint := "it is one of " + strings.Join(kinds, ", ")
	if n := nearest(word, kinds); n != "" {
		hint = fmt.Sprintf("did you mean %q?", n)
	}
	return "", usageErrorf("%q is no kind of object that is asked for: %s", word, hint)
}

// edit has an edit made, by isat or in a data directory, and says what came of it.
func (a *app) edit(cmd *cobra.Command, dir string, body api.IntentBody, output string) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), editTimeout)
	defer cancel()
	done, err := view.IntentEdit{}, error(nil)
	if dir != "" {
		done, err = editDirectory(ctx, dir, body)
	} else if c, refused := a.client(); refused != nil {
		err = refused
	} else {
		done, err = c.EditIntent(ctx, body)
	}
	if err != nil {
		return refusal(err)
	}
	return printEdit(cmd, done, output)
}

// doneTo says in words what happened to an object.
func doneTo(a intent.Action) string {
	if a == intent.Reset {
		return "reset to the defaults"
	}
	return string(a)
}

func printEdit(cmd *cobra.Command, done view.IntentEdit, output string) error {
	switch output {
	case outputJSON:
		return printJSON(cmd.OutOrStdout(), done)
	case outputYAML:
		return printYAML(cmd.OutOrStdout(), done)
	}
	var b strings.Builder
	dry := ""
	if done.DryRun {
		dry = " (dry run)"
	}
	for _, c := range done.Changes {
		action := intent.Action(c.Action)
		fmt.Fprintf(&b, "%s %s%s\n", intent.Ref{Kind: c.Kind, Name: c.Name}, doneTo(action), dry)
		if action == intent.Changed || action == intent.Reset {
			b.WriteString(shown(c.Diff))
		}
	}
	if _, err := io.WriteString(cmd.OutOrStdout(), b.String()); err != nil {
		return err
	}
	if done.Volatile && done.Revision != 0 {
		_, err := fmt.Fprintln(cmd.ErrOrStderr(), "isat: this is kept in memory only, and lost when isat ends: \"isat run --data-dir DIR\" keeps it")
		return err
	}
	return nil
}

// shown indents a text, and cuts it where nobody would read on.
func shown(text string) string {
	var b strings.Builder
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		if i == maxShown {
			fmt.Fprintf(&b, "    ... %s more\n", count(len(lines)-i, "line"))
			break
		}
		b.WriteString(strings.TrimRight("    "+line, " ") + "\n")
	}
	return b.String()
}

// refusal shows why an edit was refused: every fault where it is, or both versions
// of what somebody else has changed meanwhile.
func refusal(err error) error {
	e, ok := errors.AsType[*client.Error](err)
	if !ok || len(e.Faults)+len(e.Conflicts) == 0 {
		return err
	}
	var b strings.Builder
	if n := len(e.Faults); n > 0 {
		fmt.Fprintf(&b, "nothing was changed, for the intent would have %s\n", count(n, "fault"))
	} else {
		fmt.Fprintf(&b, "nothing was changed, for somebody else has edited %s meanwhile\n", count(len(e.Conflicts), "object"))
	}
	for _, f := range e.Faults {
		fmt.Fprintf(&b, "%s:%d:%d: %s\n%s\n", f.File, f.Line, f.Column, f.Message, f.Excerpt)
	}
	for _, c := range e.Conflicts {
		fmt.Fprintf(&b, "%s\n", c.Message)
		version := func(title, text, none string) {
			if text == "" {
				fmt.Fprintf(&b, "%s: %s\n", title, none)
			} else {
				fmt.Fprintf(&b, "%s:\n%s", title, shown(text))
			}
		}
		present := "what it is now"
		if revision := api.ExpectationOf(c.Present.Revision); revision > 0 {
			present += fmt.Sprintf(", revision %d", revision)
		}
		version(present, c.Present.Text, "it is deleted")
		version("yours", c.Yours, "delete it")
		if c.Present.Text != "" && c.Yours != "" {
			version("to make yours of it", c.Diff, "")
		}
	}
	return &refused{text: strings.TrimSuffix(b.String(), "\n"), cause: err}
}

// refused is an error with a text of its own.
type refused struct {
	text  string
	cause error
}

func (e *refused) Error() string { return e.text }
func (e *refused) Unwrap() error { return e.cause }
