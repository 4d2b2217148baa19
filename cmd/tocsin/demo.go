package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tocsin/cmd/internal/app"
	"tocsin/cmd/internal/cli"
	"tocsin/cmd/internal/demo"
	sensorsim "tocsin/sensors-sim"
)

const aboutDemo = "A story after the outburst of Luggye Tsho, 7 October 1994. In 1994 nothing warned; this shows what stations like those in place since 2011 might have seen. Nothing here is happening."

func demoCommand() *cobra.Command {
	f := runFlags{http: "127.0.0.1:8080", mqtt: "127.0.0.1:1883"}
	var speed, approve, story string
	command := &cobra.Command{
		Use:   "demo",
		Short: "Run the built-in exercise: a glacial-lake flood, noticed, judged, approved and warned of",
		Long: `Runs the built-in site (Punakha-Wangdue, Bhutan, mode Exercise) with a simulated field of
sensors: no account, no outside service. The story begins when a page is opened (at once
with --approve script), runs at --speed and slows to real time while a proposal waits.`,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			pace, err := sensorsim.ParseSpeed(speed)
			if err != nil {
				return fmt.Errorf("%w: --speed: %w", cli.ErrUsage, err)
			}
			if approve != "" && approve != "script" {
				return fmt.Errorf("%w: --approve takes only: script", cli.ErrUsage)
			}
			return runDemo(cmd.Context(), f, demo.Options{Story: story, Speed: pace, Script: approve == "script"}, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.add(command)
	command.Flags().StringVar(&speed, "speed", fmt.Sprint(demo.Speed), "seconds of the story in a second, or max")
	command.Flags().StringVar(&approve, "approve", "", "script: let a scripted operator approve whatever is proposed")
	command.Flags().StringVar(&story, "scenario", demo.Outburst, strings.Join(demo.Stories(), ", "))
	return command
}

func runDemo(ctx context.Context, f runFlags, options demo.Options, out, bad io.Writer) (err error) {
	loaded, err := checked(demo.Site(), "demo", io.Discard)
	if err != nil {
		return err
	}
	if f.data == "" {
		if f.data, err = os.MkdirTemp("", "tocsin-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(f.data)) }()
	}
	// What a newcomer should see is the story, not the log.
	log := f.logger(bad)
	if !f.debug {
		log = cli.Logger(bad, slog.LevelWarn, f.jsonLog)
	}
	config := app.Config{
		Site: loaded, Data: f.data, HTTP: f.http, MQTT: f.mqtt, MQTTClock: true,
		About: aboutDemo, Log: log, Now: time.Now,
	}
	running, err := app.Start(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, running.Close()) }()
	announce(out, config, running)
	return demo.Tell(ctx, running, options, out, log)
}
