package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/view"
)

// objectOf is a document as the intent's own package knows it.
func objectOf(d view.Document) intent.Object {
	return intent.Object{Kind: d.Kind, Name: d.Name, Revision: api.ExpectationOf(d.Revision), Text: []byte(d.Text)}
}

// document asks for the one document of a kind and name.
func document(ctx context.Context, c *client.Client, kind, name string) (intent.Object, error) {
	list, err := c.Documents(ctx, kind, name)
	switch {
	case err != nil:
		return intent.Object{}, err
	case len(list) == 0:
		return intent.Object{}, fmt.Errorf("there is no %s %q: \"isat get intent\" shows what there is", kind, name)
	}
	return objectOf(list[0]), nil
}

// printDocuments prints documents so that they can be applied again.
func printDocuments(ctx context.Context, c *client.Client, kind, name string, w io.Writer) error {
	var objects []intent.Object
	if name != "" {
		o, err := document(ctx, c, kind, name)
		if err != nil {
			return err
		}
		objects = append(objects, o)
	} else {
		list, err := c.Documents(ctx, kind, "")
		if err != nil {
			return err
		}
		for _, d := range list {
			objects = append(objects, objectOf(d))
		}
	}
	_, err := w.Write(intent.JoinDocuments(objects))
	return err
}

func newGetIntent(a *app) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "intent",
		Short: "Show all that is asked for, as documents that can be applied",
		Long: `Shows every document of the intent, those included of what is always there; with
--data-dir those that are stored. A document has its revision, 0 until it is
applied: edited and applied again it is refused if somebody else has changed the
object meanwhile.`,
		Example: "  isat get intent\n  isat get intent --data-dir /var/lib/isat > all.yaml",
		Args:    noArgs,
	}
	addDataDir(cmd, &dir)
	output := addOutput(cmd, outputYAML, outputJSON)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if dir != "" {
			return printDirectory(cmd, dir, output.value)
		}
		return a.ask(cmd, func(ctx context.Context, c *client.Client) error {
			if output.value == outputYAML {
				return printDocuments(ctx, c, "", "", cmd.OutOrStdout())
			}
			list, err := c.Documents(ctx, "", "")
			if err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), list)
		})
	}
	return cmd
}

func newGetLimits(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "limits",
		Short: "List the limits of what isat keeps and does",
		Long:  `Lists the limits. With -o yaml the document of those that are not the defaults, as "isat apply" takes it.`,
		Args:  noArgs,
	}
	output := addOutput(cmd, outputTable, outputJSON, outputYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.ask(cmd, func(ctx context.Context, c *client.Client) error {
			o, err := document(ctx, c, intent.KindLimits, intent.LimitsName)
			if err != nil {
				return err
			}
			if output.value == outputYAML {
				_, err := cmd.OutOrStdout().Write(o.Document())
				return err
			}
			in, err := intent.Parse("limits", o.Text)
			if err != nil {
				return err
			}
			return printLimits(cmd.OutOrStdout(), in.Limits, output.value)
		})
	}
	return cmd
}

func printLimits(w io.Writer, l intent.Limits, output string) error {
	rows := [][]string{}
	values := make(map[string]string)
	for _, one := range l.List() {
		rows = append(rows, []string{one.Key, one.Value, one.Default})
		values[one.Key] = one.Value
	}
	if output == outputJSON {
		return printJSON(w, values)
	}
	return newTable(w, []string{"LIMIT", "VALUE", "DEFAULT"}).print(rows)
}

// ask runs f with a client, for as long as a question may take.
func (a *app) ask(cmd *cobra.Command, f func(context.Context, *client.Client) error) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), callTimeout)
	defer cancel()
	return f(ctx, c)
}
