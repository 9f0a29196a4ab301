-- Which sealing the values have: 2 is AES-SIV (RFC 5297). Empty where they still have the earlier one.
CREATE TABLE sealing (
  version INTEGER NOT NULL
);
