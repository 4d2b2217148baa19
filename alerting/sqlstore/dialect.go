package sqlstore

import (
	"errors"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// Dialect is what one kind of database does differently from another.
type Dialect struct {
	Name  string        // "sqlite"
	Goose goose.Dialect // how the table of migrations is kept
	// Unique says whether an error is the refusal of a second row with the same unique key.
	Unique func(error) bool
	// Immutable returns the statements that make a table refuse UPDATE and DELETE.
	Immutable func(table string) []string
}

// SQLite is the dialect of modernc.org/sqlite.
func SQLite() Dialect {
	return Dialect{Name: "sqlite", Goose: goose.DialectSQLite3, Unique: uniqueSQLite, Immutable: immutableSQLite}
}

func uniqueSQLite(err error) bool {
	var refused *sqlite.Error
	if !errors.As(err, &refused) {
		return false
	}
	return refused.Code() == lib.SQLITE_CONSTRAINT_UNIQUE || refused.Code() == lib.SQLITE_CONSTRAINT_PRIMARYKEY
}

func immutableSQLite(table string) []string {
	refuse := func(verb string) string {
		return "CREATE TRIGGER " + table + "_no_" + verb + " BEFORE " + verb + " ON " + table +
			" BEGIN SELECT RAISE(ABORT, '" + table + " are never changed or removed'); END"
	}
	return []string{refuse("UPDATE"), refuse("DELETE")}
}
