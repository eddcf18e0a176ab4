package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
)

// floorBuffer is how much the floor reads at once.
const floorBuffer = 1 << 20

// Floor runs the floor on a listener until the context ends: a controller that
// only swaps bytes. It works on the packet-ins of this package's fake switches
// and no others, for it knows where in them everything stands, instead of
// reading them.
func Floor(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept fake switches: %w", err)
		}
		sessions.Go(func() {
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			defer conn.Close()
			floorSession(conn)
		})
	}
}

// floorSession serves one switch until the connection ends.
func floorSession(conn net.Conn) {
	out := openflow.Append(nil, 0, openflow.NewHello())
	out = openflow.Append(out, 1, &openflow.FeaturesRequest{})
	if _, err := conn.Write(out); err != nil {
		return
	}
	s := newSwapper()
	in := make([]byte, floorBuffer)
	filled := 0
	for {
		n, err := conn.Read(in[filled:])
		if err != nil {
			return
		}
		filled += n
		used := 0
		out, used = s.swapAll(out[:0], in[:filled])
		filled = copy(in, in[used:filled])
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

// swapper turns a packet-in of a fake switch into a packet-out.
type swapper struct {
	message []byte // the packet-out
	key     int    // where the port key stands in it
	out     int    // where the frame begins in it
	in      int    // where the frame begins in the packet-in
	reg     int    // where the port key stands in the packet-in
}

func newSwapper() swapper {
	const marker binding.PortKey = 0x7f6e5d4c
	p := newPunt(pipeline.ReasonSearch)
	a := newAnswer(true)
	message := openflow.AppendPacketOut(nil, 0, openflow.PortController, pipeline.AppendDeliver(nil, marker), a.body[a.frame:])
	return swapper{message: message, key: actionsLenAt + a.key, out: actionsLenAt + a.frame, in: p.frame, reg: p.regs[1]}
}

// swapAll appends the answers to all whole packet-ins of b, and returns how
// long those are.
func (s *swapper) swapAll(out, b []byte) ([]byte, int) {
	used := 0
	for len(b)-used >= openflow.HeaderLen {
		n := int(be.Uint16(b[used+2:]))
		if n < openflow.HeaderLen || n > len(b)-used {
			break
		}
		if openflow.Type(b[used+1]) == openflow.TypeExperimenter {
			out = s.swap(out, b[used:used+n])
		}
		used += n
	}
	return out, used
}

func (s *swapper) swap(out, packetIn []byte) []byte {
	start := len(out)
	out = append(out, s.message...)
	m := out[start:]
	copy(m[s.key:s.key+4], packetIn[s.reg:])
	to, from := m[s.out:], packetIn[s.in:]
	copy(to[:6], from[frameSrc:])
	copy(to[frameSrc:frameSrc+6], from)
	copy(to[frameSHA:frameSHA+6], from[frameTHA:])
	copy(to[frameSPA:frameSPA+4], from[frameTPA:])
	copy(to[frameTHA:frameTHA+6], from[frameSHA:])
	copy(to[frameTPA:frameTPA+4], from[frameSPA:])
	return out
}

// ServeFloor is the process of the floor: it listens, says where in one line on
// w, and ends with the context, or when r, which its parent holds open, ends.
func ServeFloor(ctx context.Context, r io.Reader, w io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for fake switches: %w", err)
	}
	if _, err := fmt.Fprintln(w, l.Addr()); err != nil {
		l.Close()
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, r) // however it ends, nobody needs the floor any more
		cancel()
	}()
	if err := Floor(ctx, l); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
