-- Which process and terminal holds a task: two terminals of one user are two holders.
ALTER TABLE task ADD COLUMN claim_session TEXT;
