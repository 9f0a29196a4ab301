-- The landing side's store of what the instances of each study name. Studies and values are sealed; `owed` is the
-- remapped study UID.
CREATE TABLE known (
  study BLOB NOT NULL,
  kind  INTEGER NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (study, kind, value)
) WITHOUT ROWID;

CREATE TABLE study (
  study      BLOB PRIMARY KEY,
  generation INTEGER NOT NULL,            -- rises when an instance names something new
  owed       TEXT                         -- set until somebody has looked which instances that concerns
) WITHOUT ROWID;
CREATE INDEX study_owed ON study (owed) WHERE owed IS NOT NULL;
