//! Hash tables of keys of any types.
//!
//! `GroupTable` numbers the distinct keys of the rows it meets: grouping and distinct.
//! `JoinTable` is built once of chunks of rows and tells each row of another input which of them
//! have its key. Whatever the types and encodings of the key columns are, they become rows of
//! words, and words are compared.

/// Keys in ascending order.
mod ascending;
/// Arrays in place of tables.
mod direct;
/// Groups.
mod group;
/// Keys that go from one table to another.
mod group_keys;
/// Rows to join with.
mod join;
/// Rows of words.
mod layout;
/// Values in rows of words.
mod pack;
/// Rows to look up.
mod resolve;
/// Rows that are looked up.
mod rows;
/// Values of rows.
mod source;
/// Distinct keys.
mod table;
/// Columns out of keys.
mod values;
/// Words of a key.
mod width;
/// Keys out of columns.
mod words;

pub use ascending::AscendingKeys;
pub use group::GroupTable;
pub use group_keys::GroupKeys;
pub use join::{JoinKeys, JoinPart, JoinTable, KeyChunk, KeySet, Matches, ProbeState};

/// The seed of the [hashes of rows](crate::hash::hash_rows) that the tables of this module use.
pub const HASH_SEED: u64 = 0x9216_d5d9_8979_fb1b;
