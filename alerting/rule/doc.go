// Package rule judges: from readings, rules and the clock to hazards, in one pure way that is the same
// live, in rehearsal and in simulation.
//
// Conventions. Values are in the canonical unit of the sensor's quantity and, for water levels, in the
// sensor's datum. All durations of a rule are event time: the time in the readings, not of their
// arrival. The readings of a sensor are a set keyed by (station, sensor, time) of which the highest
// revision, then journal position, counts; so the verdict on a set does not depend on the order in
// which it arrived. What is emitted is a fold over arrival: a late reading may raise or revise a level,
// never lower it; only a new, fresh, good reading lowers one.
//
// What a reading may do:
//
//   - pass and not evaluated ones raise and clear;
//   - an uncontradicted jump (mark "step" suspect, nothing worse, no failing mark "neighbours") past a
//     raise value proposes to a person at once, doubtfully; it clears nothing;
//   - a reading of assumed time proposes doubtfully once it held for the rule's time; it clears nothing;
//   - other suspect ones, failing and missing ones do nothing, except at an outburst station, where a
//     failing value, or silence after a rise or in a fall, proposes the rule's highest level doubtfully;
//   - readings older than the site's lateness when they were received judge nothing, nor do those
//     stamped more than an hour ahead of their receipt.
//
// A Set is fixed once compiled and may be used from any goroutine; an Engine says at each method.
package rule
