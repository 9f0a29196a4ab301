-- Rises with everything that a snapshot says of a series but for its labels, which are never changed.
ALTER TABLE series ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;

CREATE TABLE snapshot (                              -- immutable versions of a dataset
  name       TEXT PRIMARY KEY,
  id         TEXT NOT NULL,                          -- of the content alone
  root       TEXT NOT NULL,                          -- the Merkle root over its members
  query      TEXT,
  options    TEXT NOT NULL,                          -- JSON: how subjects were split
  note       TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  actor      TEXT NOT NULL,
  version    TEXT NOT NULL,                          -- of Gantry
  series     INTEGER NOT NULL,
  subjects   INTEGER NOT NULL,
  instances  INTEGER NOT NULL,
  labels     INTEGER NOT NULL,
  bytes      INTEGER NOT NULL,
  left_out   TEXT NOT NULL,                          -- JSON
  public_key TEXT NOT NULL,
  signature  TEXT NOT NULL
);
CREATE INDEX snapshot_id ON snapshot (id);

CREATE TABLE snapshot_member (
  snapshot   TEXT NOT NULL,
  series_uid TEXT NOT NULL,
  subject    TEXT NOT NULL,
  site       TEXT NOT NULL,
  split      TEXT NOT NULL,                          -- '' where there are none
  digest     BLOB NOT NULL,
  PRIMARY KEY (snapshot, series_uid)
);
CREATE INDEX snapshot_member_subject ON snapshot_member (subject);
CREATE INDEX snapshot_member_digest ON snapshot_member (digest);

-- What snapshots hold of a series, once for all that hold the same. Of a subject that was erased, and of a series that was
-- cleaned again, the digest alone is left.
CREATE TABLE snapshot_series (
  digest       BLOB PRIMARY KEY,
  series_uid   TEXT NOT NULL,
  revision     INTEGER NOT NULL,
  read         INTEGER NOT NULL,
  salt         BLOB,
  content      TEXT,                                 -- JSON
  images       BLOB,
  gone         TEXT                                  -- erased, replaced
);
CREATE INDEX snapshot_series_uid ON snapshot_series (series_uid);

ALTER TABLE study_case ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;  -- its subject has

CREATE TABLE withdrawal (
  subject   TEXT PRIMARY KEY,
  reason    TEXT NOT NULL,
  at_ms     INTEGER NOT NULL,
  actor     TEXT NOT NULL,
  erased_ms INTEGER
) WITHOUT ROWID;

-- Where datasets went, and what was in them.
CREATE TABLE export_run (
  id              INTEGER PRIMARY KEY,
  snapshot        TEXT,
  place           TEXT NOT NULL,
  formats         TEXT NOT NULL,
  manifest_sha256 TEXT NOT NULL,
  at_ms           INTEGER NOT NULL,
  actor           TEXT NOT NULL
);
CREATE TABLE export_member (
  run        INTEGER NOT NULL,
  series_uid TEXT NOT NULL,
  subject    TEXT NOT NULL,
  PRIMARY KEY (run, series_uid)
);
CREATE INDEX export_member_subject ON export_member (subject);
