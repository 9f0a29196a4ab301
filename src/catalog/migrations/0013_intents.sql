-- Acts whose effect lies outside the catalog and whose outcome is not in the trail yet, by the entry that tells of the
-- intent. What stands here at a start was interrupted.
CREATE TABLE intent (
  entry  INTEGER PRIMARY KEY,
  actor  TEXT NOT NULL,
  action TEXT NOT NULL
);
