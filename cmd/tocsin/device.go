package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tocsin/cmd/internal/app"
	"tocsin/cmd/internal/cli"
	"tocsin/ingest/device"
)

func deviceCommand() *cobra.Command {
	var data, site string
	command := &cobra.Command{Use: "device", Short: "Manage the passwords of field devices at the embedded broker"}
	add := &cobra.Command{
		Use:   "add --data DIR STATION",
		Short: "Give a station's device a password and print it, this once",
		Long: `Gives the device of STATION a random password for the embedded broker, and prints it
once. Its user name is the station's id; it may publish stations/STATION/... and nothing
else. It counts at once, while tocsin serve runs; tocsin.yaml must not say anonymous: true.`,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withDevices(cmd, data, func(devices *device.Store) error { return addDevice(cmd, devices, site, args[0]) })
		},
	}
	add.Flags().StringVar(&site, "site", "", "site folder, to be warned of a station that it does not have")
	revoke := &cobra.Command{
		Use:   "revoke --data DIR STATION",
		Short: "Take a device's password away: it is refused from its next connection on",
		Args:  cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withDevices(cmd, data, func(devices *device.Store) error { return devices.Revoke(cmd.Context(), args[0]) })
		},
	}
	list := &cobra.Command{
		Use:   "list --data DIR",
		Short: "List the stations whose device has a password",
		Args:  cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withDevices(cmd, data, func(devices *device.Store) error { return listDevices(cmd, devices) })
		},
	}
	for _, c := range []*cobra.Command{add, revoke, list} {
		c.Flags().StringVar(&data, "data", "", "data folder of the site")
		command.AddCommand(c)
	}
	return command
}

// withDevices opens the devices of a data folder in which a site was served once, so that a mistyped
// folder is not taken for a new one.
func withDevices(cmd *cobra.Command, data string, use func(*device.Store) error) (err error) {
	if data == "" {
		return fmt.Errorf("%w: --data DIR is missing", cli.ErrUsage)
	}
	if _, err := os.Stat(filepath.Join(data, "tocsin.db")); err != nil {
		return fmt.Errorf("no site has its data in %s: start `tocsin serve` with this --data first", data)
	}
	devices, err := device.Open(cmd.Context(), device.Config{
		Path: filepath.Join(data, app.DevicesFile), Now: time.Now, Log: cli.Logger(cmd.ErrOrStderr(), 0, false),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, devices.Close()) }()
	return use(devices)
}

func addDevice(cmd *cobra.Command, devices *device.Store, site, station string) error {
	if site != "" {
		loaded, err := loadSite(site, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		if _, known := loaded.Network.Station(station); !known {
			fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s has no station %q: what its device sends will be refused until it has\n", site, station)
		}
	}
	password, err := devices.Add(cmd.Context(), station)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "user name  %s\npassword   %s   (shown this once)\n", station, password)
	return err
}

func listDevices(cmd *cobra.Command, devices *device.Store) error {
	all, err := devices.List(cmd.Context())
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, d := range all {
		fmt.Fprintf(table, "%s\tadded %s\n", d.Station, d.Added.Format(time.RFC3339))
	}
	return table.Flush()
}
