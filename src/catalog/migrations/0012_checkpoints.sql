-- Signed checkpoints of the trail, by the number of entries that each covers.
CREATE TABLE checkpoint (
  entries   INTEGER PRIMARY KEY,
  hash      TEXT NOT NULL,
  at_ms     INTEGER NOT NULL,
  key       TEXT NOT NULL,
  signature TEXT NOT NULL
);
