//! Text: searching, cutting, changing.
//!
//! Every kernel takes text of any layout and encoding. What is computed for a value is computed once
//! for each value of a dictionary and once for a constant; computed text is `Utf8View`, and text
//! that is a part of its input shares the input's bytes.
//!
//! Start with [`find`](crate::string::find()): whether texts fit a pattern.

/// Upper and lower case.
mod case;
/// Tests of a text against a pattern.
mod find;
/// How long a text is.
mod length;
/// Text to text.
mod map;
/// Patterns: what a text is tested for.
mod pattern;
/// Replacing parts of a text.
mod replace;
/// One pass over the bytes of many texts.
mod scan;
/// Parts of a text.
mod slice;

#[cfg(test)]
mod tests;

pub use case::{lower, title, upper};
pub use find::{find, find_each};
pub use length::{len_bytes, len_chars};
pub use pattern::{PatternKind, TextPattern};
pub use replace::replace;
pub use slice::{Side, slice, strip};
