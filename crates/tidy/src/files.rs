//! Source files: short, introduced by a sentence, and a `lib.rs` that explains its layer.

use crate::Tree;

/// The most lines of a source file, its `#[cfg(test)]` modules left aside.
pub const MAX_LINES: usize = 800;

/// The most lines of a file of tests: `tests.rs`, or any file below a folder `tests`.
pub const MAX_TEST_LINES: usize = 1500;

/// No file of a crate is longer than [`MAX_LINES`], no file of tests than [`MAX_TEST_LINES`].
pub fn lengths(tree: &Tree) -> Vec<String> {
    let crates = tree
        .sources()
        .filter(|(path, _)| path.starts_with("crates/"));
    crates
        .filter_map(|(path, text)| length_of(path, text))
        .collect()
}

fn length_of(path: &str, text: &str) -> Option<String> {
    if path.ends_with("/tests.rs") || path.contains("/tests/") {
        let lines = text.lines().count();
        (lines > MAX_TEST_LINES).then(|| {
            format!(
                "{path}: {lines} lines of tests; {MAX_TEST_LINES} is the most. Split it by what is \
                 tested, or turn repetition into rows of a table."
            )
        })
    } else {
        let lines = lines_without_tests(text);
        (lines > MAX_LINES).then(|| {
            format!(
                "{path}: {lines} lines before its tests; {MAX_LINES} is the most and 200 the aim. \
                 Split it by what a reader looks for: one node, operator or function a file."
            )
        })
    }
}

/// Counts the lines outside of `#[cfg(test)] mod .. { .. }`.
///
/// Leans on rustfmt: such a module starts at the left margin, and so does the brace that ends it.
fn lines_without_tests(text: &str) -> usize {
    let mut count = 0;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line != "#[cfg(test)]" {
            count += 1;
            continue;
        }
        let mut attributes = 1;
        while lines.next_if(|line| line.starts_with("#[")).is_some() {
            attributes += 1;
        }
        let module = |line: &&str| line.split(' ').any(|word| word == "mod") && line.ends_with('{');
        match lines.next_if(module) {
            Some(_) => while lines.next().is_some_and(|line| line != "}") {},
            None => count += attributes,
        }
    }
    count
}

/// Every `.rs` file opens with a `//!` sentence that says what it is.
pub fn headers(tree: &Tree) -> Vec<String> {
    let bare = tree.sources().filter(|(_, text)| {
        let first = text.lines().next().unwrap_or_default();
        first
            .strip_prefix("//!")
            .is_none_or(|words| words.trim().is_empty())
    });
    bare.map(|(path, _)| {
        format!(
            "{path}: the first line is not a `//!` sentence. Say in one sentence what this file \
             is, above attributes and imports."
        )
    })
    .collect()
}

/// Each layer's `lib.rs` opens with an essay that says what the layer does not know; tidy alone
/// is no layer.
pub fn essays(tree: &Tree) -> Vec<String> {
    let silent = libs(tree).filter(|(path, text)| {
        *path != "crates/tidy/src/lib.rs" && !essay(text).contains("does not know")
    });
    silent
        .map(|(path, _)| {
            format!(
                "{path}: the essay does not contain the words \"does not know\". Absences cannot \
                 be read from code: say which parts of the engine this layer does not know."
            )
        })
        .collect()
}

/// The `//!` block that opens `text`, as one line, in lower case, without emphasis.
fn essay(text: &str) -> String {
    let block = text.lines().map_while(|line| line.strip_prefix("//!"));
    let words: Vec<_> = block.flat_map(str::split_whitespace).collect();
    words.join(" ").replace(['*', '_'], "").to_lowercase()
}

/// No `lib.rs` re-exports with a glob: a layer's public names are listed, one by one.
pub fn reexports(tree: &Tree) -> Vec<String> {
    libs(tree)
        .flat_map(|(path, text)| {
            glob_reexports(text).into_iter().map(move |found| {
                format!(
                    "{path}: `{found}` re-exports with a glob. List the names, so that a new \
                     public name is a decision and a folded `lib.rs` reads as the layer's contents."
                )
            })
        })
        .collect()
}

/// The statements `pub use ..*..;` of `text`, each on one line.
fn glob_reexports(text: &str) -> Vec<String> {
    let code = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    let words: Vec<_> = code.flat_map(str::split_whitespace).collect();
    let code = words.join(" ");
    let statements = code.split("pub use ").skip(1);
    let paths = statements.filter_map(|rest| rest.split(';').next());
    paths
        .filter(|path| path.contains('*'))
        .map(|path| format!("pub use {path}"))
        .collect()
}

/// The `lib.rs` of every crate: path and text.
fn libs(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.sources()
        .filter(|(path, _)| path.starts_with("crates/") && path.ends_with("/src/lib.rs"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::testing::check;

    const LONG: &str = "crates/kernels/src/long.rs";

    /// A source of `code` lines, a test module of `tests` lines more and `after` lines of code.
    fn source(code: usize, tests: usize, after: usize) -> String {
        let line = "let x = 1;\n";
        let module = format!(
            "#[cfg(test)]\n#[rustfmt::skip]\nmod tests {{\n{}}}\n",
            line.repeat(tests)
        );
        line.repeat(code) + &module + &line.repeat(after)
    }

    #[test]
    fn a_source_is_measured_without_its_test_modules() {
        check(lengths, &[(LONG, &source(800, 1000, 0))], &[]);
        check(
            lengths,
            &[(LONG, &source(801, 0, 0))],
            &["long.rs: 801 lines before its tests"],
        );
        check(
            lengths,
            &[(LONG, &source(700, 9, 200))],
            &["long.rs: 900 lines"],
        );
    }

    #[test]
    fn a_test_only_item_at_the_top_hides_nothing() {
        for item in [
            "#[cfg(test)]\nmod tests;\n",
            "#[cfg(test)]\nuse std::fmt;\n",
        ] {
            let text = item.to_string() + &source(799, 10, 0);
            check(lengths, &[(LONG, &text)], &["long.rs: 801 lines"]);
        }
    }

    #[test]
    fn files_of_tests_may_be_longer_but_not_endless() {
        for path in [
            "crates/kernels/src/tests.rs",
            "crates/kernels/src/sort/tests.rs",
            "crates/kernels/tests/sorting.rs",
            "crates/kernels/src/sort/tests/keys.rs",
        ] {
            check(lengths, &[(path, &"//\n".repeat(1500))], &[]);
            check(
                lengths,
                &[(path, &"//\n".repeat(1501))],
                &["1501 lines of tests"],
            );
        }
    }

    #[test]
    fn a_file_opens_with_a_sentence() {
        check(
            headers,
            &[("examples/sql/a.rs", "//! Shows a thing.\n")],
            &[],
        );
        for text in [
            "",
            "\n//! Late.\n",
            "//!\n",
            "// A remark.\n",
            "use std::fmt;\n",
        ] {
            for path in [
                "benches/src/lib.rs",
                "crates/sql/tests/a.rs",
                "examples/sql/a.rs",
            ] {
                check(
                    headers,
                    &[(path, text)],
                    &["the first line is not a `//!` sentence"],
                );
            }
        }
    }

    #[test]
    fn a_layer_says_what_it_does_not_know() {
        let lib = "crates/kernels/src/lib.rs";
        check(
            essays,
            &[(
                lib,
                "//! Kernels.\n//!\n//! It does\n//! *not* know plans.\n",
            )],
            &[],
        );
        check(essays, &[("crates/tidy/src/lib.rs", "//! Rules.\n")], &[]);
        for text in ["//! Kernels.\n", "//! Kernels.\n\n// does not know plans\n"] {
            check(
                essays,
                &[(lib, text)],
                &["crates/kernels/src/lib.rs: the essay"],
            );
        }
    }

    #[test]
    fn a_lib_lists_its_names() {
        let lib = "crates/kernels/src/lib.rs";
        let named = "use a::*;\n// pub use a::*;\npub use a::{B, C};\npub(crate) use d::*;\n";
        check(reexports, &[(lib, named)], &[]);
        check(
            reexports,
            &[("crates/dataframe/src/prelude.rs", "pub use a::*;\n")],
            &[],
        );
        check(
            reexports,
            &[(lib, "pub use a::*;\n")],
            &["`pub use a::*` re-exports with a glob"],
        );
        check(
            reexports,
            &[(lib, "pub use a::{\n    B,\n    c::*,\n};\n")],
            &["{ B, c::*, }`"],
        );
    }
}
