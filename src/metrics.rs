//! Counters that every part may bump; read as one snapshot.
