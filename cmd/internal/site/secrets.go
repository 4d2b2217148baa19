package site

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Secret is a password or token. It never prints itself.
type Secret struct{ value string }

// Reveal returns the value, for the connection that needs it.
func (s Secret) Reveal() string { return s.value }

// String hides the value.
func (s Secret) String() string { return "…" }

// GoString hides the value from %#v.
func (s Secret) GoString() string { return "…" }

// Secrets are what a site needs and never writes down.
type Secrets struct {
	MQTT   map[string]Secret // password of each outside broker with a username, by its name
	Influx Secret            // TOCSIN_INFLUX_TOKEN
	Twilio Secret            // TOCSIN_TWILIO_AUTH_TOKEN
}

// Secrets reads the secrets the configuration needs: from the variable itself, or from the file that the
// variable with _FILE behind its name points to. lookup is os.LookupEnv; the error names every variable
// that is missing.
func (c Config) Secrets(lookup func(string) (string, bool)) (Secrets, error) {
	var errs []error
	get := func(variable string) Secret {
		value, err := secret(variable, lookup)
		if err != nil {
			errs = append(errs, err)
		}
		return Secret{value}
	}
	s := Secrets{MQTT: map[string]Secret{}}
	for _, b := range c.MQTT.Brokers {
		if b.Username != "" {
			s.MQTT[b.Name] = get(PasswordVariable(b.Name))
		}
	}
	if c.Influx != nil {
		s.Influx = get("TOCSIN_INFLUX_TOKEN")
	}
	if c.SMS.Twilio != nil {
		s.Twilio = get("TOCSIN_TWILIO_AUTH_TOKEN")
	}
	return s, errors.Join(errs...)
}

// PasswordVariable is the variable that holds the password of an outside broker.
func PasswordVariable(broker string) string {
	upper := strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}, strings.ToUpper(broker))
	return "TOCSIN_MQTT_" + upper + "_PASSWORD"
}

func secret(variable string, lookup func(string) (string, bool)) (string, error) {
	if value, ok := lookup(variable); ok && value != "" {
		return value, nil
	}
	path, ok := lookup(variable + "_FILE")
	if !ok || path == "" {
		return "", fmt.Errorf("%s is not set: set it, or %s_FILE to a file that holds the secret", variable, variable)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", variable, err)
	}
	if value := strings.TrimSpace(string(data)); value != "" {
		return value, nil
	}
	return "", fmt.Errorf("%s_FILE: %s is empty: it must hold the secret", variable, path)
}
