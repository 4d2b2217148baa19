package journaltest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Disk is one folder on a disk whose power can be cut. A write lives in the disk's cache until the
// file is synced; a name lives there until the file or the folder is synced (as ext4 does it). When the
// power goes, what was not synced is lost: all of it, or page by page at random, because a real disk
// writes its cache in any order.
//
// The process that maps files of the disk into its memory must not be the one that serves it, or both
// wait for each other: use it from a child process. All methods may be called by any goroutine.
type Disk struct {
	mu      sync.Mutex
	files   map[string]*file // names as the system sees them now
	durable map[string]*file // names that survive
	dead    bool
	left    int // operations until the power goes; negative: it stays on
	keep    *rand.Rand
	limit   int64 // bytes that fit, 0 for no limit
	fsync   syscall.Errno
	syncs   int

	server *fuse.Server
}

const page = 4096

// file is one inode: what the system sees, and what is on the platter.
type file struct {
	fs.Inode
	disk  *Disk
	now   []byte
	safe  []byte
	dirty map[int64]struct{} // pages written since the last sync
}

type root struct {
	fs.Inode
	disk *Disk
}

// Mount serves an empty disk at folder. Unmount ends it.
func Mount(folder string) (*Disk, error) {
	d := &Disk{files: map[string]*file{}, durable: map[string]*file{}, left: -1}
	server, err := fs.Mount(folder, &root{disk: d}, &fs.Options{MountOptions: fuse.MountOptions{
		DirectMount: true, DirectMountFlags: syscall.MS_NOSUID | syscall.MS_NODEV, Name: "losedisk", FsName: "losedisk",
	}})
	if err != nil {
		return nil, fmt.Errorf("mount a FUSE disk at %s (needs root and /dev/fuse): %w", folder, err)
	}
	d.server = server
	return d, nil
}

// Unmount takes the disk away; nobody may hold a file of it open.
func (d *Disk) Unmount() error { return d.server.Unmount() }

// CutAfter cuts the power after so many further writes, truncations and syncs. Where random is nil
// everything unsynced is lost, else each page by chance.
func (d *Disk) CutAfter(operations int, random *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left, d.keep = operations, random
	if operations == 0 {
		d.cut()
	}
}

// Limit makes the disk full beyond so many bytes; 0 means it has room again.
func (d *Disk) Limit(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limit = bytes
}

// FailSyncs makes every fsync fail with EIO, or work again.
func (d *Disk) FailSyncs(fail bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fsync = 0
	if fail {
		d.fsync = syscall.EIO
	}
}

// Syncs counts the fsyncs that worked.
func (d *Disk) Syncs() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs
}

// Dead says whether the power is gone.
func (d *Disk) Dead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// Used is the number of bytes in files.
func (d *Disk) Used() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used()
}

func (d *Disk) used() (sum int64) {
	for _, f := range d.files {
		sum += int64(len(f.now))
	}
	return sum
}

// Salvage writes what the disk holds after the power cut into a folder of a real disk.
func (d *Disk) Salvage(folder string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.dead {
		d.cut()
	}
	for name, f := range d.durable {
		if err := os.WriteFile(filepath.Join(folder, name), f.safe, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// operation counts one change and says whether the disk still has power. With d.mu held.
func (d *Disk) operation() syscall.Errno {
	if d.dead {
		return syscall.EIO
	}
	if d.left > 0 {
		d.left--
		if d.left == 0 {
			d.cut()
			return syscall.EIO
		}
	}
	return 0
}

func (d *Disk) cut() {
	d.dead = true
	if d.keep == nil {
		return
	}
	for _, f := range d.durable {
		for p := range f.dirty {
			if d.keep.IntN(2) == 0 {
				f.keepPage(p)
			}
		}
	}
}

// keepPage lets one unsynced page reach the platter.
func (f *file) keepPage(p int64) {
	from, to := p*page, min((p+1)*page, int64(len(f.now)))
	if from >= to {
		return
	}
	if grow := to - int64(len(f.safe)); grow > 0 {
		f.safe = append(f.safe, make([]byte, grow)...)
	}
	copy(f.safe[from:to], f.now[from:to])
}

func (f *file) sync(name string) {
	if int64(len(f.safe)) > int64(len(f.now)) {
		f.safe = f.safe[:len(f.now)]
	}
	for p := range f.dirty {
		f.keepPage(p)
	}
	if grow := len(f.now) - len(f.safe); grow > 0 {
		f.safe = append(f.safe, make([]byte, grow)...)
	}
	clear(f.dirty)
	if name != "" {
		f.disk.durable[name] = f
	}
	f.disk.syncs++
}

func (d *Disk) nameOf(f *file) string {
	for name, other := range d.files {
		if other == f {
			return name
		}
	}
	return ""
}

var (
	_ fs.NodeLookuper  = (*root)(nil)
	_ fs.NodeCreater   = (*root)(nil)
	_ fs.NodeUnlinker  = (*root)(nil)
	_ fs.NodeFsyncer   = (*root)(nil)
	_ fs.NodeOpener    = (*file)(nil)
	_ fs.NodeReader    = (*file)(nil)
	_ fs.NodeWriter    = (*file)(nil)
	_ fs.NodeFsyncer   = (*file)(nil)
	_ fs.NodeGetattrer = (*file)(nil)
	_ fs.NodeSetattrer = (*file)(nil)
)

// Lookup finds a file.
func (r *root) Lookup(_ context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	f, ok := r.disk.files[name]
	if !ok {
		return nil, syscall.ENOENT
	}
	f.attributes(&out.Attr)
	return &f.Inode, 0
}

// Create makes a file whose name is not durable yet.
func (r *root) Create(ctx context.Context, name string, _, _ uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	if errno := r.disk.operation(); errno != 0 {
		return nil, nil, 0, errno
	}
	f := &file{disk: r.disk, dirty: map[int64]struct{}{}}
	r.disk.files[name] = f
	f.attributes(&out.Attr)
	return r.NewInode(ctx, f, fs.StableAttr{Mode: fuse.S_IFREG}), nil, 0, 0
}

// Unlink takes a name away; it comes back with the power unless the folder is synced.
func (r *root) Unlink(_ context.Context, name string) syscall.Errno {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	if errno := r.disk.operation(); errno != 0 {
		return errno
	}
	delete(r.disk.files, name)
	return 0
}

// Fsync makes the names durable.
func (r *root) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	if errno := r.disk.operation(); errno != 0 {
		return errno
	}
	r.disk.durable = maps.Clone(r.disk.files)
	return r.disk.fsync
}

// Open opens a file.
func (f *file) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) { return nil, 0, 0 }

// Read reads what the system sees.
func (f *file) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.dead {
		return nil, syscall.EIO
	}
	n := copy(dest, f.now[min(off, int64(len(f.now))):])
	return fuse.ReadResultData(dest[:n]), 0
}

// Write changes what the system sees.
func (f *file) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if errno := f.disk.operation(); errno != 0 {
		return 0, errno
	}
	end := off + int64(len(data))
	if grow := end - int64(len(f.now)); grow > 0 {
		if f.disk.limit > 0 && f.disk.used()+grow > f.disk.limit {
			return 0, syscall.ENOSPC
		}
		f.now = append(f.now, make([]byte, grow)...)
	}
	copy(f.now[off:], data)
	for p := off / page; p*page < end; p++ {
		f.dirty[p] = struct{}{}
	}
	return uint32(len(data)), 0
}

// Fsync makes the content and the name durable.
func (f *file) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if errno := f.disk.operation(); errno != 0 {
		return errno
	}
	if f.disk.fsync != 0 {
		return f.disk.fsync
	}
	f.sync(f.disk.nameOf(f))
	return 0
}

// Getattr tells the size.
func (f *file) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.attributes(&out.Attr)
	return 0
}

// Setattr changes the size and takes everything else as done.
func (f *file) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if size, ok := in.GetSize(); ok {
		if errno := f.disk.operation(); errno != 0 {
			return errno
		}
		f.resize(int64(size))
	}
	f.attributes(&out.Attr)
	return 0
}

func (f *file) resize(size int64) {
	if size <= int64(len(f.now)) {
		f.now = f.now[:size:size]
		return
	}
	for p := int64(len(f.now)) / page; p*page < size; p++ {
		f.dirty[p] = struct{}{}
	}
	f.now = append(f.now, make([]byte, size-int64(len(f.now)))...)
}

func (f *file) attributes(out *fuse.Attr) {
	out.Mode = fuse.S_IFREG | 0o600
	out.Nlink = 1
	out.Size = uint64(len(f.now))
	out.Blksize = page
}
