//! The house rules of the Esker workspace, as functions from text to complaints.
//!
//! A layered engine stays layered only while something other than good will holds the walls. This
//! crate reads the manifests and sources of the workspace as *text* and says what breaks a rule
//! and what to do about it. It depends on no layer, so it compiles in seconds and still speaks
//! when the engine itself does not build.
//!
//! A [`Tree`] is the workspace as a map from path to text. Every rule is a pure function
//! `fn(&Tree) -> Vec<String>`: one complaint per breach, none when the house is in order. Each
//! rule's unit tests feed it a small bad tree and so prove that it can fail; `tests/tree.rs` runs
//! them all on the real one.
//!
//! Start with [`edges`], whose table is the architecture in ten lines. A new rule is a new
//! function, its rows of unit tests and one line in `tests/tree.rs`.

/// Who may depend on whom.
pub mod edges;
/// Examples: where they lie, who declares them, what they are called.
pub mod examples;
/// Source files: their length, their first line, what a `lib.rs` says and does not do.
pub mod files;
/// Manifests: one lint table, one place for versions, a reason for every third-party crate.
pub mod manifests;

mod tree;

pub use tree::{Dependency, Member, Tree};
