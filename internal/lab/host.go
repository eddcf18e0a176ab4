package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"unsafe"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// hostLink is the name of a host's only link, inside the host.
const hostLink = "eth0"

// withLinks runs f with a netlink handle of the named namespace.
func withLinks(namespace string, f func(*netlink.Handle) error) error {
	file, err := os.Open(namespacePath(namespace))
	if err != nil {
		return fmt.Errorf("enter namespace %s: %w", namespace, err)
	}
	defer file.Close()
	h, err := netlink.NewHandleAt(netns.NsHandle(int(file.Fd())), unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("enter namespace %s: %w", namespace, err)
	}
	defer h.Close()
	return f(h)
}

// makeSwitchNamespace makes the switches' namespace. IPv6 is off there: the switch's ends of the
// cables must not solicit and report on their own account.
func makeSwitchNamespace(ctx context.Context, name string) error {
	if err := addNamespace(ctx, name); err != nil {
		return err
	}
	return setIPv6(name, false)
}

// setIPv6 switches IPv6 on or off for the interfaces that will be made in the namespace.
func setIPv6(namespace string, on bool) error {
	value := []byte("1")
	if on {
		value = []byte("0")
	}
	return inNamespace(namespace, func() error {
		for _, which := range []string{"all", "default"} {
			file := "/proc/sys/net/ipv6/conf/" + which + "/disable_ipv6"
			err := os.WriteFile(file, value, 0)
			if errors.Is(err, os.ErrNotExist) {
				if on {
					return fmt.Errorf("this kernel has no IPv6 (no %s)", file)
				}
				return nil
			}
			if err != nil {
				return fmt.Errorf("set IPv6: %w", err)
			}
		}
		return nil
	})
}

// makeHost makes the host's namespace and its cable to the switches' namespace. The switch's end
// is up, the host's end still down.
func makeHost(ctx context.Context, lab string, h Host) error {
	sw, own := namespaceName(lab, SwitchNamespace), namespaceName(lab, h.Name)
	if err := addNamespace(ctx, own); err != nil {
		return err
	}
	if err := setIPv6(own, true); err != nil {
		return err
	}
	file, err := os.Open(namespacePath(own))
	if err != nil {
		return fmt.Errorf("enter namespace %s: %w", own, err)
	}
	defer file.Close()
	err = withLinks(sw, func(nl *netlink.Handle) error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = h.Name
		veth := netlink.NewVeth(attrs)
		veth.PeerName, veth.PeerNamespace = hostLink, netlink.NsFd(int(file.Fd()))
		veth.PeerHardwareAddr = net.HardwareAddr(h.MAC[:])
		if err := nl.LinkAdd(veth); err != nil {
			return fmt.Errorf("add cable: %w", err)
		}
		return linkUp(nl, h.Name)
	})
	if err != nil {
		return fmt.Errorf("host %s: %w", h.Name, err)
	}
	// The userspace datapath carries frames as they are. A checksum that the kernel left for a
	// network card to fill in would reach the other host unfilled.
	if err := inNamespace(sw, func() error { return checksumOffloadOff(h.Name) }); err != nil {
		return fmt.Errorf("host %s: %w", h.Name, err)
	}
	if err := inNamespace(own, func() error { return checksumOffloadOff(hostLink) }); err != nil {
		return fmt.Errorf("host %s: %w", h.Name, err)
	}
	return nil
}

// makeHost makes a host and its tagged interfaces: the kernel's own, or where it was built without
// 802.1Q those of a helper.
func (l *Lab) makeHost(ctx context.Context, h Host) error {
	if err := makeHost(ctx, l.state.Name, h); err != nil {
		return err
	}
	ns := namespaceName(l.state.Name, h.Name)
	err := error(unix.EOPNOTSUPP)
	if !l.opts.softVLAN {
		err = withLinks(ns, func(nl *netlink.Handle) error { return addTaggedLinks(nl, h) })
	}
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = nil
		if ids := h.vlanIDs(); len(ids) > 0 {
			err = l.startHelper(taggerSpec(ns, h.Name, ids))
		}
	}
	if err != nil {
		return fmt.Errorf("host %s: %w", h.Name, err)
	}
	return nil
}

func linkUp(nl *netlink.Handle, name string) error {
	link, err := nl.LinkByName(name)
	if err != nil {
		return fmt.Errorf("bring up %s: %w", name, err)
	}
	if err := nl.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring up %s: %w", name, err)
	}
	return nil
}

func addTaggedLinks(nl *netlink.Handle, h Host) error {
	base, err := nl.LinkByName(hostLink)
	if err != nil {
		return fmt.Errorf("find %s: %w", hostLink, err)
	}
	for _, i := range h.Interfaces() {
		if i.VLAN == 0 {
			continue
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.ParentIndex = i.Name, base.Attrs().Index
		if err := nl.LinkAdd(&netlink.Vlan{LinkAttrs: attrs, VlanId: int(i.VLAN)}); err != nil {
			return fmt.Errorf("add %s: %w", i.Name, err)
		}
	}
	return nil
}

// hostUp brings the host's interfaces up and gives them their addresses and routes, those that
// they lost on going down included. From here on the kernel detects duplicates and announces.
func hostUp(lab string, h Host) error {
	err := withLinks(namespaceName(lab, h.Name), func(nl *netlink.Handle) error {
		for _, i := range h.Interfaces() {
			if err := linkUp(nl, i.Name); err != nil {
				return err
			}
			if err := addAddresses(nl, i, h.NoDAD); err != nil {
				return err
			}
		}
		return addGateways(nl, h.Gateways)
	})
	if err != nil {
		return fmt.Errorf("host %s: %w", h.Name, err)
	}
	return nil
}

// hostDown takes the host's link down; the switch sees the carrier go.
func hostDown(lab string, h Host) error {
	err := withLinks(namespaceName(lab, h.Name), func(nl *netlink.Handle) error {
		interfaces := h.Interfaces()
		slices.Reverse(interfaces) // tagged ones first, as the kernel would
		for _, i := range interfaces {
			link, err := nl.LinkByName(i.Name)
			if err != nil {
				return err
			}
			if err := nl.LinkSetDown(link); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("host %s: take down %s: %w", h.Name, hostLink, err)
	}
	return nil
}

func addAddresses(nl *netlink.Handle, i Interface, noDAD bool) error {
	link, err := nl.LinkByName(i.Name)
	if err != nil {
		return fmt.Errorf("find %s: %w", i.Name, err)
	}
	for _, prefix := range i.Addresses {
		addr := &netlink.Addr{IPNet: &net.IPNet{
			IP:   prefix.Addr().AsSlice(),
			Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen()),
		}}
		if noDAD && prefix.Addr().Is6() {
			addr.Flags = unix.IFA_F_NODAD
		}
		if err := nl.AddrAdd(link, addr); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("add %v to %s: %w", prefix, i.Name, err)
		}
	}
	return nil
}

func addGateways(nl *netlink.Handle, gateways []netip.Addr) error {
	for _, gw := range gateways {
		bits := gw.BitLen()
		route := &netlink.Route{
			Dst: &net.IPNet{IP: make(net.IP, bits/8), Mask: net.CIDRMask(0, bits)},
			Gw:  gw.AsSlice(),
		}
		if err := nl.RouteAdd(route); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("add default route via %v: %w", gw, err)
		}
	}
	return nil
}

// settled says whether every IPv6 address of the host has passed, or failed, duplicate address
// detection.
func settled(lab string, h Host) (ok bool, err error) {
	ok = true
	err = withLinks(namespaceName(lab, h.Name), func(nl *netlink.Handle) error {
		addrs, err := nl.AddrList(nil, netlink.FAMILY_V6)
		if err != nil {
			return fmt.Errorf("host %s: list addresses: %w", h.Name, err)
		}
		for _, a := range addrs {
			if a.Flags&unix.IFA_F_TENTATIVE != 0 && a.Flags&unix.IFA_F_DADFAILED == 0 {
				ok = false
			}
		}
		return nil
	})
	return ok, err
}

// checksumOffloadOff turns off transmit checksum offload, and with it segmentation offload, of an
// interface in the current namespace (ethtool -K tx off).
func checksumOffloadOff(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("checksum offload of %s: %w", name, err)
	}
	defer unix.Close(fd)
	value := struct{ cmd, data uint32 }{cmd: unix.ETHTOOL_STXCSUM}
	request := struct { // struct ifreq with its data member, netdevice(7)
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: unsafe.Pointer(&value)}
	copy(request.name[:unix.IFNAMSIZ-1], name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return fmt.Errorf("checksum offload of %s: %w", name, errno)
	}
	return nil
}
