// Package scenario invents what a field of sensors would measure: rain on sub-catchments, soil and
// ground water, glacier melt, rivers with travel time and attenuation, lakes that fill and burst, and
// gauges with noise, resolution and faults. It is physical in the sense that water is conserved at every
// step (see Valley.Ledger); it is a story-teller, not a forecast model.
//
// A Description is data (YAML, simulation.yaml in a site folder): catchments, lakes, nodes of the river
// in downstream order with the reaches between them, the sensors that look at them, and named stories
// (storms, surges, faults). A Valley is one story of one description under one seed: the same description,
// story and seed give the same bytes, and a sensor added changes no other sensor's noise.
//
// Conventions: SI units unless the name says otherwise; discharges are m3/s, depths of rain and melt mm,
// times UTC. Discharges are values at the end of a step, rain is the amount within it. Nothing here reads
// a clock, starts a goroutine or opens a file. A Valley belongs to one goroutine; a Description may be
// read by many once it is made.
package scenario
