// Package desk owns the life of a warning: it alone takes hazards from the rules and decisions from
// people, and turns them into steps of the table in package alerting. It decides nothing about water.
//
// What happens when:
//
//   - A hazard with no open warning becomes a proposal with its exposure and the number of approvals
//     that the policy demands: 0 (issued at once by the actor "policy"), 1 or 2 different people. Doubtful
//     evidence always needs at least one person. Whoever submitted a proposal cannot approve it.
//   - While a proposal waits, sound evidence may raise, lower or withdraw it; doubtful evidence may only
//     raise it. A change of level voids the approvals given so far. A person's proposal is never lowered
//     or withdrawn by a rule.
//   - For an issued warning a change is suggested: update up (policy of the new level), update down and
//     all-clear (policy of the level in force, so that what two people issued one cannot end by a click
//     on a suggestion). An all-clear on doubtful evidence, or from a station where silence may be the
//     disaster, always needs a person. When the hazard returns to the level in force, what a rule had
//     suggested is dropped.
//   - End is one step for one person, as fast as issuing: cancel or all-clear with the texts written beforehand.
//     Where the rules hold a higher level than the one that was ended, it is proposed anew: what waited
//     for a decision does not vanish with the warning.
//   - Expiry is not an all-clear: half an hour before it, unless something waits already, an update that
//     extends the warning is suggested, once, and always to a person. If nobody answers, the warning
//     ends by the clock; where the rules still see the hazard a new warning is then proposed.
//
// Every step goes through alerting.Store.Apply, which checks the table and the version; the desk tries
// again when somebody was faster. An issued edition is never changed: an update is a new edition that
// references the earlier ones.
//
// A Desk may be used from any goroutine at once.
package desk
