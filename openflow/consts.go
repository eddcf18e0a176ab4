package openflow

// Reserved ports (OF1.3 A.2.1).
const (
	PortMax        uint32 = 0xffffff00
	PortInPort     uint32 = 0xfffffff8
	PortTable      uint32 = 0xfffffff9
	PortNormal     uint32 = 0xfffffffa
	PortFlood      uint32 = 0xfffffffb
	PortAll        uint32 = 0xfffffffc
	PortController uint32 = 0xfffffffd
	PortLocal      uint32 = 0xfffffffe
	PortAny        uint32 = 0xffffffff
)

// The same ports under the names of the specification.
const (
	OFPPMax        = PortMax
	OFPPInPort     = PortInPort
	OFPPTable      = PortTable
	OFPPNormal     = PortNormal
	OFPPFlood      = PortFlood
	OFPPAll        = PortAll
	OFPPController = PortController
	OFPPLocal      = PortLocal
	OFPPAny        = PortAny
)

// ResubmitKeepPort is the in-port of [Resubmit] that leaves the port as it is (OFPP_IN_PORT in 16
// bits).
const ResubmitKeepPort uint16 = 0xfff8

// Values that stand for "none" or "all".
const (
	NoBuffer uint32 = 0xffffffff
	NoMeter  uint32 = 0xffffffff // in Controller2
	NoCookie uint64 = 0xffffffffffffffff
	TableAll uint8  = 0xff
	TableMax uint8  = 0xfe
	GroupMax uint32 = 0xffffff00
	GroupAll uint32 = 0xfffffffc
	GroupAny uint32 = 0xffffffff
	QueueAll uint32 = 0xffffffff
	NoMaxLen uint16 = 0xffff // send the whole packet to the controller
)

// Meter ids (OF1.3 A.3.4.4).
const (
	MeterMax        uint32 = 0xffff0000
	MeterSlowpath   uint32 = 0xfffffffd
	MeterController uint32 = 0xfffffffe // OFPM_CONTROLLER: applies to every packet-in
	MeterAll        uint32 = 0xffffffff
)

// Flow-mod commands (OF1.3 A.3.4.1).
const (
	FlowAdd uint8 = iota
	FlowModify
	FlowModifyStrict
	FlowDelete
	FlowDeleteStrict
)

// Flow-mod flags (OF1.3 A.3.4.1).
const (
	FlagSendFlowRem  uint16 = 1 << 0
	FlagCheckOverlap uint16 = 1 << 1
	FlagResetCounts  uint16 = 1 << 2
	FlagNoPktCounts  uint16 = 1 << 3
	FlagNoByteCounts uint16 = 1 << 4
)

// Group-mod commands and group types (OF1.3 A.3.4.2).
const (
	GroupAdd    uint16 = 0
	GroupModify uint16 = 1
	GroupDelete uint16 = 2

	GroupTypeAll          uint8 = 0
	GroupTypeSelect       uint8 = 1
	GroupTypeIndirect     uint8 = 2
	GroupTypeFastFailover uint8 = 3
)

// Meter-mod commands, flags and band types (OF1.3 A.3.4.4).
const (
	MeterAdd    uint16 = 0
	MeterModify uint16 = 1
	MeterDelete uint16 = 2

	MeterFlagKbps  uint16 = 1 << 0
	MeterFlagPktps uint16 = 1 << 1
	MeterFlagBurst uint16 = 1 << 2
	MeterFlagStats uint16 = 1 << 3

	BandDrop         uint16 = 1
	BandDSCPRemark   uint16 = 2
	BandExperimenter uint16 = 0xffff
)

// Packet-in reasons (OF1.3 A.4.1, OF1.4 for the later ones).
const (
	ReasonNoMatch    uint8 = 0
	ReasonAction     uint8 = 1
	ReasonInvalidTTL uint8 = 2
	ReasonActionSet  uint8 = 3
	ReasonGroup      uint8 = 4
	ReasonPacketOut  uint8 = 5
)

// Flow-removed reasons (OF1.3 A.4.2).
const (
	RemovedIdleTimeout uint8 = 0
	RemovedHardTimeout uint8 = 1
	RemovedDelete      uint8 = 2
	RemovedGroupDelete uint8 = 3
	RemovedMeterDelete uint8 = 4
	RemovedEviction    uint8 = 5
)

// Port-status reasons (OF1.3 A.4.3).
const (
	PortAdd    uint8 = 0
	PortDelete uint8 = 1
	PortModify uint8 = 2
)

// Port configuration and state bits (OF1.3 A.2.1).
const (
	PortConfigDown       uint32 = 1 << 0
	PortConfigNoRecv     uint32 = 1 << 2
	PortConfigNoFwd      uint32 = 1 << 5
	PortConfigNoPacketIn uint32 = 1 << 6

	PortStateLinkDown uint32 = 1 << 0
	PortStateBlocked  uint32 = 1 << 1
	PortStateLive     uint32 = 1 << 2
)

// Controller roles (OF1.3 A.3.9).
const (
	RoleNoChange uint32 = 0
	RoleEqual    uint32 = 1
	RoleMaster   uint32 = 2
	RoleSlave    uint32 = 3
)

// Switch configuration flags (OF1.3 A.3.2).
const (
	FragNormal uint16 = 0
	FragDrop   uint16 = 1
	FragReasm  uint16 = 2
	// FragNXMatch is Open vSwitch's own: like FragNormal, and flows see the
	// transport ports and the ICMP type of a first fragment.
	FragNXMatch uint16 = 3
)

// Experimenter ids.
const (
	ExperimenterNicira uint32 = 0x00002320
	ExperimenterONF    uint32 = 0x4f4e4600
)

// Nicira message subtypes (NXT_*).
const (
	nxtSetPacketInFormat uint32 = 16
	nxtSetControllerID   uint32 = 20
	nxtSetAsyncConfig2   uint32 = 27
	nxtResume            uint32 = 28
	nxtPacketIn2         uint32 = 30
)

// ONF message subtypes of extension 230.
const (
	onfBundleControl uint32 = 2300
	onfBundleAdd     uint32 = 2301
)

// Packet-in formats of [SetPacketInFormat].
const (
	PacketInStandard uint32 = 0 // OFPT_PACKET_IN
	PacketInNXM      uint32 = 1 // NXT_PACKET_IN
	PacketInNX2      uint32 = 2 // NXT_PACKET_IN2, the only one with userdata and continuation
)

// Bundle control kinds (ONF extension 230, OF1.4 7.3.9).
const (
	BundleOpenRequest uint16 = iota
	BundleOpenReply
	BundleCloseRequest
	BundleCloseReply
	BundleCommitRequest
	BundleCommitReply
	BundleDiscardRequest
	BundleDiscardReply
)

// Bundle flags.
const (
	BundleAtomic  uint16 = 1 << 0
	BundleOrdered uint16 = 1 << 1
)

// Ethernet types and IP protocols that matches often need.
const (
	EtherTypeIPv4 uint16 = 0x0800
	EtherTypeARP  uint16 = 0x0806
	EtherTypeVLAN uint16 = 0x8100
	EtherTypeIPv6 uint16 = 0x86dd
	EtherTypeLLDP uint16 = 0x88cc

	// VLANPresent is the bit of vlan_vid that says that there is a tag (OFPVID_PRESENT).
	VLANPresent uint16 = 0x1000
)
