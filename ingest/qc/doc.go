// Package qc judges readings with the first quality tests of QARTOD (IOOS, Manual for Real-Time
// Quality Control of Water Level Data, version 2.1; the test numbers below are its):
//
//   - range: gross range (test 4). Outside the limits a value fails.
//   - ceiling: the largest or smallest number of a 16-bit register, in the sensor's unit or the
//     canonical one (32.767 m). It fails, unless the values before it lead there; while it stands it goes
//     on failing.
//   - step: a change faster than the limit (tests 6 and 7, spike and rate of change). It is suspect;
//     it fails once the values return to where they were (a spike), and passes once Confirmations
//     further readings stay at the new level or go on in the same direction.
//   - stuck: a value unchanged for longer than the limit (test 8, flat line). It is suspect.
//   - neighbours: what sensors of the same quantity near by did during a step (test 11). Where they
//     moved alike the step passes; where they stood still the mark "neighbours" fails, and so does the
//     reading. A contradicted step that nevertheless stays is suspect: a person decides.
//
// So a step that nobody contradicts has a suspect mark "step" and no failing mark at all, and one that
// is contradicted a failing mark "neighbours". A station marked Outburst is never contradicted by
// neighbours: there the water moves first. Nor is one at the end of a chain of gauges: a wave that has
// just reached the uppermost gauge has not been seen by any other. For a water level or a discharge to
// be contradicted it takes either a second sensor within a kilometre, or neighbours on both sides.
//
// A Checker is a fold over readings in the order of the journal. What it finds is a function of the
// values known, not of the order in which they came, as long as they came within Lateness of their
// time; later ones are judged by themselves (range, ceiling). When a reading that was handed out
// before is judged anew, it is handed out again with a higher Revision.
//
// A Checker may be used by one goroutine at a time.
package qc
