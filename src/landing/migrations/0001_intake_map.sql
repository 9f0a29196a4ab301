-- The landing side's map: what came from where. May hold PHI (paths carry names); its folder has mode 0700.
CREATE TABLE file (
  id         INTEGER PRIMARY KEY,
  inbox      TEXT NOT NULL,               -- '' for what `gantry ingest` brought
  path       TEXT NOT NULL,
  bytes      INTEGER NOT NULL,
  mtime_ns   INTEGER NOT NULL,
  sha256     TEXT NOT NULL,
  status     TEXT NOT NULL,
  reason     TEXT NOT NULL,
  detail     TEXT NOT NULL,
  site       TEXT NOT NULL,
  trusted    INTEGER NOT NULL,
  at_ms      INTEGER NOT NULL,
  day        TEXT NOT NULL,
  kept       INTEGER NOT NULL DEFAULT 0,  -- a copy lies in quarantine/
  settled    INTEGER NOT NULL DEFAULT 0,  -- what `after` asks for was done
  UNIQUE (inbox, path)
);
CREATE INDEX file_group ON file (status, reason, site, day);
CREATE INDEX file_hash ON file (sha256);
