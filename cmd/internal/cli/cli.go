// Package cli is what both programs do alike: exit codes, signals, progress on a terminal.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
)

// The exit codes that scripts may rely on.
const (
	Done   = 0 // it worked
	Failed = 1 // the input or the check failed
	Usage  = 2 // the command line was wrong
)

// ErrUsage marks an error as wrong usage.
var ErrUsage = errors.New("wrong usage")

// ErrReported is returned by a command that has already said what failed: only the exit code is left.
var ErrReported = errors.New("failed")

// Main runs a command with the process's arguments until it ends or the process is told to stop
// (SIGINT, SIGTERM), and returns the exit code.
func Main(root *cobra.Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return Run(ctx, root, os.Args[1:])
}

// Run executes root with args and turns its error into an exit code, telling it on the command's
// error stream.
func Run(ctx context.Context, root *cobra.Command, args []string) int {
	root.SetArgs(args)
	root.SilenceUsage = true
	root.SilenceErrors = true
	usageOnErrors(root)
	ran, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil, errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return Done
	case errors.Is(err, ErrReported):
		return Failed
	case errors.Is(err, ErrUsage), ran == root:
		fmt.Fprintf(root.ErrOrStderr(), "%s: %v\n%s", root.Name(), err, ran.UsageString())
		return Usage
	}
	fmt.Fprintf(root.ErrOrStderr(), "%s: %v\n", root.Name(), err)
	return Failed
}

// usageOnErrors makes wrong flags and unknown commands, at any depth, count as wrong usage.
func usageOnErrors(command *cobra.Command) {
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	})
	if command.HasParent() && command.HasSubCommands() && !command.Runnable() {
		command.Args = Args(cobra.NoArgs)
		command.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	for _, child := range command.Commands() {
		usageOnErrors(child)
	}
}

// Args wraps a cobra argument check so that its error counts as wrong usage.
func Args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return fmt.Errorf("%w: %w", ErrUsage, err)
		}
		return nil
	}
}

// IsTerminal says whether out is a terminal, where progress may be shown.
func IsTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// Logger writes to out: text for people, JSON where asked.
func Logger(out io.Writer, level slog.Level, asJSON bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if asJSON {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}
