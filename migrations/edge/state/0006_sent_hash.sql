-- The hash of the record with the highest number that was ever sent; absent where an earlier program sent it.
ALTER TABLE settled ADD COLUMN sent_hash BLOB CHECK (length(sent_hash) = 32);
