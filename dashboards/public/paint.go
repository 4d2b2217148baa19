package public

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// tones are the colours that sites usually name, in tones that stay apart from each other and hold
// text; a site that wants exactly its own gives #rrggbb.
var tones = map[string]string{
	"green": "#1a7f37", "yellow": "#ffd60a", "amber": "#ffb000", "orange": "#ff8a1f", "red": "#c8102e",
	"violet": "#7b1fa2", "purple": "#7b1fa2", "magenta": "#b5178a", "blue": "#0b57a4", "brown": "#6d4c2f",
	"black": "#111111", "white": "#ffffff", "grey": "#8a94a0", "gray": "#8a94a0",
}

// Paint turns a colour as a site names it into a background (#rrggbb) and the ink, black or white,
// that is better read on it (WCAG 2.2, contrast ratio). What it does not know becomes grey.
func Paint(colour string) (background, ink string) {
	background = strings.ToLower(colour)
	if tone, named := tones[background]; named {
		background = tone
	}
	if len(background) == 4 && background[0] == '#' {
		background = "#" + strings.Repeat(background[1:2], 2) + strings.Repeat(background[2:3], 2) + strings.Repeat(background[3:], 2)
	}
	light, err := luminance(background)
	if err != nil {
		background = tones["grey"]
		light, _ = luminance(background)
	}
	if (light+0.05)/0.05 >= 1.05/(light+0.05) {
		return background, "#000"
	}
	return background, "#fff"
}

// luminance is the relative luminance of WCAG 2.2, 0 to 1.
func luminance(hex string) (float64, error) {
	if len(hex) != 7 || hex[0] != '#' {
		return 0, fmt.Errorf("%q is not #rrggbb", hex)
	}
	rgb, err := strconv.ParseUint(hex[1:], 16, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not #rrggbb: %w", hex, err)
	}
	linear := func(shift uint) float64 {
		c := float64(rgb>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(16) + 0.7152*linear(8) + 0.0722*linear(0), nil
}

// palette is the style rules that paint the levels. Each carries its own ink.
func palette(levels []Level) string {
	var css strings.Builder
	css.WriteString(".l0{--c:#dfe7ee;--k:#000}")
	for _, level := range levels {
		background, ink := Paint(level.Colour)
		fmt.Fprintf(&css, ".l%d{--c:%s;--k:%s}", level.Number, background, ink)
	}
	return css.String()
}
