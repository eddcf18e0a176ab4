package packet

import "encoding/binary"

// EtherTypes (IEEE 802 numbers).
const (
	EtherTypeIPv4 uint16 = 0x0800
	EtherTypeARP  uint16 = 0x0806
	EtherTypeIPv6 uint16 = 0x86dd
	EtherTypeVLAN uint16 = 0x8100 // customer tag, IEEE 802.1Q-2018 table 9-1
	EtherTypeQinQ uint16 = 0x88a8 // service tag, IEEE 802.1Q-2018 table 9-1
	EtherTypeLLDP uint16 = 0x88cc
)

const (
	macHeaderLen = 12 // both addresses
	tagLen       = 4  // tag protocol identifier and tag control information
	maxTags      = 2
	// MinFrameLen is the least length of a frame without its frame check sequence
	// (IEEE 802.3-2018 §4A.4.2); shorter ones are padded with zeros.
	MinFrameLen = 60
	vidMask     = 0x0fff
)

// Frame is a view of an Ethernet frame. Its slices alias the bytes given to Parse.
type Frame struct {
	Dst, Src  MAC
	Tagged    bool   // it carries at least one VLAN tag
	VLAN      uint16 // VLAN identifier of the outermost tag, 0..4095; 0 is a priority tag or no tag
	TCI       uint16 // tag control information of the outermost tag: priority, DEI, VLAN
	EtherType uint16 // of the payload, after the tags; below 0x0600 it is an 802.3 length
	Tags      []byte // the tags as they were: 0, 4 or 8 octets
	Payload   []byte // what follows the EtherType, padding included
	HeaderLen int    // octets before Payload: 14, 18 or 22
}

// Parse fills the view from b. At most two tags are taken off; a third one is left in
// the payload, with its tag protocol identifier as EtherType. On error the view is
// undefined and the error a *Malformed.
func (f *Frame) Parse(b []byte) error {
	if len(b) < macHeaderLen+2 {
		return malformed[ReasonFrameTruncated]
	}
	f.Dst = MAC(b[0:6])
	f.Src = MAC(b[6:12])
	f.Tagged, f.VLAN, f.TCI = false, 0, 0

	at := macHeaderLen
	for range maxTags {
		if !isTag(binary.BigEndian.Uint16(b[at:])) {
			break
		}
		if len(b) < at+tagLen+2 {
			return malformed[ReasonFrameTruncated]
		}
		if !f.Tagged {
			f.Tagged = true
			f.TCI = binary.BigEndian.Uint16(b[at+2:])
			f.VLAN = f.TCI & vidMask
		}
		at += tagLen
	}
	f.EtherType = binary.BigEndian.Uint16(b[at:])
	f.Tags = b[macHeaderLen:at:at]
	f.HeaderLen = at + 2
	f.Payload = b[f.HeaderLen:]
	return nil
}

func isTag(etherType uint16) bool {
	return etherType == EtherTypeVLAN || etherType == EtherTypeQinQ
}

// appendHeader appends addresses, an optional customer tag and the EtherType.
func appendHeader(b []byte, dst, src MAC, tagged bool, tci, etherType uint16) []byte {
	b = append(b, dst[:]...)
	b = append(b, src[:]...)
	if tagged {
		b = binary.BigEndian.AppendUint16(b, EtherTypeVLAN)
		b = binary.BigEndian.AppendUint16(b, tci)
	}
	return binary.BigEndian.AppendUint16(b, etherType)
}

// appendReplyHeader appends the header of a frame that is made from f, an answer to it
// for example: with its tags and EtherType.
func appendReplyHeader(b []byte, dst, src MAC, f *Frame) []byte {
	b = append(b, dst[:]...)
	b = append(b, src[:]...)
	b = append(b, f.Tags...)
	return binary.BigEndian.AppendUint16(b, f.EtherType)
}

// Source is the MAC that a frame says it is from. ok is false if the frame is too short.
func Source(frame []byte) (mac MAC, ok bool) {
	if len(frame) < macHeaderLen {
		return mac, false
	}
	return MAC(frame[6:12]), true
}

// pad appends zeros until the frame that begins at start has the least length.
func pad(b []byte, start int) []byte {
	var zeros [MinFrameLen]byte
	if missing := MinFrameLen - (len(b) - start); missing > 0 {
		b = append(b, zeros[:missing]...)
	}
	return b
}
