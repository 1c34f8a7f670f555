//! Text kernels against `std` and a naive matcher, over every layout and encoding.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray, StringViewArray};
use arrow::compute;
use esker_datatypes::{Buffers, Column, DataType, Result, ScalarValue, Selection};
use proptest::prelude::*;

use super::*;
use crate::testing::{Recipe, recipes, truth};

const LAYOUTS: [DataType; 3] = [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View];

/// Texts of few different characters, of one to four bytes, so that they often hold each other.
fn text() -> impl Strategy<Value = String> {
    let char = prop::sample::select(vec!['a', 'b', 'é', '漢', '😀', ' ', '%', '_', 'B', 'ß']);
    let len = prop_oneof![4 => 0..5usize, 2 => 5..14usize, 1 => 14..60usize];
    len.prop_flat_map(move |len| prop::collection::vec(char.clone(), len))
        .prop_map(String::from_iter)
}

/// A pool of texts in one of the layouts.
fn pool() -> impl Strategy<Value = ArrayRef> {
    let layout = prop::sample::select(LAYOUTS.to_vec());
    (prop::collection::vec(text(), 1..40), layout).prop_map(|(texts, layout)| {
        let array: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        compute::cast(&array, &layout).unwrap()
    })
}

fn texts(column: &Column) -> Vec<Option<String>> {
    let text = |row| column.value(row).unwrap().as_str().map(str::to_owned);
    (0..column.len()).map(text).collect()
}

/// Runs a kernel and compares its selected rows, shown as text, with what the oracle says of them.
fn check<T: std::fmt::Debug + PartialEq>(
    columns: &[Column],
    selection: &Selection,
    kernel: impl Fn(&[Column], &Selection, &mut Buffers) -> Result<Column>,
    read: impl Fn(ScalarValue) -> Option<T>,
    oracle: impl Fn(usize) -> Option<T>,
) {
    let got = kernel(columns, selection, &mut Buffers::default()).unwrap();
    assert_eq!(got.len(), selection.len());
    for row in selection.iter() {
        let value = read(got.value(row).unwrap());
        assert_eq!(value, oracle(row), "row {row} of {columns:?}");
    }
}

fn owned(value: ScalarValue) -> Option<String> {
    assert_eq!(value.data_type(), &DataType::Utf8View);
    value.as_str().map(str::to_owned)
}

/// `LIKE` as the standard words it, by trying everything.
fn like(text: &[char], pattern: &[char], escape: Option<char>) -> bool {
    match pattern {
        [] => text.is_empty(),
        [first, literal, rest @ ..] if Some(*first) == escape => {
            text.first() == Some(literal) && like(&text[1..], rest, escape)
        }
        ['%', rest @ ..] => (0..=text.len()).any(|at| like(&text[at..], rest, escape)),
        ['_', rest @ ..] => !text.is_empty() && like(&text[1..], rest, escape),
        [literal, rest @ ..] => text.first() == Some(literal) && like(&text[1..], rest, escape),
    }
}

fn naive(kind: PatternKind, text: &str, pattern: &str) -> bool {
    match kind {
        PatternKind::Contains => text.contains(pattern),
        PatternKind::StartsWith => text.starts_with(pattern),
        PatternKind::EndsWith => text.ends_with(pattern),
        PatternKind::Like { escape } => {
            let chars = |text: &str| text.chars().collect::<Vec<char>>();
            like(&chars(text), &chars(pattern), escape)
        }
    }
}

fn kind() -> impl Strategy<Value = PatternKind> {
    prop::sample::select(vec![
        PatternKind::Contains,
        PatternKind::StartsWith,
        PatternKind::EndsWith,
        PatternKind::Like { escape: None },
        PatternKind::Like { escape: None },
        PatternKind::Like { escape: Some('b') },
    ])
}

/// Patterns: short, with many wildcards.
fn pattern() -> impl Strategy<Value = String> {
    let char = prop::sample::select(vec!['%', '%', '%', '_', 'a', 'b', 'é', '漢', '😀', ' ']);
    prop::collection::vec(char, 0..7).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn patterns_are_found(
        pool in pool(),
        (recipe, selection) in recipes(1),
        kind in kind(),
        pattern in pattern(),
    ) {
        let column = recipe[0].encoded(&pool);
        let values = texts(&column);
        let Ok(prepared) = TextPattern::new(kind, &pattern) else {
            // Escapes that escape nothing.
            prop_assert!(pattern.ends_with('b'));
            prop_assert_eq!(kind, PatternKind::Like { escape: Some('b') });
            return Ok(());
        };
        check(
            &[column],
            &selection,
            |columns, selection, buffers| find(&columns[0], &prepared, selection, buffers),
            |value| value.as_bool(),
            |row| values[row].as_ref().map(|text| naive(kind, text, &pattern)),
        );
    }

    #[test]
    fn each_row_has_its_pattern(
        pool in pool(),
        patterns in prop::collection::vec(pattern(), 1..9),
        (recipe, selection) in recipes(2),
        kind in kind(),
    ) {
        prop_assume!(kind != PatternKind::Like { escape: Some('b') });
        let patterns: ArrayRef = Arc::new(StringViewArray::from_iter_values(patterns));
        let columns = [recipe[0].encoded(&pool), recipe[1].encoded(&patterns)];
        let (values, patterns) = (texts(&columns[0]), texts(&columns[1]));
        check(
            &columns,
            &selection,
            |columns, selection, buffers| {
                find_each(&columns[0], kind, &columns[1], selection, buffers)
            },
            |value| value.as_bool(),
            |row| Some(naive(kind, values[row].as_ref()?, patterns[row].as_ref()?)),
        );
    }

    #[test]
    fn parts_of_text(
        pool in pool(),
        (recipe, selection) in recipes(3),
        positions in prop::collection::vec(prop_oneof![-5..6i64, -70..70i64], 1..9),
    ) {
        let positions: ArrayRef = Arc::new(arrow::array::Int64Array::from_iter_values(
            positions.into_iter().chain([i64::MIN, i64::MAX]),
        ));
        let columns = [
            recipe[0].encoded(&pool),
            recipe[1].encoded(&positions),
            recipe[2].encoded(&positions),
        ];
        let values = texts(&columns[0]);
        let position = |column: usize, row| {
            columns[column].value(row).unwrap().as_i128().map(|value| value as i64)
        };
        // Positions as Python has them.
        let slice_of = |text: &str, start: i64, end: Option<i64>| -> String {
            let chars: Vec<char> = text.chars().collect();
            let len = chars.len() as i128;
            let at = |position: i64| {
                let position = i128::from(position);
                (if position < 0 { position + len } else { position }).clamp(0, len) as usize
            };
            let (start, end) = (at(start), end.map_or(chars.len(), at));
            chars.get(start..end).unwrap_or_default().iter().collect()
        };
        check(
            &columns,
            &selection,
            |c, selection, buffers| slice(&c[0], &c[1], Some(&c[2]), selection, buffers),
            owned,
            |row| {
                let (start, end) = (position(1, row)?, position(2, row)?);
                Some(slice_of(values[row].as_ref()?, start, Some(end)))
            },
        );
        check(
            &columns,
            &selection,
            |c, selection, buffers| slice(&c[0], &c[1], None, selection, buffers),
            owned,
            |row| Some(slice_of(values[row].as_ref()?, position(1, row)?, None)),
        );
        for (side, strip_of) in [
            (Side::Both, str::trim as fn(&str) -> &str),
            (Side::Start, str::trim_start),
            (Side::End, str::trim_end),
        ] {
            check(
                &columns,
                &selection,
                |c, selection, buffers| strip(&c[0], side, selection, buffers),
                owned,
                |row| Some(strip_of(values[row].as_ref()?).to_owned()),
            );
        }
    }

    #[test]
    fn changed_text(pool in pool(), (recipe, selection) in recipes(3)) {
        let columns: Vec<Column> = recipe.iter().map(|recipe: &Recipe| recipe.encoded(&pool)).collect();
        let values: Vec<_> = columns.iter().map(texts).collect();
        check(
            &columns,
            &selection,
            |c, selection, buffers| upper(&c[0], selection, buffers),
            owned,
            |row| Some(values[0][row].as_ref()?.to_uppercase()),
        );
        check(
            &columns,
            &selection,
            |c, selection, buffers| lower(&c[0], selection, buffers),
            owned,
            |row| Some(values[0][row].as_ref()?.to_lowercase()),
        );
        check(
            &columns,
            &selection,
            |c, selection, buffers| replace(&c[0], &c[1], &c[2], selection, buffers),
            owned,
            |row| {
                let (old, new) = (values[1][row].as_ref()?, values[2][row].as_ref()?);
                Some(values[0][row].as_ref()?.replace(old, new))
            },
        );
        check(
            &columns,
            &selection,
            |c, selection, buffers| len_chars(&c[0], selection, buffers),
            |value| value.as_i128(),
            |row| Some(values[0][row].as_ref()?.chars().count() as i128),
        );
        check(
            &columns,
            &selection,
            |c, selection, buffers| len_bytes(&c[0], selection, buffers),
            |value| value.as_i128(),
            |row| Some(values[0][row].as_ref()?.len() as i128),
        );
    }
}

/// A hit across the end of a text is none, also where texts lie side by side or share bytes.
#[test]
fn hits_stay_within_their_text() {
    let long = "a needle in a haystack";
    let texts = [
        "what comes before a nee",
        "dle comes after it, all",
        "",
        long,
        "needle",
        "nothing that is sought here",
        long,
    ];
    let want = [false, false, false, true, true, false, true];
    for layout in LAYOUTS {
        let array: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        let array = compute::cast(&array, &layout).unwrap();
        let column = Column::flat(array);
        for kind in [PatternKind::Contains, PatternKind::Like { escape: None }] {
            let text = match kind {
                PatternKind::Contains => "needle",
                _ => "%need%le%",
            };
            let pattern = TextPattern::new(kind, text).unwrap();
            let all = Selection::all(texts.len());
            let found = find(&column, &pattern, &all, &mut Buffers::default()).unwrap();
            for (row, want) in want.iter().enumerate() {
                assert_eq!(truth(&found, row), Some(*want), "{layout} row {row}");
            }
        }
    }
    // Views of one text that overlap, out of order.
    let whole: ArrayRef = Arc::new(StringViewArray::from(vec![
        "the first needle and the second needle of it",
    ]));
    let slice_at = |start: i64, end: i64| {
        let at = |position: i64| Column::constant(ScalarValue::from(position), 1);
        let all = Selection::all(1);
        let column = Column::flat(Arc::clone(&whole));
        let part = slice(
            &column,
            &at(start),
            Some(&at(end)),
            &all,
            &mut Buffers::default(),
        );
        part.unwrap().to_flat()
    };
    let parts = [
        slice_at(20, 44),
        slice_at(0, 14),
        slice_at(0, 20),
        slice_at(12, 40),
    ];
    let parts: Vec<&dyn arrow::array::Array> = parts.iter().map(AsRef::as_ref).collect();
    let column = Column::flat(compute::concat(&parts).unwrap());
    let pattern = TextPattern::new(PatternKind::Contains, "needle").unwrap();
    let found = find(
        &column,
        &pattern,
        &Selection::all(4),
        &mut Buffers::default(),
    )
    .unwrap();
    let found: Vec<_> = (0..4).map(|row| truth(&found, row)).collect();
    assert_eq!(found, [Some(true), Some(false), Some(true), Some(true)]);
}

#[test]
fn titles() {
    let check = |text: &str, want: &str| {
        let column = Column::constant(ScalarValue::from(text), 1);
        let titled = title(&column, &Selection::all(1), &mut Buffers::default()).unwrap();
        assert_eq!(titled.value(0).unwrap().as_str(), Some(want));
    };
    check("  Widget A ", "  Widget A ");
    check("gadget", "Gadget");
    check("o'NEIL of 3rd", "O'Neil Of 3Rd");
    check("éCLAIR straße", "Éclair Straße");
    check("", "");
}

#[test]
fn parts_share_bytes() {
    use arrow::array::AsArray;
    let text = "a text that is longer than what stands in a view";
    for layout in LAYOUTS {
        let array: ArrayRef = Arc::new(StringArray::from(vec![text; 3]));
        let column = Column::flat(compute::cast(&array, &layout).unwrap());
        let at = |position: i64| Column::constant(ScalarValue::from(position), 3);
        let all = Selection::all(3);
        let part = slice(
            &column,
            &at(2),
            Some(&at(30)),
            &all,
            &mut Buffers::default(),
        );
        let part = part.unwrap().to_flat();
        let part = part.as_string_view();
        assert_eq!(part.value(2), &text[2..30]);
        let own: usize = part.data_buffers().iter().map(|buffer| buffer.len()).sum();
        assert!(own <= 3 * text.len(), "{layout} was copied");
        // What stands in the views keeps no bytes alive.
        let short = slice(&column, &at(0), Some(&at(2)), &all, &mut Buffers::default());
        let short = short.unwrap().to_flat();
        assert!(short.as_string_view().data_buffers().is_empty());
        let new = upper(&column, &all, &mut Buffers::default())
            .unwrap()
            .to_flat();
        let new = new.as_string_view();
        assert_eq!(new.value(1), text.to_uppercase());
        let own: usize = new.data_buffers().iter().map(|buffer| buffer.len()).sum();
        assert_eq!(own, 3 * text.len());
    }
}

#[test]
fn an_escape_needs_something_to_escape() {
    let kind = PatternKind::Like { escape: Some('!') };
    let error = TextPattern::new(kind, "100!").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the pattern '100!' ends with its escape '!'"
    );
    let pattern = TextPattern::new(kind, "100!%%").unwrap();
    assert!(pattern.matches("100% wool") && !pattern.matches("1000"));
    // Rows that are not selected raise no error.
    let column = |text: &str| Column::constant(ScalarValue::from(text), 2);
    let (none, buffers) = (Selection::none(2), &mut Buffers::default());
    assert!(find_each(&column("a"), kind, &column("!"), &none, buffers).is_ok());
    assert!(
        find_each(
            &column("a"),
            kind,
            &column("!"),
            &Selection::all(2),
            buffers
        )
        .is_err()
    );
}

#[test]
fn lengths_of_ascii_and_of_others() {
    let check = |texts: &[&str]| {
        let array: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        for layout in LAYOUTS {
            let column = Column::flat(compute::cast(&array, &layout).unwrap());
            // Backwards, so that views lead back and forth.
            let back: Vec<u32> = (0..texts.len() as u32).rev().collect();
            let back = compute::take(
                &column.to_flat(),
                &arrow::array::UInt32Array::from(back),
                None,
            )
            .unwrap();
            let column = match layout {
                DataType::Utf8View => Column::flat(back),
                _ => column,
            };
            let want: Vec<usize> = self::texts(&column)
                .into_iter()
                .map(|text| text.unwrap().chars().count())
                .collect();
            let all = Selection::all(texts.len());
            let got = len_chars(&column, &all, &mut Buffers::default()).unwrap();
            for (row, want) in want.into_iter().enumerate() {
                let got = got.value(row).unwrap().as_i128();
                assert_eq!(got, Some(want as i128), "{layout} {texts:?}");
            }
        }
    };
    check(&[
        "",
        "short",
        "a text that stands in a buffer",
        "another one of that kind",
    ]);
    check(&[
        "",
        "short",
        "a text that stands in a buffer",
        "änother one of that kind",
    ]);
    check(&[
        "",
        "shört",
        "a text that stands in a buffer",
        "another one of that kind",
    ]);
    check(&["thirteen-byt漢", "a text that stands in a buffer"]);
}
