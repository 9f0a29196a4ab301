-- What a decision was made on: a digest of the series' pixels and findings. None where an earlier version decided.
ALTER TABLE task ADD COLUMN decided_on BLOB;
