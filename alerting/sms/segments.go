package sms

import (
	"strings"
	"unicode/utf16"
)

// The encodings of a text message.
const (
	GSM7 = "GSM-7"
	UCS2 = "UCS-2"
)

// The room of one message and of each part of a longer one, in units. A part gives 6 bytes to the
// header that joins it to the others (3GPP TS 23.040, section 9.2.3.24.1).
const (
	gsmSingle, gsmPart = 160, 153 // septets
	ucsSingle, ucsPart = 70, 67   // 16-bit units
)

// basic is the GSM 7-bit default alphabet and extension its extension table, whose characters take
// two septets (3GPP TS 23.038, sections 6.2.1 and 6.2.1.1).
const (
	basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	extension = "\f^{}\\[~]|€"
)

// Segmentation says how a text travels as SMS.
type Segmentation struct {
	Encoding string `json:"encoding"` // GSM7 or UCS2
	Units    int    `json:"units"`    // septets or 16-bit units of the text, without the headers of its parts
	Segments int    `json:"segments"` // messages it is sent and charged as; an empty text is one
}

// Segments tells how a text travels. No part begins or ends in the middle of an escaped character of
// GSM-7 or of a surrogate pair, so that two parts may each leave a unit unused.
func Segments(text string) Segmentation {
	if widths, ok := gsmWidths(text); ok {
		return segment(GSM7, widths, gsmSingle, gsmPart)
	}
	widths := make([]int, 0, len(text))
	for _, r := range text {
		widths = append(widths, utf16.RuneLen(r))
	}
	return segment(UCS2, widths, ucsSingle, ucsPart)
}

// gsmWidths is the septets of each character; ok is false where one has none.
func gsmWidths(text string) (widths []int, ok bool) {
	widths = make([]int, 0, len(text))
	for _, r := range text {
		switch {
		case strings.ContainsRune(basic, r):
			widths = append(widths, 1)
		case strings.ContainsRune(extension, r):
			widths = append(widths, 2)
		default:
			return nil, false
		}
	}
	return widths, true
}

func segment(encoding string, widths []int, single, part int) Segmentation {
	s := Segmentation{Encoding: encoding, Segments: 1}
	room := part
	for _, width := range widths {
		s.Units += width
		if width > room {
			s.Segments++
			room = part
		}
		room -= width
	}
	if s.Units <= single {
		s.Segments = 1
	}
	return s
}
