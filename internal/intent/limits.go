package intent

import "time"

// Limits bound what isat keeps and does, on all networks and ports alike.
type Limits struct {
	Bindings               int // in all networks
	BindingsPerNetwork     int
	BindingsPerPort        int
	Stations               int // on all switches
	StationsPerPort        int
	UnresolvedPerPort      int // searches that one port may have under way
	UnresolvedPerNetwork   int
	Parked                 int           // requestors that wait for one address
	ParkedTime             time.Duration // for which one waits at most
	SearchesPerSecond      int           // requests that searches put on the wire
	ProbesPerSecond        int           // likewise of probes that keep bindings fresh
	PuntsPerPort           int           // packets a second that one port may have sent to the controller
	PuntsPerReason         int           // likewise all ports of a switch, for one reason
	AnnouncementsPerSecond int
}

// DefaultLimits are the limits that hold if nothing else is asked for.
func DefaultLimits() Limits {
	return Limits{
		Bindings: 1 << 20, BindingsPerNetwork: 1 << 18, BindingsPerPort: 1 << 14, Stations: 1 << 20, StationsPerPort: 1 << 14,
		UnresolvedPerPort: 64, UnresolvedPerNetwork: 256, Parked: 64, ParkedTime: 2 * time.Second,
		SearchesPerSecond: 1000, ProbesPerSecond: 2000, PuntsPerPort: 500, PuntsPerReason: 2000, AnnouncementsPerSecond: 100,
	}
}
