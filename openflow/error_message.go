package openflow

import "fmt"

// Error says that the switch refused or could not do something (OF1.3 A.4.4). It is also a Go
// error.
type Error struct {
	ErrType      uint16 // such as [ErrFlowModFailed]
	Code         uint16
	Experimenter uint32 // if ErrType is [ErrExperimenter]; Code is then the experimenter's own
	Data         []byte // the start of the message that caused it, at least 64 bytes if it had them
}

// Error types (OF1.3 A.4.4).
const (
	ErrHelloFailed         uint16 = 0
	ErrBadRequest          uint16 = 1
	ErrBadAction           uint16 = 2
	ErrBadInstruction      uint16 = 3
	ErrBadMatch            uint16 = 4
	ErrFlowModFailed       uint16 = 5
	ErrGroupModFailed      uint16 = 6
	ErrPortModFailed       uint16 = 7
	ErrTableModFailed      uint16 = 8
	ErrQueueOpFailed       uint16 = 9
	ErrSwitchConfigFailed  uint16 = 10
	ErrRoleRequestFailed   uint16 = 11
	ErrMeterModFailed      uint16 = 12
	ErrTableFeaturesFailed uint16 = 13
	ErrExperimenter        uint16 = 0xffff
)

// Error codes that a controller decides on.
const (
	HelloIncompatible    uint16 = 0 // of ErrHelloFailed
	RequestBadType       uint16 = 1 // of ErrBadRequest
	RequestBadExperiment uint16 = 3
	RequestPermission    uint16 = 5
	RequestBadLength     uint16 = 6
	RequestIsSlave       uint16 = 10
	FlowModTableFull     uint16 = 1 // of ErrFlowModFailed
	GroupModGroupExists  uint16 = 0 // of ErrGroupModFailed
	GroupModUnknownGroup uint16 = 8
	MeterModMeterExists  uint16 = 1 // of ErrMeterModFailed
	MeterModUnknownMeter uint16 = 3
	RoleRequestStale     uint16 = 0 // of ErrRoleRequestFailed
	BundleUnknown        uint16 = 2300
	BundleMessageFailed  uint16 = 2313
)

// Type implements Message.
func (*Error) Type() Type { return TypeError }

func (m *Error) append(b []byte) []byte {
	b = appendHead(b, m.ErrType, m.Code)
	if m.ErrType == ErrExperimenter {
		b = be.AppendUint32(b, m.Experimenter)
	}
	return append(b, m.Data...)
}

func decodeError(r *reader) *Error {
	m := &Error{ErrType: r.u16(), Code: r.u16()}
	if m.ErrType == ErrExperimenter {
		m.Experimenter = r.u32()
	}
	m.Data = r.bytes()
	return m
}

// FailedXID is the transaction id of the message that caused the error, if the data has it.
func (m *Error) FailedXID() (uint32, bool) {
	if len(m.Data) < HeaderLen {
		return 0, false
	}
	return be.Uint32(m.Data[4:]), true
}

// String names the error as Open vSwitch does, such as OFPFMFC_TABLE_FULL.
func (m *Error) String() string {
	if m.ErrType == ErrExperimenter {
		return experimenterErrorName(m.Experimenter, m.Code)
	}
	return ErrorName(m.ErrType, m.Code)
}

// Error implements error.
func (m *Error) Error() string {
	if len(m.Data) >= HeaderLen {
		return fmt.Sprintf("switch refused %s: %s", Type(m.Data[1]), m.String())
	}
	return fmt.Sprintf("switch reported %s", m.String())
}

type errorGroup struct {
	prefix string
	codes  []string // by code
}

var errorGroups = [...]errorGroup{
	{"OFPHFC", []string{"INCOMPATIBLE", "EPERM"}},
	{"OFPBRC", []string{"BAD_VERSION", "BAD_TYPE", "BAD_STAT", "BAD_VENDOR", "BAD_SUBTYPE", "EPERM",
		"BAD_LEN", "BUFFER_EMPTY", "BUFFER_UNKNOWN", "BAD_TABLE_ID", "IS_SECONDARY", "BAD_PORT", "BAD_PACKET",
		"MULTIPART_BUFFER_OVERFLOW"}},
	{"OFPBAC", []string{"BAD_TYPE", "BAD_LEN", "BAD_VENDOR", "BAD_VENDOR_TYPE", "BAD_OUT_PORT", "BAD_ARGUMENT",
		"EPERM", "TOO_MANY", "BAD_QUEUE", "BAD_OUT_GROUP", "MATCH_INCONSISTENT", "UNSUPPORTED_ORDER", "BAD_TAG",
		"BAD_SET_TYPE", "BAD_SET_LEN", "BAD_SET_ARGUMENT"}},
	{"OFPBIC", []string{"UNKNOWN_INST", "UNSUP_INST", "BAD_TABLE_ID", "UNSUP_METADATA", "UNSUP_METADATA_MASK",
		"BAD_EXPERIMENTER", "BAD_EXP_TYPE", "BAD_LEN", "EPERM"}},
	{"OFPBMC", []string{"BAD_TYPE", "BAD_LEN", "BAD_TAG", "BAD_DL_ADDR_MASK", "BAD_NW_ADDR_MASK", "BAD_WILDCARDS",
		"BAD_FIELD", "BAD_VALUE", "BAD_MASK", "BAD_PREREQ", "DUP_FIELD", "EPERM"}},
	{"OFPFMFC", []string{"UNKNOWN", "TABLE_FULL", "BAD_TABLE_ID", "OVERLAP", "EPERM", "BAD_TIMEOUT", "BAD_COMMAND",
		"BAD_FLAGS"}},
	{"OFPGMFC", []string{"GROUP_EXISTS", "INVALID_GROUP", "WEIGHT_UNSUPPORTED", "OUT_OF_GROUPS", "OUT_OF_BUCKETS",
		"CHAINING_UNSUPPORTED", "WATCH_UNSUPPORTED", "LOOP", "UNKNOWN_GROUP", "CHAINED_GROUP", "BAD_TYPE",
		"BAD_COMMAND", "BAD_BUCKET", "BAD_WATCH", "EPERM"}},
	{"OFPPMFC", []string{"BAD_PORT", "BAD_HW_ADDR", "BAD_CONFIG", "BAD_ADVERTISE", "EPERM"}},
	{"OFPTMFC", []string{"BAD_TABLE", "BAD_CONFIG", "EPERM"}},
	{"OFPQOFC", []string{"BAD_PORT", "BAD_QUEUE", "EPERM"}},
	{"OFPSCFC", []string{"BAD_FLAGS", "BAD_LEN", "EPERM"}},
	{"OFPRRFC", []string{"STALE", "UNSUP", "BAD_ROLE"}},
	{"OFPMMFC", []string{"UNKNOWN", "METER_EXISTS", "INVALID_METER", "UNKNOWN_METER", "BAD_COMMAND", "BAD_FLAGS",
		"BAD_RATE", "BAD_BURST", "BAD_BAND", "BAD_BAND_VALUE", "OUT_OF_METERS", "OUT_OF_BANDS"}},
	{"OFPTFFC", []string{"BAD_TABLE", "BAD_METADATA", "BAD_TYPE", "BAD_LEN", "BAD_ARGUMENT", "EPERM"}},
}

// bundleCodes are the codes of the ONF's experimenter errors from [BundleUnknown] on.
var bundleCodes = [...]string{"UNKNOWN", "EPERM", "BAD_ID", "BUNDLE_EXIST", "BUNDLE_CLOSED", "OUT_OF_BUNDLES",
	"BAD_TYPE", "BAD_FLAGS", "MSG_BAD_LEN", "MSG_BAD_XID", "MSG_UNSUP", "MSG_CONFLICT", "MSG_TOO_MANY",
	"MSG_FAILED", "TIMEOUT", "BUNDLE_IN_PROGRESS"}

// ErrorName names a standard error, such as OFPBAC_BAD_OUT_PORT.
func ErrorName(errType, code uint16) string {
	if int(errType) >= len(errorGroups) {
		return fmt.Sprintf("error type %d code %d", errType, code)
	}
	g := errorGroups[errType]
	if int(code) >= len(g.codes) {
		return fmt.Sprintf("%s code %d", g.prefix, code)
	}
	return g.prefix + "_" + g.codes[code]
}

func experimenterErrorName(id uint32, code uint16) string {
	if n := int(code) - int(BundleUnknown); id == ExperimenterONF && n >= 0 && n < len(bundleCodes) {
		return "OFPBFC_" + bundleCodes[n]
	}
	return fmt.Sprintf("experimenter 0x%08x error %d", id, code)
}
