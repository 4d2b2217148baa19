// Package readingsfile reads files of past readings: CSV with the header
//
//	time,station,quantity,value,unit
//
// and, where known, the columns sensor and received, in any order; further columns are left alone. The
// file may be compressed with gzip (told by its first bytes, not by its name).
//
// Conventions: time and received are RFC 3339 with a zone ("2016-02-12T06:45:00Z"); the order of the
// lines is the order of arrival unless received says otherwise; values are given as they stand, in the
// unit of their line. A fault names file:line and what would be right, and does not end the file. A
// Reader is for one goroutine; the rest is data.
package readingsfile
