-- Who reads what: readers, plans, guidelines, cases, their tasks, and reads as sittings.
ALTER TABLE reader ADD COLUMN level INTEGER;         -- absent: known from imports alone
ALTER TABLE reader ADD COLUMN user TEXT;             -- the system's user who acts as this reader
ALTER TABLE reader ADD COLUMN active INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reader ADD COLUMN per_day INTEGER;
ALTER TABLE reader ADD COLUMN profile TEXT;          -- JSON: skills, sites, absences, credentials
CREATE UNIQUE INDEX reader_user ON reader (user) WHERE user IS NOT NULL;

CREATE TABLE plan (                                  -- every plan that was applied; the last is in force
  version    INTEGER PRIMARY KEY,
  text       TEXT NOT NULL,                          -- the file, as it was given
  digest     TEXT NOT NULL,                          -- SHA-256 of its content and its documents
  guideline  TEXT NOT NULL,                          -- the guideline's version that cases were brought to last
  applied_ms INTEGER NOT NULL,
  actor      TEXT NOT NULL
);

CREATE TABLE guideline_document (
  plan    INTEGER NOT NULL,
  version TEXT NOT NULL,                             -- of the guideline
  name    TEXT NOT NULL,                             -- the file's name
  blob    TEXT NOT NULL,
  PRIMARY KEY (plan, version)
) WITHOUT ROWID;

CREATE TABLE study_case (                            -- what is read: a series, or a study
  uid           TEXT PRIMARY KEY,
  series_uid    TEXT NOT NULL,                       -- the series that is read; of a study the first
  round         INTEGER NOT NULL,
  guideline     TEXT NOT NULL,
  priority      INTEGER NOT NULL,
  level         INTEGER NOT NULL,
  routes        TEXT NOT NULL,                       -- JSON
  created_ms    INTEGER NOT NULL,
  state         TEXT NOT NULL,
  accepted_read INTEGER,
  accepted_by   TEXT,
  accepted_ms   INTEGER,
  accepted_how  TEXT,
  gold_read     INTEGER                              -- the read that is known to be true
) WITHOUT ROWID;
CREATE INDEX study_case_series ON study_case (series_uid);
CREATE INDEX study_case_gold ON study_case (gold_read) WHERE gold_read IS NOT NULL;

-- Numbers of tasks, of series reviews as of all others: each is given once.
CREATE TABLE task_number (next INTEGER NOT NULL);
INSERT INTO task_number SELECT coalesce(max(id), 0) + 1 FROM task;

CREATE TABLE case_task (
  id           INTEGER PRIMARY KEY,
  case_uid     TEXT NOT NULL,
  step         TEXT NOT NULL,
  slot         INTEGER NOT NULL,
  round        INTEGER NOT NULL,
  purpose      TEXT NOT NULL,
  state        TEXT NOT NULL,
  holder       TEXT,                                 -- who holds it, or has done it
  lapsed       TEXT,                                 -- whose claim has ended by itself
  until_ms     INTEGER,                              -- until when a claim holds
  done_ms      INTEGER,
  reason       TEXT,                                 -- why it is held or cancelled
  kept_for     TEXT,
  kept_cause   TEXT,
  level        INTEGER NOT NULL,
  escalated    INTEGER NOT NULL,
  priority     INTEGER NOT NULL,
  overdue      INTEGER NOT NULL DEFAULT 0,
  due_ms       INTEGER,
  guideline    TEXT NOT NULL,
  plan_version INTEGER NOT NULL,
  created_ms   INTEGER NOT NULL,
  taken_ms     INTEGER,
  why          TEXT NOT NULL,                        -- JSON
  read         INTEGER
);
CREATE INDEX case_task_case ON case_task (case_uid, id);
CREATE INDEX case_task_urgency ON case_task (state, overdue DESC, priority DESC, created_ms, id);
CREATE INDEX case_task_active ON case_task (overdue DESC, priority DESC, created_ms, id, step, state)
  WHERE state IN ('open', 'claimed', 'held');
CREATE INDEX case_task_holder ON case_task (holder, step, taken_ms) WHERE holder IS NOT NULL;
CREATE INDEX case_task_kept ON case_task (kept_for) WHERE kept_for IS NOT NULL;
CREATE INDEX case_task_claims ON case_task (until_ms) WHERE state = 'claimed';
CREATE INDEX case_task_due ON case_task (due_ms) WHERE state IN ('open', 'claimed') AND overdue = 0;
CREATE INDEX case_task_late ON case_task (due_ms) WHERE state = 'open' AND escalated = 0;

-- A read: all that one reader said of one series under one guideline in one sitting. The rows of `read` are its labels.
CREATE TABLE sitting (
  id            INTEGER PRIMARY KEY,
  reader        TEXT NOT NULL,
  series_uid    TEXT NOT NULL,                       -- '' where the item belongs to no series here
  item          TEXT NOT NULL,                       -- the item's pseudonym where there is no series
  guideline     TEXT NOT NULL,
  import        INTEGER,                             -- the import that brought it
  case_uid      TEXT,
  task          INTEGER,
  round         INTEGER NOT NULL DEFAULT 0,
  purpose       TEXT NOT NULL DEFAULT 'case',
  plan_version  INTEGER,
  at_ms         INTEGER NOT NULL,
  seconds       REAL,
  findings      TEXT NOT NULL DEFAULT '[]',          -- JSON
  superseded_by INTEGER                              -- the read that has replaced it
);
CREATE INDEX sitting_case ON sitting (case_uid, id) WHERE case_uid IS NOT NULL;
CREATE INDEX sitting_reader ON sitting (reader, id);
CREATE INDEX sitting_series ON sitting (series_uid, id);
CREATE INDEX sitting_import ON sitting (import, reader, series_uid, item, guideline) WHERE import IS NOT NULL;

ALTER TABLE read ADD COLUMN sitting INTEGER;
CREATE INDEX read_sitting ON read (sitting);

INSERT INTO sitting (reader, series_uid, item, guideline, import, at_ms)
  SELECT d.name, i.series_uid, CASE WHEN i.series_uid = '' THEN i.name ELSE '' END, r.guideline, coalesce(c.import, 0),
         min(coalesce(r.finished_ms, r.imported_ms))
  FROM read r JOIN reader d ON d.id = r.reader JOIN item i ON i.id = r.item
  LEFT JOIN (SELECT read, min(import) AS import FROM import_change GROUP BY read) c ON c.read = r.id
  GROUP BY d.name, i.series_uid, CASE WHEN i.series_uid = '' THEN i.name ELSE '' END, r.guideline, coalesce(c.import, 0)
  ORDER BY min(r.id);
UPDATE read SET sitting = (
  SELECT s.id FROM sitting s JOIN reader d ON d.id = read.reader JOIN item i ON i.id = read.item
  WHERE s.reader = d.name AND s.series_uid = i.series_uid AND s.guideline = read.guideline
  AND s.item = CASE WHEN i.series_uid = '' THEN i.name ELSE '' END
  AND s.import = coalesce((SELECT min(import) FROM import_change c WHERE c.read = read.id), 0));

UPDATE sitting SET superseded_by = coalesce(
  (SELECT n.sitting FROM read o JOIN read n ON n.id = o.superseded_by WHERE o.sitting = sitting.id ORDER BY n.id DESC
   LIMIT 1), id)
  WHERE NOT EXISTS (SELECT 1 FROM read WHERE read.sitting = sitting.id AND superseded_by IS NULL);

-- How far two reads of a case agree, as JSON; `a` < `b`.
CREATE TABLE read_agreement (
  a          INTEGER NOT NULL,
  b          INTEGER NOT NULL,
  structures TEXT NOT NULL,
  PRIMARY KEY (a, b)
) WITHOUT ROWID;
