-- +goose Up

CREATE TABLE warnings (
    mode       TEXT     NOT NULL CHECK (mode IN ('Actual', 'Exercise', 'System', 'Test')),
    id         TEXT     NOT NULL UNIQUE,
    kind       TEXT     NOT NULL,
    zone       TEXT     NOT NULL,
    level      SMALLINT NOT NULL,
    status     TEXT     NOT NULL,
    version    BIGINT   NOT NULL,
    edition    BIGINT   NOT NULL,
    proposal   TEXT,
    reason     TEXT     NOT NULL,
    created_at BIGINT   NOT NULL,
    updated_at BIGINT   NOT NULL,
    issued_at  BIGINT,
    ended_at   BIGINT,
    expires_at BIGINT,
    PRIMARY KEY (mode, id)
);

-- At most one open warning for a hazard and a zone, whoever writes.
CREATE UNIQUE INDEX warnings_one_open ON warnings (mode, kind, zone)
    WHERE status IN ('proposed', 'approved', 'issued', 'updated');
CREATE INDEX warnings_created ON warnings (mode, created_at, id);

CREATE TABLE editions (
    mode       TEXT     NOT NULL,
    warning    TEXT     NOT NULL,
    number     BIGINT   NOT NULL,
    identifier TEXT     NOT NULL UNIQUE,
    msg_type   TEXT     NOT NULL,
    kind       TEXT     NOT NULL,
    zone       TEXT     NOT NULL,
    level      SMALLINT NOT NULL,
    sent_at    BIGINT   NOT NULL,
    expires_at BIGINT   NOT NULL,
    people     BIGINT   NOT NULL,
    refs       TEXT     NOT NULL,
    texts      TEXT     NOT NULL,
    area       TEXT     NOT NULL,
    cap        BYTEA    NOT NULL,
    PRIMARY KEY (mode, warning, number),
    FOREIGN KEY (mode, warning) REFERENCES warnings (mode, id)
);

-- One chain for all modes: a row can be neither left out nor forked (prev is unique).
CREATE TABLE audit (
    seq     BIGINT NOT NULL PRIMARY KEY,
    mode    TEXT   NOT NULL,
    warning TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    actor   TEXT   NOT NULL,
    action  TEXT   NOT NULL,
    body    BYTEA  NOT NULL,
    prev    TEXT   NOT NULL UNIQUE,
    hash    TEXT   NOT NULL,
    FOREIGN KEY (mode, warning) REFERENCES warnings (mode, id)
);
CREATE INDEX audit_warning ON audit (warning, seq);

-- The last hazard handled for each kind and zone.
CREATE TABLE handled (
    mode     TEXT   NOT NULL,
    kind     TEXT   NOT NULL,
    zone     TEXT   NOT NULL,
    position BIGINT NOT NULL,
    ordinal  BIGINT NOT NULL,
    PRIMARY KEY (mode, kind, zone)
);

CREATE TABLE snapshots (
    reader   TEXT   NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL,
    state    BYTEA
);

CREATE TABLE send_jobs (
    mode       TEXT     NOT NULL,
    id         TEXT     NOT NULL UNIQUE,
    warning    TEXT     NOT NULL,
    edition    BIGINT   NOT NULL,
    level      SMALLINT NOT NULL,
    urgency    SMALLINT NOT NULL,
    expires_at BIGINT   NOT NULL,
    at         BIGINT   NOT NULL,
    done       SMALLINT NOT NULL,
    PRIMARY KEY (mode, id),
    FOREIGN KEY (mode, warning, edition) REFERENCES editions (mode, warning, number)
);
CREATE INDEX send_jobs_pending ON send_jobs (urgency DESC, at, id) WHERE done = 0;

CREATE TABLE deliveries (
    mode        TEXT     NOT NULL,
    key         TEXT     NOT NULL UNIQUE,
    job         TEXT     NOT NULL,
    warning     TEXT     NOT NULL,
    edition     BIGINT   NOT NULL,
    recipient   TEXT     NOT NULL,
    channel     TEXT     NOT NULL,
    language    TEXT     NOT NULL,
    text        TEXT     NOT NULL,
    urgency     SMALLINT NOT NULL,
    state       TEXT     NOT NULL,
    attempts    BIGINT   NOT NULL,
    handing     SMALLINT NOT NULL,
    provider_id TEXT     NOT NULL,
    detail      TEXT     NOT NULL,
    not_before  BIGINT   NOT NULL,
    expires_at  BIGINT   NOT NULL,
    created_at  BIGINT   NOT NULL,
    changed_at  BIGINT   NOT NULL,
    PRIMARY KEY (mode, key),
    FOREIGN KEY (mode, job) REFERENCES send_jobs (mode, id)
);
CREATE INDEX deliveries_due ON deliveries (urgency DESC, created_at, key) WHERE state = 'queued' AND handing = 0;
CREATE INDEX deliveries_handing ON deliveries (key) WHERE state = 'queued' AND handing = 1;
CREATE INDEX deliveries_order ON deliveries (mode, warning, recipient, edition, state);
CREATE INDEX deliveries_told ON deliveries (warning, recipient);
CREATE INDEX deliveries_newest ON deliveries (mode, created_at, key);
CREATE INDEX deliveries_provider ON deliveries (channel, provider_id) WHERE provider_id <> '';

-- address_hash is what an address is looked up by; nothing searches or orders by address itself.
CREATE TABLE recipients (
    mode         TEXT             NOT NULL CHECK (mode IN ('Actual', 'Exercise', 'System', 'Test')),
    id           TEXT             NOT NULL,
    name         TEXT             NOT NULL,
    channel      TEXT             NOT NULL,
    address_hash TEXT             NOT NULL,
    address      TEXT             NOT NULL,
    language     TEXT             NOT NULL,
    lon          DOUBLE PRECISION NOT NULL,
    lat          DOUBLE PRECISION NOT NULL,
    consent      SMALLINT         NOT NULL,
    PRIMARY KEY (mode, id)
);
CREATE INDEX recipients_address ON recipients (channel, address_hash);

CREATE TABLE operators (
    id            TEXT   NOT NULL PRIMARY KEY,
    name          TEXT   NOT NULL,
    role          TEXT   NOT NULL,
    password_hash TEXT   NOT NULL,
    created_at    BIGINT NOT NULL
);

CREATE TABLE tokens (
    hash       TEXT   NOT NULL PRIMARY KEY,
    operator   TEXT   NOT NULL REFERENCES operators (id),
    kind       TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX tokens_operator ON tokens (operator);
