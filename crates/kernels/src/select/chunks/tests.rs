//! Gathered rows against the rows they come from, and chunks against the batches.

use std::sync::Arc;

use arrow::array::{Int64Array, StringViewArray};
use proptest::prelude::*;

use super::*;
use crate::testing::{Plain, families, recipes};

fn id(chunk: usize, row: usize) -> u32 {
    (chunk << 16 | row) as u32
}

/// The only caller of `gather`: what it gives is what stands in the chunks.
fn check(chunked: &Chunked, chunks: &[Column], ids: &[u32], buffers: &mut Buffers) -> Column {
    let got = chunked.gather(ids, buffers).unwrap();
    assert_eq!(got.len(), ids.len());
    assert_eq!(got.data_type(), &chunked.data_type);
    got.to_flat().to_data().validate_full().unwrap();
    for (at, &id) in ids.iter().enumerate() {
        let want = match id {
            NO_ROW => Plain::Null,
            id => Plain::at(&chunks[id as usize >> 16], id as usize & 0xffff),
        };
        let got = Plain::at(&got, at);
        assert!(
            got.order(&want).is_eq(),
            "{at}: {got:?} instead of {want:?}"
        );
    }
    got
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn columns_of_every_type_and_encoding(
        (recipes, _) in recipes(4),
        count in 0..5usize,
        shared in prop::bool::ANY,
        family in 0..families().len(),
        list in prop::collection::vec((0..4usize, 0..200usize, prop::bool::weighted(0.9)), 0..150),
        holes in prop::bool::ANY,
    ) {
        let mut buffers = Buffers::default();
        let families = families();
        let types = families[family].iter().cloned().chain([DataType::Null]);
        for data_type in types {
            let chunks: Vec<Column> = if matches!(data_type, DataType::Null) {
                vec![Column::constant(ScalarValue::null(&data_type), 9); count]
            } else if shared {
                vec![recipes[0].column(&data_type); count]
            } else {
                recipes[..count].iter().map(|r| r.column(&data_type)).collect()
            };
            let chunked = Chunked::new(&data_type, chunks.clone()).unwrap();
            let exists = |&(chunk, row, hole): &(usize, usize, bool)| {
                if holes && !hole {
                    return Some(NO_ROW);
                }
                let len = chunks.get(chunk % count.max(1))?.len();
                (len > 0).then(|| id(chunk % count, row % len))
            };
            let ids: Vec<u32> = list.iter().filter_map(exists).collect();
            let got = check(&chunked, &chunks, &ids, &mut buffers);
            buffers.recycle_column(got);
            check(&chunked, &chunks, &[NO_ROW, NO_ROW], &mut buffers);
            check(&chunked, &chunks, &[], &mut buffers);
            for (at, chunk) in chunks.iter().enumerate() {
                let mut ids = vec![NO_ROW, id(at, chunk.len())];
                assert!(chunked.gather(&ids, &mut buffers).is_err());
                ids.rotate_left(1);
                assert!(chunked.gather(&ids, &mut buffers).is_err());
            }
            assert!(chunked.gather(&[id(count, 0)], &mut buffers).is_err());
        }
    }

    #[test]
    fn chunks_hold_the_rows_of_the_batches_in_order(
        rows in prop::collection::vec(
            prop_oneof![0..10usize, 0..20_000usize, 30_000..35_000usize, 60_000..300_000usize],
            0..30,
        ),
        most in prop_oneof![Just(CHUNK_ROWS), 1..200_000usize],
    ) {
        let chunks = plan_chunks_of(most, &rows);
        let most = most.min(CHUNK_ROWS);
        prop_assert!(most < CHUNK_ROWS || chunks == plan_chunks(&rows));
        let mut next = rows.iter().enumerate().filter(|&(_, &n)| n > 0).map(|(b, &n)| (b, 0, n));
        let mut expected = next.next();
        let mut lengths = Vec::new();
        for chunk in &chunks {
            let len: usize = chunk.iter().map(|(_, range)| range.len()).sum();
            assert!((1..=most).contains(&len));
            lengths.push(len);
            for (batch, range) in chunk {
                let (b, start, n) = expected.unwrap();
                assert_eq!((*batch, range.start), (b, start));
                assert!(range.end <= n && !range.is_empty());
                assert!(range.len() < most.div_ceil(2) || chunk.len() == 1, "copied");
                expected = if range.end == n { next.next() } else { Some((b, range.end, n)) };
            }
        }
        assert!(expected.is_none());
        // Any two neighbours hold half a chunk at least.
        assert!(lengths.windows(2).all(|pair| pair[0] + pair[1] >= most / 2));
    }
}

#[test]
fn chunks_of_batches() {
    let column =
        |values: std::ops::Range<i64>| Column::flat(Arc::new(Int64Array::from_iter_values(values)));
    let constant = |len| Column::constant(ScalarValue::from("x"), len);
    let batches = [
        vec![column(0..3), constant(3)],
        vec![column(10..15), constant(5)],
    ];
    let chunk = chunk_of(&batches, &[(0, 1..3), (1, 0..4)]).unwrap();
    let values: Vec<_> = (0..6)
        .map(|row| chunk[0].value(row).unwrap().as_i128().unwrap())
        .collect();
    assert_eq!(values, [1, 2, 10, 11, 12, 13]);
    assert_eq!(chunk[1].as_constant().unwrap().as_str(), Some("x"));
    assert_eq!(chunk[1].len(), 6);
    let reversed = std::ops::Range { start: 2, end: 1 };
    for bad in [&[][..], &[(2, 0..1)], &[(0, 0..4)], &[(0, reversed)]] {
        assert!(chunk_of(&batches, bad).is_err(), "{bad:?}");
    }
    assert!(chunk_of(&[vec![column(0..1)], vec![]], &[(0, 0..1), (1, 0..0)]).is_err());
    assert_eq!(chunk_of(&[vec![]], &[(0, 0..7)]).unwrap().len(), 0);
}

#[test]
fn wrong_chunks_are_refused() {
    let text = Column::constant(ScalarValue::from("x"), CHUNK_ROWS);
    assert!(Chunked::new(&DataType::Int64, vec![text.clone()]).is_err());
    assert!(Chunked::new(&DataType::Utf8, vec![text.clone()]).is_err());
    let new = |chunks| Chunked::new(&DataType::Utf8View, chunks);
    assert!(
        new(vec![Column::constant(
            ScalarValue::from("x"),
            CHUNK_ROWS + 1
        )])
        .is_err()
    );
    let mut many = vec![text.slice(0, 1); CHUNK_ROWS];
    assert!(new(many.clone()).is_ok());
    many[CHUNK_ROWS - 1] = text.clone();
    assert!(new(many.clone()).is_err());
    many[CHUNK_ROWS - 1] = text.slice(0, CHUNK_ROWS - 1);
    let full = new(many.clone()).unwrap();
    let mut buffers = Buffers::default();
    check(&full, &many, &[NO_ROW, NO_ROW - 1, 0], &mut buffers);
    many.push(text.slice(0, 1));
    assert!(new(many).is_err());
}

#[test]
fn neighbours_are_not_copied() {
    let mut buffers = Buffers::default();
    let numbers =
        |from: i64| Column::flat(Arc::new(Int64Array::from_iter_values(from..from + 1000)));
    let chunks = vec![numbers(0), numbers(5000)];
    let chunked = Chunked::new(&DataType::Int64, chunks.clone()).unwrap();
    let address = |column: &Column| column.to_flat().to_data().buffers()[0].as_ptr();
    let ids: Vec<u32> = (id(1, 100)..id(1, 900)).collect();
    let got = check(&chunked, &chunks, &ids, &mut buffers);
    assert_eq!(address(&got), address(&chunks[1].slice(100, 800)));
    let mut swapped = ids.clone();
    swapped.swap(300, 301);
    let got = check(&chunked, &chunks, &swapped, &mut buffers);
    assert_ne!(address(&got), address(&chunks[1].slice(100, 800)));
    let behind: Vec<u32> = (id(1, 500)..id(1, 1001)).collect();
    assert!(chunked.gather(&behind, &mut buffers).is_err());
    let across: Vec<u32> = (NO_ROW - 299..=NO_ROW).collect();
    assert!(chunked.gather(&across, &mut buffers).is_err());
}

#[test]
fn text_of_many_buffers_is_shared() {
    let mut buffers = Buffers::default();
    let text = |n: usize| format!("a text too long for a view, number {n}");
    let batch = |from: usize| StringViewArray::from_iter_values((from..from + 100).map(text));
    let whole = Column::flat(Arc::new(batch(0)));
    let chunks = vec![
        whole.slice(0, 50),
        Column::flat(Arc::new(batch(100))),
        whole.slice(50, 50),
        Column::constant(ScalarValue::from("another text, and a constant"), 3),
    ];
    let chunked = Chunked::new(&DataType::Utf8View, chunks.clone()).unwrap();
    let ids = [id(2, 49), id(1, 99), id(0, 0), id(3, 2), NO_ROW, id(2, 0)];
    let got = check(&chunked, &chunks, &ids, &mut buffers);
    let Encoding::Flat(array) = got.encoding() else {
        panic!("flat")
    };
    let again = chunked.gather(&ids[..2], &mut buffers).unwrap().to_flat();
    let (array, again) = (array.as_string_view(), again.as_string_view());
    assert!(Arc::ptr_eq(array.data_buffers(), again.data_buffers()));
    // The buffers of `whole` are listed once.
    let of = |column: &Column| column.to_flat().as_string_view().data_buffers().len();
    assert_eq!(
        array.data_buffers().len(),
        of(&chunks[0]) + of(&chunks[1]) + of(&chunks[3])
    );
    assert!(
        chunked.size() > 200 * 16 && chunked.size() < 200 * 100,
        "{}",
        chunked.size()
    );
}

#[test]
fn a_dictionary_of_all_chunks_counts_once() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![7; 10_000]));
    let chunk =
        |values: &ArrayRef| Column::dictionary(UInt32Array::from(vec![1; 100]), Arc::clone(values));
    let size = |chunks: Vec<Column>| Chunked::new(&DataType::Int64, chunks).unwrap().size();
    let shared = size(vec![chunk(&values); 50]);
    assert!((100_000..110_000).contains(&shared), "{shared}");
    // Those of several dictionaries become flat.
    let other: ArrayRef = Arc::new(Int64Array::from(vec![8; 10_000]));
    let mixed = size(vec![chunk(&values), chunk(&other)]);
    assert!((1600..1800).contains(&mixed), "{mixed}");
}
