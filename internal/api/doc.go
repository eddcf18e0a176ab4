// Package api serves what isat knows and can do as a REST interface with an
// OpenAPI document, an event stream and a documentation page that works
// offline.
//
// The package knows the daemon only as a [Backend]. It owns everything that
// concerns the wire: paths, parameters, paging, problem documents (RFC 9457),
// server-sent events, and the protection of a loopback service against web
// pages (DNS rebinding and cross-site requests).
package api
