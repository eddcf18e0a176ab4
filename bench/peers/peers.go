package peers

import "embed"

// Files of this directory. Topology is the lab's, Intent is isat's, and OVN is the
// script that runs in the namespace of the lab's switch.
const (
	Topology = "topology.yaml"
	Intent   = "isat/intent.yaml"
	OVN      = "ovn/up"
)

//go:embed topology.yaml isat/intent.yaml ovn/up
var files embed.FS

// Read returns a file of this directory.
func Read(name string) ([]byte, error) { return files.ReadFile(name) }
