-- Profiles of de-identification that were in force, by what tells them apart: ledger lines name it. Without the profile
-- itself nobody can say whether another one takes away more.
CREATE TABLE profile (
  fingerprint TEXT PRIMARY KEY,
  json        TEXT NOT NULL
) WITHOUT ROWID;
