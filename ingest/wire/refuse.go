package wire

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"tocsin/ingest"
)

// excerptLength is how much of what was refused is shown, in bytes.
const excerptLength = 200

// part gives the number of the next part. Beyond MaxParts there is none, which is refused once.
func (d *decoder) part() (int, bool) {
	if d.parts < MaxParts {
		d.parts++
		return d.parts - 1, true
	}
	if !d.full {
		d.full = true
		d.rejects = append(d.rejects, d.complete(ingest.Reject{
			Part: MaxParts, Reason: ingest.ReasonSize,
			Detail: fmt.Sprintf("the message has more than %d values: the rest is refused", MaxParts),
		}, nil))
	}
	return 0, false
}

// refuse refuses a part of the message; raw is its text.
func (d *decoder) refuse(r ingest.Reject, raw []byte) {
	part, ok := d.part()
	if !ok {
		return
	}
	r.Part = part
	d.rejects = append(d.rejects, d.complete(r, raw))
}

// refuseAll refuses the whole message.
func (d *decoder) refuseAll(reason ingest.Reason, format string, args ...any) {
	r := ingest.Reject{Part: -1, Reason: reason, Detail: fmt.Sprintf(format, args...)}
	d.rejects = append(d.rejects, d.complete(r, d.message.Payload))
}

func (d *decoder) complete(r ingest.Reject, raw []byte) ingest.Reject {
	r.Position, r.Received = d.message.Seq, d.received
	r.Topic, r.Station = clip(d.message.Topic, 200), clip(d.station.ID, 80)
	r.Excerpt = printable(raw, excerptLength)
	return r
}

// printable makes the first bytes of raw fit to be shown: what is no printable character becomes a dot.
func printable(raw []byte, length int) string {
	cut := len(raw) > length
	raw = raw[:min(len(raw), length)]
	var b strings.Builder
	for len(raw) > 0 {
		r, size := utf8.DecodeRune(raw)
		switch {
		case r == utf8.RuneError && cut && !utf8.FullRune(raw):
			// A character that the cut has halved.
		case r == utf8.RuneError || !unicode.IsPrint(r):
			b.WriteByte('.')
		default:
			b.Write(raw[:size])
		}
		raw = raw[size:]
	}
	return b.String()
}

// clip makes outside text short and printable.
func clip(text string, length int) string { return printable([]byte(text), length) }
