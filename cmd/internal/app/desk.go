package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"tocsin/alerting"
	"tocsin/alerting/desk"
	"tocsin/alerting/dispatch"
	"tocsin/alerting/recipient"
	"tocsin/alerting/rule"
	"tocsin/alerting/sms"
	"tocsin/dashboards"
	"tocsin/geo"
)

func (a *App) openDesk(ctx context.Context) (err error) {
	site := a.config.Site
	agency := site.Config.Agencies[0]
	a.desk, err = desk.New(desk.Config{
		Mode:       site.Config.Mode,
		Policy:     site.Policy(),
		Languages:  site.Config.Languages,
		Texts:      site.Messages,
		Zones:      site.Zones,
		Network:    site.Network,
		Sender:     agency.Sender,
		SenderName: agency.Name,
		Contact:    agency.Contact,
		PublicURL:  a.publicURL,
		Location:   site.Location,
		LevelNames: site.Config.LevelNames(),
		Expiry:     time.Duration(site.Config.Expiry),
	}, a.store, a.exposure(), a.Now, a.log, a.tell)
	if err != nil {
		return err
	}
	if err := a.desk.Resume(ctx); err != nil {
		return err
	}
	a.rules, err = rule.New(ctx, rule.Config{
		Set:      site.Set,
		Store:    a.store,
		Emit:     a.handle,
		Location: site.Location,
		Started:  a.Now(),
		Last:     a.journal.Last,
		Logger:   a.log,
	})
	if err != nil {
		return err
	}
	a.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), closePatience)
		defer cancel()
		return a.rules.Flush(ctx)
	})
	return nil
}

// handle gives a hazard to the desk. One that makes no sense is logged and let go: it would stop the
// rules for good.
func (a *App) handle(ctx context.Context, h alerting.Hazard) error {
	err := a.desk.Handle(ctx, h)
	if errors.Is(err, alerting.ErrInvalid) {
		a.log.Error("the desk cannot take a hazard", "rule", h.Rule, "zone", h.Zone, "level", int(h.Level), "error", err)
		return nil
	}
	return err
}

// exposure counts the people of each zone once: neither the zones nor the people change while running.
func (a *App) exposure() func(geo.Zone) geo.Exposure {
	var mu sync.Mutex
	known := make(map[string]geo.Exposure, len(a.config.Site.Zones))
	return func(z geo.Zone) geo.Exposure {
		mu.Lock()
		defer mu.Unlock()
		if e, ok := known[z.ID]; ok {
			return e
		}
		e, err := a.config.Site.Population.Exposure(z.Shape)
		if err != nil {
			// A warning does not wait for a number: it goes on with what is known, and says so.
			a.log.Error("the people of a zone could not be counted", "zone", z.ID, "error", err)
			e.Methods = append(e.Methods, "could not be counted: "+err.Error())
			return e
		}
		known[z.ID] = e
		return e
	}
}

func (a *App) openDispatch(context.Context) error {
	channel, err := a.smsChannel()
	if err != nil {
		return err
	}
	config := dispatch.Defaults()
	config.Concerned = recipient.Concerned
	mode := a.config.Site.Config.Mode
	a.runner, err = dispatch.New(config, a.store, a.store, a.store,
		dispatch.Channels{mode: {channel.Name(): channel}}, a.Now, a.log, a.delivered)
	if err != nil {
		return err
	}
	a.OnChange(func(alerting.Warning) { a.runner.Wake() })
	return nil
}

// smsChannel is Twilio where the site names it, else a dry run that sends nothing to anybody.
func (a *App) smsChannel() (alerting.Channel, error) {
	c := a.config.Site.Config.SMS.Twilio
	if c == nil {
		const kept = 50
		return sms.NewDryRun(kept, a.Now), nil
	}
	const hook = "twilio/status"
	twilio, err := sms.NewTwilio(sms.TwilioConfig{
		AccountSID: c.AccountSID, AuthToken: a.config.Secrets.Twilio.Reveal(), From: c.From,
		StatusCallback: a.publicURL + "/hooks/" + hook,
	}, a.Now)
	if err != nil {
		return nil, err
	}
	a.hooks[hook] = twilio.StatusHandler(a.store, a.log, a.delivered)
	return twilio, nil
}

func (a *App) delivered(alerting.Delivery) { a.web.Publish(dashboards.EventDeliveries) }
