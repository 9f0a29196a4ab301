-- Tokens by which people come over the web; of each only the hash is kept.
CREATE TABLE token (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL,                          -- whose it is: a reader, or a user
  role       TEXT NOT NULL,
  sha256     BLOB NOT NULL UNIQUE,
  created_ms INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  revoked_ms INTEGER
);
