-- What readers said. No PHI: series are the remapped ones, other names of items are keyed pseudonyms.
CREATE TABLE reader (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);

CREATE TABLE item (
  id         INTEGER PRIMARY KEY,
  series_uid TEXT NOT NULL,               -- '' where it belongs to no series here
  name       TEXT NOT NULL,               -- '#2' within its series, or a pseudonym; '' for the series itself
  UNIQUE (series_uid, name)
);

CREATE TABLE read (
  id            INTEGER PRIMARY KEY,
  reader        INTEGER NOT NULL,
  guideline     TEXT NOT NULL,
  item          INTEGER NOT NULL,
  structure     TEXT NOT NULL,
  absent        INTEGER NOT NULL,         -- looked, and found nothing
  started_ms    INTEGER,
  finished_ms   INTEGER,
  imported_ms   INTEGER NOT NULL,
  superseded_by INTEGER                   -- the read that has replaced it; what a read says is never changed
);
CREATE UNIQUE INDEX read_current ON read (item, reader, structure, guideline) WHERE superseded_by IS NULL;
CREATE INDEX read_reader ON read (reader, structure);

CREATE TABLE rating (                     -- a rating or a measured value
  read     INTEGER NOT NULL,
  name     TEXT NOT NULL,
  number   REAL,
  category TEXT,
  PRIMARY KEY (read, name)
) WITHOUT ROWID;
