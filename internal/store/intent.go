package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Keys of etcd: an object is intentPrefix, its kind, a slash and its name.
const intentPrefix = "intent/"

func objectKey(kind, name string) string { return intentPrefix + kind + "/" + name }

// A value is the number of its form, the CRC-32C of the text, and the text: the
// pages of the database have no checksums.
const (
	objectForm   = 1
	objectHeader = 5
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encodeObject(text []byte) string {
	var b strings.Builder
	b.Grow(objectHeader + len(text))
	b.WriteByte(objectForm)
	b.Write(binary.BigEndian.AppendUint32(nil, crc32.Checksum(text, castagnoli)))
	b.Write(text)
	return b.String()
}

// decodeObject reads what is at a key; why says what is wrong with it, or nothing.
func decodeObject(key, value []byte, revision int64) (o Object, why string) {
	kind, name, _ := strings.Cut(strings.TrimPrefix(string(key), intentPrefix), "/")
	o = Object{Kind: kind, Name: name, Revision: revision, Text: value[min(len(value), objectHeader):]}
	switch {
	case len(value) < objectHeader:
		why = "is cut off"
	case value[0] != objectForm:
		why = "is in a form that this isat does not know, so that a newer one is needed"
	case crc32.Checksum(value[objectHeader:], castagnoli) != binary.BigEndian.Uint32(value[1:]):
		why = "is not what was written"
	}
	return o, why
}

// Objects returns every object of the intent, in order of kind and name, all of
// one moment. If one can't be read the error is an *[UnreadableError].
func (s *Store) Objects(ctx context.Context) ([]Object, error) {
	list, unreadable, err := s.Salvage(ctx)
	if err == nil && len(unreadable) > 0 {
		err = unreadable[0]
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Salvage is Objects that goes on beyond what can't be read.
func (s *Store) Salvage(ctx context.Context) (list []Object, unreadable []*UnreadableError, err error) {
	e, err := s.running()
	if err != nil {
		return nil, nil, fmt.Errorf("read the intent: %w", err)
	}
	var r *clientv3.GetResponse
	err = e.do(ctx, func(ctx context.Context, c *clientv3.Client) (err error) {
		r, err = c.Get(ctx, intentPrefix, clientv3.WithPrefix())
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the intent from %s: %w", s.dir.path, err)
	}
	list = make([]Object, 0, len(r.Kvs))
	for _, kv := range r.Kvs {
		o, why := decodeObject(kv.Key, kv.Value, kv.ModRevision)
		if why != "" {
			unreadable = append(unreadable, &UnreadableError{o, s.dir.path, why})
			continue
		}
		list = append(list, o)
	}
	return list, unreadable, nil
}

// Commit makes all of the edits or none, durably: what it has returned without
// an error survives a crash. revision is that of the objects that it wrote. If
// an object is not what its edit expected the error is a *[ConflictError]; if
// the disk has too little room it is a *[FullError]. After any other error it
// is not known whether the edits were made: Objects tells.
func (s *Store) Commit(ctx context.Context, edits []Edit) (revision int64, err error) {
	if len(edits) == 0 {
		return 0, nil
	}
	size, err := checkEdits(edits)
	if err != nil {
		return 0, err
	}
	e, err := s.running()
	if err != nil {
		return 0, fmt.Errorf("change the intent: %w", err)
	}
	if err := s.dir.writable(size); err != nil {
		return 0, fmt.Errorf("change the intent: %w", err)
	}
	ifs, then, otherwise := operations(edits)
	var r *clientv3.TxnResponse
	err = e.do(ctx, func(ctx context.Context, c *clientv3.Client) (err error) {
		r, err = c.Txn(ctx).If(ifs...).Then(then...).Else(otherwise...).Commit()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("change the intent in %s: %w", s.dir.path, err)
	}
	if !r.Succeeded {
		return 0, conflict(edits, r)
	}
	s.wrote(size)
	return r.Header.Revision, nil
}

// checkEdits returns the bytes that edits take.
func checkEdits(edits []Edit) (size int, err error) {
	seen := make(map[string]bool, len(edits))
	for i := range edits {
		e := &edits[i]
		if e.Kind == "" || strings.Contains(e.Kind, "/") {
			return 0, fmt.Errorf("change the intent: %q is no kind of object", e.Kind)
		}
		key := objectKey(e.Kind, e.Name)
		if seen[key] {
			return 0, fmt.Errorf("change the intent: %s %q is edited twice", e.Kind, e.Name)
		}
		seen[key] = true
		// What etcd needs for one operation and its comparison.
		size += 2*len(key) + len(e.Text) + 64
	}
	if size > MaxCommit {
		return 0, fmt.Errorf("change the intent: the change takes %d bytes, and %d are the most at once: apply it in parts", size, MaxCommit)
	}
	return size, nil
}

// operations are the edits for etcd: what must hold, what is done then, and
// what is looked at otherwise.
func operations(edits []Edit) (ifs []clientv3.Cmp, then, otherwise []clientv3.Op) {
	for i := range edits {
		e := &edits[i]
		key := objectKey(e.Kind, e.Name)
		if e.Expect != Anything {
			ifs = append(ifs, clientv3.Compare(clientv3.ModRevision(key), "=", max(e.Expect, 0)))
			otherwise = append(otherwise, clientv3.OpGet(key))
		}
		if e.Text == nil {
			then = append(then, clientv3.OpDelete(key))
		} else {
			then = append(then, clientv3.OpPut(key, encodeObject(e.Text)))
		}
	}
	return ifs, then, otherwise
}

// conflict finds the first edit whose expectation did not hold.
func conflict(edits []Edit, r *clientv3.TxnResponse) error {
	responses := r.Responses
	for i := range edits {
		e := &edits[i]
		if e.Expect == Anything {
			continue
		}
		kvs := responses[0].GetResponseRange().Kvs
		responses = responses[1:]
		var have Object
		if len(kvs) > 0 {
			// The text may not be what was written; the revision is etcd's own.
			have, _ = decodeObject(kvs[0].Key, kvs[0].Value, kvs[0].ModRevision)
		}
		if have.Revision != max(e.Expect, 0) {
			return &ConflictError{Kind: e.Kind, Name: e.Name, Expect: e.Expect, Have: have}
		}
	}
	return errors.New("change the intent: it was changed meanwhile")
}
