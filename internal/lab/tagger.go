package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// tagger gives a host tagged interfaces where the kernel was built without 802.1Q, as small
// virtual machines' kernels are: one tap interface per VLAN, whose frames it carries to and from the
// host's link with the tag put on and taken off. The host's kernel resolves and answers on the taps
// as it would on its own VLAN interfaces.
type tagger struct {
	link *os.File            // packet socket on the host's link
	taps map[uint16]*os.File // by VLAN
	done sync.WaitGroup
}

// newTagger makes the interfaces in the current namespace, with the link's own MAC, and starts to
// carry. They go when it is closed.
func newTagger(link string, ids []uint16) (_ *tagger, err error) {
	t := &tagger{taps: map[uint16]*os.File{}}
	defer func() {
		if err != nil {
			_ = t.Close()
		}
	}()
	ifi, err := net.InterfaceByName(link)
	if err != nil {
		return nil, err
	}
	fd, err := captureSocket(link, nil)
	if err != nil {
		return nil, err
	}
	t.link = os.NewFile(uintptr(fd), "tagger on "+link)
	for _, id := range ids {
		tap, err := openTap(vlanName(id), ifi.HardwareAddr)
		if err != nil {
			return nil, err
		}
		t.taps[id] = tap
	}
	t.done.Go(t.untag)
	for id, tap := range t.taps {
		t.done.Go(func() { t.tag(id, tap) })
	}
	return t, nil
}

func openTap(name string, mac net.HardwareAddr) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	ifr, err := unix.NewIfreq(name)
	if err == nil {
		ifr.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr)
	}
	if err == nil {
		err = netlink.LinkSetHardwareAddr(&netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: name}}, mac)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("add %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Close removes the interfaces.
func (t *tagger) Close() error {
	var errs []error
	if t.link != nil {
		errs = append(errs, t.link.Close())
	}
	for _, tap := range t.taps {
		errs = append(errs, tap.Close())
	}
	t.done.Wait()
	return errors.Join(errs...)
}

const macBytes = 12 // destination and source address, in front of the tag

// tag carries frames from a tap to the link.
func (t *tagger) tag(id uint16, tap *os.File) {
	buf := make([]byte, maxFrame)
	header := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, etherVLAN), id)
	for {
		n, err := tap.Read(buf)
		if err != nil {
			return // it is closed, or the interface was removed
		}
		if n < macBytes {
			continue
		}
		frame := slices.Concat(buf[:macBytes], header, buf[macBytes:n])
		// A link that is down or full loses frames; that is what links do.
		_, _ = t.link.Write(frame)
	}
}

// untag carries frames that the link received to their taps.
func (t *tagger) untag() {
	link, err := t.link.SyscallConn()
	if err != nil {
		return // it is closed
	}
	var frames frameReader
	for {
		f, err := frames.next(link)
		if err != nil {
			return
		}
		if f.Out || len(f.Data) < macBytes+4 || binary.BigEndian.Uint16(f.Data[macBytes:]) != etherVLAN {
			continue
		}
		tap := t.taps[binary.BigEndian.Uint16(f.Data[macBytes+2:])&0xfff]
		if tap == nil {
			continue
		}
		// EIO while the interface is down: the frame is lost, as it should be.
		_, _ = tap.Write(slices.Delete(f.Data, macBytes, macBytes+4))
	}
}
