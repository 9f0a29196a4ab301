-- The trail entry whose Merkle root covers a read, its place among the leaves there, and the leaf as it was then; absent
-- for what was stored before this was kept.
ALTER TABLE read ADD COLUMN event INTEGER;
ALTER TABLE read ADD COLUMN place INTEGER;
ALTER TABLE read ADD COLUMN leaf BLOB;
CREATE INDEX read_event ON read (event, place);
