-- The catalog: everything after de-identification. No PHI in any column; UIDs, dates and subjects are the remapped ones.
CREATE TABLE instance (
  id           INTEGER PRIMARY KEY,
  sop_uid      TEXT NOT NULL,
  source_hash  TEXT NOT NULL,             -- SHA-256 of the source's bytes: with the SOP UID the identity
  blob         TEXT NOT NULL,             -- SHA-256 of the stored bytes
  bytes        INTEGER NOT NULL,
  series_uid   TEXT NOT NULL,
  study_uid    TEXT NOT NULL,
  subject      TEXT NOT NULL,
  site         TEXT NOT NULL,
  sop_class    TEXT NOT NULL,
  modality     TEXT NOT NULL,
  syntax       TEXT NOT NULL,
  stored_ms    INTEGER NOT NULL,
  record       INTEGER NOT NULL,          -- what de-identification did
  UNIQUE (source_hash, sop_uid)
);
-- Ledger lines: what de-identification did, never a value. Instances of a series mostly share one.
CREATE TABLE record (
  id   INTEGER PRIMARY KEY,
  json TEXT NOT NULL,
  hash BLOB NOT NULL UNIQUE
);

CREATE INDEX instance_series ON instance (series_uid);
CREATE INDEX instance_sop ON instance (sop_uid);
CREATE INDEX instance_blob ON instance (blob);

CREATE TABLE series (
  id                INTEGER PRIMARY KEY,
  uid               TEXT NOT NULL UNIQUE,
  study_uid         TEXT NOT NULL,
  subject           TEXT NOT NULL,
  site              TEXT NOT NULL,
  modality          TEXT NOT NULL,
  is_image          INTEGER NOT NULL,
  study_date        TEXT,
  study_description TEXT,
  number            INTEGER,
  description       TEXT,
  body_part         TEXT,
  manufacturer      TEXT,
  model             TEXT,
  instances         INTEGER NOT NULL,
  frames            INTEGER NOT NULL,
  rows              INTEGER,
  columns           INTEGER,
  spacing_row_mm    REAL,
  spacing_column_mm REAL,
  spacing_slice_mm  REAL,
  state             TEXT NOT NULL,
  errors            INTEGER NOT NULL DEFAULT 0,
  warnings          INTEGER NOT NULL DEFAULT 0,
  notes             INTEGER NOT NULL DEFAULT 0,
  latest_ms         INTEGER NOT NULL,
  stacks            TEXT NOT NULL,        -- JSON
  facts             TEXT NOT NULL         -- JSON
);
CREATE INDEX series_subject ON series (subject, study_date, study_uid, number, uid);
CREATE INDEX series_latest ON series (latest_ms DESC, uid);
CREATE INDEX series_severity ON series (errors DESC, warnings DESC, notes DESC, uid);
CREATE INDEX series_size ON series (instances DESC, uid);
CREATE INDEX series_modality ON series (modality);
CREATE INDEX series_site ON series (site);
CREATE INDEX series_body ON series (body_part);
CREATE INDEX series_state ON series (state);
CREATE INDEX series_date ON series (study_date);
CREATE INDEX series_slice ON series (spacing_slice_mm);
CREATE INDEX series_study ON series (study_uid);
CREATE VIRTUAL TABLE series_text USING fts5 (text, content = '', contentless_delete = 1, tokenize = 'unicode61');

CREATE TABLE finding (
  id            INTEGER PRIMARY KEY,
  series_uid    TEXT NOT NULL,
  check_name    TEXT NOT NULL,
  check_version INTEGER NOT NULL,
  severity      INTEGER NOT NULL,         -- 0 info, 1 warning, 2 error
  message       TEXT NOT NULL,
  evidence      TEXT NOT NULL,            -- JSON
  slices        TEXT NOT NULL             -- JSON
);
CREATE INDEX finding_series ON finding (series_uid);
CREATE INDEX finding_check ON finding (check_name, series_uid);

CREATE TABLE link (
  from_series TEXT NOT NULL,
  to_series   TEXT NOT NULL,
  PRIMARY KEY (from_series, to_series)
) WITHOUT ROWID;
CREATE INDEX link_to ON link (to_series);

CREATE TABLE job (
  id            INTEGER PRIMARY KEY,
  stage         TEXT NOT NULL,
  object        TEXT NOT NULL,
  state         TEXT NOT NULL,            -- pending, leased, parked
  wanted        INTEGER NOT NULL DEFAULT 1,
  leased        INTEGER NOT NULL DEFAULT 0,
  attempts      INTEGER NOT NULL DEFAULT 0,
  not_before_ms INTEGER NOT NULL,
  lease_ms      INTEGER NOT NULL DEFAULT 0,
  reason        TEXT NOT NULL DEFAULT '',
  changed_ms    INTEGER NOT NULL,
  UNIQUE (stage, object)
);
CREATE INDEX job_ready ON job (state, not_before_ms);

CREATE TABLE task (
  id             INTEGER PRIMARY KEY,
  series_uid     TEXT NOT NULL UNIQUE,
  state          TEXT NOT NULL,           -- open, accepted, returned; a claim is an open task with an assignee
  assignee       TEXT,
  claim_until_ms INTEGER,
  why            TEXT NOT NULL,
  severity       INTEGER,
  due_ms         INTEGER,
  created_ms     INTEGER NOT NULL,
  decided_ms     INTEGER,
  reason         TEXT,
  comment        TEXT,
  command_key    TEXT
);
CREATE INDEX task_open ON task (state, severity DESC, due_ms, id);

CREATE TABLE decision (                    -- every decision ever made, undone ones included
  id         INTEGER PRIMARY KEY,
  task       INTEGER NOT NULL,
  actor      TEXT NOT NULL,
  accepted   INTEGER NOT NULL,
  at_ms      INTEGER NOT NULL,
  undone     INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX decision_task ON decision (task);

CREATE TABLE trail (
  sequence INTEGER PRIMARY KEY,
  at_ms    INTEGER NOT NULL,
  actor    TEXT NOT NULL,
  action   TEXT NOT NULL,
  object   TEXT NOT NULL,
  detail   TEXT NOT NULL,
  hash     BLOB NOT NULL
);
CREATE INDEX trail_object ON trail (object, sequence);

CREATE TABLE pulse (                       -- what passed each stage, in slots of five minutes
  slot_ms INTEGER NOT NULL,
  stage   TEXT NOT NULL,
  source  TEXT NOT NULL,
  n       INTEGER NOT NULL,
  PRIMARY KEY (stage, source, slot_ms)
) WITHOUT ROWID;
