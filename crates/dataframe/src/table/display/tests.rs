//! Tests of tables as text, by exact strings.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array,
    Int64Array, ListArray, StringArray, StructArray,
};
use arrow::datatypes::{Field, Int32Type, Int64Type};

use super::*;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let columns = columns
        .into_iter()
        .map(|(name, array)| (name.to_owned(), array, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn ints(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// Prints batches with this width and number of rows; no line is wider.
fn check(batches: &[RecordBatch], width: usize, max_rows: usize, want: &str) {
    let text = format(&batches[0].schema(), batches, width, max_rows);
    assert_eq!(text, want.trim_start_matches('\n'), "\n{text}");
    for line in text
        .lines()
        .filter(|line| line.starts_with(['┌', '│', '├', '└']))
    {
        assert!(line.width() <= width, "{line}");
    }
}

#[test]
fn types_stand_under_names_and_numbers_to_the_right() {
    let batch = batch(vec![
        ("id", ints([1, 20])),
        (
            "name",
            Arc::new(StringArray::from(vec![Some("Bill"), None])),
        ),
        (
            "pay",
            Arc::new(Float64Array::from(vec![Some(0.5), Some(1e300)])),
        ),
        ("ok", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("day", Arc::new(Date32Array::from(vec![Some(10471), None]))),
        (
            "cents",
            Arc::new(
                Decimal128Array::from(vec![Some(-5), None])
                    .with_precision_and_scale(3, 2)
                    .unwrap(),
            ),
        ),
    ]);
    check(
        &[batch],
        100,
        20,
        "
┌───────┬──────┬─────────┬─────────┬────────────┬──────────────────┐
│    id │ name │     pay │ ok      │ day        │            cents │
│ Int64 │ Utf8 │ Float64 │ Boolean │ Date32     │ Decimal128(3, 2) │
├───────┼──────┼─────────┼─────────┼────────────┼──────────────────┤
│     1 │ Bill │     0.5 │ true    │ 1998-09-02 │            -0.05 │
│    20 │ NULL │   1e300 │ NULL    │ NULL       │             NULL │
└───────┴──────┴─────────┴─────────┴────────────┴──────────────────┘
2 rows, 6 columns",
    );
}

#[test]
fn long_tables_show_their_ends() {
    let rows = |from: i64, to: i64| batch(vec![("a", ints(from..to))]);
    let batches = [rows(0, 2), rows(2, 2), rows(2, 999), rows(999, 1234)];
    check(
        &batches,
        80,
        5,
        "
┌───────┐
│     a │
│ Int64 │
├───────┤
│     0 │
│     1 │
│     2 │
│     … │
│  1232 │
│  1233 │
└───────┘
showing 5 of 1,234 rows, 1 column",
    );
    check(
        &[rows(0, 2)],
        80,
        2,
        "
┌───────┐
│     a │
│ Int64 │
├───────┤
│     0 │
│     1 │
└───────┘
2 rows, 1 column",
    );
}

#[test]
fn wide_tables_lose_their_middle() {
    let names: Vec<String> = (0..1000).map(|i| format!("c{i}")).collect();
    let columns = names
        .iter()
        .map(|name| (name.as_str(), ints([1])))
        .collect();
    check(
        &[batch(columns)],
        40,
        20,
        "
┌───────┬───────┬───┬───────┬───────┐
│    c0 │    c1 │ … │  c998 │  c999 │
│ Int64 │ Int64 │   │ Int64 │ Int64 │
├───────┼───────┼───┼───────┼───────┤
│     1 │     1 │ … │     1 │     1 │
└───────┴───────┴───┴───────┴───────┘
showing 1 row, 4 of 1,000 columns",
    );
}

#[test]
fn long_values_are_cut_before_columns_go() {
    let long = "x".repeat(100);
    let two = |width, want| {
        check(
            &[batch(vec![
                ("first", texts(&[&long])),
                ("n", ints([1])),
                ("last", texts(&["abc"])),
            ])],
            width,
            20,
            want,
        );
    };
    two(
        40,
        "
┌───────────────────────┬───────┬──────┐
│ first                 │     n │ last │
│ Utf8                  │ Int64 │ Utf8 │
├───────────────────────┼───────┼──────┤
│ xxxxxxxxxxxxxxxxxxxx… │     1 │ abc  │
└───────────────────────┴───────┴──────┘
1 row, 3 columns",
    );
    two(
        27,
        "
┌──────────────┬───┬──────┐
│ first        │ … │ last │
│ Utf8         │   │ Utf8 │
├──────────────┼───┼──────┤
│ xxxxxxxxxxx… │ … │ abc  │
└──────────────┴───┴──────┘
showing 1 row, 2 of 3 columns",
    );
}

#[test]
fn one_column_is_always_shown() {
    let wide = batch(vec![("name", texts(&["abcdefghij"]))]);
    check(
        &[wide],
        9,
        20,
        "
┌───────┐
│ name  │
│ Utf8  │
├───────┤
│ abcd… │
└───────┘
1 row, 1 column",
    );
    let two = batch(vec![
        ("name", texts(&["abcdefghij"])),
        ("other", texts(&["x"])),
    ]);
    check(
        &[two],
        12,
        20,
        "
┌──────┬───┐
│ name │ … │
│ Utf8 │   │
├──────┼───┤
│ abc… │ … │
└──────┴───┘
showing 1 row, 1 of 2 columns",
    );
}

#[test]
fn widths_are_those_of_the_terminal() {
    let values = [
        "日本語",
        "👩‍👩‍👧 ok",
        "e\u{301}te\u{301}",
        "a\nb\tc\u{1b}[31m",
        "x\u{202e}y",
        "",
    ];
    check(
        &[batch(vec![("名前", texts(&values)), ("n", ints(0..6))])],
        80,
        20,
        "
┌───────────────────┬───────┐
│ 名前              │     n │
│ Utf8              │ Int64 │
├───────────────────┼───────┤
│ 日本語            │     0 │
│ 👩‍👩‍👧 ok             │     1 │
│ e\u{301}te\u{301}               │     2 │
│ a\\nb\\tc\\u{1b}[31m │     3 │
│ x\\u{202e}y        │     4 │
│                   │     5 │
└───────────────────┴───────┘
6 rows, 2 columns",
    );
    let cut = |text: &str, width: usize, want: &str| assert_eq!(shorten(text, width), want);
    cut("日本語", 6, "日本語");
    cut("日本語", 5, "日本…");
    cut("日本語", 4, "日…");
    cut("abc", 3, "abc");
    cut("abc", 2, "a…");
    cut("abc", 1, "…");
    // No half escapes.
    cut("a\u{1b}b", 4, "a…");
    cut("👩\u{200d}👧", 3, "👩…");
    cut("e\u{301}e\u{301}e\u{301}", 3, "e\u{301}e\u{301}e\u{301}");
    cut("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…");
}

#[test]
fn nothing_to_show() {
    check(
        &[batch(vec![("a", ints([])), ("b", texts(&[]))])],
        80,
        20,
        "
┌───────┬──────┐
│     a │ b    │
│ Int64 │ Utf8 │
└───────┴──────┘
0 rows, 2 columns",
    );
    let schema = ArrowSchema::empty();
    assert_eq!(format(&schema, &[], 80, 20), "0 rows, 0 columns");
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(1000));
    let rows = RecordBatch::try_new_with_options(Arc::new(schema.clone()), vec![], &options);
    assert_eq!(
        format(&schema, &[rows.unwrap()], 80, 20),
        "1,000 rows, 0 columns"
    );
}

#[test]
fn nested_and_encoded_values() {
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>([
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    let field = |name| Arc::new(Field::new(name, DataType::Utf8, true));
    let pair = StructArray::from(vec![
        (field("x"), texts(&["a", "b\n", "c"])),
        (
            field("y"),
            Arc::new(StringArray::from(vec![None, Some("q"), None])) as ArrayRef,
        ),
    ]);
    let codes: DictionaryArray<Int32Type> = [Some("CO"), None, Some("CA")].into_iter().collect();
    let numbers =
        DictionaryArray::<Int32Type>::try_new(vec![1, 0, 1].into(), ints([7, 42])).unwrap();
    let batch = batch(vec![
        ("list", Arc::new(list)),
        ("pair", Arc::new(pair)),
        ("code", Arc::new(codes)),
        ("number", Arc::new(numbers)),
    ]);
    let text = format(&batch.schema(), &[batch], 200, 20);
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split('│').map(str::trim).collect())
        .collect();
    assert_eq!(rows[4][1..5], ["[1, NULL]", "{x: a, y: NULL}", "CO", "42"]);
    assert_eq!(rows[5][1..5], ["NULL", r"{x: b\n, y: q}", "NULL", "7"]);
    assert_eq!(rows[6][1..5], ["[]", "{x: c, y: NULL}", "CA", "42"]);
    assert!(text.contains(" 42 │\n"), "{text}");
}

#[test]
fn a_table_prints_itself() {
    let batch = batch(vec![("a", ints([1]))]);
    let table = Table::new(batch.schema(), vec![batch]);
    assert_eq!(table.to_string().lines().last(), Some("1 row, 1 column"));
}
