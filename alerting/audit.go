package alerting

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
)

// AuditBody is what the Body of an audit row holds, as JSON: the change as it was written, with the
// published bytes and the area as their SHA-256 (hex) in place of themselves.
type AuditBody struct {
	Note       string   `json:"note,omitempty"`
	Warning    Warning  `json:"warning"`
	Edition    *Edition `json:"edition,omitempty"`
	CAPSHA256  string   `json:"cap_sha256,omitempty"`
	AreaSHA256 string   `json:"area_sha256,omitempty"` // of the area's JSON as stored
	Hazard     *Hazard  `json:"hazard,omitempty"`
	Send       string   `json:"send,omitempty"` // id of the send job
}

// Sum is the hash that links the row to the one before it, whose hash is prev ("" for the first row):
// SHA-256 over prev and every field of the row but Prev and Hash, in hex. Each field is preceded by
// its length, so that no two different rows give the same bytes; the time counts in milliseconds, as
// it is stored.
func (r AuditRow) Sum(prev string) string {
	hash := sha256.New()
	for _, field := range []string{
		"tocsin audit 1", prev, strconv.FormatInt(r.Seq, 10), r.Warning, string(r.Mode),
		strconv.FormatInt(r.At.UnixMilli(), 10), r.Actor, string(r.Action), string(r.Body),
	} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(field)))
		hash.Write(length[:])
		hash.Write([]byte(field))
	}
	return hex.EncodeToString(hash.Sum(nil))
}
