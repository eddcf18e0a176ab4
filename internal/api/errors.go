package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// The kinds of failure that a caller can tell apart, on both sides of the
// wire. Make one with [Errorf], or wrap one with %w.
var (
	ErrInvalid  = errors.New("invalid request")    // 400
	ErrNotFound = errors.New("not found")          // 404
	ErrConflict = errors.New("conflict")           // 409
	ErrBusy     = errors.New("busy, try it again") // 503
)

// kindError is an error of one of the kinds above that shows only its own
// text: the kind is already in the status code.
type kindError struct {
	kind error
	text string
}

func (e *kindError) Error() string { return e.text }
func (e *kindError) Unwrap() error { return e.kind }

// Errorf returns an error with the given text for which errors.Is(err, kind)
// holds.
func Errorf(kind error, format string, args ...any) error {
	return &kindError{kind: kind, text: fmt.Sprintf(format, args...)}
}

// StatusCode returns the HTTP status that tells a client of err.
func StatusCode(err error) int {
	switch {
	case errors.Is(err, ErrInvalid):
		return http.StatusBadRequest
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, ErrConflict):
		return http.StatusConflict
	case errors.Is(err, ErrBusy), errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// KindOf is the inverse of [StatusCode]: the kind that a status code stands
// for, or nil.
func KindOf(status int) error {
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return ErrInvalid
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusConflict:
		return ErrConflict
	case http.StatusServiceUnavailable:
		return ErrBusy
	}
	return nil
}

func problem(err error) error {
	return huma.NewError(StatusCode(err), err.Error())
}
