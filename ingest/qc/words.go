package qc

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"tocsin/ingest"
)

// marks puts a finding into words.
func (s *series) marks(e *entry, f *finding) []ingest.Mark {
	var marks []ingest.Mark
	if e.has(marked) && e.has(given) {
		marks = append(marks, ingest.Mark{Test: "time", Flag: ingest.NotEvaluated, Detail: "the device's clock was unusable: taken at its time of receipt"})
	}
	for _, test := range [...]struct {
		at    int
		name  string
		words func(*entry, *finding) string
	}{
		{rangeTest, "range", s.rangeWords},
		{ceilingTest, "ceiling", s.ceilingWords},
		{stepTest, "step", s.stepWords},
		{stuckTest, "stuck", s.stuckWords},
		{neighbourTest, "neighbours", s.neighbourWords},
	} {
		if says := f.sig.of(test.at); says != 0 {
			marks = append(marks, ingest.Mark{Test: test.name, Flag: verdictFlag(says), Detail: test.words(e, f)})
		}
	}
	return marks
}

func (s *series) rangeWords(e *entry, _ *finding) string {
	if e.value > s.limits.max {
		return fmt.Sprintf("%s is %s above the limit of %s", s.value(e.value), s.value(e.value-s.limits.max), s.value(s.limits.max))
	}
	return fmt.Sprintf("%s is %s below the limit of %s", s.value(e.value), s.value(s.limits.min-e.value), s.value(s.limits.min))
}

func (s *series) ceilingWords(e *entry, _ *finding) string {
	return fmt.Sprintf("%s is the end of a 16-bit register, not a measurement, and nothing before it leads there", s.value(e.value))
}

func (s *series) stepWords(e *entry, f *finding) string {
	change, dt := e.value-f.base.value, span(f.base.time, e.time)
	words := fmt.Sprintf("%s %s in %s to %s, where the limit of %s/h allows %s", verb(change), s.value(math.Abs(change)), short(dt),
		s.value(e.value), s.value(s.limits.rate), s.value(s.limits.allowed(dt)))
	if f.back != 0 {
		return words + fmt.Sprintf("; back after %s", short(span(f.base.time, f.back)))
	}
	return words
}

func (s *series) stuckWords(e *entry, _ *finding) string {
	return fmt.Sprintf("unchanged at %s for longer than %s", s.value(e.value), short(s.limits.stuck))
}

func (s *series) neighbourWords(e *entry, f *finding) string {
	change := e.value - f.base.value
	step := fmt.Sprintf("%s %s while ", verb(change), s.value(math.Abs(change)))
	if f.sig.of(neighbourTest) == saysPass {
		return step + strings.Join(f.word.moved, ", ") + " moved alike"
	}
	words := step + strings.Join(f.word.still, ", ") + " moved by less than a tenth of it"
	if f.sig.of(neighbourTest) == saysSuspect {
		words += fmt.Sprintf("; yet it stays after %d readings", Confirmations)
	}
	return words
}

func verb(change float64) string {
	if change < 0 {
		return "fell"
	}
	return "rose"
}

// value writes a value with its unit: at least two decimals, at most three.
func (s *series) value(v float64) string {
	text := strconv.FormatFloat(v, 'f', 3, 64)
	return strings.TrimSuffix(text, "0") + " " + s.sensor.Quantity.Unit()
}

// short writes a duration without its empty parts: 15m, 2h, 1h30m.
func short(d time.Duration) string {
	text := d.Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
