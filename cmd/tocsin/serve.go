package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tocsin/cmd/internal/app"
	"tocsin/cmd/internal/cli"
	"tocsin/cmd/internal/site"
)

// runFlags are the flags of serve and demo.
type runFlags struct {
	data, http, mqtt string
	debug, jsonLog   bool
}

func (f *runFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.data, "data", f.data, "folder of the journal, the history and the warnings")
	flags.StringVar(&f.http, "http", f.http, "host:port of the pages; goes before what the site says")
	flags.StringVar(&f.mqtt, "mqtt", f.mqtt, "host:port of the embedded MQTT broker; goes before what the site says")
	flags.BoolVar(&f.debug, "debug", false, "log more")
	flags.BoolVar(&f.jsonLog, "log-json", false, "log as JSON")
}

func (f *runFlags) logger(out io.Writer) *slog.Logger {
	level := slog.LevelInfo
	if f.debug {
		level = slog.LevelDebug
	}
	return cli.Logger(out, level, f.jsonLog)
}

func serveCommand() *cobra.Command {
	var f runFlags
	var clock string
	command := &cobra.Command{
		Use:   "serve SITE",
		Short: "Run a site until it is told to stop",
		Long: `Runs the site folder SITE: takes readings, judges, lets people approve, warns.
The first start prints a one-time login link for the administrator.

Secrets come from the environment, or from the file that the variable with _FILE
behind its name points to: TOCSIN_MQTT_<NAME>_PASSWORD for an outside broker with a
username, TOCSIN_INFLUX_TOKEN, TOCSIN_TWILIO_AUTH_TOKEN.

--clock mqtt (never in mode Actual) runs the site on the time that topic tocsin/clock
tells, as sensors-sim --clock publishes it.`,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			loaded, err := loadSite(args[0], cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if clock == "" {
				clock = loaded.Config.Clock
			}
			if err := loaded.Config.CheckClock(clock); err != nil {
				return fmt.Errorf("%w: --clock: %w", cli.ErrUsage, err)
			}
			secrets, err := loaded.Config.Secrets(os.LookupEnv)
			if err != nil {
				return err
			}
			if f.data == "" {
				f.data = filepath.Join(args[0], ".data")
			}
			return serve(cmd.Context(), app.Config{
				Site: loaded, Data: f.data, HTTP: f.http, MQTT: f.mqtt, MQTTClock: clock == "mqtt",
				Secrets: secrets, Log: f.logger(cmd.ErrOrStderr()), Now: time.Now,
			}, cmd.OutOrStdout())
		},
	}
	f.add(command)
	command.Flags().Lookup("data").Usage += " (default SITE/.data)"
	command.Flags().StringVar(&clock, "clock", "", "machine, or mqtt outside mode Actual; goes before what the site says")
	return command
}

// serve runs the program until ctx ends.
func serve(ctx context.Context, config app.Config, out io.Writer) error {
	running, err := app.Start(ctx, config)
	if err != nil {
		return err
	}
	announce(out, config, running)
	select {
	case <-ctx.Done():
		config.Log.Info("stopping")
	case err = <-running.Failed():
	}
	return errors.Join(err, running.Close())
}

// announce tells where everything is, for people and for scripts that take ports as they come.
func announce(out io.Writer, config app.Config, running *app.App) {
	base := "http://" + running.HTTPAddr()
	fmt.Fprintf(out, "Tocsin %s · %s · mode %s\n", version, config.Site.Config.Name, config.Site.Config.Mode)
	fmt.Fprintf(out, "  residents' page  %s/\n", base)
	fmt.Fprintf(out, "  console          %s/console\n", base)
	if running.MQTTAddr() != "" {
		fmt.Fprintf(out, "  sensors          mqtt://%s\n", running.MQTTAddr())
	}
	if running.FirstLogin() != "" {
		fmt.Fprintf(out, "  first login      %s%s  (works once, for 24 hours)\n", base, running.FirstLogin())
	}
}

// loadSite loads a site folder and tells its warnings; faults are told line by line.
func loadSite(dir string, bad io.Writer) (*site.Site, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("there is no site folder %s; `tocsin init %s` makes one", dir, dir)
	}
	return checked(os.DirFS(dir), dir, bad)
}

func checked(fsys fs.FS, name string, bad io.Writer) (*site.Site, error) {
	loaded, err := site.Load(fsys, name)
	var faults site.Faults
	switch {
	case errors.As(err, &faults):
		for _, fault := range faults {
			fmt.Fprintln(bad, fault)
		}
		return nil, cli.ErrReported
	case err != nil:
		return nil, err
	}
	for _, warning := range loaded.Warnings {
		fmt.Fprintf(bad, "warning: %s\n", warning)
	}
	return loaded, nil
}
