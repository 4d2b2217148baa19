package sms

import (
	"errors"
	"net/url"
	"regexp"

	"tocsin/alerting"
)

// Codes of Twilio's error dictionary (www.twilio.com/docs/api/errors) that mean something special here.
const (
	codeAuthenticate    = 20003 // the account's credentials are wrong
	codeSuspended       = 20005 // the account is not active
	codeNotFound        = 20404 // there is no such account
	codeTooManyRequests = 20429
	codeFromInvalid     = 21212
	codeUsername        = 21222 // said by the library itself
	codePassword        = 21224 // likewise
	codeFromForeign     = 21606 // the from number is not the account's, or cannot send SMS
	codeOptedOut        = 21610
	codeQueueFull       = 21611 // the sender's queue is full
	codeFromMismatch    = 21659 // the from number is not a Twilio number of the account's country
	codeFromNotOurs     = 21660 // the from number is not the account's
	codeOverflow        = 30001 // queue overflow
)

// retryable says whether a code is about the account, the sender or the load and not about this
// message: a person can put it right while the warning lives, so the message waits.
func retryable(code int) bool {
	switch code {
	case codeAuthenticate, codeSuspended, codeNotFound, codeTooManyRequests, codeFromInvalid, codeUsername, codePassword,
		codeFromForeign, codeQueueFull, codeFromMismatch, codeFromNotOurs, codeOverflow:
		return true
	}
	return false
}

// classOf is the class of a message that Twilio took and gave up at once.
func classOf(code int) error {
	if code == codeOptedOut {
		return alerting.ErrOptedOut
	}
	return alerting.ErrPermanent
}

// stateOf is the delivery state of a message status of Twilio (Messages resource, Status); ok is
// false for a word that is not known, which counts as accepted.
func stateOf(status string) (state alerting.DeliveryState, ok bool) {
	switch status {
	case "accepted", "scheduled", "queued", "sending":
		return alerting.StateAccepted, true
	case "sent":
		return alerting.StateSent, true
	case "delivered", "read":
		return alerting.StateDelivered, true
	case "undelivered", "failed":
		return alerting.StateFailed, true
	case "canceled":
		return alerting.StateSuppressed, true
	}
	return alerting.StateAccepted, false
}

// number is whatever may be a phone number, however it is written.
var number = regexp.MustCompile(`\+?\(?\d[\d ().-]{5,}\d`)

// redact takes phone numbers out of a provider's words.
func redact(words string) string { return number.ReplaceAllString(words, "…") }

// plain is an error of the transport without the URL, which names the account.
func plain(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return redact(err.Error())
}
