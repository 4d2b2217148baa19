package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tocsin/alerting/audit"
	"tocsin/alerting/cap"
	"tocsin/alerting/sms"
	"tocsin/alerting/sqlstore"
	"tocsin/cmd/internal/app"
	"tocsin/cmd/internal/cli"
	"tocsin/cmd/internal/rehearsal"
	"tocsin/geo/zonefile"
	"tocsin/ingest"
	sensorsim "tocsin/sensors-sim"
)

func exposureCommand() *cobra.Command {
	var area string
	var asJSON bool
	command := &cobra.Command{
		Use:   "exposure SITE --area FILE.geojson",
		Short: "Count the people inside an area, with the range and the sources",
		Args:  cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if area == "" {
				return fmt.Errorf("%w: --area FILE.geojson is missing", cli.ErrUsage)
			}
			s, err := loadSite(args[0], cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			data, err := os.ReadFile(area)
			if err != nil {
				return err
			}
			shape, err := zonefile.Area(area, data)
			if err != nil {
				return err
			}
			e, err := s.Population.Exposure(shape)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return writeJSON(out, e)
			}
			fmt.Fprintf(out, "%d people (between %d and %d) in %.1f km2\n", e.People, e.Low, e.High, e.AreaKM2)
			for _, p := range e.Places {
				fmt.Fprintf(out, "  %s: %d\n", p.Name, p.People)
			}
			for _, text := range append(e.Methods, e.Sources...) {
				fmt.Fprintf(out, "  %s\n", text)
			}
			return nil
		},
	}
	command.Flags().StringVar(&area, "area", "", "GeoJSON geometry, feature or collection")
	command.Flags().BoolVar(&asJSON, "json", false, "write JSON for programs")
	return command
}

func qcCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "qc SITE FILE.csv",
		Short: "Run the quality tests on a readings file and list what is not good",
		Args:  cli.Args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSite(args[0], cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			file, err := os.Open(args[1])
			if err != nil {
				return err
			}
			defer file.Close()
			replay, err := sensorsim.NewReplay(args[1], file, s.Network, cli.Logger(cmd.ErrOrStderr(), slog.LevelWarn, false))
			if err != nil {
				return err
			}
			return tellQuality(cmd.OutOrStdout(), replay, s.Network)
		},
	}
}

// tellQuality lists the final flags of every reading that is not good; the last revision counts.
func tellQuality(out io.Writer, replay *sensorsim.Replay, network *ingest.Network) error {
	var report rehearsal.Report
	final := map[ingest.Key]ingest.Reading{}
	var order []ingest.Key
	for batch, err := range rehearsal.Batches(replay, network, &report, nil) {
		if err != nil {
			return err
		}
		for _, r := range batch.Readings {
			if _, known := final[r.Key]; !known {
				order = append(order, r.Key)
			}
			final[r.Key] = r
		}
		for _, reject := range batch.Rejects {
			fmt.Fprintf(out, "refused\t%s\t%s\t%s\n", reject.Station, reject.Reason, reject.Detail)
		}
	}
	counts := map[ingest.Flag]int{}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, key := range order {
		r := final[key]
		counts[r.Flag]++
		if r.Flag != ingest.Suspect && r.Flag != ingest.Fail {
			continue
		}
		for _, mark := range r.Marks {
			if mark.Flag == ingest.Suspect || mark.Flag == ingest.Fail {
				fmt.Fprintf(table, "%s\t%s/%s\t%g\t%s\t%s\t%s\n", r.Time.Format(time.RFC3339), r.Station, r.Sensor, r.Value, mark.Flag, mark.Test, mark.Detail)
			}
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d readings: %d pass, %d not evaluated, %d suspect, %d fail; %d refused\n", len(order),
		counts[ingest.Pass], counts[ingest.NotEvaluated], counts[ingest.Suspect], counts[ingest.Fail], report.Rejects+replay.Faults())
	return replay.Err()
}

func smsCommand() *cobra.Command {
	command := &cobra.Command{Use: "sms", Short: "Look at text messages"}
	command.AddCommand(&cobra.Command{
		Use:   "segments",
		Short: "Say how a text on standard input is cut into messages, as JSON",
		Args:  cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			const limit = 1 << 20
			text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), limit))
			if err != nil {
				return err
			}
			return writeJSON(cmd.OutOrStdout(), sms.Segments(string(text)))
		},
	})
	return command
}

func capCommand() *cobra.Command {
	command := &cobra.Command{Use: "cap", Short: "Look at CAP documents"}
	command.AddCommand(&cobra.Command{
		Use:   "check FILE...",
		Short: "Judge CAP documents, ours or another's, against the standard",
		Args:  cli.Args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			bad := false
			for _, name := range args {
				document, err := os.ReadFile(name)
				if err != nil {
					return err
				}
				findings := cap.Check(document)
				bad = bad || len(findings) > 0
				for _, finding := range findings {
					fmt.Fprintf(cmd.OutOrStdout(), "%s:%s\n", name, finding)
				}
				if len(findings) == 0 {
					fmt.Fprintf(cmd.OutOrStdout(), "%s: sound\n", name)
				}
			}
			if bad {
				return cli.ErrReported
			}
			return nil
		},
	})
	return command
}

// withStore opens the store of a data folder that exists.
func withStore(cmd *cobra.Command, data string, use func(*sqlstore.DB) error) (err error) {
	if data == "" {
		return fmt.Errorf("%w: --data DIR is missing", cli.ErrUsage)
	}
	path := filepath.Join(data, "tocsin.db")
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("there are no warnings in %s: start `tocsin serve` with this --data first", data)
	}
	store, err := sqlstore.Open(cmd.Context(), path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return use(store)
}

func explainCommand() *cobra.Command {
	var data string
	var asJSON bool
	command := &cobra.Command{
		Use:   "explain --data DIR WARNING",
		Short: "Tell the story of a warning: evidence, decisions, what was said",
		Args:  cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withStore(cmd, data, func(store *sqlstore.DB) error {
				story, err := app.Story(cmd.Context(), store, args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), story)
				}
				tellStory(cmd.OutOrStdout(), story)
				return nil
			})
		},
	}
	command.Flags().StringVar(&data, "data", "", "data folder of the site")
	command.Flags().BoolVar(&asJSON, "json", false, "write JSON for programs")
	return command
}

func tellStory(out io.Writer, story audit.Story) {
	fmt.Fprintln(out, story.Summary)
	for _, step := range story.Steps {
		fmt.Fprintf(out, "%s  %s  %s\n", step.At.Format(time.RFC3339), step.Actor, step.Words)
		if step.Note != "" && !strings.Contains(step.Words, step.Note) {
			fmt.Fprintf(out, "    note: %s\n", step.Note)
		}
		if step.Edition != "" {
			fmt.Fprintf(out, "    CAP %s, SHA-256 %s\n", step.Edition, step.CAPSHA256)
		}
	}
}

func auditCommand() *cobra.Command {
	var data string
	command := &cobra.Command{Use: "audit", Short: "Look at the audit record"}
	verify := &cobra.Command{
		Use:   "verify --data DIR",
		Short: "Find any edited, removed or reordered row of the audit record",
		Args:  cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStore(cmd, data, func(store *sqlstore.DB) error {
				rows, err := app.Audit(cmd.Context(), store, "")
				if err != nil {
					return err
				}
				if err := audit.Verify(rows); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%d rows, unbroken\n", len(rows))
				return nil
			})
		},
	}
	verify.Flags().StringVar(&data, "data", "", "data folder of the site")
	command.AddCommand(verify)
	return command
}
