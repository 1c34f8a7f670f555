//! Sorts of many rows by long texts, which are cut, merged and sorted by where they begin.

use arrow::array::AsArray;
use esker_dataframe::prelude::*;

use crate::{batch, context, ints, strings};

const ROWS: usize = 300_000;

/// A text for each row, by a number without order.
fn texts(text: impl Fn(usize, u64) -> String) -> Vec<String> {
    let mut state = 7u64;
    (0..ROWS)
        .map(|row| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(11);
            text(row, state >> 33)
        })
        .collect()
}

#[test]
fn long_texts_are_sorted_however_they_begin() {
    let site = |n: u64| format!("https://example.org/{}", n % 50_000);
    let word = |n: u64| format!("{:07}, and more of {}", n % 90_000, n % 7);
    let cases = [
        // All apart; all alike; alike in the first rows only, and in every second one; in order.
        texts(|_, n| word(n)),
        texts(|_, n| site(n)),
        texts(|row, n| if row < ROWS / 3 { site(n) } else { word(n) }),
        texts(|row, n| if row % 2 == 0 { site(n) } else { word(n) }),
        texts(|row, _| format!("{row:09} in order")),
        texts(|row, n| {
            if row < ROWS / 2 {
                format!("{row:09} in order")
            } else {
                word(n)
            }
        }),
    ];
    for (case, texts) in cases.iter().enumerate() {
        let mut want: Vec<(&str, i64)> = texts.iter().map(String::as_str).zip(0..).collect();
        want.sort_by_key(|(text, _)| *text);
        for threads in [1, 2, 5] {
            let columns = [
                (
                    "text",
                    strings(texts.iter().map(|text| Some(text.as_str()))),
                ),
                ("row", ints(0..ROWS as i64)),
            ];
            let df = context(threads).from_batches([batch(columns)]).unwrap();
            let sorted = df.sort([col("text").asc()]).collect().unwrap();
            let mut found = Vec::with_capacity(ROWS);
            for batch in sorted.batches() {
                let rows = batch
                    .column(1)
                    .as_primitive::<arrow::datatypes::Int64Type>();
                found.extend_from_slice(rows.values());
            }
            let want = want.iter().map(|(_, row)| *row);
            assert!(found.into_iter().eq(want), "case {case}, {threads} threads");
        }
    }
}
