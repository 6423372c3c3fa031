//! The file form of one day: a head, the filter, a checksum.

use super::ring::{Ring, WORDS};

/// Kind and version of the file.
const MAGIC: &[u8; 16] = b"squint seen v1\n\0";

/// Magic, seed, check, day, entries.
const HEAD_LEN: usize = MAGIC.len() + 8 + 8 + 4 + 4;

/// Length of a day's file, in octets.
pub const DAY_LEN: usize = HEAD_LEN + WORDS / 8 + 8;

/// What is hashed to see whether a file's hashes are those of this program.
const CHECKED: &[u8] = b"squint.example";

/// Why octets are no day that can be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DayError {
    /// Another length or another head.
    #[error("it is no file of this kind and version")]
    Form,
    /// The checksum does not fit.
    #[error("it is damaged")]
    Damaged,
    /// Its hashes are made in another way, or with another seed than the other days.
    #[error("its hashes are not those of the other days")]
    Hashes,
    /// The day is to come or over.
    #[error("its day lies outside the last {} days", super::DAYS)]
    Outside,
}

/// The seed that a day's file was made with; `None` where the octets are no such file.
pub fn seed_of(octets: &[u8]) -> Option<u64> {
    let (head, _) = octets.split_first_chunk::<HEAD_LEN>()?;
    let (magic, rest) = head.split_first_chunk::<16>()?;
    (magic == MAGIC).then(|| number(rest))
}

pub(super) fn write(ring: &Ring, day: u32) -> Option<Vec<u8>> {
    let entries = ring.entries(day)?;
    let mut octets = Vec::with_capacity(DAY_LEN);
    octets.extend_from_slice(MAGIC);
    octets.extend_from_slice(&ring.seed().to_le_bytes());
    octets.extend_from_slice(&ring.hash(CHECKED).to_le_bytes());
    octets.extend_from_slice(&day.to_le_bytes());
    octets.extend_from_slice(&entries.to_le_bytes());
    octets.extend_from_slice(&ring.plane(day));
    let sum = ring.hash(&octets);
    octets.extend_from_slice(&sum.to_le_bytes());
    Some(octets)
}

pub(super) fn add(ring: &Ring, octets: &[u8]) -> Result<(), DayError> {
    let seed = seed_of(octets).filter(|_| octets.len() == DAY_LEN).ok_or(DayError::Form)?;
    let (body, sum) = octets.split_at(DAY_LEN - 8);
    let (head, plane) = body.split_at(HEAD_LEN);
    if seed != ring.seed() || number(&head[24..]) != ring.hash(CHECKED) {
        return Err(DayError::Hashes);
    }
    if number(sum) != ring.hash(body) {
        return Err(DayError::Damaged);
    }
    let both = number(&head[32..]);
    let (day, entries) = (both as u32, (both >> 32) as u32);
    ring.add_plane(day, entries, plane).then_some(()).ok_or(DayError::Outside)
}

/// The first eight octets as a number; 0 where there are fewer.
fn number(octets: &[u8]) -> u64 {
    octets.first_chunk().map_or(0, |it| u64::from_le_bytes(*it))
}
