-- The generation of what its study names under which an instance's text was cleaned; what came before this was counted
-- knows of nobody but itself.
ALTER TABLE instance ADD COLUMN known INTEGER NOT NULL DEFAULT 0;
CREATE INDEX instance_study ON instance (study_uid, known);
