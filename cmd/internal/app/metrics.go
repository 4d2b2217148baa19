package app

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tocsin/ingest/broker"
	"tocsin/ingest/intake"
)

// collector turns the counts of the intake and of the embedded broker into metrics at each scrape;
// nothing is counted twice.
type collector struct {
	stats    func() intake.Stats
	caughtUp func(sink string) bool
	broker   func() (stats broker.Stats, ok bool)
}

var (
	descMessages  = desc("ingest_messages_total", "Messages kept in the journal.")
	descRefused   = desc("ingest_messages_refused_total", "Messages the journal could not keep; they were not acknowledged.")
	descReadings  = desc("ingest_readings_total", "Readings decoded.")
	descRevisions = desc("ingest_revisions_total", "Corrections and flags that changed later.")
	descRejects   = desc("ingest_rejects_total", "Messages or parts of them put into quarantine.", "reason")
	descCommits   = desc("ingest_commits_total", "Group commits of the journal.")
	descCommit    = desc("ingest_commit_seconds_total", "Time spent in group commits.")
	descQueue     = desc("ingest_queue_messages", "Messages that wait for the commit.")
	descJournal   = desc("ingest_journal_position", "Newest position of the journal.")
	descFailing   = desc("ingest_journal_failing", "1 while the journal cannot keep messages.")
	descLag       = desc("ingest_reader_lag_messages", "Messages of the journal a reader has not applied yet.", "reader")
	descSick      = desc("ingest_reader_failing", "1 while a reader refuses its batch.", "reader")
	descClients   = desc("mqtt_connections", "Clients of the embedded broker.")
	descCutOff    = desc("mqtt_clients_cut_off_total", "Clients cut off: a packet too large to read, or not reading.", "reason")
	descLogins    = desc("mqtt_logins_refused_total", "Connections with a wrong user or password.")
	descDenied    = desc("mqtt_publishes_denied_total", "Publishes and wills that the client had no right to.")
	descUnkept    = desc("mqtt_publishes_unkept_total", "Publishes not acknowledged because they could not be kept.")
	descDropped   = desc("mqtt_forwards_dropped_total", "Kept messages not passed to subscribers that were too slow.")
	descReady     = desc("ingest_reader_caught_up", "1 while a reader has caught up.", "reader")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tocsin_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, out) }

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	s := c.stats()
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count(descMessages, float64(s.Messages))
	count(descRefused, float64(s.Refused))
	count(descReadings, float64(s.Readings))
	count(descRevisions, float64(s.Revisions))
	for reason, n := range s.Rejects {
		count(descRejects, float64(n), string(reason))
	}
	count(descCommits, float64(s.Commits))
	count(descCommit, s.CommitTime.Seconds())
	gauge(descQueue, float64(s.Queue))
	gauge(descJournal, float64(s.Last))
	gauge(descFailing, truth(s.Failing))
	for name, sink := range s.Sinks {
		gauge(descLag, float64(sink.Lag), name)
		gauge(descSick, truth(sink.Failing), name)
		gauge(descReady, truth(c.caughtUp(name)), name)
	}
	if b, ok := c.broker(); ok {
		gauge(descClients, float64(b.Clients))
		count(descCutOff, float64(b.TooLarge), "too_large")
		count(descCutOff, float64(b.Slow), "slow")
		count(descLogins, float64(b.Refused))
		count(descDenied, float64(b.Denied))
		count(descUnkept, float64(b.Unkept))
		count(descDropped, float64(b.ForwardDropped))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// metrics serves /metrics from a registry of its own.
func (a *App) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collector{a.intake.Stats, a.intake.CaughtUp, a.brokerStats},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

func (a *App) brokerStats() (stats broker.Stats, ok bool) {
	if open := a.doors.Load(); open != nil && open.broker != nil {
		return open.broker.Stats(), true
	}
	return broker.Stats{}, false
}
