package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/intent"
)

const (
	// completionTimeout keeps the shell responsive.
	completionTimeout = time.Second
	// completionLimit bounds the addresses that are offered.
	completionLimit = 500
)

// complete registers the completion of a flag. It can only fail for a flag
// that does not exist, which is a mistake of the program.
func complete(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err)
	}
}

// fromAPI returns a completion that asks the running isat. If none runs,
// nothing is offered: a shell has no place for an error message.
func (a *app) fromAPI(f func(context.Context, *client.Client) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		c, err := a.client()
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(commandContext(cmd)), completionTimeout)
		defer cancel()
		words, err := f(ctx, c)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		for _, w := range words {
			if strings.HasPrefix(w, prefix) {
				out = append(out, w)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// commandContext returns the context of cmd, which cobra does not set when it
// completes.
func commandContext(cmd *cobra.Command) context.Context {
	if ctx := cmd.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}

func (a *app) completeNetworks() cobra.CompletionFunc {
	return a.flagFromAPI(func(ctx context.Context, c *client.Client) ([]string, error) {
		list, err := c.Networks(ctx)
		var out []string
		for _, n := range list {
			out = append(out, n.Name)
		}
		return out, err
	})
}

func (a *app) completeSwitches() cobra.CompletionFunc {
	return a.flagFromAPI(func(ctx context.Context, c *client.Client) ([]string, error) {
		list, err := c.Switches(ctx)
		var out []string
		for _, s := range list {
			out = append(out, s.Name, s.ID)
		}
		return out, err
	})
}

func (a *app) completeAddresses() cobra.CompletionFunc {
	return a.fromAPI(func(ctx context.Context, c *client.Client) ([]string, error) {
		list, err := c.Bindings(ctx, api.Filter{Limit: completionLimit})
		var out []string
		for _, b := range list {
			out = append(out, b.IP)
		}
		return out, err
	})
}

// completeDocuments offers the names of what is asked for of a kind.
func (a *app) completeDocuments(kind string) cobra.CompletionFunc {
	return a.fromAPI(func(ctx context.Context, c *client.Client) ([]string, error) {
		list, err := c.Documents(ctx, kind, "")
		var out []string
		for _, d := range list {
			out = append(out, d.Name)
		}
		return out, err
	})
}

// flagFromAPI is fromAPI for the value of a flag, whatever arguments there are.
func (a *app) flagFromAPI(f func(context.Context, *client.Client) ([]string, error)) cobra.CompletionFunc {
	inner := a.fromAPI(f)
	return func(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return inner(cmd, nil, prefix)
	}
}

// completeObjects offers kinds, and then the names of what is asked for of the kind.
func (a *app) completeObjects() cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return []string{intent.KindNetwork, intent.KindRouter, intent.KindPolicy, intent.KindLimits}, cobra.ShellCompDirectiveNoFileComp
		}
		kind, err := documentKind(args[0])
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.completeDocuments(kind)(cmd, nil, prefix)
	}
}
