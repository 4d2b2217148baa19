package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tocsin/cmd/internal/cli"
	"tocsin/cmd/internal/site"
)

func initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init DIR",
		Short: "Write a small commented site that passes check",
		Long: `Writes a site with one station, one zone and one rule into the new or empty folder
DIR: on loopback, in mode Exercise, and open to devices without a password, with a
warning that says so.`,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := site.Init(args[0]); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "A small site is in %s. Look it through, then: tocsin check %s && tocsin serve %s\n", args[0], args[0], args[0])
			return nil
		},
	}
}

func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check SITE",
		Short: "Report every fault of a site folder as file:line",
		Args:  cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSite(args[0], cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: good: %d stations, %d zones, %d rules, %d languages\n",
				args[0], len(s.Network.Stations()), len(s.Zones), len(s.Rules), len(s.Messages))
			return nil
		},
	}
}
