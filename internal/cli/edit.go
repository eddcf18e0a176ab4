package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/intent"
)

func newEditCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "edit KIND [NAME]",
		Short: "Edit what is asked for in an editor, and apply it",
		Long: `Opens the document of an object in the editor that the variable VISUAL or EDITOR
names, vi without either, and applies what is saved. The editor may have
arguments, quoted as for the shell. If what was saved is refused, or the editor
fails, the text stays in a file whose name is told.`,
		Example: "  isat edit network blue\n  EDITOR=nano isat edit limits\n  EDITOR='emacsclient -a \"\"' isat edit policy no-telnet",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usageErrorf("%q needs a kind and a name%s", cmd.CommandPath(), seeHelp(cmd))
			}
			return nil
		},
		ValidArgsFunction: a.completeObjects(),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		named, err := namedObjects(args)
		if err != nil {
			return err
		}
		var o intent.Object
		err = a.ask(cmd, func(ctx context.Context, c *client.Client) error {
			o, err = document(ctx, c, named[0].Kind, named[0].Name)
			return err
		})
		if err != nil {
			return err
		}
		return a.editObject(cmd, o)
	}
	return cmd
}

// editObject has the user edit an object, and applies it. The file is removed only if
// nobody needs it any more.
func (a *app) editObject(cmd *cobra.Command, o intent.Object) error {
	f, err := os.CreateTemp("", "isat-*.yaml")
	if err != nil {
		return fmt.Errorf("edit %s: %w", o.Ref(), err)
	}
	before := o.Document()
	_, err = f.Write(before)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("edit %s: %w", o.Ref(), err)
	}
	failed := runEditor(cmd, f.Name())
	after, err := readFile(nil, f.Name())
	if err = cmp.Or(failed, err); err != nil {
		err = fmt.Errorf("edit %s: %w", o.Ref(), err)
	}
	if len(after.Data) == 0 || bytes.Equal(after.Data, before) {
		os.Remove(f.Name())
		if err == nil {
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", o.Ref(), intent.Unchanged)
		}
		return err
	}
	if err == nil {
		err = a.applyEdited(cmd, after)
	}
	if err != nil {
		return fmt.Errorf("%w\nyour text is in %s: mend it, and \"isat apply -f\" it", err, f.Name())
	}
	return os.Remove(f.Name())
}

func (a *app) applyEdited(cmd *cobra.Command, f intent.File) error {
	if err := intent.CheckText([]intent.File{f}); err != nil {
		return err
	}
	return a.edit(cmd, "", api.IntentBody{Files: []api.IntentFile{{Name: f.Name, Text: string(f.Data)}}}, outputText)
}

// shellCharacters make a command one for the shell.
const shellCharacters = "|&;<>()$`\\\"' \t\n*?[#~=%"

// runEditor runs the user's editor, by a shell if it has arguments: they may be quoted,
// and other programs that obey the variables do so.
func runEditor(cmd *cobra.Command, file string) error {
	editor := "vi"
	for _, name := range []string{"EDITOR", "VISUAL"} {
		if s := strings.TrimSpace(os.Getenv(name)); s != "" {
			editor = s
		}
	}
	words := []string{editor, file}
	if strings.ContainsAny(editor, shellCharacters) {
		words = []string{"sh", "-c", editor + ` "$@"`, editor, file}
	}
	run := exec.CommandContext(cmd.Context(), words[0], words[1:]...)
	run.Stdin, run.Stdout, run.Stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	if err := run.Run(); err != nil {
		return fmt.Errorf("run the editor %s: %w", editor, err)
	}
	return nil
}
