//! Matches against an oracle that compares each probe row with each build row.

use arrow::array::{ArrayRef, Int64Array, StringViewArray, UInt32Array};
use proptest::prelude::*;

use super::*;
use crate::testing::{Plain, Recipe, families, recipes};

/// The only caller of the table: the matches of all probe rows.
fn check(types: &[DataType], build: &[(Vec<Column>, usize)], probe: &[(Vec<Column>, Selection)]) {
    for (nulls_equal, constant_hash, parts) in [
        (false, false, 1),
        (true, false, 1),
        (false, false, 4),
        (true, false, 2),
        (false, true, 1),
        (true, true, 8),
    ] {
        let mut buffers = Buffers::default();
        let keys = Arc::new(JoinKeys::new(types, nulls_equal, constant_hash).unwrap());
        let mut chunks = Vec::new();
        let mut rows: Vec<(u32, Vec<Plain>)> = Vec::new();
        let key = |columns: &[&Column], row| -> Vec<Plain> {
            columns
                .iter()
                .map(|column| Plain::at(column, row))
                .collect()
        };
        let null = |key: &[Plain]| !nulls_equal && key.iter().any(Plain::is_null);
        for (number, (columns, len)) in (0u32..).zip(build) {
            let columns: Vec<&Column> = columns.iter().collect();
            chunks.push(keys.prepare(&columns, *len, &mut buffers).unwrap());
            let named = (0..*len).map(|row| (number << 16 | row as u32, key(&columns, row)));
            rows.extend(named.filter(|(_, key)| !null(key)));
        }
        let built = (0..parts).map(|part| JoinTable::build_part(&keys, &chunks, part, parts));
        let built = built.collect::<Result<Vec<_>>>().unwrap();
        let set = |column| KeySet::of(&keys, &chunks, column).map(Arc::new);
        let sets: Vec<Option<Arc<KeySet>>> = (0..types.len()).map(set).collect();
        assert!(sets.iter().all(Option::is_none) || (!nulls_equal && !constant_hash));
        drop(chunks);
        // With half of the parts the table asks the set first.
        let only = sets.first().filter(|_| parts > 1 && types.len() == 1);
        let asked = only.cloned().flatten();
        let table = JoinTable::assemble(keys, built).with_key_set(asked);
        assert_eq!(table.rows(), rows.len());
        let same = |a: &[Plain], b: &[Plain]| a.iter().zip(b).all(|(a, b)| a.order(b).is_eq());
        let unique = rows.iter().enumerate();
        let unique =
            unique.map(|(at, (_, key))| rows[..at].iter().all(|(_, other)| !same(other, key)));
        assert_eq!(
            table.is_unique(),
            unique.collect::<Vec<_>>().iter().all(|&unique| unique)
        );
        let (mut state, mut found) = (ProbeState::default(), Matches::default());
        for (columns, selection) in probe {
            let columns: Vec<&Column> = columns.iter().collect();
            table
                .probe(&columns, selection, &mut state, &mut buffers, &mut found)
                .unwrap();
            let single = found.single().map(<[u32]>::len);
            assert_eq!(single, table.is_unique().then_some(selection.count()));
            assert!(table.rows_of(&found, selection.count()).is_empty());
            for (slot, row) in selection.iter().enumerate() {
                let key = key(&columns, row);
                let want = rows
                    .iter()
                    .filter(|(_, other)| !null(&key) && same(other, &key));
                let want: Vec<u32> = want.map(|(name, _)| *name).collect();
                let found = table.rows_of(&found, slot);
                assert_eq!(found, want, "row {row} of {columns:?}");
            }
        }
        assert!(table.size() > 0);
        for (columns, selection) in probe {
            for (at, set) in sets.iter().enumerate() {
                let Some(set) = set else { continue };
                let mut kept = selection.clone();
                set.select(&columns[at], &mut kept, &mut buffers).unwrap();
                let wanted = selection.iter().filter(|&row| {
                    let key = Plain::at(&columns[at], row);
                    !key.is_null() && rows.iter().any(|(_, row)| row[at].order(&key).is_eq())
                });
                let (kept, wanted): (Vec<_>, Vec<_>) = (kept.iter().collect(), wanted.collect());
                match set.is_exact() {
                    true => assert_eq!(kept, wanted),
                    false => assert!(wanted.iter().all(|row| kept.contains(row))),
                }
            }
        }
    }
}

/// The columns of a chunk or batch, of any layout that the types allow.
fn columns(types: &[Vec<DataType>], recipes: &[Recipe], pick: usize) -> Vec<Column> {
    let columns = types.iter().zip(recipes);
    columns
        .map(|(family, recipe)| recipe.column(&family[pick % family.len()]))
        .collect()
}

/// One to three types, each with those that the other side may have.
fn types() -> impl Strategy<Value = Vec<Vec<DataType>>> {
    prop::collection::vec((0..families().len() + 6, any::<usize>()), 1..4).prop_map(|picks| {
        let families = families();
        let pick = |(at, which): (usize, usize)| match at.checked_sub(6) {
            // Text and binary twice as often, of any layout.
            None => families[at % 2].clone(),
            Some(at) if at < 2 => families[at].clone(),
            Some(at) => vec![families[at][which % families[at].len()].clone()],
        };
        picks.into_iter().map(pick).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn columns_of_every_type_and_encoding(
        types in types(),
        build in prop::collection::vec((recipes(3), any::<usize>()), 0..4),
        probe in prop::collection::vec((recipes(3), any::<usize>()), 1..3),
    ) {
        let side = |batches: &[((Vec<Recipe>, Selection), usize)]| -> Vec<_> {
            batches
                .iter()
                .map(|((recipes, selection), pick)| {
                    (columns(&types, recipes, *pick), selection.clone())
                })
                .collect()
        };
        let build = side(&build).into_iter().map(|(columns, s)| (columns, s.len()));
        let build: Vec<_> = build.collect();
        let declared: Vec<DataType> = types.iter().map(|family| family[0].clone()).collect();
        check(&declared, &build, &side(&probe));
    }
}

fn numbers(values: impl IntoIterator<Item = i64>) -> Column {
    Column::flat(Arc::new(Int64Array::from_iter_values(values)))
}

/// A table of number columns, in parts.
fn table_of(chunks: &[Column], parts: usize) -> JoinTable {
    let mut buffers = Buffers::default();
    let keys = Arc::new(JoinKeys::new(&[DataType::Int64], false, false).unwrap());
    let chunk = |column: &Column| keys.prepare(&[column], column.len(), &mut buffers).unwrap();
    let chunks: Vec<KeyChunk> = chunks.iter().map(chunk).collect();
    let part = |part| JoinTable::build_part(&keys, &chunks, part, parts).unwrap();
    let built = (0..parts).map(part).collect();
    JoinTable::assemble(keys, built)
}

/// The matches of a column of numbers.
fn probe(table: &JoinTable, column: &Column, state: &mut ProbeState) -> Vec<Vec<u32>> {
    let mut found = Matches::default();
    let all = Selection::all(column.len());
    table
        .probe(&[column], &all, state, &mut Buffers::default(), &mut found)
        .unwrap();
    (0..column.len())
        .map(|row| table.rows_of(&found, row).to_vec())
        .collect()
}

/// Keys that lie close together have an array, others hash tables.
#[test]
fn many_rows_are_partitioned() {
    const ROWS: i64 = 30_000;
    for (step, parts) in [
        (1, 1),
        (1, 16),
        (-3, 4),
        (1_000_003, 1),
        (1_000_003, 2),
        (1 << 40, 16),
    ] {
        let key = |row: i64| (row - 999) * step;
        let chunks: Vec<Column> = (0..3)
            .map(|chunk| numbers((0..ROWS).map(|row| key(row * 3 + chunk))))
            .collect();
        let table = table_of(&chunks, parts);
        assert!(table.is_unique());
        assert_eq!(table.rows() as i64, 3 * ROWS);
        let probed = numbers((-9..3 * ROWS + 9).map(key));
        let found = probe(&table, &probed, &mut ProbeState::default());
        for (row, found) in (-9..).zip(&found) {
            let want = (((row % 3) as u32) << 16) | (row / 3) as u32;
            let exists = (0..3 * ROWS).contains(&row);
            assert_eq!(
                found.as_slice(),
                if exists {
                    std::slice::from_ref(&want)
                } else {
                    &[]
                }
            );
        }
    }
}

#[test]
fn close_keys_with_nulls_and_repeats() {
    let column = |values: Vec<Option<i64>>| Column::flat(Arc::new(Int64Array::from(values)));
    let build = |values: Vec<Option<i64>>| (vec![column(values.clone())], values.len());
    let repeated = [
        build(vec![Some(-2), None, Some(3), Some(-2)]),
        build(vec![Some(3), Some(9)]),
    ];
    let unique = [
        build(vec![Some(5), None, Some(-7)]),
        build(vec![]),
        build(vec![Some(6)]),
    ];
    let extreme = [build(vec![Some(i64::MIN), Some(i64::MAX), None, Some(0)])];
    let values = (-12..12)
        .map(Some)
        .chain([None, Some(i64::MIN), Some(i64::MAX), Some(0)]);
    let all = Selection::all(28);
    let probed = [(vec![column(values.collect())], all)];
    check(&[DataType::Int64], &repeated, &probed);
    check(&[DataType::Int64], &unique, &probed);
    check(&[DataType::Int64], &extreme, &probed);
}

#[test]
fn full_chunks_of_few_keys() {
    let chunks = [numbers((0..65_536).map(|row| row % 7)), numbers([3, 3])];
    for parts in [1, 4] {
        let table = table_of(&chunks, parts);
        let found = probe(&table, &numbers([3, 7, 6]), &mut ProbeState::default());
        let mut threes: Vec<u32> = (0..65_536).filter(|row| row % 7 == 3).collect();
        threes.extend([1 << 16, 1 << 16 | 1]);
        assert_eq!(found[0], threes);
        assert!(found[1].is_empty() && found[2].len() == 65_536 / 7);
        assert!(!table.is_unique());
    }
}

#[test]
fn a_state_may_see_several_tables() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let codes = UInt32Array::from(vec![Some(0), Some(1), Some(0), None]);
    let column = Column::dictionary(codes, values);
    let mut state = ProbeState::default();
    let (one, two) = (
        table_of(&[numbers([1])], 1),
        table_of(&[numbers([0, 2])], 1),
    );
    for _ in 0..2 {
        assert_eq!(
            probe(&one, &column, &mut state),
            [vec![0], vec![], vec![0], vec![]]
        );
        assert_eq!(
            probe(&two, &column, &mut state),
            [vec![], vec![1], vec![], vec![]]
        );
    }
}

#[test]
fn long_texts_outlive_their_chunks() {
    let text = |n: usize| format!("the same beginning {n} and the same end");
    let texts = |range: std::ops::Range<usize>| {
        Column::flat(Arc::new(StringViewArray::from_iter_values(range.map(text))))
    };
    let build = [
        (vec![texts(0..20)], 20),
        (vec![texts(10..30)], 20),
        (vec![texts(0..0)], 0),
    ];
    check(
        &[DataType::Utf8View],
        &build,
        &[(vec![texts(5..40)], Selection::all(35))],
    );
}

#[test]
fn nothing_to_join_with() {
    check(
        &[DataType::Int64],
        &[],
        &[(vec![numbers([1])], Selection::all(1))],
    );
    check(&[], &[(vec![], 2)], &[(vec![], Selection::all(3))]);
}

/// Keys that lie too far apart for an array, and close enough for a bit each; with nulls, and with
/// keys of several rows in some or all parts.
#[test]
fn keys_that_lie_apart() {
    let chunk = |start: i64, step: i64, repeats: i64| {
        let values = (0..600).map(move |n| (n % 7 != 3).then_some(start + n / repeats * step));
        let column = Column::flat(Arc::new(Int64Array::from_iter(values)) as ArrayRef);
        (vec![column], 600)
    };
    let probed = (-40i64..160).map(|n| Some(n * 997 - 3).filter(|n| n % 5 != 0));
    let probed = probed.chain([Some(i64::MIN), Some(i64::MAX), Some(-70_000)]);
    let near = chunk(-70_000, 97, 1).0;
    let all = |count| Selection::all(count);
    let far = Column::flat(Arc::new(Int64Array::from_iter(probed)) as ArrayRef);
    let probe = [(vec![far], all(203)), (near, all(600))];
    let apart = |build: &[(Vec<Column>, usize)]| {
        let mut buffers = Buffers::default();
        let keys = JoinKeys::new(&[DataType::Int64], false, false).unwrap();
        let chunks = build.iter();
        let chunks = chunks
            .map(|(columns, rows)| keys.prepare(&[&columns[0]], *rows, &mut buffers).unwrap());
        let places = dense::places(&keys, &chunks.collect::<Vec<_>>());
        assert!(matches!(places, Some(Places::Ranked(_))), "{places:?}");
    };
    let unique = [chunk(-70_000, 97, 1), chunk(-10_000, 97, 1)];
    let some_twice = [chunk(-70_000, 97, 1), chunk(-8_000, 97, 3)];
    let all_often = [chunk(-70_000, 997, 5), chunk(-70_000, 997, 5)];
    for build in [unique, some_twice, all_often] {
        apart(&build);
        check(&[DataType::Int64], &build, &probe);
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let mut buffers = Buffers::default();
    let keys = JoinKeys::new(&[DataType::Int64], false, false).unwrap();
    let large = numbers(0..65_537);
    assert!(keys.prepare(&[&large], 65_537, &mut buffers).is_err());
    assert!(keys.prepare(&[&large], 3, &mut buffers).is_err());
    assert!(keys.prepare(&[], 3, &mut buffers).is_err());
    assert!(JoinTable::build_part(&keys, &[], 0, 3).is_err());
    assert!(JoinTable::build_part(&keys, &[], 2, 2).is_err());
}

#[test]
fn estimates_cover_tables() {
    let rows = 50_000;
    for factor in [1, 7, 100, 1 << 30] {
        let mut buffers = Buffers::default();
        let keys = Arc::new(JoinKeys::new(&[DataType::Int64], false, false).unwrap());
        let values = Int64Array::from_iter_values((0..rows).map(|n| n * factor));
        let chunk = keys.prepare(
            &[&Column::flat(Arc::new(values))],
            rows as usize,
            &mut buffers,
        );
        let chunks = [chunk.unwrap()];
        let estimate = JoinTable::estimate(&keys, &chunks);
        let part = JoinTable::build_part(&keys, &chunks, 0, 1).unwrap();
        let size = JoinTable::assemble(keys, vec![part]).size();
        assert!(
            size <= estimate && estimate <= 5 * size,
            "{factor}: {size} {estimate}"
        );
    }
}

#[test]
fn sets_of_keys_say_which_there_are() {
    let mut buffers = Buffers::default();
    let keys = Arc::new(JoinKeys::new(&[DataType::Int64], false, false).unwrap());
    let all: Vec<i64> = (0..500).map(|n| n * 8001 - 77).collect();
    let chunk = keys.prepare(&[&numbers(all.clone())], all.len(), &mut buffers);
    let chunks = [chunk.unwrap()];
    assert!(JoinTable::is_hashed(&keys, &chunks));
    let set = Arc::new(KeySet::of(&keys, &chunks, 0).unwrap());
    assert_eq!(set.bounds(), None, "a negative key has no bits of a number");
    let part = JoinTable::build_part(&keys, &chunks, 0, 1).unwrap();
    let table = JoinTable::assemble(keys, vec![part]).with_key_set(Some(set));
    // Few that are there, side by side too, then many.
    for step in [1, 8001] {
        let probed: Vec<i64> = (0..3000).map(|n| n / 3 * step - 77).collect();
        let found = probe(&table, &numbers(probed.clone()), &mut ProbeState::default());
        for (key, found) in probed.iter().zip(&found) {
            let want = all.iter().position(|other| other == key);
            assert_eq!(found.first().map(|&row| row as usize), want, "{key}");
        }
    }
    let wide = numbers([0, 1 << 40]);
    let keys = Arc::new(JoinKeys::new(&[DataType::Int64], false, false).unwrap());
    let chunk = keys.prepare(&[&wide], 2, &mut buffers).unwrap();
    let set = KeySet::of(&keys, &[chunk], 0).unwrap();
    assert_eq!(
        (set.is_exact(), set.bounds()),
        (false, Some((0, 1 << 40))),
        "a hash for each"
    );
    let all = numbers((0..10_000).map(|n| n << 40).collect::<Vec<_>>());
    let mut kept = Selection::all(10_000);
    set.select(&all, &mut kept, &mut buffers).unwrap();
    assert!(
        kept.iter().take(2).eq([0, 1]) && kept.count() < 1000,
        "{}",
        kept.count()
    );
    let chunk = keys.prepare(&[&numbers([3, 9])], 2, &mut buffers).unwrap();
    assert_eq!(
        KeySet::of(&keys, &[chunk], 0).unwrap().bounds(),
        Some((3, 9))
    );
}

/// A dictionary of more values than a batch has rows.
#[test]
fn large_dictionaries_are_remembered() {
    let texts = StringViewArray::from_iter_values((0..3000).map(|n| format!("value {n}")));
    let values: ArrayRef = Arc::new(texts);
    let mut buffers = Buffers::default();
    let keys = Arc::new(JoinKeys::new(&[DataType::Utf8View], false, false).unwrap());
    let build =
        StringViewArray::from_iter_values((0..3000).step_by(3).map(|n| format!("value {n}")));
    let build = Column::flat(Arc::new(build));
    let chunk = keys.prepare(&[&build], 1000, &mut buffers).unwrap();
    let part = JoinTable::build_part(&keys, &[chunk], 0, 1).unwrap();
    let table = JoinTable::assemble(keys, vec![part]);
    let mut state = ProbeState::default();
    for batch in 0..40u32 {
        let code = |row: u32| (batch * 577 + row * 31) % 3000;
        let codes = UInt32Array::from_iter((0..100).map(|row| (row % 9 != 0).then(|| code(row))));
        let column = Column::dictionary(codes, Arc::clone(&values));
        let found = probe(&table, &column, &mut state);
        for (row, found) in (0..100).zip(&found) {
            let want = (row % 9 != 0 && code(row) % 3 == 0).then_some(code(row) / 3);
            assert_eq!(found.first().copied(), want);
        }
    }
    assert!(state.size() >= 3000 * size_of::<u32>());
}
