package influx

import (
	"strconv"
	"strings"

	"tocsin/ingest"
)

// Escapes of line protocol: in a measurement comma and space, in a tag value the equals sign as well.
// A backslash cannot be written so that it is read back as one everywhere (at the end of a tag value it
// would take the separator with it), nor can a line break.
var (
	measurementEscapes = strings.NewReplacer(",", `\,`, " ", `\ `, "\n", `\ `, "\r", `\ `, "\t", `\ `, `\`, "/")
	tagEscapes         = strings.NewReplacer(",", `\,`, " ", `\ `, "=", `\=`, "\n", `\ `, "\r", `\ `, "\t", `\ `, `\`, "/")
)

// appendLine writes a reading as one line of line protocol, without its end.
func appendLine(text []byte, r *ingest.Reading) []byte {
	text = append(text, measurementEscapes.Replace(string(r.Quantity))...)
	text = append(append(text, ",sensor="...), tagEscapes.Replace(r.Sensor)...)
	text = append(append(text, ",station="...), tagEscapes.Replace(r.Station)...)
	text = strconv.AppendFloat(append(text, " value="...), r.Value, 'g', -1, 64)
	text = strconv.AppendUint(append(text, ",flag="...), uint64(r.Flag), 10)
	text = strconv.AppendInt(append(text, "i,revision="...), int64(r.Revision), 10)
	return strconv.AppendInt(append(text, "i "...), r.Time.UnixMilli(), 10)
}

// lines writes the readings of a batch. Of several revisions of one reading only the last is written:
// InfluxDB does not promise which of two equal points in one request counts.
func lines(readings []ingest.Reading) []string {
	last := make(map[ingest.Key]int, len(readings))
	for i := range readings {
		last[readings[i].Key] = i
	}
	out := make([]string, 0, len(last))
	var text []byte
	for i := range readings {
		if last[readings[i].Key] == i {
			text = appendLine(text[:0], &readings[i])
			out = append(out, string(text))
		}
	}
	return out
}
