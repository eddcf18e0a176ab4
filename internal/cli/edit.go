package cli

import (
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
names, vi without either, and applies what is saved. If it is refused, the text
stays in a file whose name is told.`,
		Example: "  isat edit network blue\n  EDITOR=nano isat edit limits",
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
	before := o.Edited()
	_, err = f.Write(before)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = runEditor(cmd, f.Name())
	}
	var after []byte
	if err == nil {
		after, err = os.ReadFile(f.Name())
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("edit %s: %w", o.Ref(), err)
	}
	if string(after) != string(before) {
		file := api.IntentFile{Name: f.Name(), Text: string(after)}
		if err := a.edit(cmd, "", api.IntentBody{Files: []api.IntentFile{file}}, outputText); err != nil {
			return fmt.Errorf("%w\nyour text is in %s: mend it, and \"isat apply -f\" it", err, f.Name())
		}
	} else if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", o.Ref(), intent.Unchanged); err != nil {
		return err
	}
	return os.Remove(f.Name())
}

// runEditor runs the user's editor, which may be a command with arguments.
func runEditor(cmd *cobra.Command, file string) error {
	editor := "vi"
	for _, name := range []string{"EDITOR", "VISUAL"} {
		if s := strings.TrimSpace(os.Getenv(name)); s != "" {
			editor = s
		}
	}
	words := append(strings.Fields(editor), file)
	run := exec.CommandContext(cmd.Context(), words[0], words[1:]...)
	run.Stdin, run.Stdout, run.Stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	if err := run.Run(); err != nil {
		return fmt.Errorf("run the editor %s: %w", words[0], err)
	}
	return nil
}
