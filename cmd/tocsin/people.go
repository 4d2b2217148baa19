package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/paulmach/orb"
	"github.com/spf13/cobra"

	"tocsin/alerting"
	"tocsin/alerting/operator"
	"tocsin/alerting/recipient"
	"tocsin/alerting/sqlstore"
	"tocsin/cmd/internal/app"
	"tocsin/cmd/internal/cli"
)

// linkLife is how long a login link may be used.
const linkLife = 48 * time.Hour

func operatorCommand() *cobra.Command {
	var data, name, role string
	command := &cobra.Command{Use: "operator", Short: "Manage the people who may act on warnings"}
	add := &cobra.Command{
		Use:   "add --data DIR LOGIN",
		Short: "Add an operator and print the one-time link for setting a password",
		Args:  cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAccounts(cmd, data, func(people *operator.Accounts) error {
				if name == "" {
					name = args[0]
				}
				if err := people.Add(cmd.Context(), args[0], name, alerting.Role(role)); err != nil {
					return err
				}
				return printLink(cmd, people, args[0])
			})
		},
	}
	add.Flags().StringVar(&name, "name", "", "name as it is shown (default LOGIN)")
	add.Flags().StringVar(&role, "role", string(alerting.Approver), "viewer, forecaster, approver or administrator")
	link := &cobra.Command{
		Use:   "link --data DIR LOGIN",
		Short: "Print a new one-time link for an operator; sessions and older links end",
		Args:  cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAccounts(cmd, data, func(people *operator.Accounts) error { return printLink(cmd, people, args[0]) })
		},
	}
	for _, c := range []*cobra.Command{add, link} {
		c.Flags().StringVar(&data, "data", "", "data folder of the site")
		command.AddCommand(c)
	}
	return command
}

func withAccounts(cmd *cobra.Command, data string, use func(*operator.Accounts) error) error {
	return withStore(cmd, data, func(store *sqlstore.DB) error {
		people, err := operator.New(operator.Defaults(), store, time.Now)
		if err != nil {
			return err
		}
		return use(people)
	})
}

func printLink(cmd *cobra.Command, people *operator.Accounts, id string) error {
	secret, err := people.Invite(cmd.Context(), id, linkLife)
	if err != nil {
		return fmt.Errorf("operator %s: %w", id, err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Open the site at %s (works once, for %s)\n", app.LoginPath(secret), linkLife)
	return nil
}

func recipientCommand() *cobra.Command {
	var data, region string
	command := &cobra.Command{Use: "recipient", Short: "Manage the people who are warned"}
	load := &cobra.Command{
		Use:   "import SITE FILE.csv",
		Short: "Add people from a list with the source of their consent",
		Long: `Adds the people of FILE.csv (header id,name,phone,language,lon,lat,consent; id and name
may be empty) to the recipients of the site's mode. Either every line is right and all
are added, or none is and each fault is told by its line, without the number.`,
		Args: cli.Args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSite(args[0], cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if data == "" {
				data = filepath.Join(args[0], ".data")
			}
			rows, err := readPeople(args[1])
			if err != nil {
				return err
			}
			return withStore(cmd, data, func(store *sqlstore.DB) error {
				n, err := recipient.Import(cmd.Context(), store, recipient.Options{Mode: s.Config.Mode, Region: region}, rows)
				if err != nil {
					return fmt.Errorf("%s: %w", args[1], err)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%d people added to mode %s\n", n, s.Config.Mode)
				return nil
			})
		},
	}
	load.Flags().StringVar(&data, "data", "", "data folder of the site (default SITE/.data)")
	load.Flags().StringVar(&region, "region", "", "country of numbers without one, such as BT")
	command.AddCommand(load)
	return command
}

func readPeople(name string) ([]recipient.Row, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader := csv.NewReader(file)
	header, err := reader.Read()
	if err != nil {
		return nil, fmt.Errorf("%s:1: %w", name, err)
	}
	column := map[string]int{}
	for i, key := range header {
		column[strings.TrimSpace(key)] = i
	}
	for _, key := range []string{"id", "name", "phone", "language", "lon", "lat", "consent"} {
		if _, ok := column[key]; !ok {
			return nil, fmt.Errorf("%s:1: column %q is missing", name, key)
		}
	}
	var rows []recipient.Row
	var faults []error
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return rows, errors.Join(faults...)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := reader.FieldPos(0)
		lon, errLon := strconv.ParseFloat(record[column["lon"]], 64)
		lat, errLat := strconv.ParseFloat(record[column["lat"]], 64)
		if errLon != nil || errLat != nil {
			faults = append(faults, fmt.Errorf("%s:%d: lon and lat must be degrees, such as 89.87 and 27.58", name, line))
		}
		rows = append(rows, recipient.Row{
			Line: line, ID: record[column["id"]], Name: record[column["name"]], Phone: record[column["phone"]],
			Language: record[column["language"]], Position: orb.Point{lon, lat}, Consent: record[column["consent"]],
		})
	}
}
