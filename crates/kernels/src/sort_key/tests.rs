//! Keys against the order of values, runs and merged pieces against a stable sort.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Decimal128Array, Float64Array, Int64Array, ListArray, StringViewArray,
    StructArray, UnionArray,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{Field as ArrowField, Int32Type, UnionFields};
use esker_datatypes::{ScalarValue, Selection};
use proptest::prelude::*;

use super::*;
use crate::testing::{Plain, families, pool, recipes};

/// The order of two values under the options.
fn value_order(a: &Plain, b: &Plain, options: SortOptions) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) if options.nulls_first => Ordering::Less,
        (true, false) => Ordering::Greater,
        (false, true) if options.nulls_first => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) if options.descending => b.order(a),
        (false, false) => a.order(b),
    }
}

type Row = Vec<Plain>;

fn row_order(a: &Row, b: &Row, types: &[(DataType, SortOptions)]) -> Ordering {
    let pairs = a.iter().zip(b).zip(types);
    let orders = pairs.map(|((a, b), (_, options))| value_order(a, b, *options));
    orders.fold(Ordering::Equal, Ordering::then)
}

/// The rows of chunks of key columns.
fn plain_rows(chunks: &[Vec<Column>], rows: &[usize]) -> Vec<Vec<Row>> {
    let row = |columns: &Vec<Column>, row| columns.iter().map(|c| Plain::at(c, row)).collect();
    let chunk = |(columns, rows)| (0..rows).map(|at| row(columns, at)).collect();
    chunks.iter().zip(rows.iter().copied()).map(chunk).collect()
}

/// What chunks of key columns are sorted to: the only caller of everything in here.
///
/// Compares all pairs of rows of two chunks, selects below some, and sorts the chunks in every way
/// that runs and pieces can be cut.
fn check(types: &[(DataType, SortOptions)], chunks: &[Vec<Column>], rows: &[usize], pairs: bool) {
    let mut buffers = Buffers::default();
    let encoder = SortKeys::new(types).unwrap();
    let keys: Vec<KeyRows> = chunks
        .iter()
        .zip(rows)
        .map(|(columns, &rows)| {
            let columns: Vec<&Column> = columns.iter().collect();
            encoder.encode(&columns, rows, &mut buffers).unwrap()
        })
        .collect();
    let plain = plain_rows(chunks, rows);
    for (keys, &rows) in keys.iter().zip(rows) {
        assert_eq!(keys.len(), rows);
    }
    if pairs {
        check_pairs(types, &keys, &plain);
    }

    let mut want: Vec<(u32, &Row)> = Vec::new();
    for (chunk, rows) in plain.iter().enumerate() {
        want.extend(
            rows.iter()
                .enumerate()
                .map(|(at, row)| ((chunk << 16 | at) as u32, row)),
        );
    }
    want.sort_by(|a, b| row_order(a.1, b.1, types));
    let want: Vec<u32> = want.into_iter().map(|(id, _)| id).collect();
    let all = Run::sort(&keys, 0..keys.len());
    assert_eq!(all.ids(), want, "{types:?}");
    assert_eq!((all.len(), all.is_empty()), (want.len(), want.is_empty()));

    let split: Vec<Run> = (0..keys.len())
        .map(|chunk| Run::sort(&keys, chunk..chunk + 1))
        .collect();
    let halves =
        [keys.len() / 2..keys.len(), 0..keys.len() / 2].map(|range| Run::sort(&keys, range));
    let mut backwards = split.clone();
    backwards.reverse();
    let groups: Vec<Run> = (0..keys.len())
        .map(|chunk| Run::sort_to_merge(&keys, chunk..chunk + 1))
        .collect();
    for (run, whole) in groups.iter().zip(&split) {
        assert_eq!(run.clone().into_whole(&keys).ids(), whole.ids());
    }
    let mut mixed = groups.clone();
    mixed
        .iter_mut()
        .zip(&split)
        .step_by(2)
        .for_each(|(run, whole)| *run = whole.clone());
    mixed.rotate_left(keys.len() / 2);
    let kinds = [
        &split[..],
        &backwards,
        &halves,
        &groups,
        &mixed,
        &[all],
        &[],
    ];
    for runs in kinds {
        for pieces in [0, 1, 2, 3, 8] {
            let cut = cut_runs(runs, &keys, pieces);
            assert_eq!(cut.len(), pieces.max(1));
            let merged = cut.iter().flat_map(|piece| merge_runs(runs, &keys, piece));
            let merged: Vec<u32> = merged.collect();
            let want = if runs.is_empty() { &[][..] } else { &want };
            assert_eq!(
                merged,
                want,
                "{pieces} pieces of {} runs of {types:?}",
                runs.len()
            );
        }
    }
}

fn check_pairs(types: &[(DataType, SortOptions)], keys: &[KeyRows], plain: &[Vec<Row>]) {
    let (Some(first), Some(last)) = (keys.first(), keys.last()) else {
        return;
    };
    let (first_rows, last_rows) = (&plain[0], &plain[plain.len() - 1]);
    for (at, row) in first_rows.iter().enumerate() {
        let mut below = [Vec::new(), Vec::new()];
        for (other_at, other) in last_rows.iter().enumerate() {
            let want = row_order(row, other, types);
            assert_eq!(
                first.compare(at, last, other_at),
                want,
                "{row:?} {other:?} {types:?}"
            );
            assert_eq!(last.compare(other_at, first, at), want.reverse());
            if want.is_gt() {
                below[0].push(other_at);
            }
            if want.is_ge() {
                below[1].push(other_at);
            }
        }
        for (or_equal, below) in below.iter().enumerate() {
            let odd = |&row: &usize| row % 2 == 1;
            let mut selection = Selection::all(last.len());
            last.select_below(first, at, or_equal == 1, &mut selection);
            assert_eq!(&selection.iter().collect::<Vec<_>>(), below, "{types:?}");
            let mut selection = Selection::all(last.len());
            selection.retain(|row| odd(&row));
            last.select_below(first, at, or_equal == 1, &mut selection);
            let below: Vec<usize> = below.iter().copied().filter(odd).collect();
            assert_eq!(selection.iter().collect::<Vec<_>>(), below);
        }
    }
    let backwards: Vec<u32> = (0..first.len() as u32).rev().collect();
    let taken = first.take(&backwards);
    let both = KeyRows::concat(&[last.clone(), taken.clone()]);
    assert_eq!(both.len(), last.len() + first.len());
    for (at, &row) in backwards.iter().enumerate() {
        assert!(taken.compare(at, first, row as usize).is_eq());
        assert!(both.compare(last.len() + at, first, row as usize).is_eq());
    }
    for row in 0..last.len() {
        assert!(both.compare(row, last, row).is_eq());
    }
}

/// Any options.
fn options() -> impl Strategy<Value = SortOptions> {
    (any::<bool>(), any::<bool>()).prop_map(|(descending, nulls_first)| SortOptions {
        descending,
        nulls_first,
    })
}

const UP: SortOptions = SortOptions {
    descending: false,
    nulls_first: false,
};

/// All options.
fn all_options() -> impl Iterator<Item = SortOptions> {
    [(false, false), (false, true), (true, false), (true, true)]
        .into_iter()
        .map(|(descending, nulls_first)| SortOptions {
            descending,
            nulls_first,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn one_column_of_every_type_and_encoding(
        (recipes, _) in recipes(3),
        family in 0..families().len(),
        members in prop::collection::vec(0..8usize, 3),
        options in options(),
        count in 0..4usize,
    ) {
        let family = &families()[family];
        let text = Kind::of(&family[0]).unwrap() == Kind::Bytes;
        for data_type in family {
            // Text of any layout; other types as they are.
            let chunk = |at: usize| {
                let other = &family[members[at] % family.len()];
                let like = text && Kind::of(other).unwrap() == Kind::Bytes;
                let like = like && Kind::of(data_type).unwrap() == Kind::Bytes;
                vec![recipes[at].column(if like { other } else { data_type })]
            };
            let chunks: Vec<Vec<Column>> = (0..count).map(chunk).collect();
            let rows: Vec<usize> = chunks.iter().map(|chunk| chunk[0].len()).collect();
            check(&[(data_type.clone(), options)], &chunks, &rows, true);
        }
    }

    #[test]
    fn several_columns(
        (recipes, _) in recipes(6),
        types in prop::collection::vec((0..families().len(), 0..4usize, options()), 2..4),
    ) {
        let families = families();
        let types: Vec<(DataType, SortOptions)> = types
            .into_iter()
            .map(|(family, member, options)| {
                let family = &families[family];
                (family[member % family.len()].clone(), options)
            })
            .collect();
        let chunk = |from: usize| -> Vec<Column> {
            let recipes = recipes[from..].iter();
            recipes.zip(&types).map(|(recipe, (data_type, _))| recipe.column(data_type)).collect()
        };
        let chunks = [chunk(0), chunk(3)];
        let rows = [chunks[0][0].len(), chunks[1][0].len()];
        check(&types, &chunks, &rows, true);
    }

    #[test]
    fn narrow_columns_in_one_word(
        (recipes, _) in recipes(6),
        types in prop::collection::vec((0..5usize, options()), 2..4),
    ) {
        let narrow = [
            DataType::Boolean,
            DataType::Int32,
            DataType::Date32,
            DataType::Float32,
            DataType::Null,
        ];
        let types: Vec<_> = types.into_iter().map(|(at, o)| (narrow[at].clone(), o)).collect();
        let chunk = |from: usize| -> Vec<Column> {
            let recipes = recipes[from..].iter();
            let columns = recipes.zip(&types).map(|(recipe, (data_type, _))| match data_type {
                DataType::Null => {
                    let rows = recipe.column(&DataType::Boolean).len();
                    Column::constant(ScalarValue::null(data_type), rows)
                }
                _ => recipe.column(data_type),
            });
            columns.collect()
        };
        let chunks = [chunk(0), chunk(3)];
        let rows = [chunks[0][0].len(), chunks[1][0].len()];
        check(&types, &chunks, &rows, true);
    }

    #[test]
    fn many_rows_in_some_order(
        seed in any::<u64>(),
        lengths in prop::collection::vec(0..700usize, 1..12),
        distinct in prop_oneof![1..3u64, 1..100u64, Just(u64::MAX)],
        shape in 0..5u8,
        kind in 0..5usize,
        options in options(),
    ) {
        let mut state = seed | 1;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % distinct
        };
        let mut values: Vec<u64> = (0..lengths.iter().sum()).map(|_| random()).collect();
        match shape {
            0 => {}
            1 => values.sort_unstable(),
            2 => values.sort_unstable_by(|a, b| b.cmp(a)),
            // Long runs.
            3 => values.chunks_mut(1000).for_each(<[u64]>::sort_unstable),
            // Sorted but for one row.
            _ => {
                values.sort_unstable();
                let end = values.len().saturating_sub(1);
                if let Some(first) = values.first_mut() {
                    *first = u64::MAX >> 1;
                }
                values.rotate_left(end / 2);
            }
        }
        let array = |values: &[u64]| -> ArrayRef {
            let ints = values.iter().map(|&v| v as i64);
            match kind {
                0 => Arc::new(Int64Array::from_iter_values(ints)),
                1 => Arc::new(Int64Array::from_iter(ints.map(|v| (v % 7 != 0).then_some(v)))),
                2 => Arc::new(Decimal128Array::from_iter_values(ints.map(i128::from))),
                3 => Arc::new(Float64Array::from_iter_values(ints.map(|v| v as f64))),
                _ => Arc::new(StringViewArray::from_iter_values(
                    ints.map(|v| format!("the same beginning {:x}", v >> 3)),
                )),
            }
        };
        let mut at = 0;
        let mut chunks = Vec::new();
        for &length in &lengths {
            chunks.push(vec![Column::flat(array(&values[at..at + length]))]);
            at += length;
        }
        let data_type = chunks[0][0].data_type().clone();
        check(&[(data_type, options)], &chunks, &lengths, false);
    }
}

/// Chunks whose keys of several integers need few bits, or many, or more than a word has.
#[test]
fn double_words_of_every_width() {
    let mut state = 7u64;
    let mut column = |rows: usize, bits: u32, nulls: bool| {
        let values = (0..rows).map(|_| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let value = (state.rotate_left(20) >> (64 - bits)) as i64;
            (!nulls || value % 3 != 0).then_some(value)
        });
        Column::flat(Arc::new(Int64Array::from_iter(values)))
    };
    for widths in [
        [3, 3, 3],
        [20, 20, 20],
        [64, 64, 64],
        [3, 64, 64],
        [1, 3, 64],
    ] {
        let mut chunks = Vec::new();
        for nulls in [false, true] {
            chunks.push(widths.map(|bits| column(300, bits, nulls)).to_vec());
            chunks.push([2, 2, 2].map(|bits| column(100, bits, nulls)).to_vec());
        }
        // Equal keys in runs of different widths.
        chunks.push(chunks[0].clone());
        let rows: Vec<usize> = chunks.iter().map(|chunk| chunk[0].len()).collect();
        for options in all_options() {
            let types = [
                (DataType::Int64, options),
                (DataType::Int64, UP),
                (DataType::Int64, options),
            ];
            check(&types, &chunks, &rows, false);
            let two: Vec<Vec<Column>> = chunks.iter().map(|chunk| chunk[..2].to_vec()).collect();
            check(&types[..2], &two, &rows, false);
        }
    }
    let encoder = SortKeys::new(&[(DataType::Int64, UP), (DataType::Int64, UP)]).unwrap();
    let small = column(5, 3, false);
    let keys = encoder
        .encode(&[&small, &small], 5, &mut Buffers::default())
        .unwrap();
    assert!(matches!(keys.keys(), Keys::Double(_)));
    assert!(Run::sort(&[keys], 0..1).size() < 10 * 8, "packed");
}

#[test]
fn every_value_of_every_type_against_every_other() {
    for data_type in families()
        .into_iter()
        .flatten()
        .chain([DataType::LargeListView(Arc::new(ArrowField::new(
            "item",
            DataType::Int32,
            true,
        )))])
    {
        let values = match &data_type {
            DataType::LargeListView(_) => {
                let lists = [Some(vec![Some(1), None]), Some(vec![]), Some(vec![Some(1)])];
                let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
                arrow::compute::cast(&lists, &data_type).unwrap()
            }
            _ => pool(&data_type),
        };
        let nulls = arrow::array::new_null_array(&data_type, 2);
        let values = arrow::compute::concat(&[&values, &nulls]).unwrap();
        if matches!(data_type, DataType::LargeListView(_)) {
            // The oracle does not know the type: `compare` does.
            let keys = SortKeys::new(&[(data_type.clone(), UP)]).unwrap();
            let column = Column::flat(Arc::clone(&values));
            let keys = keys
                .encode(&[&column], values.len(), &mut Buffers::default())
                .unwrap();
            let order = crate::compare::nested::comparator(&values, &values).unwrap();
            for a in 0..values.len() {
                for b in 0..values.len() {
                    assert_eq!(keys.compare(a, &keys, b), order(a, b), "{a} {b}");
                }
            }
            continue;
        }
        for options in all_options() {
            let column = Column::flat(Arc::clone(&values));
            check(
                &[(data_type.clone(), options)],
                &[vec![column]],
                &[values.len()],
                true,
            );
        }
    }
}

#[test]
fn nested_values_of_text_and_structs() {
    let texts = ["a", "a\0", "", "ab", "\0", "b"];
    let texts: ArrayRef = Arc::new(StringViewArray::from_iter(
        texts.into_iter().map(Some).chain([None, None]),
    ));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter(
        (0..8).map(|n| (n % 3 > 0).then_some(n)),
    ));
    let field = |name: &str, array: &ArrayRef| {
        Arc::new(ArrowField::new(name, array.data_type().clone(), true))
    };
    let members = vec![
        (field("t", &texts), Arc::clone(&texts)),
        (field("n", &numbers), numbers),
    ];
    let rows: ArrayRef = Arc::new(StructArray::from(members));
    let offsets = vec![0, 1, 2, 2, 4, 5, 7, 8];
    let lists: ArrayRef = Arc::new(ListArray::new(
        field("item", &rows),
        arrow::buffer::OffsetBuffer::new(offsets.into()),
        Arc::clone(&rows),
        Some(vec![true, true, true, false, true, true, true].into()),
    ));
    for array in [rows, lists] {
        for options in all_options() {
            let data_type = array.data_type().clone();
            let whole = Column::flat(Arc::clone(&array));
            let part = whole.slice(2, 4);
            let chunks = [vec![whole], vec![part]];
            check(&[(data_type, options)], &chunks, &[array.len(), 4], true);
        }
    }
}

#[test]
fn columns_with_and_without_nulls_have_comparable_keys() {
    let some = |values: Vec<Option<i64>>| vec![Column::flat(Arc::new(Int64Array::from(values)))];
    let chunks = [
        some(vec![Some(i64::MAX), Some(0), Some(i64::MIN)]),
        some(vec![None, Some(i64::MAX), Some(i64::MIN), Some(-1)]),
        vec![Column::constant(ScalarValue::from(5i64), 2)],
        some(vec![]),
    ];
    for options in all_options() {
        check(&[(DataType::Int64, options)], &chunks, &[3, 4, 2, 0], true);
    }
    let encoder = SortKeys::new(&[(DataType::Int64, UP)]).unwrap();
    let encode = |columns: &[Column]| {
        encoder
            .encode(&[&columns[0]], columns[0].len(), &mut Buffers::default())
            .unwrap()
    };
    let [dense, nulls, constant, empty] = chunks.each_ref().map(|chunk| encode(chunk));
    // Without nulls, a key is the eight bytes of the value.
    assert!(matches!(dense.keys(), Keys::Narrow { .. }));
    assert!(matches!(nulls.keys(), Keys::Wide(_)));
    assert!(matches!(
        KeyRows::concat(&[constant, empty, dense.clone()]).keys(),
        Keys::Narrow { .. }
    ));
    let all = KeyRows::concat(&[dense.clone(), nulls.clone()]);
    assert!(all.compare(3, &nulls, 0).is_eq() && all.compare(0, &dense, 0).is_eq());
    assert!(KeyRows::concat(&[]).is_empty());
    assert!(dense.size() >= 24 && nulls.size() >= 64);
}

#[test]
fn no_columns_are_one_key() {
    check(&[], &[vec![], vec![]], &[3, 2], true);
    check(&[], &[], &[], true);
    let null = Column::constant(ScalarValue::null(&DataType::Null), 4);
    check(&[(DataType::Null, UP)], &[vec![null]], &[4], true);
}

#[test]
fn long_equal_texts_do_not_exhaust_the_stack() {
    let long = "x".repeat(3000);
    let texts = (0..500).map(|n| format!("{long}{}", n * 7 % 100));
    let column = Column::flat(Arc::new(StringViewArray::from_iter_values(texts)));
    check(&[(DataType::Utf8View, UP)], &[vec![column]], &[500], false);
}

#[test]
fn pieces_are_about_equally_long() {
    let encoder = SortKeys::new(&[(DataType::Int64, UP)]).unwrap();
    for distinct in [1, 3, 1_000_000] {
        let chunk = |at: i64| {
            let values = (0..20_000).map(|row| (row * 7919 + at * 104_729) % distinct);
            let column = Column::flat(Arc::new(Int64Array::from_iter_values(values)));
            encoder
                .encode(&[&column], 20_000, &mut Buffers::default())
                .unwrap()
        };
        let keys: Vec<KeyRows> = (0..5).map(chunk).collect();
        let runs = [0..1, 1..3, 3..5].map(|chunks| Run::sort(&keys, chunks));
        let cut = cut_runs(&runs, &keys, 4);
        for piece in &cut {
            let rows: usize = piece.iter().map(std::ops::Range::len).sum();
            assert!(
                (20_000..30_000).contains(&rows),
                "{rows} of 25000 for {distinct}"
            );
        }
    }
}

#[test]
fn what_has_no_order_is_refused() {
    let fields = [(0, Arc::new(ArrowField::new("a", DataType::Int32, true)))];
    let union = UnionArray::try_new(
        UnionFields::from_iter(fields),
        ScalarBuffer::from(vec![0i8]),
        None,
        vec![Arc::new(arrow::array::Int32Array::from(vec![1])) as ArrayRef],
    )
    .unwrap();
    let item = Arc::new(ArrowField::new("item", union.data_type().clone(), true));
    for data_type in [union.data_type().clone(), DataType::List(item)] {
        let error = SortKeys::new(&[(data_type, UP)]).unwrap_err();
        assert!(
            error.to_string().contains("sorting values of type"),
            "{error}"
        );
    }
    let encoder = SortKeys::new(&[(DataType::Int64, UP)]).unwrap();
    let mut buffers = Buffers::default();
    let text = Column::constant(ScalarValue::from("x"), 1);
    let number = Column::constant(ScalarValue::from(1i64), 1);
    assert!(encoder.encode(&[&text], 1, &mut buffers).is_err());
    assert!(encoder.encode(&[&number], 2, &mut buffers).is_err());
    assert!(encoder.encode(&[], 1, &mut buffers).is_err());
}
