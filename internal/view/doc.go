// Package view holds the objects that isat shows of itself: what the REST API
// serves, what the client decodes and what the core fills in. It has no logic
// beyond naming.
package view
