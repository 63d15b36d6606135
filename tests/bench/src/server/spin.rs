//! `spin up`, as it comes.
