package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Frame is one Ethernet frame that a capture saw on a host's link.
type Frame struct {
	Time time.Time // the kernel's, on receipt
	Out  bool      // sent by the host; otherwise received by it
	Data []byte    // from the destination address on, 802.1Q tag included, without frame check sequence
}

// Capture records the frames on a host's link from when it was made.
type Capture struct {
	file   *os.File
	conn   syscall.RawConn
	match  filter
	done   chan struct{}
	onDone func()

	mu      sync.Mutex
	reader  frameReader
	changed chan struct{} // closed and replaced at every frame
	frames  []Frame
	err     error
}

// captureBuffer holds what arrives while the reader is not scheduled: about 10 000 small frames, at
// the 768 bytes or so that the kernel charges for each.
const captureBuffer = 16 << 20

// maxFrame is the longest frame that is recorded whole.
const maxFrame = 65536 + 18

// Capture starts to record frames on the host's link, in both directions. The filter is a list of
// words that must all hold; a word may be several alternatives joined by |, and ! before a word
// negates it. The words are
//
//	in out                               received, sent by the host
//	arp ip ip6 icmp icmp6 nd ns na udp tcp lldp   by protocol (nd: NS or NA), behind a tag too
//	request reply                        ARP by operation
//	tagged broadcast multicast unicast   by tag and destination address (multicast includes no broadcast)
//
// so that "in arp|nd" is all resolution traffic the host receives. An empty filter takes all.
func (l *Lab) Capture(host, filter string) (*Capture, error) {
	return l.capture(host, filter, nil)
}

// ownFrames lets a packet socket receive what the host sends, and what is for its MAC alone.
var ownFrames = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: skfAdOff + skfAdPktType},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.PACKET_HOST, Jt: 1},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.PACKET_OUTGOING, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: maxFrame},
	{Code: unix.BPF_RET | unix.BPF_K},
}

// Where a filter finds the type of a packet (linux/filter.h).
const (
	skfAdOff     = 1<<32 - 0x1000
	skfAdPktType = 4
)

// CaptureOwn is Capture of what the host sends, and of what it receives for its own MAC. The
// kernel sorts out the rest, so that a flood to everybody keeps no reader busy.
func (l *Lab) CaptureOwn(host, filter string) (*Capture, error) {
	return l.capture(host, filter, ownFrames)
}

func (l *Lab) capture(host, filter string, program []unix.SockFilter) (*Capture, error) {
	match, err := parseFilter(filter)
	if err != nil {
		return nil, err
	}
	if _, err := l.Host(host); err != nil {
		return nil, err
	}
	fd := -1
	err = inNamespace(namespaceName(l.Name(), host), func() (err error) {
		fd, err = captureSocket(hostLink, program)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("capture on %s: %w", host, err)
	}
	c := &Capture{
		file: os.NewFile(uintptr(fd), "capture "+host), match: match,
		done: make(chan struct{}), changed: make(chan struct{}),
	}
	if c.conn, err = c.file.SyscallConn(); err != nil {
		return nil, fmt.Errorf("capture on %s: %w", host, errors.Join(err, c.file.Close()))
	}
	c.onDone = func() { l.forget(c) }
	l.mu.Lock()
	down := l.down
	if !down {
		l.closers[c] = true
	}
	l.mu.Unlock()
	go c.run()
	if down {
		return nil, errors.Join(fmt.Errorf("capture on %s: %w", host, ErrNotUp), c.Close())
	}
	return c, nil
}

func (l *Lab) forget(c closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.closers, c)
}

func htons(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}

// captureSocket opens a packet(7) socket bound to one interface of the current namespace, for what
// a program of the kernel's lets pass, or all.
func captureSocket(link string, program []unix.SockFilter) (fd int, err error) {
	ifi, err := net.InterfaceByName(link)
	if err != nil {
		return -1, err
	}
	// Protocol 0: nothing is received before bind, so nothing of another interface.
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("packet socket: %w", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, captureBuffer); err != nil {
		return fd, fmt.Errorf("receive buffer: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1); err != nil {
		return fd, fmt.Errorf("auxiliary data: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fd, fmt.Errorf("timestamps: %w", err)
	}
	if len(program) > 0 {
		if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}); err != nil {
			return fd, fmt.Errorf("filter: %w", err)
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: ifi.Index}); err != nil {
		return fd, fmt.Errorf("bind to %s: %w", link, err)
	}
	return fd, nil
}

// run records frames until the capture is closed.
func (c *Capture) run() {
	defer close(c.done)
	for {
		var n int
		var failed error
		err := c.conn.Read(func(fd uintptr) bool {
			n, failed = c.record(int(fd), atOnce)
			return n > 0 || failed != nil
		})
		switch {
		case errors.Is(err, os.ErrClosed):
			return
		case err != nil || failed != nil:
			c.fail(errors.Join(err, failed))
			return
		}
	}
}

// atOnce is how many frames are recorded before others may look at them, and
// queueable as many as the socket holds, whatever their length.
const (
	atOnce    = 1024
	queueable = captureBuffer / 512
)

// record records the frames that the socket has, if it has no more than most. What it
// has taken from the socket others see.
func (c *Capture) record(fd, most int) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := len(c.frames)
	for ; n < most; n++ {
		f, err := c.reader.receive(fd)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			return n, err
		}
		if c.match(f) {
			c.frames = append(c.frames, f)
		}
	}
	if len(c.frames) > before {
		close(c.changed)
		c.changed = make(chan struct{})
	}
	return n, nil
}

// frameReader reads frames from capture sockets, which do not block.
type frameReader struct{ buf, oob []byte }

// receive takes the next frame from a socket, which may have none: unix.EAGAIN. It goes
// on over the link's going down.
func (r *frameReader) receive(fd int) (Frame, error) {
	if r.buf == nil {
		r.buf, r.oob = make([]byte, maxFrame), make([]byte, 512)
	}
	for {
		n, oobn, _, from, err := unix.Recvmsg(fd, r.buf, r.oob, 0)
		switch {
		case errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.EINTR):
		case err != nil:
			return Frame{}, err
		default:
			return frameOf(r.buf[:n], r.oob[:oobn], from), nil
		}
	}
}

// next waits for a frame of a socket. It ends with os.ErrClosed.
func (r *frameReader) next(conn syscall.RawConn) (f Frame, err error) {
	waited := conn.Read(func(fd uintptr) bool {
		f, err = r.receive(int(fd))
		return !errors.Is(err, unix.EAGAIN)
	})
	if waited != nil {
		return f, waited
	}
	return f, err
}

func (c *Capture) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = fmt.Errorf("capture: %w", err)
	close(c.changed)
	c.changed = make(chan struct{})
}

// frameOf copies a frame. The kernel takes the tag out of frames and passes it beside them.
func frameOf(data, oob []byte, from unix.Sockaddr) Frame {
	f := Frame{Time: time.Now()}
	if ll, ok := from.(*unix.SockaddrLinklayer); ok {
		f.Out = ll.Pkttype == unix.PACKET_OUTGOING
	}
	var tag []byte
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		messages = nil
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})):
			ts := (*unix.Timespec)(unsafe.Pointer(&m.Data[0]))
			f.Time = time.Unix(ts.Unix())
		case m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA && len(m.Data) >= int(unsafe.Sizeof(unix.TpacketAuxdata{})):
			aux := (*unix.TpacketAuxdata)(unsafe.Pointer(&m.Data[0]))
			if aux.Status&unix.TP_STATUS_VLAN_VALID != 0 {
				tpid := uint16(unix.ETH_P_8021Q)
				if aux.Status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
					tpid = aux.Vlan_tpid
				}
				tag = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, tpid), aux.Vlan_tci)
			}
		}
	}
	const addresses = 12
	if tag != nil && len(data) >= addresses {
		f.Data = append(append(append(f.Data, data[:addresses]...), tag...), data[addresses:]...)
	} else {
		f.Data = append(f.Data, data...)
	}
	return f
}

// Frames returns what was recorded so far, oldest first: all that the kernel had seen
// before the call.
func (c *Capture) Frames() []Frame {
	// A capture that is closed has recorded what it had, and one that failed says so to
	// whoever waits.
	_ = c.conn.Control(func(fd uintptr) { _, _ = c.record(int(fd), queueable) })
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Frame(nil), c.frames...)
}

// Wait waits until ok holds for the frames recorded so far and returns them.
func (c *Capture) Wait(ctx context.Context, ok func([]Frame) bool) ([]Frame, error) {
	for {
		c.mu.Lock()
		frames, changed, err := c.frames[:len(c.frames):len(c.frames)], c.changed, c.err
		c.mu.Unlock()
		if ok(frames) {
			return frames, nil
		}
		if err != nil {
			return frames, err
		}
		select {
		case <-ctx.Done():
			return frames, fmt.Errorf("wait for frames, %d so far: %w", len(frames), context.Cause(ctx))
		case <-c.done:
			return frames, errors.New("wait for frames: the capture is closed")
		case <-changed:
		}
	}
}

// Dropped returns how many frames, of any kind, did not fit into the buffer since the last call.
func (c *Capture) Dropped() (int, error) {
	var stats *unix.TpacketStats
	var serr error
	if err := c.conn.Control(func(fd uintptr) {
		stats, serr = unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
	}); err != nil {
		return 0, fmt.Errorf("capture statistics: %w", err)
	}
	if serr != nil {
		return 0, fmt.Errorf("capture statistics: %w", serr)
	}
	return int(stats.Drops), nil
}

// Close ends the capture. What it recorded stays readable.
func (c *Capture) Close() error {
	err := c.file.Close()
	<-c.done
	c.onDone()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// Sender is a packet socket for putting frames on a link.
type Sender struct{ fd int }

// NewSender opens a sender on a link of the current namespace.
func NewSender(link string) (*Sender, error) {
	ifi, err := net.InterfaceByName(link)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: ifi.Index}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("bind to %s: %w", link, err)
	}
	return &Sender{fd: fd}, nil
}

// Close ends the sender.
func (s *Sender) Close() error { return unix.Close(s.fd) }

// Send puts one whole Ethernet frame on the link.
func (s *Sender) Send(frame []byte) error {
	for {
		if _, err := unix.Write(s.fd, frame); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// Send puts one whole Ethernet frame on the host's link, as if the host had sent it.
func (l *Lab) Send(host string, frame []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return fmt.Errorf("send from %s: %w", host, ErrNotUp)
	}
	s := l.senders[host]
	if s == nil {
		if l.state.Topology.host(host) < 0 {
			return fmt.Errorf("lab %s has no host %q", l.state.Name, host)
		}
		err := inNamespace(namespaceName(l.state.Name, host), func() (err error) {
			s, err = NewSender(hostLink)
			return err
		})
		if err != nil {
			return fmt.Errorf("send from %s: %w", host, err)
		}
		l.senders[host] = s
	}
	if err := s.Send(frame); err != nil {
		return fmt.Errorf("send from %s: %w", host, err)
	}
	return nil
}
