package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The exit codes of isat.
const (
	exitOK     = 0
	exitFailed = 1 // it failed, or what was asked for was not found
	exitUsage  = 2 // the command line is wrong
)

// usageError is a mistake on the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usageErrorf(format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...)}
}

// exitStatus ends isat with this code and without a message: the command has
// said what there was to say, or the message is that of a program it ran.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// report prints err, if it has anything to say, and returns the exit code.
func report(w io.Writer, err error) int {
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return exitOK // the reader of a pipe that has seen enough is no failure
	}
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	text := err.Error()
	if errors.Is(err, context.Canceled) {
		text = "interrupted"
	}
	fmt.Fprintln(w, "isat: "+text)
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

// flagError turns an error of the flag parser into one line with the nearest
// flag that exists, or with what its value is to be.
func flagError(cmd *cobra.Command, err error) error {
	hint := ""
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		var number *strconv.NumError
		switch isNumber := errors.As(err, &number); {
		case e.GetFlag().Value.Type() == "duration":
			return usageErrorf("--%s %q is not a time such as 90s, 10m or 2h%s", e.GetFlag().Name, e.GetValue(), seeHelp(cmd))
		case isNumber && errors.Is(number, strconv.ErrRange):
			return usageErrorf("--%s %s is out of range%s", e.GetFlag().Name, e.GetValue(), seeHelp(cmd))
		case isNumber:
			return usageErrorf("--%s %q is not a whole number from 0%s", e.GetFlag().Name, e.GetValue(), seeHelp(cmd))
		}
	}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok && e.GetSpecifiedShortnames() == "" {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, f.Name)
			}
		})
		if n := nearest(e.GetSpecifiedName(), names); n != "" {
			hint = fmt.Sprintf(": did you mean --%s?", n)
		}
	}
	return usageErrorf("%s%s%s", err, hint, seeHelp(cmd))
}

// noEmptyFlags refuses flags without a value, as a variable leaves them that is not set:
// without the flag nothing is kept, or more is meant.
func noEmptyFlags(cmd *cobra.Command, _ []string) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && f.Value.String() == "" && err == nil {
			err = usageErrorf("--%s is empty: give a value, or leave it out", f.Name)
		}
	})
	return err
}

func seeHelp(cmd *cobra.Command) string {
	return fmt.Sprintf(" (see %q)", cmd.CommandPath()+" --help")
}

// group makes cmd a command that only holds others: by itself it shows its
// help, and an unknown name is an error with the nearest one that exists.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var names []string
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				names = append(append(names, c.Name()), c.Aliases...)
			}
		}
		hint := ""
		if n := nearest(args[0], names); n != "" {
			hint = fmt.Sprintf(": did you mean %q?", n)
		}
		return usageErrorf("unknown command %q for %q%s%s", args[0], cmd.CommandPath(), hint, seeHelp(cmd))
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return cmd
}

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageErrorf("%q takes no argument, but got %q%s", cmd.CommandPath(), args[0], seeHelp(cmd))
	}
	return nil
}

// maybeOneArg takes one argument or none.
func maybeOneArg(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageErrorf("%q takes one argument, but got %q too%s", cmd.CommandPath(), args[1], seeHelp(cmd))
	}
	return nil
}

// oneArg asks for exactly one argument, which the message calls what.
func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return usageErrorf("%q needs %s%s", cmd.CommandPath(), what, seeHelp(cmd))
		case len(args) > 1:
			return usageErrorf("%q takes one argument, but got %q too%s", cmd.CommandPath(), args[1], seeHelp(cmd))
		}
		return nil
	}
}

// nearest returns the candidate that differs from word in the fewest letters,
// or "" if none is near enough to be a typing error.
func nearest(word string, candidates []string) string {
	best, bestDistance := "", 1+max(1, len(word)/3)
	for _, c := range candidates {
		d := distance(word, c)
		if strings.HasPrefix(c, word) {
			d = min(d, 1)
		}
		if d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete, replace or swap with
// their neighbour (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
