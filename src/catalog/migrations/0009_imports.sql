-- Imports of reads, and what each changed, so that it can be taken back.
CREATE TABLE import (
  id        INTEGER PRIMARY KEY,
  at_ms     INTEGER NOT NULL,
  actor     TEXT NOT NULL,
  undone_ms INTEGER                       -- when it was taken back
);

CREATE TABLE import_change (
  import      INTEGER NOT NULL,
  read        INTEGER NOT NULL,           -- the read that stands since
  before_read INTEGER,                    -- the read that stood before; none where there was none
  before      TEXT,                       -- what that read said then, as JSON
  PRIMARY KEY (import, read)
) WITHOUT ROWID;
CREATE INDEX import_change_read ON import_change (read);
