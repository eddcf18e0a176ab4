package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/isat-sdn/isat/internal/client"
	"github.com/isat-sdn/isat/internal/store"
)

func newBackupCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Save what the running isat keeps",
		Long: `Saves what the running isat keeps in its data directory (the intent that was
applied, and the bindings), as it is at one moment, while isat goes on. FILE is
there whole, or as it was before; "-" is standard output.`,
		Example: "  isat backup /var/backups/isat\n  isat backup - | ssh elsewhere 'cat > isat.backup'",
		Args:    oneArg("a file"),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client()
		if err != nil {
			return err
		}
		if args[0] == "-" {
			return saveBackup(cmd.Context(), c, cmd.OutOrStdout())
		}
		size, err := saveBackupFile(cmd.Context(), c, args[0])
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "saved %s, %s\n", args[0], byteSize(uint64(size)))
		return err
	}
	return cmd
}

// saveBackup writes a backup, and looks whether it is whole.
func saveBackup(ctx context.Context, c *client.Client, w io.Writer) error {
	in, out := io.Pipe()
	checked := make(chan error, 1)
	go func() {
		err := store.CheckBackup(in)
		in.CloseWithError(err)
		checked <- err
	}()
	err := c.Backup(ctx, io.MultiWriter(w, out))
	out.Close()
	if check := <-checked; check != nil && (err == nil || errors.Is(err, check)) {
		err = fmt.Errorf("back up: what isat at %s sent is no backup: %w", c.URL(), check)
	}
	return err
}

// saveBackupFile puts a backup in the place of a file, be it one that a link leads to. A
// device would be gone.
func saveBackupFile(ctx context.Context, c *client.Client, name string) (size int64, err error) {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	switch there, err := os.Lstat(name); {
	case err != nil || there.Mode().IsRegular():
	case there.IsDir():
		return 0, fmt.Errorf("back up: %s is a directory: name a file in it", name)
	default:
		return 0, fmt.Errorf("back up: %s is no file: write to it with \"isat backup -\"", name)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return 0, fmt.Errorf("back up: %w", err)
	}
	defer os.Remove(f.Name())
	err = saveBackup(ctx, c, f)
	size, _ = f.Seek(0, io.SeekEnd)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return 0, fmt.Errorf("back up: %w", err)
	}
	return size, syncDir(filepath.Dir(name))
}

// syncDir makes a rename durable.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

func newRestoreCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a data directory from a backup",
		Long: `Makes a data directory from a file that "isat backup" saved, for "isat run
--data-dir DIR" to begin with. DIR is empty or does not exist yet. A file that
is damaged or cut off is refused, and leaves DIR empty.`,
		Example: "  isat restore /var/backups/isat --data-dir /var/lib/isat",
		Args:    oneArg("a file"),
	}
	cmd.Flags().StringVar(&dir, "data-dir", "", "`DIR` that is made (required)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if dir == "" {
			return usageErrorf("where to? Give --data-dir DIR")
		}
		if err := store.Restore(args[0], dir); err != nil {
			return err
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "restored %s: start it with \"isat run --data-dir %s\"\n", dir, dir)
		return err
	}
	return cmd
}
