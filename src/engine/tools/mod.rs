//! Tools that need no workspace: no permission, no audit.
