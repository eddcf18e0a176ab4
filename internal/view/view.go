package view

import "time"

// Kind names a collection of the API.
type Kind string

// The collections that can be listed. Routers and policies can't be watched: they
// change only with the intent.
const (
	KindSwitch  Kind = "switches"
	KindPort    Kind = "ports"
	KindNetwork Kind = "networks"
	KindBinding Kind = "bindings"
	KindStation Kind = "stations"
	KindRouter  Kind = "routers"
	KindPolicy  Kind = "policies"
)

// Kinds lists the collections that can be watched.
var Kinds = []Kind{KindSwitch, KindPort, KindNetwork, KindBinding, KindStation}

// Switch is a datapath that is, or was, connected.
type Switch struct {
	ID        string    `json:"id" doc:"Datapath id, 16 hex digits" example:"0000000000000001"`
	Name      string    `json:"name" doc:"Bridge name, taken from the local port"`
	Address   string    `json:"address" doc:"Remote address of the OpenFlow session"`
	State     string    `json:"state" enum:"connected,syncing,away" doc:"Whether the session is up and the flows are as desired"`
	Since     time.Time `json:"since" doc:"When the state was entered"`
	Version   string    `json:"version,omitempty" doc:"What the switch says of its software"`
	Ports     int       `json:"ports" doc:"Ports that the switch has now"`
	Flows     int       `json:"flows" doc:"Flows that isat wants on this switch"`
	Changes   Sync      `json:"lastSync" doc:"What the last comparison with the switch found and changed"`
	Renewals  uint64    `json:"renewals" doc:"Times the punt flows' hard timeout was renewed on this switch"`
	LastError string    `json:"lastError,omitempty" doc:"The last error message that the switch sent"`
}

// Sync counts the differences of one reconciliation.
type Sync struct {
	Kept     int       `json:"kept" doc:"Flows that were already as desired"`
	Added    int       `json:"added" doc:"Flows that were missing"`
	Changed  int       `json:"changed" doc:"Flows that had other actions or timeouts"`
	Removed  int       `json:"removed" doc:"Flows that isat does not want"`
	Groups   int       `json:"groups" doc:"Group changes"`
	Meters   int       `json:"meters" doc:"Meter changes"`
	Restored int       `json:"restored" doc:"Bindings taken over from the switch's own flows"`
	At       time.Time `json:"at" doc:"When it ended"`
}

// Port is a port of a switch, or one that the intent names and that is absent.
type Port struct {
	Switch   string   `json:"switch" doc:"Datapath id, or the name the intent gives while the switch is absent"`
	Number   uint32   `json:"number" format:"int64" doc:"OpenFlow port number, 0 while absent"`
	Name     string   `json:"name" doc:"Port name, as ovs-vsctl shows it"`
	MAC      string   `json:"mac,omitempty" doc:"Hardware address of the port"`
	State    string   `json:"state" enum:"up,down,absent" doc:"absent: the intent names it, and no switch has it"`
	Networks []string `json:"networks" nullable:"false" doc:"Networks of the port, as name or name@vlan"`
	Stations int      `json:"stations" doc:"MACs known behind the port"`
	Bindings int      `json:"bindings" doc:"Bindings known behind the port"`
}

// Network is one L2 broadcast domain.
type Network struct {
	Number   uint32   `json:"number" doc:"1..16777215"`
	Name     string   `json:"name" doc:"Name, unique"`
	Unknown  string   `json:"unknown" enum:"solicit,flood,drop" doc:"What happens to a request for an unknown address"`
	Subnets  []Subnet `json:"subnets" nullable:"false" doc:"Prefixes of the network, if the intent gives any"`
	Ports    int      `json:"ports" doc:"Member ports present"`
	Bindings int      `json:"bindings" doc:"Bindings in the network"`
	Stations int      `json:"stations" doc:"MACs known in the network"`
	Searches int      `json:"searches" doc:"Searches under way"`
	Silent   int      `json:"silent" doc:"Addresses remembered as silent"`
}

// Subnet is a prefix in a network.
type Subnet struct {
	Prefix     string `json:"prefix" doc:"Such as 10.0.0.0/24"`
	Gateway    string `json:"gateway,omitempty" doc:"Address of the gateway"`
	GatewayMAC string `json:"gatewayMAC,omitempty" doc:"MAC of the gateway; with it isat answers for the gateway"`
}

// Binding says which MAC an address has and where it is.
type Binding struct {
	Network   string    `json:"network" doc:"Name of the network"`
	VLAN      uint16    `json:"vlan,omitempty" doc:"VLAN inside the network, for frames that hosts tag themselves; 0 if untagged"`
	IP        string    `json:"ip" doc:"IPv4 or IPv6 address"`
	MAC       string    `json:"mac" doc:"Whose address it is"`
	Switch    string    `json:"switch,omitempty" doc:"Datapath id; empty if the place is not known"`
	Port      string    `json:"port,omitempty" doc:"Port name"`
	PortVLAN  uint16    `json:"portVLAN,omitempty" doc:"VLAN tag of the network on the trunk port"`
	Origin    string    `json:"origin" enum:"static,gateway,dhcp,arp,nd" doc:"Where the binding came from"`
	State     string    `json:"state" enum:"static,reachable,silent,probing,stale,duplicate" doc:"How far it can be relied on. The switches answer for static, reachable, silent and probing ones. static: an operator asked for it, and it does not age. reachable: its owner was heard, or its switch would tell that it is silent. silent: nothing was heard for half of the age limit, or its place is gone; it is to be asked. probing: it is being asked by unicast, at 1/2, 2/3 and 3/4 of the age limit; at the limit the binding goes. stale: known by hearsay, from before a restart or contradicted: not answered, but its owner is asked first. duplicate: it changed its MAC too often, and is frozen and not answered. See docs/bindings.md."`
	Router    bool      `json:"router,omitempty" doc:"The owner says that it is a router (RFC 4861 R flag)"`
	Permitted []string  `json:"permitted,omitempty" nullable:"false" doc:"MACs that a static binding permits"`
	Restored  bool      `json:"restored,omitempty" doc:"Taken over from the switch's flows after a restart"`
	Learned   time.Time `json:"learned" doc:"When this MAC was bound"`
	Heard     time.Time `json:"heard,omitzero" doc:"The last sign of life that isat knows of; while the owner sends, its switch does not tell"`
	AgeLimit  string    `json:"ageLimit,omitempty" doc:"How long its owner may be silent, as 20m0s; empty: for ever"`
	Questions int       `json:"questions,omitempty" doc:"Questions since then that the owner left unanswered"`
	Moves     int       `json:"moves,omitempty" doc:"Changes of its MAC that count towards a duplicate"`
	Lease     time.Time `json:"lease,omitzero" doc:"When the lease of a DHCP server ends"`
	Flows     []string  `json:"flows,omitempty" nullable:"false" doc:"Tables that hold a flow for it"`
}

// Station is a MAC and the place where it was heard.
type Station struct {
	Network  string    `json:"network" doc:"Name of the network"`
	VLAN     uint16    `json:"vlan,omitempty" doc:"VLAN inside the network; 0 if untagged"`
	MAC      string    `json:"mac" doc:"Hardware address"`
	Switch   string    `json:"switch" doc:"Datapath id"`
	Port     string    `json:"port" doc:"Port name"`
	PortVLAN uint16    `json:"portVLAN,omitempty" doc:"VLAN tag of the network on the trunk port"`
	Bindings []string  `json:"bindings" nullable:"false" doc:"Addresses bound to it"`
	Learned  time.Time `json:"learned" doc:"When it was first heard at this place"`
	Restored bool      `json:"restored,omitempty" doc:"Taken over from the switch's flows after a restart"`
}

// Status is the daemon at a glance.
type Status struct {
	Version   string            `json:"version" doc:"Version of the program"`
	Started   time.Time         `json:"started" doc:"When the daemon started"`
	Listen    []string          `json:"listen" nullable:"false" doc:"Addresses on which switches are awaited"`
	Intent    string            `json:"intent,omitempty" doc:"Intent file"`
	DataDir   string            `json:"dataDir,omitempty" doc:"Data directory"`
	NotKept   string            `json:"notKept,omitempty" doc:"Why the data directory can't be written now, one line"`
	Switches  int               `json:"switches" doc:"Switches connected"`
	Ports     int               `json:"ports" doc:"Ports present"`
	Networks  int               `json:"networks" doc:"Networks"`
	Bindings  int               `json:"bindings" doc:"Bindings known"`
	Stations  int               `json:"stations" doc:"Stations known"`
	Searches  int               `json:"searches" doc:"Searches under way"`
	Parked    int               `json:"parked" doc:"Requestors waiting for a search"`
	Held      int               `json:"held" doc:"Routed packets waiting for their next hop"`
	HeldBytes int               `json:"heldBytes" doc:"Memory that they take, in octets"`
	Silent    int               `json:"silent" doc:"Addresses remembered as silent"`
	Counters  map[string]uint64 `json:"counters" doc:"Events since the start, by name; see docs/metrics.md"`
	Memory    uint64            `json:"memory" doc:"Resident memory in bytes"`
}

// Fact is one line of an explanation: what is known and where it came from.
type Fact struct {
	What   string `json:"what" doc:"What is known"`
	Source string `json:"source" doc:"Where it came from"`
}

// Explanation tells what isat knows of an address in one network, and what
// would happen to a request for it now.
type Explanation struct {
	Network string   `json:"network" doc:"Name of the network"`
	VLAN    uint16   `json:"vlan,omitempty" doc:"VLAN inside the network"`
	IP      string   `json:"ip" doc:"The address in question"`
	Binding *Binding `json:"binding,omitempty" doc:"The binding, if there is one"`
	Facts   []Fact   `json:"facts" nullable:"false" doc:"What is known, in the order of weight"`
	Outcome string   `json:"outcome" doc:"What a request for the address meets now" enum:"answered,searched,directed,flooded,dropped,joined,silent,sponged,ignored"`
	Why     string   `json:"why" doc:"The reason for the outcome, one line"`
}

// Resolution is the result of a search or a probe.
type Resolution struct {
	Network string   `json:"network" doc:"Name of the network"`
	VLAN    uint16   `json:"vlan,omitempty" doc:"VLAN inside the network"`
	IP      string   `json:"ip" doc:"The address in question"`
	Found   bool     `json:"found" doc:"Whether somebody has the address"`
	Binding *Binding `json:"binding,omitempty" doc:"Who and where"`
	Sent    int      `json:"sent" doc:"Requests put on the wire"`
	Took    string   `json:"took" doc:"Time until the answer, as 1.234ms"`
	Why     string   `json:"why,omitempty" doc:"Why nothing was sent, if nobody was found"`
}

// ChangeType says what happened to an object.
type ChangeType string

// The changes a watcher sees.
const (
	Added    ChangeType = "added"
	Modified ChangeType = "modified"
	Deleted  ChangeType = "deleted"
)

// Change is one event of a watch. Object is a Switch, Port, Network, Binding
// or Station, according to Kind.
type Change struct {
	Kind   Kind       `json:"kind" enum:"switches,ports,networks,bindings,stations" doc:"The kind of the object"`
	Type   ChangeType `json:"type" enum:"added,modified,deleted" doc:"What happened to it"`
	Object any        `json:"object" doc:"The object as it is now, or was before it was deleted"`
}
