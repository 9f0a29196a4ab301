-- Who the headers of each study say its subject is. Values are sealed, the key of a person is a keyed hash.
CREATE TABLE person (
  study_uid TEXT NOT NULL,                -- remapped
  subject   TEXT NOT NULL,                -- the pseudonym that the header gives
  site      TEXT NOT NULL,
  identity  BLOB,                         -- of name and birth date; absent where either is
  value     BLOB NOT NULL,
  PRIMARY KEY (study_uid, value)
) WITHOUT ROWID;
CREATE INDEX person_subject ON person (subject);
CREATE INDEX person_identity ON person (identity) WHERE identity IS NOT NULL;
