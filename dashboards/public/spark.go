package public

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
)

// Point is one value of a series.
type Point struct {
	Time  time.Time
	Value float64
}

// Line is a warning level on a picture.
type Line struct {
	Level int
	Value float64
}

const (
	pictureWidth, pictureHeight = 240, 56
	pictureEdge                 = 3 // kept free above and below, so that no stroke is cut
)

// Picture draws a series from one time to another as a small inline SVG, lines of warning levels dashed
// behind it. words is what it says to who cannot see it. A gap of more than gap breaks the line: what
// was not measured is not drawn. Empty where there is nothing to draw.
func Picture(points []Point, lines []Line, from, to time.Time, gap time.Duration, words string) template.HTML {
	if len(points) < 2 || !to.After(from) {
		return ""
	}
	low, high := extent(points, lines)
	x := func(t time.Time) int {
		return int(math.Round(pictureWidth * float64(t.Sub(from)) / float64(to.Sub(from))))
	}
	y := func(v float64) int {
		return pictureEdge + int(math.Round((pictureHeight-2*pictureEdge)*(high-v)/(high-low)))
	}
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg class="h" viewBox="0 0 %d %d" role="img" aria-label="%s">`,
		pictureWidth, pictureHeight, template.HTMLEscapeString(words))
	label := math.MinInt // where the last number of a line stands
	for _, line := range lines {
		if line.Value < low || line.Value > high {
			continue
		}
		fmt.Fprintf(&svg, `<path class="t" d="M0 %dh%d"/>`, y(line.Value), pictureWidth)
		if at := max(y(line.Value)-2, 8); label == math.MinInt || at > label+8 || at < label-8 {
			fmt.Fprintf(&svg, `<text x="0" y="%d">%d</text>`, at, line.Level)
			label = at
		}
	}
	svg.WriteString(`<path d="`)
	for i, p := range points {
		command := "L"
		if i == 0 || p.Time.Sub(points[i-1].Time) > gap {
			command = "M"
		}
		svg.WriteString(command + strconv.Itoa(x(p.Time)) + " " + strconv.Itoa(y(p.Value)))
	}
	last := points[len(points)-1]
	fmt.Fprintf(&svg, `"/><circle cx="%d" cy="%d" r="3"/></svg>`, min(x(last.Time), pictureWidth-3), y(last.Value))
	return template.HTML(svg.String()) // numbers, and words that were escaped
}

// extent is the range of values shown: the series, and the lines that lie near enough to mean something.
func extent(points []Point, lines []Line) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, p := range points {
		low, high = min(low, p.Value), max(high, p.Value)
	}
	span := high - low
	for _, line := range lines {
		if line.Value > high && line.Value-high <= max(2*span, 0.5) {
			high = line.Value
		}
		if line.Value < low && low-line.Value <= max(2*span, 0.5) {
			low = line.Value
		}
	}
	if high-low < 0.05 { // a still lake is a flat line, not a mountain of noise
		low, high = low-0.05, high+0.05
	}
	return low, high
}
