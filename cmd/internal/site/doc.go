// Package site loads and checks a site folder: everything that makes an installation this valley's.
//
// All faults of all files are found at once, each with file and line, what is wrong and what would be
// right; a site with a fault is not loaded at all, so that no file that cannot be read ever narrows or
// widens what is warned of. What is legal but risky is a warning. docs/site.md describes every file.
//
// Conventions: positions are longitude, latitude (WGS 84); a folder is an fs.FS, so that a folder on the
// disk and the embedded demo go through the same door. A Site is fixed once loaded and may be read from
// any goroutine.
package site
