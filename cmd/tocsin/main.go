// Command tocsin is the early-warning system in one program: `tocsin serve SITE` runs a site,
// `tocsin demo` the built-in exercise, and the other commands check, rehearse and look.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"tocsin/cmd/internal/cli"
)

// version is set by the build.
var version = "unknown"

func main() { os.Exit(cli.Main(root())) }

func root() *cobra.Command {
	command := &cobra.Command{
		Use:   "tocsin",
		Short: "Carry a reading from a sensor in a river to a confirmed warning on a resident's phone",
		Long: `Tocsin takes readings over MQTT, keeps and checks them, judges the hazard by the
site's rules, works out who lives in the danger zone, lets people approve, and warns
by SMS, CAP 1.2, Atom, RSS and GeoJSON feeds, and a public page.

Exit codes: 0 done, 1 the input or the check failed, 2 wrong usage.`,
		Version: version,
	}
	command.AddCommand(
		serveCommand(), demoCommand(), initCommand(), checkCommand(), deviceCommand(), operatorCommand(), recipientCommand(),
		rehearseCommand(), qcCommand(), exposureCommand(), smsCommand(), capCommand(), explainCommand(), auditCommand(),
	)
	return command
}
