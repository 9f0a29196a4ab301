-- What is known of the workspace itself: the fingerprint of its secret, the configuration that was last in force.
CREATE TABLE about (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
-- The trail entry whose Merkle root covers a stored instance, and its place among the leaves; absent for what was stored
-- before this was kept.
ALTER TABLE instance ADD COLUMN event INTEGER;
ALTER TABLE instance ADD COLUMN place INTEGER;
CREATE INDEX instance_event ON instance (event, place);
-- Leaves of instances that were replaced since: without them the root of their entry cannot be made again.
CREATE TABLE former_leaf (
  event INTEGER NOT NULL,
  place INTEGER NOT NULL,
  hash  BLOB NOT NULL,
  PRIMARY KEY (event, place)
) WITHOUT ROWID;
