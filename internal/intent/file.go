package intent

import (
	"fmt"
	"io"
)

// Read reads a file, no further than it takes to see that it is too long: it may be a device
// that never ends.
func Read(name string, r io.Reader) (File, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxFileSize+1))
	if err != nil {
		return File{}, fmt.Errorf("read intent: %w", err)
	}
	return File{Name: name, Data: data}, nil
}

// CheckText says of files whether they are text, and together no more than is read. Who sends
// them as text asks before, for what is sent is text whatever the files are.
func CheckText(files []File) error {
	s := &source{}
	for _, f := range files {
		if _, ok := s.read(f.Name, f.Data); !ok {
			break
		}
	}
	return s.result()
}
