package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"tocsin/alerting"
	"tocsin/alerting/operator"
	"tocsin/dashboards"
)

func (a *App) openOperators(ctx context.Context) (err error) {
	// People log in by the machine's clock, whatever time an exercise pretends.
	a.people, err = operator.New(operator.Defaults(), a.store, a.config.Now)
	if err != nil {
		return err
	}
	secret, err := a.people.Bootstrap(ctx)
	if err != nil || secret == "" {
		return err
	}
	a.firstLogin = LoginPath(secret)
	return nil
}

// LoginPath is the path and query at which a one-time link is used.
func LoginPath(secret string) string { return "/login/link?token=" + url.QueryEscape(secret) }

// sessions puts the logic of accounts before the pages.
type sessions struct{ *operator.Accounts }

// Login implements dashboards.Sessions.
func (s sessions) Login(ctx context.Context, name, password, from string) (string, error) {
	secret, err := s.Accounts.Login(ctx, name, password, from)
	return secret, asDenied(err)
}

// Session implements dashboards.Sessions.
func (s sessions) Session(ctx context.Context, secret string) (alerting.Operator, error) {
	o, err := s.Accounts.Session(ctx, secret)
	return o, asDenied(err)
}

// UseLink implements dashboards.Links.
func (s sessions) UseLink(ctx context.Context, link, password string) (string, error) {
	o, err := s.SetPassword(ctx, link, password)
	if errors.Is(err, operator.ErrPassword) {
		return "", fmt.Errorf("%w: %w", dashboards.ErrRefused, err)
	}
	if err != nil {
		return "", asDenied(err)
	}
	return s.Login(ctx, o.ID, password, "one-time link")
}

func asDenied(err error) error {
	var tooMany operator.TooMany
	if errors.Is(err, operator.ErrRefused) || errors.Is(err, operator.ErrLink) || errors.Is(err, operator.ErrSession) || errors.As(err, &tooMany) {
		return fmt.Errorf("%w: %w", dashboards.ErrDenied, err)
	}
	return err
}
