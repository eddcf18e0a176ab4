package core

import (
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

// decision is what was decided about an address, and why. Decisions are counted,
// and whoever follows events is told of them.
type decision uint8

const (
	learnedHeard decision = iota
	learnedLeased
	confirmedHeard
	confirmedTraffic
	doubtedContradicted
	movedUnasked
	movedPlaceGone
	movedSilent
	movedPermitted
	movedLeased
	movedOpen
	stationMovedPlaceGone
	stationMovedNoAddress
	stationMovedSilent
	stationMovedOpen
	askedClaim
	askedStation
	silentIdle
	silentPortDown
	silentPortGone
	silentSwitchGone
	silentFlushed
	silentSponged
	expiredSilent
	expiredPlaceGone
	expiredFlushed
	expiredLease
	removedNetwork
	removedUnlisted
	removedReleased
	removedDeclined
	removedRevoked
	duplicateMoves
	releasedTime
	releasedOperator
	releasedSponge
	releasedIntent
	refusedOwner
	refusedStation
	refusedConfigured
	refusedLeased
	refusedFrozen
	refusedBusy
	refusedTotal
	refusedNetwork
	refusedPort
	refusedServer
	refusedRouter
	refusedHidden
	refusedMAC
	refusedAddress
	defendedClaim
	numDecisions
)

// decisionInfo says what a decision is called and what it means.
type decisionInfo struct {
	kind   view.EventKind
	reason string
	text   string
}

var decisions = [numDecisions]decisionInfo{
	learnedHeard:          {view.EventLearned, "heard", "it was not known"},
	learnedLeased:         {view.EventLearned, "leased", "a DHCP server gave it"},
	confirmedHeard:        {view.EventConfirmed, "heard", "its owner was heard again"},
	confirmedTraffic:      {view.EventConfirmed, "traffic", "its owner has sent something since it was asked"},
	doubtedContradicted:   {view.EventDoubted, "contradicted", "another MAC says that it has it, without authority (RFC 4861 §7.2.5): stale, and its owner is asked"},
	movedUnasked:          {view.EventMoved, "place-unknown", "where the old owner is, is not known"},
	movedPlaceGone:        {view.EventMoved, "place-gone", "the old owner's port or switch is down"},
	movedSilent:           {view.EventMoved, "owner-silent", "the old owner did not answer"},
	movedPermitted:        {view.EventMoved, "permitted", "the operator permits this MAC, too"},
	movedLeased:           {view.EventMoved, "leased", "a DHCP server gave it to this MAC"},
	movedOpen:             {view.EventMoved, "security-off", "the port believes whoever spoke last"},
	stationMovedPlaceGone: {view.EventMoved, "place-gone", "the MAC is at another port, and its old one is down"},
	stationMovedNoAddress: {view.EventMoved, "no-address", "the MAC is at another port, and has no address that could be asked"},
	stationMovedSilent:    {view.EventMoved, "owner-silent", "the MAC is at another port, and did not answer at the old one"},
	stationMovedOpen:      {view.EventMoved, "security-off", "the MAC is at another port, which believes whoever spoke last"},
	askedClaim:            {view.EventAsked, "claimed", "another MAC claims it: the owner is asked first"},
	askedStation:          {view.EventAsked, "place-claimed", "its MAC was heard at another port: it is asked at the old one first"},
	silentIdle:            {view.EventSilent, view.ReasonIdle, "nothing was heard of its owner for half of the age limit"},
	silentPortDown:        {view.EventSilent, "port-down", "its owner's port went down"},
	silentPortGone:        {view.EventSilent, "port-gone", "its owner's port is gone"},
	silentSwitchGone:      {view.EventSilent, "switch-gone", "its owner's switch stayed away"},
	silentFlushed:         {view.EventSilent, "flushed", "an operator doubts it"},
	silentSponged:         {view.EventSilent, "sponged", "it is asked for too often, and nobody answers: the switches answer for it, with the sink's MAC"},
	expiredSilent:         {view.EventExpired, "silent", "its owner was silent for the whole age limit"},
	expiredPlaceGone:      {view.EventExpired, "place-gone", "its owner's place is gone, and it answered nowhere else"},
	expiredFlushed:        {view.EventExpired, "flushed", "an operator doubted it, and its owner did not answer"},
	expiredLease:          {view.EventExpired, "lease-ended", "its lease is over"},
	removedNetwork:        {view.EventRemoved, "network", "its port is in that network no more"},
	removedUnlisted:       {view.EventRemoved, "unlisted", "its port is strict now, and does not list it"},
	removedReleased:       {view.EventRemoved, "released", "its owner gave the lease back"},
	removedDeclined:       {view.EventRemoved, "declined", "a DHCP server gave it to a host, which found it in use"},
	removedRevoked:        {view.EventRemoved, "revoked", "the DHCP server ended its lease"},
	duplicateMoves:        {view.EventDuplicate, "moves", "it changed its MAC too often: frozen, and not answered (RFC 9161 §3.7)"},
	releasedTime:          {view.EventReleased, "hold-down", "its time is over"},
	releasedOperator:      {view.EventReleased, "operator", "an operator cleared it"},
	releasedSponge:        {view.EventReleased, "sign-of-life", "it was heard: it is answered for with the sink's MAC no more"},
	releasedIntent:        {view.EventReleased, "sponge-changed", "the sponge of its network is another one now, or gone"},
	refusedOwner:          {view.EventRefused, "owner-answers", "its owner was asked, and answered"},
	refusedStation:        {view.EventRefused, "place-answers", "its MAC was asked at the old port, and answered"},
	refusedConfigured:     {view.EventRefused, "configured", "the operator bound it to another MAC"},
	refusedLeased:         {view.EventRefused, "leased", "a DHCP server gave it to another MAC"},
	refusedFrozen:         {view.EventRefused, "frozen", "it is frozen as a duplicate"},
	refusedBusy:           {view.EventRefused, "busy", "too many claims are being looked into"},
	refusedTotal:          {view.EventRefused, "limit-total", "as many are known as there may be in all"},
	refusedNetwork:        {view.EventRefused, "limit-network", "as many are known in the network as there may be"},
	refusedPort:           {view.EventRefused, "limit-port", "as many are known behind the port as there may be"},
	refusedServer:         {view.EventRefused, "dhcp-server", "a DHCP server on a port that is not trusted"},
	refusedRouter:         {view.EventRefused, "router", "a router advertisement, or redirect, on a port that is not trusted"},
	refusedHidden:         {view.EventRefused, "hidden", "a second VLAN tag, a fragment, or extension headers, that may hide a DHCP server or router on a port that is not trusted"},
	refusedMAC:            {view.EventRefused, "unlisted-mac", "the port is strict, and the MAC is not listed"},
	refusedAddress:        {view.EventRefused, "unlisted-address", "the port is strict, and the address is not listed for the MAC"},
	defendedClaim:         {view.EventDefended, "claimed", "its true owner was announced against a claim (RFC 5227 §2.4)"},
}

// provoked says whether whoever sends frames can have as many of the decisions as
// it likes. Of those not all are told; metrics count the rest.
func (i *decisionInfo) provoked() bool {
	return i.kind == view.EventAsked || i.kind == view.EventRefused || i.kind == view.EventDoubted
}

// toldPerSecond limits the events that hosts provoke.
const toldPerSecond = 100

// place is where something was heard; the zero Location is nowhere.
type place = binding.Location

// who is a MAC and where it is.
type who struct {
	mac packet.MAC
	at  place
}

// ownerOf is who has a binding.
func (c *Core) ownerOf(b *binding.Binding) who {
	w := who{mac: b.MAC}
	if s := c.table.StationOf(b); s != nil {
		w.at = s.Location()
	}
	return w
}

// decide counts a decision and tells it: it is about new, who has the address
// now or claims it, and old, if there is another one who has or had it.
func (c *Core) decide(d decision, key binding.Key, is who, was who) {
	c.counters.decisions[d]++
	info := &decisions[d]
	if !c.followed || info.kind.Routine() && !c.detailed && (info.kind != view.EventSilent || d == silentIdle) {
		return
	}
	if info.provoked() && !c.telling.take(c.now) {
		return
	}
	e := view.Event{At: time.Unix(0, c.now), Kind: info.kind, Network: c.names[key.Network], VLAN: key.VLAN,
		Reason: info.reason, Text: info.text}
	if key.Addr != [16]byte{} {
		e.IP = key.IP().String()
	}
	if !is.mac.IsZero() {
		e.MAC = is.mac.String()
	}
	e.Switch, e.Port = c.placeNames(is.at)
	if !was.mac.IsZero() {
		e.OldMAC = was.mac.String()
	}
	_, e.OldPort = c.placeNames(was.at)
	c.effects.Events = append(c.effects.Events, e)
}

// placeNames are the names of a switch and port, empty for nowhere.
func (c *Core) placeNames(at place) (sw, port string) {
	if at == (place{}) {
		return "", ""
	}
	sw = fabric.FormatID(at.Switch)
	if s := c.switches[at.Switch]; s != nil {
		port = c.portName(s, at.Port)
	}
	return sw, port
}

// decisionMetric counts decisions by what events of them say. Two that are of one
// kind for one reason are one number: of an address, and of all those of a MAC.
func decisionMetric(counts *[numDecisions]uint64) view.Metric {
	m := view.Metric{Name: "isat_events_total", Short: "decision", Help: "decisions about addresses, as events tell them",
		Labels: []string{"kind", "reason"}}
	for d, info := range decisions {
		m.Add(int(counts[d]), string(info.kind), info.reason)
	}
	return m
}
