package view

// Flow is a flow that a switch has: a logical flow with what its OpenFlow flows
// counted together, or a flow that exists once per binding or station. In the
// OpenFlow form it is one OpenFlow flow.
type Flow struct {
	Table    string `json:"table" doc:"Name of the table"`
	Number   uint8  `json:"number" doc:"Number of the table"`
	Priority uint16 `json:"priority" doc:"The highest that matches wins"`
	Match    string `json:"match" doc:"Which packets it takes, in the language of logical flows"`
	Actions  string `json:"actions" doc:"What it does with them"`
	Kind     string `json:"kind" enum:"rule,binding,owner,station,forward,silent,sponge,gone,foreign" doc:"rule: a logical flow; binding, owner, station, forward: one of a host; silent: a next hop that does not answer; sponge: an address that nobody has, and that is answered for; gone: isat's and not wanted any more; foreign: not isat's"`
	Owner    string `json:"owner,omitempty" doc:"What in the intent it is there for, such as policy \"x\""`
	Doc      string `json:"doc,omitempty" doc:"What it is for"`
	Flows    int    `json:"flows" doc:"OpenFlow flows that it is on the switch"`
	Missing  int    `json:"missing,omitempty" doc:"OpenFlow flows of it that the switch should have and has not"`
	Packets  uint64 `json:"packets" doc:"Packets that it took"`
	Bytes    uint64 `json:"bytes" doc:"Bytes of them"`
	Age      int64  `json:"age" doc:"Seconds since the youngest of its OpenFlow flows was added"`
	OpenFlow string `json:"openflow,omitempty" doc:"The flow as ovs-ofctl(8) prints it; only in the OpenFlow form"`
}

// FlowList is the flows of one switch, or of one table of it.
type FlowList struct {
	Switch string     `json:"switch" doc:"Datapath id"`
	Items  []Flow     `json:"items" nullable:"false" doc:"By table, falling priority, and the order in which isat has them"`
	Left   []FlowLeft `json:"left" nullable:"false" doc:"What the limit left out"`
}

// FlowLeft counts what a listing left out of a table.
type FlowLeft struct {
	Table   string `json:"table" doc:"Name of the table"`
	Flows   int    `json:"flows" doc:"How many"`
	Packets uint64 `json:"packets" doc:"Packets that they took"`
}

// Trace is the way of one packet through the flows that isat wants on a switch.
type Trace struct {
	Switch  string        `json:"switch" doc:"Datapath id"`
	Port    string        `json:"port" doc:"Name of the port that it came in on"`
	InPort  uint32        `json:"inPort" format:"int64" doc:"OpenFlow number of that port"`
	Frame   string        `json:"frame" doc:"The frame, in hexadecimal"`
	Steps   []TraceStep   `json:"steps" nullable:"false" doc:"Tables in the order in which the packet met them"`
	Outputs []TraceOutput `json:"outputs" nullable:"false" doc:"Where it came out"`
	Punts   []TracePunt   `json:"punts" nullable:"false" doc:"What the controller was sent"`
	Dropped bool          `json:"dropped" doc:"Nothing came out, and the controller was not sent the packet"`
	Why     string        `json:"why,omitempty" doc:"Why it was dropped"`
}

// TraceStep is a table that the packet met.
type TraceStep struct {
	Depth    int           `json:"depth" doc:"How deep it stands in lookups, which come back to the table that made them"`
	Table    string        `json:"table" doc:"Name of the table"`
	Number   uint8         `json:"number" doc:"Number of the table"`
	Kind     string        `json:"kind,omitempty" doc:"What kind of flow took the packet, as in a list of flows; empty if none did"`
	Priority uint16        `json:"priority,omitempty" doc:"Priority of the flow"`
	Match    string        `json:"match,omitempty" doc:"Match of the flow"`
	Actions  string        `json:"actions,omitempty" doc:"Actions of the flow"`
	Owner    string        `json:"owner,omitempty" doc:"What in the intent the flow is there for"`
	Doc      string        `json:"doc,omitempty" doc:"What the flow is for"`
	Cookie   string        `json:"cookie,omitempty" doc:"Cookie of the flow"`
	OpenFlow string        `json:"openflow,omitempty" doc:"The flow as ovs-ofctl(8) prints it"`
	Clauses  []string      `json:"clauses,omitempty" nullable:"false" doc:"The flows that led to it as clauses of a conjunctive match, as ovs-ofctl(8) prints them"`
	Changes  []TraceChange `json:"changes" nullable:"false" doc:"Fields that its own actions changed"`
	Notes    []string      `json:"notes" nullable:"false" doc:"What can't be seen from the actions"`
}

// TraceChange is a field that changed.
type TraceChange struct {
	Field  string `json:"field" doc:"Name of the field"`
	Before string `json:"before,omitempty" doc:"Its value before; empty if the packet did not have it"`
	After  string `json:"after,omitempty" doc:"Its value then; empty if the packet does not have it any more"`
}

// TraceOutput is a frame that came out of a port.
type TraceOutput struct {
	Port   string `json:"port" doc:"Name of the port"`
	Number uint32 `json:"number" format:"int64" doc:"OpenFlow number of the port"`
	VLAN   uint16 `json:"vlan,omitempty" doc:"VLAN of the frame's tag, 0 without"`
	Frame  string `json:"frame" doc:"The frame, in hexadecimal"`
}

// TracePunt is a packet that the controller was sent.
type TracePunt struct {
	Reason string `json:"reason" doc:"Why it was sent"`
	Does   string `json:"does" doc:"What the controller does with it"`
	Table  string `json:"table,omitempty" doc:"Name of the table that sent it"`
	Paused bool   `json:"paused" doc:"The packet stopped there and goes on when the controller says so"`
	Frame  string `json:"frame" doc:"The packet as the controller got it, in hexadecimal"`
	Then   *Trace `json:"then,omitempty" doc:"The way of the packet that the controller makes of it, if it makes one"`
}

// Router joins networks.
type Router struct {
	Name       string      `json:"name" doc:"Name, unique among routers"`
	Number     uint16      `json:"number" doc:"Follows from the name"`
	Interfaces []Interface `json:"interfaces" nullable:"false" doc:"What it is in its networks"`
	Routes     []Route     `json:"routes" nullable:"false" doc:"Static routes"`
}

// Interface is what a router is in one network.
type Interface struct {
	Network   string   `json:"network" doc:"Name of the network"`
	MAC       string   `json:"mac" doc:"The same on every switch"`
	Addresses []string `json:"addresses" nullable:"false" doc:"Its own, with the lengths of the prefixes on the link"`
	LinkLocal string   `json:"linkLocal,omitempty" doc:"IPv6 link-local address, if it has an IPv6 address"`
	Advertise bool     `json:"advertise,omitempty" doc:"Whether it sends router advertisements"`
}

// Route says where a router sends packets for a prefix.
type Route struct {
	Prefix   string   `json:"prefix" doc:"Such as 0.0.0.0/0"`
	NextHops []string `json:"nextHops" nullable:"false" doc:"Neighbours, as ADDRESS@NETWORK; several are chosen from by the flow's hash"`
}

// Policy is a logical flow of the operator's own.
type Policy struct {
	Name     string `json:"name" doc:"Name, unique among policies"`
	Table    string `json:"table" doc:"Name of the table that it is in"`
	Priority uint16 `json:"priority" doc:"Among the policies of the table: the highest that matches wins"`
	Match    string `json:"match" doc:"Which packets it takes"`
	Actions  string `json:"actions" doc:"What it does with them"`
}
