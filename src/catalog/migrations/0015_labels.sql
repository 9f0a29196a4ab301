-- The blob that holds the geometry of a read in its canonical form; absent where a read is ratings alone.
ALTER TABLE read ADD COLUMN label TEXT;
CREATE INDEX read_label ON read (label) WHERE label IS NOT NULL;

-- What two readers drew of one structure, compared; `a` < `b`. Distances are absent where one of them found nothing.
CREATE TABLE comparison (
  a       INTEGER NOT NULL,
  b       INTEGER NOT NULL,
  dice    REAL NOT NULL,
  hd95_mm REAL,
  assd_mm REAL,
  PRIMARY KEY (a, b)
) WITHOUT ROWID;
