package daemon

import (
	"sync"

	"github.com/isat-sdn/isat/internal/core"
	"github.com/isat-sdn/isat/internal/view"
)

// waiters are operators that wait for the answer to a question.
type waiters struct {
	mu   sync.Mutex
	last uint64
	byID map[uint64]chan view.Resolution
}

func (w *waiters) add() (id uint64, answer <-chan view.Resolution) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byID == nil {
		w.byID = make(map[uint64]chan view.Resolution)
	}
	w.last++
	c := make(chan view.Resolution, 1)
	w.byID[w.last] = c
	return w.last, c
}

func (w *waiters) remove(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.byID, id)
}

func (w *waiters) answer(done core.Done) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.byID[done.ID]; c != nil {
		c <- done.Resolution
		delete(w.byID, done.ID)
	}
}

// tellChanges is called on the loop.
func (d *daemon) tellChanges(changes []core.Change) {
	if d.changes.readers() == 0 {
		d.core.Watch(false)
		return
	}
	for _, change := range changes {
		d.changes.tell(shown(d.core, change))
	}
}

// shown is the form in which watchers see a change.
func shown(c *core.Core, change core.Change) view.Change {
	switch {
	case change.Binding != nil:
		return view.Change{Kind: view.KindBinding, Type: change.Type, Object: c.ViewBinding(change.Binding)}
	case change.Station != nil:
		return view.Change{Kind: view.KindStation, Type: change.Type, Object: *change.Station}
	case change.Switch != nil:
		return view.Change{Kind: view.KindSwitch, Type: change.Type, Object: *change.Switch}
	case change.Port != nil:
		return view.Change{Kind: view.KindPort, Type: change.Type, Object: *change.Port}
	default:
		return view.Change{Kind: view.KindNetwork, Type: change.Type, Object: *change.Network}
	}
}

// objects lists what is there of a kind, as if it had just been added. Of bindings and
// stations, of which there may be many, only those that are chosen.
func objects(c *core.Core, kind view.Kind, choice core.Choice) []view.Change {
	switch kind {
	case view.KindSwitch:
		return added(kind, c.Switches())
	case view.KindPort:
		return added(kind, c.Ports())
	case view.KindNetwork:
		return added(kind, c.Networks())
	case view.KindBinding:
		return added(kind, c.Bindings(choice))
	default:
		return added(kind, c.Stations(choice))
	}
}

func added[T any](kind view.Kind, list []T) []view.Change {
	out := make([]view.Change, len(list))
	for i := range list {
		out[i] = view.Change{Kind: kind, Type: view.Added, Object: list[i]}
	}
	return out
}
