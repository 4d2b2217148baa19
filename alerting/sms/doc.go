// Package sms hands warnings over as text messages: by Twilio, or to a screen of phones without any
// network (DryRun). It also counts the segments a text takes.
//
// Conventions: numbers are E.164 and appear in no error, log or detail; times are UTC by the injected
// clock, timeouts of the network by the machine's. Every type may be used from any goroutine.
package sms
