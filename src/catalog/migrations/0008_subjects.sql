-- Whom a person has decided a study to be about, in place of what its headers say.
CREATE TABLE subject_of_study (
  study_uid TEXT PRIMARY KEY,
  subject   TEXT NOT NULL
) WITHOUT ROWID;
-- Two studies whose headers contradict one another, or two subjects with the same name and birth date, and what a person
-- has decided of them.
CREATE TABLE subject_ruling (
  a      TEXT NOT NULL,
  b      TEXT NOT NULL,
  ruling TEXT NOT NULL,                   -- same, different
  PRIMARY KEY (a, b)
) WITHOUT ROWID;
CREATE INDEX instance_subject ON instance (subject, study_uid);
