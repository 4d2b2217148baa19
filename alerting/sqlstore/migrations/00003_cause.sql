-- +goose Up

-- What the rules had seen when an edition was decided, as JSON; NULL where people alone decided, and in
-- editions from before this column.
ALTER TABLE editions ADD COLUMN cause TEXT;
