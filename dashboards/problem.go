package dashboards

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tocsin/alerting"
)

// problem answers with a problem document (RFC 9457, section 3).
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The status line has gone out; a client that hung up is no fault of ours.
	_ = json.NewEncoder(w).Encode(&huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail})
}

// refusal turns an error of another room into the answer an outsider may read: a sentence for what the
// caller can mend, a bare 500 and a line in the log for the rest.
func (s *Server) refusal(err error, doing string) error {
	switch {
	case errors.Is(err, alerting.ErrNotFound):
		return huma.Error404NotFound("there is no such thing")
	case errors.Is(err, alerting.ErrConflict):
		return huma.Error409Conflict("somebody changed this warning meanwhile: look at it again and decide anew")
	case errors.Is(err, alerting.ErrIllegal):
		return huma.Error409Conflict("this warning is no longer in a state that allows the step: look at it again")
	case errors.Is(err, alerting.ErrOpen):
		return huma.Error409Conflict("a warning for this hazard and zone is open already")
	case errors.Is(err, alerting.ErrForbidden):
		return huma.Error403Forbidden(err.Error())
	case errors.Is(err, alerting.ErrInvalid):
		return huma.Error422UnprocessableEntity(err.Error())
	}
	s.log.Error("request failed", "doing", doing, "error", err)
	return huma.Error500InternalServerError("the program could not do this; the log says why")
}
