//! The terminal: how wide a printed table may be.

use terminal_size::Width;

/// How many columns of text a line on standard output has.
///
/// The environment variable `COLUMNS` decides when it is a positive number; else the terminal is
/// asked. `None` when standard output is not a terminal: what is written there is as wide as it is.
#[expect(
    clippy::disallowed_methods,
    reason = "this module is where environment and terminal are asked"
)]
pub fn width() -> Option<usize> {
    let asked = || terminal_size::terminal_size_of(std::io::stdout());
    columns(std::env::var("COLUMNS").ok().as_deref())
        .or_else(|| asked().map(|(Width(width), _)| usize::from(width)))
        .filter(|&width| width > 0)
}

/// The value of `COLUMNS`, when it is a positive number.
fn columns(value: Option<&str>) -> Option<usize> {
    value?.trim().parse().ok().filter(|&width| width > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_positive_numbers_count() {
        let check = |value, want| assert_eq!(columns(value), want, "{value:?}");
        check(Some("120"), Some(120));
        check(Some(" 80 "), Some(80));
        check(Some("0"), None);
        check(Some("-3"), None);
        check(Some("wide"), None);
        check(Some(""), None);
        check(None, None);
    }
}
