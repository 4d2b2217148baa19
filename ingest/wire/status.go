package wire

import (
	"encoding/json"
	"strings"

	"tocsin/ingest"
)

// detailLength is how much of a status payload is kept, in bytes.
const detailLength = 200

// Status reads what a station's connection says of itself on topic stations/{station}/status: its birth
// message or its last will. ok is false for any other topic. The payload is a word, or a JSON object
// with the member online, status or state. A station counts as online only where the message says so:
// a status nobody can read is no comfort.
func Status(m ingest.Message) (status ingest.Status, ok bool) {
	station, ok := stationOf(m.Topic, "status")
	if !ok {
		return ingest.Status{}, false
	}
	return ingest.Status{
		Station: station, Online: online(m.Payload), Time: m.Received.UTC(),
		Detail: printable(m.Payload, detailLength),
	}, true
}

func online(payload []byte) bool {
	if len(payload) > MaxPayload {
		return false
	}
	var object struct {
		Online *bool   `json:"online"`
		Status *string `json:"status"`
		State  *string `json:"state"`
	}
	if json.Unmarshal(payload, &object) == nil {
		switch {
		case object.Online != nil:
			return *object.Online
		case object.Status != nil:
			return onlineWord(*object.Status)
		case object.State != nil:
			return onlineWord(*object.State)
		}
	}
	return onlineWord(strings.Trim(string(payload), "\" \t\r\n"))
}

func onlineWord(word string) bool {
	switch strings.ToLower(word) {
	case "online", "on", "up", "connected", "alive", "true", "1":
		return true
	}
	return false
}
