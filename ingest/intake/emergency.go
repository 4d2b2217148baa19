package intake

import (
	"slices"

	"tocsin/ingest"
)

// emergency interprets the messages that the journal could not keep. It lives for one outage, with
// quality tests of its own, so that the readers of the journal stay as the journal has them.
type emergency struct {
	interpreter *interpreter
}

func newEmergency(in *Intake) *emergency {
	return &emergency{in.warm(in.stopping, in.config.Journal.Last())}
}

// pass gives what the messages say to every sink, marked volatile.
func (e *emergency) pass(messages []ingest.Message) {
	var b ingest.Batch
	for i := range messages {
		m := messages[i]
		m.Seq, m.Volatile = 0, true
		e.interpreter.add(&b, &m)
	}
	// A later flag on a reading that the journal holds is for the journal's own readers to say.
	b.Readings = slices.DeleteFunc(b.Readings, func(r ingest.Reading) bool { return r.Position != 0 })
	for i := range b.Readings {
		b.Readings[i].Volatile = true
	}
	in := e.interpreter.in
	in.counters.volatile.Add(uint64(len(messages)))
	in.counters.interpreted(&b)
	in.followers.give(b)
}
