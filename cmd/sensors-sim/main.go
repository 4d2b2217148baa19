// Command sensors-sim is a field of sensors: it invents readings by a physical scenario, or replays a
// readings file, and publishes them over MQTT as loggers would.
package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"tocsin/cmd/internal/cli"
	"tocsin/cmd/internal/site"
	sensorsim "tocsin/sensors-sim"
	"tocsin/sensors-sim/scenario"
)

// version is set by the build.
var version = "unknown"

func main() { os.Exit(cli.Main(root())) }

type options struct {
	broker, site, scenario, replay, speed, username string
	seed                                            uint64
	clock                                           bool
}

func root() *cobra.Command {
	var o options
	command := &cobra.Command{
		Use:   "sensors-sim --broker URL --site SITE (--scenario NAME | --replay FILE.csv)",
		Short: "Publish readings as a field of sensors would: simulated, or replayed from a file",
		Long: `Publishes the readings of a site's stations over MQTT (QoS 1; nothing is begun before the
broker has acknowledged what came before).

--scenario NAME tells a story of SITE/simulation.yaml; it never ends by itself.
--replay FILE.csv sends a readings file (header time,station,quantity,value,unit, optionally
sensor and received; .gz allowed) in its order of arrival and ends with it.
--clock leads topic tocsin/clock, for a site that runs with --clock mqtt.

The password of --username comes from TOCSIN_SIM_PASSWORD.`,
		Version: version,
		Args:    cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(cmd, o)
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.broker, "broker", "tcp://127.0.0.1:1883", "URL of the MQTT broker")
	flags.StringVar(&o.site, "site", "", "site folder whose stations speak")
	flags.StringVar(&o.scenario, "scenario", "", "name of a story")
	flags.StringVar(&o.replay, "replay", "", "readings file")
	flags.StringVar(&o.speed, "speed", "1", "seconds of event time in a second, or max")
	flags.StringVar(&o.username, "username", "", "user name at the broker")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of the scenario: same seed, same readings")
	flags.BoolVar(&o.clock, "clock", false, "lead the clock of the site")
	return command
}

func run(cmd *cobra.Command, o options) error {
	speed, err := sensorsim.ParseSpeed(o.speed)
	if err != nil {
		return fmt.Errorf("%w: --speed: %w", cli.ErrUsage, err)
	}
	if (o.scenario == "") == (o.replay == "") {
		return fmt.Errorf("%w: give one of --scenario NAME and --replay FILE.csv", cli.ErrUsage)
	}
	if o.site == "" {
		return fmt.Errorf("%w: --site SITE is missing", cli.ErrUsage)
	}
	log := cli.Logger(cmd.ErrOrStderr(), slog.LevelInfo, false)
	config := sensorsim.Config{
		Broker: o.broker, Username: o.username, Password: os.Getenv("TOCSIN_SIM_PASSWORD"),
		Clock: o.clock, Pace: sensorsim.Constant(speed), Log: log,
	}
	if o.scenario != "" {
		config.Source, err = story(o)
		if err != nil {
			return err
		}
		return sensorsim.Run(cmd.Context(), config)
	}
	loaded, err := site.Load(os.DirFS(o.site), o.site)
	if err != nil {
		return err
	}
	file, err := os.Open(o.replay)
	if err != nil {
		return err
	}
	defer file.Close()
	replay, err := sensorsim.NewReplay(o.replay, file, loaded.Network, log)
	if err != nil {
		return err
	}
	config.Source = replay
	if err := sensorsim.Run(cmd.Context(), config); err != nil {
		return err
	}
	log.Info("replay done", "faults", replay.Faults())
	return replay.Err()
}

func story(o options) (scenario.Source, error) {
	name := filepath.Join(o.site, "simulation.yaml")
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("a scenario needs the site's simulation.yaml: %w", err)
	}
	defer file.Close()
	description, err := scenario.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return scenario.New(description, o.scenario, o.seed)
}
