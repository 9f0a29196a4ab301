//! Files of volumes and labels, one format a file.
