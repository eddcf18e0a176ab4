// Package store keeps what must outlive the process in a directory: the
// documents of the intent, and the bindings that were learned.
//
// It is an etcd of one member inside this process. Nothing listens: the store
// calls the server directly. The intent is written when it is asked for, and
// there when [Store.Commit] returns; bindings are written behind, in batches,
// and read back once, at the start.
package store
