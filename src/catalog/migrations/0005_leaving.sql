-- Blobs that no row names any more since a study was cleaned again, until their bytes are gone.
CREATE TABLE leaving (blob TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
