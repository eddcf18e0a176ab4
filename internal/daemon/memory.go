package daemon

import (
	"context"
	"slices"

	"github.com/isat-sdn/isat/internal/store"
)

// memory keeps documents as long as the process lasts. One edit at a time uses it,
// and has compared the revisions already.
type memory struct {
	objects  []store.Object
	revision int64
}

// Objects implements keeper.
func (m *memory) Objects(context.Context) ([]store.Object, error) {
	return slices.Clone(m.objects), nil
}

// Commit implements keeper.
func (m *memory) Commit(_ context.Context, edits []store.Edit) (revision int64, err error) {
	m.revision++
	for _, e := range edits {
		m.objects = slices.DeleteFunc(m.objects, func(o store.Object) bool { return o.Kind == e.Kind && o.Name == e.Name })
		if e.Text != nil {
			m.objects = append(m.objects, store.Object{Kind: e.Kind, Name: e.Name, Revision: m.revision, Text: e.Text})
		}
	}
	return m.revision, nil
}
