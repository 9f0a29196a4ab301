-- What a search reads stays in narrow rows; what only the page of one series shows lies beside them.
DROP INDEX series_body;
CREATE TABLE series_body (
  id         INTEGER PRIMARY KEY,         -- as in series
  stacks     TEXT NOT NULL,               -- JSON
  facts      TEXT NOT NULL,               -- JSON
  attributes TEXT NOT NULL DEFAULT '{}',  -- JSON: what the headers say, from which the columns below are derived
  harmonised TEXT NOT NULL DEFAULT '[]',  -- JSON: each derived value with where it comes from
  rules      TEXT NOT NULL DEFAULT '',    -- the rule set that derived them
  member     TEXT NOT NULL DEFAULT ''     -- JSON: what the checks of its study compare
);
INSERT INTO series_body (id, stacks, facts) SELECT id, stacks, facts FROM series;
ALTER TABLE series DROP COLUMN stacks;
ALTER TABLE series DROP COLUMN facts;

-- The keyed identity of the scanner, made where its serial number is still seen.
ALTER TABLE instance ADD COLUMN scanner TEXT;

-- Harmonised attributes.
ALTER TABLE series ADD COLUMN sex TEXT;
ALTER TABLE series ADD COLUMN age_years REAL;
ALTER TABLE series ADD COLUMN age_band TEXT;
ALTER TABLE series ADD COLUMN region TEXT;
ALTER TABLE series ADD COLUMN family TEXT;
ALTER TABLE series ADD COLUMN phase TEXT;
ALTER TABLE series ADD COLUMN kernel TEXT;
ALTER TABLE series ADD COLUMN sequence TEXT;
ALTER TABLE series ADD COLUMN weighting TEXT;
ALTER TABLE series ADD COLUMN field_t REAL;
ALTER TABLE series ADD COLUMN kvp REAL;
ALTER TABLE series ADD COLUMN exposure_mas REAL;
ALTER TABLE series ADD COLUMN thickness_mm REAL;
ALTER TABLE series ADD COLUMN vendor TEXT;
ALTER TABLE series ADD COLUMN device TEXT;
ALTER TABLE series ADD COLUMN scanner TEXT;

-- Values are compared without regard to case, and so are their indexes.
DROP INDEX series_modality;
DROP INDEX series_site;
DROP INDEX series_state;
CREATE INDEX series_modality ON series (modality COLLATE NOCASE);
CREATE INDEX series_site ON series (site COLLATE NOCASE);
CREATE INDEX series_part ON series (body_part COLLATE NOCASE);
CREATE INDEX series_state ON series (state COLLATE NOCASE);
CREATE INDEX series_region ON series (region COLLATE NOCASE);
CREATE INDEX series_scanner ON series (scanner COLLATE NOCASE);
-- The row's number ends every order.
DROP INDEX series_subject;
DROP INDEX series_latest;
DROP INDEX series_severity;
DROP INDEX series_size;
CREATE INDEX series_subject ON series (subject, study_date, study_uid, number);
CREATE INDEX series_latest ON series (latest_ms DESC);
CREATE INDEX series_severity ON series (errors DESC, warnings DESC, notes DESC);
CREATE INDEX series_size ON series (instances DESC);

-- Every distinct text of a series, once, with how many columns hold it: words are looked for here.
DROP TABLE series_text;
CREATE TABLE phrase (
  id   INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE,
  uses INTEGER NOT NULL
);
INSERT INTO phrase (text, uses)
  SELECT t, count(*) FROM (
    SELECT description AS t FROM series UNION ALL SELECT study_description FROM series
    UNION ALL SELECT body_part FROM series UNION ALL SELECT manufacturer FROM series
    UNION ALL SELECT model FROM series UNION ALL SELECT modality FROM series
    UNION ALL SELECT subject FROM series UNION ALL SELECT site FROM series
  ) WHERE t IS NOT NULL GROUP BY t;
CREATE VIRTUAL TABLE phrase_text USING fts5 (text, content = '', contentless_delete = 1, tokenize = 'unicode61');
INSERT INTO phrase_text (rowid, text) SELECT id, text FROM phrase;

-- Findings about a series by itself, and about its place among others: 0 and 1. Each check replaces its own kind.
ALTER TABLE finding ADD COLUMN scope INTEGER NOT NULL DEFAULT 0;

-- Statistics of a series' image, by which it is compared with others of its kind.
CREATE TABLE image_stats (
  series_uid  TEXT PRIMARY KEY,
  kind        TEXT NOT NULL,              -- scanner, modality and how it was made: what may be compared
  noise       REAL,
  contrast    REAL,
  sharpness   REAL,
  fingerprint TEXT                        -- of all pixels, whatever they are called
) WITHOUT ROWID;
CREATE INDEX image_stats_kind ON image_stats (kind);
CREATE INDEX image_stats_fingerprint ON image_stats (fingerprint);

-- Searches that people keep.
CREATE TABLE saved_search (
  name  TEXT PRIMARY KEY,
  query TEXT NOT NULL,
  sort  TEXT NOT NULL,                    -- JSON
  owner TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) WITHOUT ROWID;
