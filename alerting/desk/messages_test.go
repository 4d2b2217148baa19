package desk

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"tocsin/alerting"
	"tocsin/geo"
)

func TestMessagesValidate(t *testing.T) {
	for _, language := range []string{"en", "dz"} {
		if errs := messages(t, language).Validate(); len(errs) > 0 {
			t.Errorf("%s: %v", language, errs)
		}
	}
	good := Template{"h", "d", "i", "s"}
	bad := Messages{
		Language: "en_GB", ExercisePrefix: "  ", Levels: map[alerting.Level]string{5: "x"},
		Texts: map[string]map[string]Template{
			"flood": {"4": {Headline: "{zone} {place}", Description: " ", Instruction: "i", SMS: "s"}, "5": good, "allclear": good, "cancel": good},
		},
	}
	got := errors.Join(bad.Validate()...).Error()
	for _, want := range []string{
		`language "en_GB"`, "exercise_prefix is blank", "levels: 5", "events: flood", "texts.flood.all_clear is missing",
		"texts.flood.5: the key", "texts.flood.allclear: the key", "texts.flood.4.description is missing", "placeholder {place} is not known",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if err := messages(t, "dz").Covers("outburst", 4); err != nil {
		t.Error(err)
	}
	if err := messages(t, "dz").Covers("outburst", 3); err == nil || !strings.Contains(err.Error(), "texts.outburst.3") {
		t.Errorf("dz at level 3: %v", err)
	}
}

// TestEveryTextSaysItsMode: in no mode but Actual does any headline, description or SMS go out bare.
func TestEveryTextSaysItsMode(t *testing.T) {
	for mode, words := range map[alerting.Mode][2]string{
		alerting.Actual: {"", ""}, alerting.Exercise: {"EXERCISE: ", "སྦྱོང་བརྡར། "}, alerting.System: {"SYSTEM: ", "SYSTEM: "}, alerting.Test: {"TEST: ", "TEST: "},
	} {
		b := issued(t, 4, func(c *Config) { c.Mode = mode })
		for i, text := range b.store.editions["w1"][0].Texts {
			for _, s := range []string{text.Headline, text.Description, text.SMS} {
				if !strings.HasPrefix(s, words[i]) || mode == alerting.Actual && strings.Contains(s, "EXERCISE") {
					t.Errorf("%s %s: %q", mode, text.Language, s)
				}
			}
		}
	}
}

// TestMissingTexts: the languages that exist go out; where there is none, plain English does.
func TestMissingTexts(t *testing.T) {
	b := issued(t, 3, nil) // Dzongkha has no level 3
	if texts := b.store.editions["w1"][0].Texts; len(texts) != 1 || texts[0].Language != "en" || !strings.Contains(b.logged.String(), "text missing") {
		t.Errorf("texts %+v", texts)
	}
	b = issued(t, 3, func(c *Config) {
		c.Texts = map[string]Messages{"en": {}, "dz": {}}
	})
	text := b.store.editions["w1"][0].Texts[0]
	if text.Reviewed || text.Headline != "EXERCISE: warning for Lunana" || text.SMS == "EXERCISE: " || text.Instruction == "" {
		t.Errorf("text %+v", text)
	}
	w := b.last()
	if _, err := b.End(t.Context(), w.ID, w.Version, asha, alerting.ActionAllClear, ""); err != nil {
		t.Fatal(err)
	}
	if text := b.store.editions["w1"][1].Texts[0]; text.Headline != "EXERCISE: Lunana: the warning is over" {
		t.Errorf("text %+v", text)
	}
}

func TestConfigValidate(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"mode":            func(c *Config) { c.Mode = "" },
		"policy missing":  func(c *Config) { delete(c.Policy, 3) },
		"policy of three": func(c *Config) { c.Policy[3] = 3 },
		"no language":     func(c *Config) { c.Languages = nil },
		"no messages":     func(c *Config) { c.Languages = []string{"en", "fr"} },
		"sender":          func(c *Config) { c.Sender = "the office" },
		"expiry":          func(c *Config) { c.Expiry = time.Second },
	} {
		c := config(t)
		spoil(&c)
		if _, err := New(c, newMemory(), func(geo.Zone) geo.Exposure { return geo.Exposure{} }, time.Now, slog.Default(), nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
