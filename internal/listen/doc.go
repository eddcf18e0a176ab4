// Package listen opens the sockets that isat listens on, and says what to do
// about one that can't be opened.
package listen
