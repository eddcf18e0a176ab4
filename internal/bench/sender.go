package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

// SenderCommand are the arguments with which isat is a sender, for StartSender.
var SenderCommand = []string{"bench", "sender"}

// Traffic is what a sender puts on a link: ARP requests from random senders for
// random addresses in FloodPrefix, as fast as it can, or a sweep.
type Traffic struct {
	Link  string `json:"link"`
	Sweep *Sweep `json:"sweep,omitempty"`
}

// Sweep are packets to one address after the other, over and over, through a
// router. They are echo replies, which no host answers.
type Sweep struct {
	Rate   int        `json:"rate"` // frames per second
	MAC    packet.MAC `json:"mac"`  // of the sender
	Router packet.MAC `json:"router"`
	Ranges []Range    `json:"ranges"` // in turns
}

// Range are consecutive addresses that a sender sends to.
type Range struct {
	From  netip.Addr `json:"from"` // the sender's own
	First netip.Addr `json:"first"`
	Count uint32     `json:"count"`
}

// Sent is how much a sender has sent.
type Sent struct {
	Frames int           `json:"frames"`
	Took   time.Duration `json:"tookNanoseconds"`
}

// FloodPrefix is where the senders and targets of a flood are, and nobody else.
var FloodPrefix = netip.MustParsePrefix("10.128.0.0/9")

// ServeSender is a sender, a process of its own on a host: in says what to send,
// and its end when to stop, if not the context. It writes a Sent when it has begun
// and one at the end.
func ServeSender(ctx context.Context, in io.Reader, out io.Writer) error {
	var traffic Traffic
	if err := json.NewDecoder(in).Decode(&traffic); err != nil {
		return fmt.Errorf("sender: read what to send: %w", err)
	}
	link, err := lab.NewSender(traffic.Link)
	if err != nil {
		return fmt.Errorf("sender: link %s: %w", traffic.Link, err)
	}
	defer link.Close()
	var done atomic.Bool
	stop := context.AfterFunc(ctx, func() { done.Store(true) })
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		done.Store(true)
	}()
	reports := json.NewEncoder(out)
	if err := reports.Encode(Sent{}); err != nil {
		return fmt.Errorf("sender: %w", err)
	}
	began := time.Now()
	var sent Sent
	if traffic.Sweep != nil {
		sent.Frames, err = traffic.Sweep.send(link, &done)
	} else {
		sent.Frames, err = flood(link, &done)
	}
	if err != nil {
		return fmt.Errorf("sender: %w", err)
	}
	sent.Took = time.Since(began)
	return reports.Encode(sent)
}

// flood sends as fast as it can.
func flood(link *lab.Sender, done *atomic.Bool) (sent int, err error) {
	var frame []byte
	for !done.Load() {
		mac := packet.MACFromUint64(rand.Uint64N(1 << 40))
		mac[0] = 0x06 // locally administered, and no host's of a lab
		arp := packet.ARP{Op: packet.ARPRequest, SHA: mac, SPA: flooding(), TPA: flooding()}
		frame = packet.AppendARP(frame[:0], packet.Broadcast, mac, false, 0, &arp)
		switch err := link.Send(frame); {
		case errors.Is(err, unix.ENOBUFS): // the link is full
		case err != nil:
			return sent, err
		default:
			sent++
		}
	}
	return sent, nil
}

// flooding is a random address in FloodPrefix.
func flooding() [4]byte {
	return beyond(FloodPrefix.Addr(), rand.Uint32N(1<<(32-FloodPrefix.Bits()))).As4()
}

// sweepTick is between two bursts of a sweep.
const sweepTick = time.Millisecond

// send sends at the sweep's rate.
func (s *Sweep) send(link *lab.Sender, done *atomic.Bool) (sent int, err error) {
	pace := time.NewTicker(sweepTick)
	defer pace.Stop()
	began := time.Now()
	var frame []byte
	for !done.Load() {
		for due := int(time.Since(began).Seconds() * float64(s.Rate)); sent < due; sent++ {
			frame = s.packet(sent).appendTo(frame[:0])
			if err := link.Send(frame); err != nil {
				return sent, err
			}
		}
		<-pace.C
	}
	return sent, nil
}

// packet is the n-th packet of the sweep.
func (s *Sweep) packet(n int) echo {
	r := s.Ranges[n%len(s.Ranges)]
	place := uint32(n/len(s.Ranges)) % r.Count
	return echo{dstMAC: s.Router, srcMAC: s.MAC, src: r.From, dst: beyond(r.First, place), reply: true, ttl: hostTTL, seq: uint16(n)}
}

// Sender is a sender that runs.
type Sender struct {
	stdin   io.Closer
	reports *json.Decoder
	stderr  strings.Builder
	wait    func() error
}

// StartSender starts a command that is isat with SenderCommand, and returns when
// it sends.
func StartSender(cmd *exec.Cmd, traffic Traffic) (*Sender, error) {
	s := &Sender{}
	cmd.Stderr = &s.stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start a sender: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start a sender: %w", err)
	}
	s.stdin, s.reports = stdin, json.NewDecoder(stdout)
	if s.wait, err = launch(asChild(cmd)); err != nil {
		return nil, fmt.Errorf("start a sender: %w", err)
	}
	var begun Sent
	err = json.NewEncoder(stdin).Encode(traffic)
	if err == nil {
		err = s.reports.Decode(&begun)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a sender: %w", err), s.end())
	}
	return s, nil
}

// Stop ends the sender and says how much it sent.
func (s *Sender) Stop() (sent Sent, err error) {
	s.stdin.Close()
	err = s.reports.Decode(&sent)
	if ended := s.end(); ended != nil {
		return sent, ended
	}
	if err != nil {
		return sent, fmt.Errorf("sender does not say what it sent: %w", err)
	}
	return sent, nil
}

func (s *Sender) end() error {
	s.stdin.Close()
	if err := s.wait(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(s.stderr.String()))
	}
	return nil
}

// startTraffic has a host of a system send.
func (r *measured) startTraffic(ctx context.Context, program []string, host string, sweep *Sweep) (*Sender, error) {
	args := append(program[:len(program):len(program)], SenderCommand...)
	cmd, err := r.lab.Command(ctx, host, args...)
	if err != nil {
		return nil, err
	}
	return StartSender(cmd, Traffic{Link: "eth0", Sweep: sweep})
}
