package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/store"
	"github.com/isat-sdn/isat/internal/view"
)

// addDataDir lets a command go to a data directory instead of a running isat. It is
// the way out when isat does not start with what it has kept.
func addDataDir(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "data-dir", "", "`DIR` of an isat that does not run, instead of asking one that does")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if f := cmd.Flags(); f.Changed("data-dir") && f.Changed("api") {
			return usageErrorf("--data-dir is of an isat that does not run, and --api of one that does: give one of them%s", seeHelp(cmd))
		}
		return nil
	}
}

// withDirectory runs f with what is kept in a data directory. An isat that uses the
// directory is named in the error.
func withDirectory(ctx context.Context, path string, f func(s *store.Store, objects []intent.Object, unreadable []*store.UnreadableError) error) (err error) {
	s, err := store.Open(ctx, store.Config{Dir: path, Kept: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	readable, unreadable, err := s.Salvage(ctx)
	if err != nil {
		return err
	}
	objects := make([]intent.Object, 0, len(readable)+len(unreadable))
	for _, o := range readable {
		objects = append(objects, intent.Object(o))
	}
	for _, u := range unreadable {
		// The comment is for who mends it, and makes the text one that isat has not written:
		// an edit to what it says without the comment is a change.
		text := fmt.Appendf(nil, "# This document %s:\n", u.Why)
		objects = append(objects, intent.Object{Kind: u.Kind, Name: u.Name, Revision: u.Revision, Text: append(text, bytes.ToValidUTF8(u.Text, []byte("?"))...)})
	}
	return f(s, objects, unreadable)
}

// printDirectory prints the documents in a data directory as they are, with faults
// and all.
func printDirectory(cmd *cobra.Command, path, output string) error {
	return withDirectory(cmd.Context(), path, func(_ *store.Store, objects []intent.Object, _ []*store.UnreadableError) error {
		if output == outputYAML {
			_, err := cmd.OutOrStdout().Write(intent.JoinDocuments(objects))
			return err
		}
		list := []view.Document{}
		for _, o := range objects {
			list = append(list, api.DocumentOf(o))
		}
		return printJSON(cmd.OutOrStdout(), list)
	})
}

// editDirectory edits the intent in a data directory as isat does: what it would be is
// checked, and all is done or nothing.
func editDirectory(ctx context.Context, path string, body api.IntentBody) (edit view.IntentEdit, err error) {
	err = withDirectory(ctx, path, func(s *store.Store, objects []intent.Object, unreadable []*store.UnreadableError) error {
		plan, err := intent.NewPlan(objects, body.Request(), pipeline.NewPolicyChecker().Check)
		if err != nil {
			if p, ok := api.NewIntentProblem(err); ok {
				err = &client.Error{Status: p.Status, Detail: p.Detail, Faults: p.Faults, Conflicts: p.Conflicts}
			}
			return err
		}
		for _, u := range unreadable {
			if !slices.ContainsFunc(plan.Changes, func(c intent.Change) bool { return c.Ref == intent.Ref{Kind: u.Kind, Name: u.Name} }) {
				return fmt.Errorf("nothing was changed, for more has to be mended: %w", u)
			}
		}
		done := api.IntentEdited{Changes: plan.Changes}
		if !body.DryRun {
			var edits []store.Edit
			for _, e := range plan.Edits() {
				edits = append(edits, store.Edit(e))
			}
			if done.Revision, err = s.Commit(ctx, edits); err != nil {
				return err
			}
		}
		edit = done.View(body.DryRun)
		return nil
	})
	return edit, err
}
