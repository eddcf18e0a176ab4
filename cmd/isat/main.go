// Command isat is the controller and its command line.
package main

import "github.com/isat-sdn/isat/internal/cli"

func main() { cli.Main() }
