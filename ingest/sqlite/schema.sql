-- Times are milliseconds since 1970 UTC, values in the canonical unit of the quantity.
CREATE TABLE state (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  cursor INTEGER NOT NULL -- the last journal position whose effect is in this file
);
INSERT INTO state (id, cursor) VALUES (1, 0);

CREATE TABLE series (
  id       INTEGER PRIMARY KEY,
  station  TEXT NOT NULL,
  sensor   TEXT NOT NULL,
  quantity TEXT NOT NULL,
  UNIQUE (station, sensor, quantity)
);

-- The current revision of each reading.
CREATE TABLE readings (
  series   INTEGER NOT NULL,
  time     INTEGER NOT NULL,
  value    REAL    NOT NULL,
  flag     INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  delay    INTEGER NOT NULL, -- from time to receipt
  position INTEGER NOT NULL, -- in the journal
  part     INTEGER NOT NULL, -- within the message
  bits     INTEGER NOT NULL, -- 1 time assumed, 2 volatile
  marks    TEXT,             -- JSON, NULL for none
  PRIMARY KEY (series, time)
) WITHOUT ROWID;

-- What it replaced.
CREATE TABLE revisions (
  series   INTEGER NOT NULL,
  time     INTEGER NOT NULL,
  value    REAL    NOT NULL,
  flag     INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  delay    INTEGER NOT NULL,
  position INTEGER NOT NULL,
  part     INTEGER NOT NULL,
  bits     INTEGER NOT NULL,
  marks    TEXT,
  PRIMARY KEY (series, time, revision)
) WITHOUT ROWID;

CREATE TRIGGER keep_replaced BEFORE UPDATE ON readings
BEGIN
  INSERT OR IGNORE INTO revisions (series, time, value, flag, revision, delay, position, part, bits, marks)
  VALUES (OLD.series, OLD.time, OLD.value, OLD.flag, OLD.revision, OLD.delay, OLD.position, OLD.part, OLD.bits, OLD.marks);
END;

CREATE TABLE rejects (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  position INTEGER NOT NULL,
  part     INTEGER NOT NULL,
  received INTEGER NOT NULL,
  topic    TEXT NOT NULL,
  station  TEXT NOT NULL,
  sensor   TEXT NOT NULL,
  reason   TEXT NOT NULL,
  detail   TEXT NOT NULL,
  excerpt  TEXT NOT NULL
);
CREATE UNIQUE INDEX rejects_once ON rejects (position, part, reason) WHERE position > 0;
CREATE INDEX rejects_by_age ON rejects (received);

-- How often each reason was given since the file began; rows of rejects go, these stay.
CREATE TABLE reject_counts (
  reason TEXT PRIMARY KEY,
  total  INTEGER NOT NULL
);

CREATE TABLE statuses (
  station TEXT PRIMARY KEY,
  online  INTEGER NOT NULL,
  time    INTEGER NOT NULL,
  detail  TEXT NOT NULL
);
