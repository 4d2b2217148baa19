package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tocsin/alerting/rule"
	"tocsin/alerting/skill"
	"tocsin/cmd/internal/cli"
	"tocsin/cmd/internal/rehearsal"
)

func rehearseCommand() *cobra.Command {
	var readings, expected string
	var asJSON bool
	command := &cobra.Command{
		Use:   "rehearse SITE --readings FILE.csv [--expected FILE.csv]",
		Short: "Play past readings through a site's rules and say what would have been warned of",
		Long: `Plays FILE.csv (header time,station,quantity,value,unit, optionally sensor and received;
.gz allowed) in its order of arrival through the site's quality tests and rules.
With an expected file (zone,level,first_time,verdict with yes, no or doubtful) the
result is scored; misses and false alarms are listed. Nothing is sent.`,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			report, err := rehearse(cmd, args[0], readings, expected)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), report)
			}
			return tellReport(cmd.OutOrStdout(), report)
		},
	}
	command.Flags().StringVar(&readings, "readings", "", "the readings file")
	command.Flags().StringVar(&expected, "expected", "", "the expected file")
	command.Flags().BoolVar(&asJSON, "json", false, "write JSON for programs")
	return command
}

func rehearse(cmd *cobra.Command, dir, readings, expected string) (rehearsal.Report, error) {
	var none rehearsal.Report
	if readings == "" {
		return none, fmt.Errorf("%w: --readings FILE.csv is missing", cli.ErrUsage)
	}
	s, err := loadSite(dir, cmd.ErrOrStderr())
	if err != nil {
		return none, err
	}
	file, err := os.Open(readings)
	if err != nil {
		return none, err
	}
	defer file.Close()
	report, err := rehearsal.Play(cmd.Context(), s, readings, file, cli.Logger(cmd.ErrOrStderr(), slog.LevelWarn, false), progress(cmd.ErrOrStderr()))
	if err != nil || expected == "" {
		return report, err
	}
	judged, err := os.Open(expected)
	if err != nil {
		return none, err
	}
	defer judged.Close()
	rows, err := skill.ReadExpected(expected, judged)
	if err != nil {
		return none, err
	}
	report.Score(rows)
	return report, nil
}

// progress shows a count on a terminal and is nil elsewhere.
func progress(out io.Writer) func(int) {
	if !cli.IsTerminal(out) {
		return nil
	}
	const every = 10_000
	shown := 0
	return func(n int) {
		if n-shown >= every {
			shown = n
			fmt.Fprintf(out, "\r%d readings", n)
		}
	}
}

func tellReport(out io.Writer, r rehearsal.Report) error {
	fmt.Fprintf(out, "%d readings played, %d refused\n\n", r.Readings, r.Rejects)
	tellEpisodes(out, "Would have warned", r.Warnings)
	tellEpisodes(out, "Would have asked a person (doubtful evidence)", r.Doubtful)
	if r.Skill == nil {
		return nil
	}
	fmt.Fprintf(out, "\nHits %d, misses %d, false alarms %d, rightly quiet %d\n", r.Skill.Hits, r.Skill.Misses, r.Skill.FalseAlarms, r.Skill.CorrectNegatives)
	fmt.Fprintf(out, "POD %s, FAR %s, CSI %s, median lead time %s minutes\n",
		number(r.Skill.POD), number(r.Skill.FAR), number(r.Skill.CSI), number(r.Skill.LeadTimeMinutes))
	for _, row := range r.Skill.Rows {
		if row.Outcome == skill.Miss || row.Outcome == skill.FalseAlarm {
			fmt.Fprintf(out, "  %s: zone %s level %d\n", row.Outcome, row.Zone, row.Level)
		}
	}
	return nil
}

func tellEpisodes(out io.Writer, title string, episodes []rule.Episode) {
	fmt.Fprintf(out, "%s: %d\n", title, len(episodes))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer table.Flush()
	for _, e := range episodes {
		cleared := "stands"
		if e.Cleared != nil {
			cleared = "until " + e.Cleared.Format("2006-01-02 15:04Z")
		}
		fmt.Fprintf(table, "  %s\tlevel %d\t%s\t%s\t%s\n", e.Zone, e.Level, e.Raised.Format("2006-01-02 15:04Z"), cleared, e.Words)
	}
}

func number(v *float64) string {
	if v == nil {
		return "undefined"
	}
	return fmt.Sprintf("%.2f", *v)
}

func writeJSON(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
