package core

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// flushFlows tells what became of the flows since the last packet-out. The
// order within is not told: places come out of maps.
func (w *world) flushFlows() {
	slices.Sort(w.flowLines)
	for _, line := range slices.Compact(w.flowLines) {
		w.tell(line)
	}
	w.flowLines = nil
}

// flowLine describes a change of a flow in words, as far as the words do not
// depend on the rules of the pipeline.
func (w *world) flowLine(sw *modelSwitch, m *openflow.FlowMod, old openflow.FlowMod, had bool) string {
	add := m.Command == openflow.FlowAdd
	f := m
	if !add {
		f = &old
		if !had {
			return fmt.Sprintf("%s - of a flow that it does not have", sw.Name())
		}
	}
	sign := "-"
	if add {
		sign = "+"
		if had {
			sign = "~"
		}
	}
	table := pipeline.Table(f.TableID)
	words := ""
	switch table {
	case pipeline.Bindings:
		words = fmt.Sprintf("bindings %s = %s%s", w.keyWords(f), macName(foundMAC(f)), routerWord(f))
	case pipeline.Owners:
		words = fmt.Sprintf("owners %s%s", w.keyWords(f), w.ownerWords(f))
	case pipeline.Stations, pipeline.L2:
		mac, _, ok := f.Match.GetU64(openflow.EthSrc)
		if table == pipeline.L2 {
			mac, _, ok = f.Match.GetU64(openflow.EthDst)
		}
		metadata, mask, hasSegment := f.Match.GetU64(openflow.Metadata)
		if !ok || !hasSegment || mask != ^uint64(0) {
			return rulesLine(sw, sign, f, had)
		}
		name := map[pipeline.Table]string{pipeline.Stations: "stations", pipeline.L2: "l2"}[table]
		words = fmt.Sprintf("%s %s %s at %s", name, w.segmentName(pipeline.SegmentOf(metadata)),
			macName(packet.MACFromUint64(mac)), portKeyName(uint32(f.Cookie)))
	case pipeline.Classify, pipeline.Deliver:
		words = fmt.Sprintf("%s %s", table, portKeyName(attachmentKey(f)))
	case pipeline.Police:
		if _, _, ofPort := f.Match.GetU64(openflow.Reg1); ofPort {
			return "" // they come and go with the port's flow in classify
		}
		return rulesLine(sw, sign, f, had)
	case pipeline.Request:
		if f.Priority != 15 && f.Priority != 16 {
			return rulesLine(sw, sign, f, had)
		}
		if port, _, ok := f.Match.GetU64(openflow.Reg1); ok {
			return fmt.Sprintf("%s %s refused %s from %s", sw.Name(), sign, w.keyWords(f), portKeyName(uint32(port)))
		}
		words = fmt.Sprintf("silent %s for %d s", w.keyWords(f), f.HardTimeout)
	default:
		return rulesLine(sw, sign, f, had)
	}
	return fmt.Sprintf("%s %s %s", sw.Name(), sign, words)
}

func rulesLine(sw *modelSwitch, sign string, f *openflow.FlowMod, had bool) string {
	if f.HardTimeout != 0 && had {
		return "" // a lease is renewed
	}
	return fmt.Sprintf("%s %s rules", sw.Name(), sign)
}

// attachmentKey is the port key that a flow of classify sets, or one of deliver
// matches.
func attachmentKey(f *openflow.FlowMod) uint32 {
	if key, _, ok := f.Match.GetU64(openflow.Reg2); ok {
		return uint32(key)
	}
	for _, a := range f.Instructions.Apply {
		if set, ok := a.(openflow.SetField); ok && set.Field == openflow.Reg1 {
			return binary.BigEndian.Uint32(set.Value)
		}
	}
	return 0
}

func portKeyName(key uint32) string {
	if key>>16 != 0 {
		return fmt.Sprintf("port %d@%d", key&0xffff, key>>16)
	}
	if key == 0xfffe {
		return "port local"
	}
	return fmt.Sprintf("port %d", key)
}

// The registers are those of the pipeline's catalogue.

func (w *world) keyWords(f *openflow.FlowMod) string {
	metadata, _, _ := f.Match.GetU64(openflow.Metadata)
	ip := netip.Addr{}
	if v4, _, ok := f.Match.Get(openflow.Reg0); ok {
		ip = netip.AddrFrom4([4]byte(v4))
	} else if v6, _, ok := f.Match.Wide(openflow.XXReg3); ok {
		ip = netip.AddrFrom16(v6)
	}
	return w.segmentName(pipeline.SegmentOf(metadata)) + " " + ip.String()
}

func foundValue(f *openflow.FlowMod) uint64 {
	for _, a := range f.Instructions.Apply {
		if set, ok := a.(openflow.SetField); ok && set.Field == openflow.XReg5 {
			return binary.BigEndian.Uint64(set.Value)
		}
	}
	return 0
}

func foundMAC(f *openflow.FlowMod) packet.MAC { return packet.MACFromUint64(foundValue(f)) }

func routerWord(f *openflow.FlowMod) string {
	if foundValue(f)>>62&1 != 0 {
		return " router"
	}
	return ""
}

func (w *world) ownerWords(f *openflow.FlowMod) string {
	owner, _, _ := f.Match.Wide(openflow.XReg2)
	words := " " + macName(packet.MAC(owner[2:8]))
	for _, a := range f.Instructions.Apply {
		if load, ok := a.(openflow.RegLoad); ok {
			for bit, word := range []string{"", " stale", " router"} {
				if load.Value>>bit&1 != 0 {
					words += word
				}
			}
		}
	}
	return words
}

func (w *world) groupLine(sw *modelSwitch, m *openflow.GroupMod) string {
	if m.Command == openflow.GroupDelete {
		return fmt.Sprintf("%s - group %d", sw.Name(), m.ID)
	}
	var ports []string
	for _, b := range m.Buckets {
		port, vlan := "", ""
		for _, a := range b.Actions {
			switch a := a.(type) {
			case openflow.Output:
				port = cmpName(sw.Ports[a.Port].Name, a.Port)
			case openflow.SetField:
				vlan = fmt.Sprintf("@%d", binary.BigEndian.Uint16(a.Value)&0xfff)
			}
		}
		ports = append(ports, port+vlan)
	}
	return fmt.Sprintf("%s + group %d: %s", sw.Name(), m.ID, strings.Join(ports, " "))
}

func cmpName(name string, number uint32) string {
	if name == "" {
		return fmt.Sprintf("port %d", number)
	}
	return name
}
