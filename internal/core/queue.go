package core

import "github.com/isat-sdn/isat/internal/binding"

// keyQueue is addresses, first in, first out.
type keyQueue struct {
	keys []binding.Key
	head int // of those that are in it
}

// maxSpareKeys is how much room an empty queue keeps: what a storm needed is not.
const maxSpareKeys = 4096

func (q *keyQueue) len() int { return len(q.keys) - q.head }

// waiting returns the addresses that are in it, until it is changed.
func (q *keyQueue) waiting() []binding.Key { return q.keys[q.head:] }

func (q *keyQueue) push(key binding.Key) {
	if q.head > len(q.keys)/2 {
		q.keys = q.keys[:copy(q.keys, q.keys[q.head:])]
		q.head = 0
	}
	q.keys = append(q.keys, key)
}

// add appends the addresses that are not in it yet.
func (q *keyQueue) add(keys []binding.Key) {
	waits := make(map[binding.Key]bool, q.len())
	for _, key := range q.waiting() {
		waits[key] = true
	}
	for _, key := range keys {
		if !waits[key] {
			q.push(key)
		}
	}
}

func (q *keyQueue) pop() binding.Key {
	key := q.keys[q.head]
	if q.head++; q.head == len(q.keys) {
		q.keys, q.head = q.keys[:0], 0
		if cap(q.keys) > maxSpareKeys {
			q.keys = nil
		}
	}
	return key
}
