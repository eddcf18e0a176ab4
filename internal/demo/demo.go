package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/internal/pipeline"
)

// DefaultName is the name of the demo's lab.
const DefaultName = "demo"

// ErrFigures is the cause when the demo ran and a figure is wrong. What is
// wrong has been printed.
var ErrFigures = errors.New("figures are wrong")

// Config says how to run the demo. The zero value is not valid: Self and Out
// are needed.
type Config struct {
	Self   string // the isat program
	Name   string // of the lab; empty for DefaultName
	Base   string // directory of labs; empty for lab.DefaultBase
	Keep   bool   // leave the lab and the controller running
	Out    io.Writer
	Rounds int // of resolution between known hosts; 0 for 10
}

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = DefaultName
	}
	if c.Base == "" {
		c.Base = lab.DefaultBase
	}
	if c.Rounds == 0 {
		c.Rounds = 10
	}
	return c
}

// Run runs the demo. Unless it is to be kept, everything it started has ended
// when it returns, whatever the reason. The error is one line.
func Run(ctx context.Context, config Config) error {
	config = config.withDefaults()
	if err := lab.Check(); err != nil {
		return err
	}
	switch _, there, err := readRecord(config.Base, config.Name); {
	case err != nil:
		return err
	case there:
		return fmt.Errorf("the demo is running already: end it with isat demo --stop%s", nameFlag(config.Name))
	}
	d := &demo{Config: config}
	wrong, err := d.run(ctx)
	if err == nil && config.Keep {
		d.sayHowToPlay()
	} else {
		// An interrupt reaches the commands that run, too: what they say of it is not the cause.
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		err = errors.Join(err, d.end())
	}
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%d %w", len(wrong), ErrFigures)
	}
	return nil
}

// Stop ends a demo that was kept. The error is lab.ErrNotUp if there is none.
func Stop(config Config) error {
	config = config.withDefaults()
	c, there, err := readRecord(config.Base, config.Name)
	if there {
		err = c.end()
	}
	down := lab.Down(config.Base, config.Name)
	if there && errors.Is(down, lab.ErrNotUp) {
		down = nil // somebody else took the lab down
	}
	return errors.Join(err, down)
}

// nameFlag is the flag that chooses a lab, if it has to be chosen.
func nameFlag(name string) string {
	if name == DefaultName {
		return ""
	}
	return " --name " + name
}

// demo is a demo under way.
type demo struct {
	Config
	isat   *controller
	client *client.Client
	lab    *lab.Lab
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.Out, format+"\n", args...) }

// run does everything up to the judgement, and returns the figures that are
// wrong.
func (d *demo) run(ctx context.Context) (wrong []string, err error) {
	began := time.Now()
	if err := d.start(ctx); err != nil {
		return nil, err
	}
	rows, err := d.stages(ctx)
	if err != nil {
		return nil, err
	}
	d.say("")
	if err := printFigures(d.Out, rows); err != nil {
		return nil, err
	}
	status, err := d.client.Status(ctx)
	if err != nil {
		return nil, err
	}
	d.say("\nisat knows %d addresses of %d hosts. It took %.0f s.", status.Bindings, status.Stations, time.Since(began).Seconds())
	for _, row := range rows {
		wrong = append(wrong, row.wrong()...)
	}
	if len(wrong) == 0 {
		d.say("All figures are right: the switch answers for every known host, nobody else hears of it, and isat is not asked.")
		return nil, nil
	}
	d.say("Wrong:\n  %s", strings.Join(wrong, "\n  "))
	if log := d.isat.warnings(); len(log) > 0 {
		d.say("isat's log says:\n  %s", strings.Join(log, "\n  "))
	}
	return wrong, nil
}

// connectTime bounds the wait for the switch and the hosts to be ready:
// duplicate address detection takes the kernel 2 to 3 s.
const connectTime = 30 * time.Second

// start brings up the controller and the lab.
func (d *demo) start(ctx context.Context) (err error) {
	if d.isat, err = startController(ctx, d.Self, d.Base, d.Name, d.Keep); err != nil {
		return err
	}
	if d.client, err = client.New(d.isat.API); err != nil {
		return err
	}
	d.say("isat run: switches at %s, API at %s", d.isat.Listen, d.isat.API)
	topology, err := lab.LoadBuiltin("demo")
	if err != nil {
		return err
	}
	opts := lab.Options{Base: d.Base, Name: d.Name, Controller: d.isat.Listen}
	if d.Keep {
		opts.Helper = []string{d.Self, "lab", "helper", "--"}
	}
	if d.lab, err = lab.Up(ctx, topology, opts); err != nil {
		return err
	}
	d.say("lab %s: one Open vSwitch, %d hosts with 10.0.0.1-%[2]d and fd00::1-%[2]d", d.Name, len(d.lab.Topology().Hosts))
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	if err := d.lab.WaitAddresses(ctx); err != nil {
		return err
	}
	return lab.WaitFor(ctx, "the switch to be as isat wants it", func() (bool, error) {
		list, err := d.client.Switches(ctx)
		return len(list) == 1 && list[0].State == "connected", err
	})
}

// end ends what was started.
func (d *demo) end() error {
	var errs []error
	if d.lab != nil {
		errs = append(errs, d.lab.Down())
	}
	if d.client != nil {
		d.client.Close()
	}
	if d.isat != nil {
		errs = append(errs, d.isat.end())
	}
	return errors.Join(errs...)
}

func (d *demo) sayHowToPlay() {
	d.say(`
The lab and isat are still running. Play with them, as root:

  export ISAT_API=%[1]s
  %[2]s get bindings
  %[2]s explain 10.0.0.2
  %[2]s lab exec %[3]s/h1 -- ping -c 3 10.0.0.2
  %[2]s lab exec %[3]s/h1 -- ip neigh
  %[2]s lab exec %[3]s/s1 -- ovs-ofctl -O OpenFlow13 dump-flows s1 table=%[4]d

The log of isat is %[5]s. End all of it with:

  %[2]s demo --stop%[6]s`, d.isat.API, d.Self, d.Name, pipeline.Bindings, d.isat.log, nameFlag(d.Name))
}
