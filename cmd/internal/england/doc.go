// Package england turns the Environment Agency's telemetry of 8-12 February 2016 into a site folder
// and a readings file, as docs/site.md tells anybody to do it for a region of their own, and holds the
// judgement of what should have been warned of (expected.csv). Only tests use it; the data themselves
// are not part of the project.
//
// What had to be decided, and how:
//   - A station may send several level series (upstream, downstream, other datums). A threshold belongs
//     to the series named "Stage" in the station's own datum where there is one; see mainSeries.
//   - "falling" thresholds say when an alert may be stood down, not that one is due: they raise nothing.
//   - The list says nothing of the end of a warning: a level is cleared 10 cm below its threshold, so that a
//     river that swings about it does not warn and clear all day; and it must hold for one interval, so
//     that a single odd value warns nobody.
//   - Where an area has several thresholds of one kind at one station the lowest raises.
//   - Two regions use the station number E6120 for different gauges: a series from a file of another
//     region than the station's own is kept as a sensor of its own, which no rule reads.
//   - An area whose outline is not in the data is drawn as a square of 200 m around each of its gauges,
//     and named so.
//
// Contains Environment Agency information, Open Government Licence v3.0.
package england
