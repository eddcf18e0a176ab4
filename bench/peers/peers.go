package peers

import "embed"

// Files of this directory. Topology is the lab's of "isat bench route", Intent is
// isat's in it, and OVN is the script that runs in the namespace of the lab's switch.
// FloodTopology and FloodIntent are those of "isat bench flood".
const (
	Topology      = "topology.yaml"
	Intent        = "isat/intent.yaml"
	OVN           = "ovn/up"
	FloodTopology = "flood/topology.yaml"
	FloodIntent   = "flood/intent.yaml"
)

//go:embed topology.yaml isat/intent.yaml ovn/up flood/topology.yaml flood/intent.yaml
var files embed.FS

// Read returns a file of this directory.
func Read(name string) ([]byte, error) { return files.ReadFile(name) }
