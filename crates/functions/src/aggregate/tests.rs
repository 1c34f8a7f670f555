//! Every aggregate against a naive oracle: over types, encodings, selections, skewed groups, many
//! batches in any order, partitions that are merged, and rows turned into states.

mod oracle;
mod spread;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray, UInt32Array,
    UInt64Array,
};
use arrow::compute;
use esker_datatypes::{Buffers, Column, DataType, Error, ErrorKind, Result, Selection, is_decimal};
use esker_logical_expr::Interval;
use esker_logical_expr::function::{AggregateFunction, GroupsAccumulator};
use proptest::prelude::*;

use self::oracle::{Plain, Row, expected, pool, types};
use super::{
    Count, First, Last, NUnique, Std, Var, functions, len, max, mean, min, quantile, sum, top_k,
};

/// A batch: which values its rows hold, how they are encoded, which rows count, and their groups.
#[derive(Clone, Debug)]
struct Recipe {
    rows: Vec<Option<usize>>,
    encoding: usize,
    selected: Vec<bool>,
    groups: Vec<u32>,
    /// Which worker gets it.
    partition: usize,
    /// Where it stands among the batches.
    place: u64,
}

impl Recipe {
    fn selection(&self) -> Selection {
        let rows = (0..self.rows.len() as u32).filter(|&row| self.selected[row as usize]);
        Selection::from_rows(self.rows.len(), rows.collect())
    }

    fn groups(&self) -> Vec<u32> {
        self.selection()
            .iter()
            .map(|row| self.groups[row])
            .collect()
    }

    fn positions(&self) -> Vec<u64> {
        (0..self.rows.len() as u64)
            .map(|row| (self.place << 32) + row)
            .collect()
    }

    fn column(&self, pool: &ArrayRef) -> Column {
        let at = |row: &Option<usize>| row.map(|row| (row % pool.len()) as u32);
        let rows: UInt32Array = self.rows.iter().map(at).collect();
        let take = |rows: &UInt32Array| compute::take(pool, rows, None).unwrap();
        match self.encoding {
            0 => Column::flat(take(&rows)),
            1 => {
                let mut longer = vec![Some(0), None];
                longer.extend(rows.iter());
                longer.push(None);
                Column::flat(take(&longer.into()).slice(2, rows.len()))
            }
            2 => Column::dictionary(rows, Arc::clone(pool)),
            3 => {
                // Null values, repeated values, and wild codes under null.
                let null = arrow::array::new_null_array(pool.data_type(), 1);
                let values = compute::concat(&[pool.as_ref(), &null, pool.as_ref()]).unwrap();
                let code = |(at, row): (usize, Option<u32>)| match row {
                    Some(row) if at % 2 == 0 => row,
                    Some(row) => row + pool.len() as u32 + 1,
                    None if at % 2 == 0 => pool.len() as u32,
                    None => u32::MAX,
                };
                let codes: Vec<u32> = rows.iter().enumerate().map(code).collect();
                let valid: Vec<bool> = codes.iter().map(|&code| code != u32::MAX).collect();
                Column::dictionary(UInt32Array::new(codes.into(), Some(valid.into())), values)
            }
            4 => Column::flat(take(&rows)).dictionary_encoded(),
            _ => match rows.len() {
                0 => Column::flat(take(&rows)),
                count => Column::constant(Column::flat(take(&rows)).value(0).unwrap(), count),
            },
        }
    }
}

fn recipes() -> impl Strategy<Value = Vec<Recipe>> {
    let n_groups = prop_oneof![Just(1u32), 2..5u32, 20..60u32];
    (n_groups, 0..6usize).prop_flat_map(|(n_groups, batches)| {
        let batch =
            (prop_oneof![0..3usize, 60..80usize], 0..3u8).prop_flat_map(move |(len, density)| {
                let row = prop_oneof![1 => Just(None), 4 => (0..1000usize).prop_map(Some)];
                let valid = (0..1000usize).prop_map(Some);
                let rows = prop_oneof![
                    4 => prop::collection::vec(row, len),
                    4 => prop::collection::vec(valid, len),
                    1 => Just(vec![None; len]),
                ];
                let skewed = prop_oneof![3 => Just(0u32), 2 => 0..n_groups];
                let one = (0..n_groups).prop_map(move |group| vec![group; len]);
                let groups = prop_oneof![2 => prop::collection::vec(skewed, len), 1 => one];
                let chance = [1.0, 0.6, 0.05][usize::from(density)];
                let selected = prop::collection::vec(prop::bool::weighted(chance), len);
                (rows, 0..6usize, selected, groups, 0..3usize)
            });
        let places = Just((0..batches as u64).collect::<Vec<_>>()).prop_shuffle();
        (prop::collection::vec(batch, batches), places).prop_map(|(batches, places)| {
            let recipe = |((rows, encoding, selected, groups, partition), place)| Recipe {
                rows,
                encoding,
                selected,
                groups,
                partition,
                place,
            };
            batches.into_iter().zip(places).map(recipe).collect()
        })
    })
}

/// How many arguments a function takes.
fn args_of(function: &dyn AggregateFunction) -> usize {
    match function.name() {
        "len" => 0,
        "corr" => 2,
        _ => 1,
    }
}

/// The arguments of a batch, as whoever runs the function passes them.
fn arguments(function: &dyn AggregateFunction, column: Column, positions: Vec<u64>) -> Vec<Column> {
    let mut values = Vec::new();
    values.extend(vec![column; args_of(function)]);
    if function.properties().order_sensitive {
        values.push(Column::flat(Arc::new(UInt64Array::from(positions))));
    }
    values
}

/// The results of all groups, told in pieces.
fn finish(groups: &dyn GroupsAccumulator, n_groups: usize, out: &DataType) -> Result<Vec<Plain>> {
    let mut found = Vec::new();
    for range in pieces(n_groups) {
        let column = groups.finish(range.clone())?;
        assert_eq!((column.len(), column.data_type()), (range.len(), out));
        found.extend((0..range.len()).map(|row| Plain::at(&column, row)));
    }
    Ok(found)
}

fn pieces(n_groups: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n_groups)
        .step_by(7)
        .map(move |start| start..(start + 7).min(n_groups))
}

/// The only caller of the accumulators: all ways to the result agree with the oracle.
fn check(function: &dyn AggregateFunction, data_type: &DataType, batches: &[Recipe]) {
    let pool = pool(data_type);
    let args = vec![data_type.clone(); args_of(function)];
    let out = function.return_type(&args).unwrap();
    let used = batches.iter().flat_map(|b| &b.groups).max();
    // One group more than there are rows for.
    let n_groups = used.map_or(0, |&group| group as usize + 1) + 1;
    let mut rows: Vec<Vec<Row>> = vec![Vec::new(); n_groups];
    for batch in batches {
        let column = batch.column(&pool);
        for row in batch.selection().iter() {
            let value = Plain::at(&column, row);
            let position = batch.positions()[row];
            rows[batch.groups[row] as usize].push(Row { position, value });
        }
    }
    rows.iter_mut()
        .for_each(|rows| rows.sort_by_key(|row| row.position));
    let want: Vec<Result<Plain>> = rows
        .iter()
        .map(|rows| expected(function, data_type, rows))
        .collect();
    let overflows = want.iter().any(Result::is_err);
    let compare = |how: &str, found: Result<Vec<Plain>>| {
        if overflows {
            let error = found.expect_err(how);
            assert!(
                matches!(error.kind(), ErrorKind::Evaluation { .. }),
                "{error}"
            );
            return;
        }
        for (group, (found, want)) in found.unwrap().iter().zip(&want).enumerate() {
            let want = want.as_ref().unwrap();
            assert!(
                found.same(want),
                "{how}: {function:?} of {data_type}, group {group}: {found:?}, not {want:?}"
            );
        }
    };
    let fresh = || function.accumulator(&args).unwrap();
    let mut buffers = Buffers::default();
    let update = |into: &mut dyn GroupsAccumulator, batch: &Recipe, groups: &[u32], n| {
        let values = arguments(function, batch.column(&pool), batch.positions());
        into.update(
            groups,
            n,
            &values,
            &batch.selection(),
            &mut Buffers::default(),
        )
        .unwrap();
    };

    // One pass, with as many groups as have come so far.
    let mut single = fresh();
    let mut seen = 0;
    for batch in batches {
        let groups = batch.groups();
        seen = groups
            .iter()
            .fold(seen, |most, &g| most.max(g as usize + 1));
        update(single.as_mut(), batch, &groups, seen);
    }
    single
        .merge(&[], n_groups, &fresh_state(fresh().as_mut()))
        .unwrap();
    compare("one pass", finish(single.as_ref(), n_groups, &out));
    let most = rows.iter().map(Vec::len).max().unwrap_or(0) as u64;
    let mut known = vec![interval(data_type, batches)];
    // The digits here are more than the precision allows.
    known.extend((!is_decimal(data_type)).then(|| Interval::unknown(data_type)));
    for arg in known {
        let args = vec![arg; args_of(function)];
        let Some(bounds) = function.bounds(&args, most) else {
            continue;
        };
        let results = single.finish(0..n_groups).unwrap();
        for group in 0..n_groups {
            let result = results.value(group).unwrap();
            assert!(
                bounds.contains(&result),
                "{function:?} of {args:?}, {most} rows at most: {result} is not in {bounds:?}"
            );
        }
    }

    // Workers number the groups as they meet them, and hand on their states in pieces.
    let mut merged = fresh();
    for partition in 0..3 {
        let mut local = fresh();
        let mut numbers: Vec<u32> = Vec::new();
        for batch in batches.iter().filter(|b| b.partition == partition) {
            let mut groups = batch.groups();
            for group in &mut groups {
                let known = numbers.iter().position(|n| n == group);
                *group = known.unwrap_or_else(|| {
                    numbers.push(*group);
                    numbers.len() - 1
                }) as u32;
            }
            update(local.as_mut(), batch, &groups, numbers.len());
        }
        for range in pieces(numbers.len()) {
            let state = local.state(range.clone()).unwrap();
            assert!(state.iter().all(|column| column.len() == range.len()));
            merged.merge(&numbers[range], n_groups, &state).unwrap();
        }
        assert!(local.size() > 0 || numbers.is_empty());
    }
    merged
        .merge(&[], n_groups, &fresh_state(fresh().as_mut()))
        .unwrap();
    compare("merged", finish(merged.as_ref(), n_groups, &out));

    // Every row a state of its own.
    let mut converted = fresh();
    for batch in batches {
        let values = arguments(function, batch.column(&pool), batch.positions());
        let state = converted
            .convert_to_state(&values, &batch.selection())
            .unwrap();
        converted.merge(&batch.groups(), n_groups, &state).unwrap();
    }
    converted
        .merge(&[], n_groups, &fresh_state(fresh().as_mut()))
        .unwrap();
    compare("converted", finish(converted.as_ref(), n_groups, &out));

    // Groups that were emptied and filled again.
    converted.reset(0..n_groups).unwrap();
    let empty = expected(function, data_type, &[]).unwrap();
    for found in finish(converted.as_ref(), n_groups, &out).unwrap() {
        assert!(
            found.same(&empty),
            "{function:?} of {data_type}: {found:?} after reset"
        );
    }
    single.reset(0..n_groups / 2).unwrap();
    for batch in batches {
        let selection = batch.selection();
        let mut again = selection.clone();
        again.retain(|row| (batch.groups[row] as usize) < n_groups / 2);
        let groups: Vec<u32> = again.iter().map(|row| batch.groups[row]).collect();
        let values = arguments(function, batch.column(&pool), batch.positions());
        single
            .update(&groups, n_groups, &values, &again, &mut buffers)
            .unwrap();
    }
    compare("half reset", finish(single.as_ref(), n_groups, &out));
}

/// What the selected values are between.
fn interval(data_type: &DataType, batches: &[Recipe]) -> Interval {
    let pool = pool(data_type);
    let values = batches.iter().map(|batch| {
        let selection = batch.selection();
        let rows = UInt32Array::from_iter_values(selection.iter().map(|row| row as u32));
        compute::take(&batch.column(&pool).to_flat(), &rows, None).unwrap()
    });
    let values: Vec<ArrayRef> = values.collect();
    let ends = if values.is_empty() || !takes(&min::Min, data_type) {
        [None, None]
    } else {
        [&min::Min as &dyn AggregateFunction, &max::Max]
            .map(|edge| total(edge, &values).unwrap().value(0).ok())
    };
    let [least, greatest] = ends;
    Interval::between(data_type, least, greatest)
        .with_null(true)
        .with_nan(true)
}

/// The state of no groups.
fn fresh_state(groups: &mut dyn GroupsAccumulator) -> Vec<Column> {
    groups.state(0..0).unwrap()
}

fn with_options() -> Vec<Arc<dyn AggregateFunction>> {
    let mut all = functions();
    all.push(Arc::new(Count::new().nulls(true)));
    all.push(Arc::new(NUnique::new().nulls(true)));
    all.push(Arc::new(Var::new().ddof(0)));
    all.push(Arc::new(Std::new().ddof(3)));
    for count in [2, 3, 100] {
        all.push(Arc::new(top_k::TopK::<true> { count }));
        all.push(Arc::new(top_k::TopK::<false> { count }));
    }
    for share in [0.0, 0.3, 1.0] {
        all.push(Arc::new(quantile::Quantile { share }));
    }
    all.push(Arc::new(First::new().ignore_nulls(true)));
    all.push(Arc::new(Last::new().ignore_nulls(true)));
    all
}

/// Whether the function takes the type.
fn takes(function: &dyn AggregateFunction, data_type: &DataType) -> bool {
    let args = vec![data_type.clone(); args_of(function)];
    function.return_type(&args).is_ok() && function.accumulator(&args).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn all_ways_agree_with_the_oracle(batches in recipes(), chosen in 0..types().len()) {
        let data_type = types()[chosen].clone();
        for function in with_options() {
            if takes(function.as_ref(), &data_type) {
                check(function.as_ref(), &data_type, &batches);
            }
        }
    }
}

#[test]
fn types_that_are_taken() {
    let names = |data_type: &DataType| {
        let all = functions();
        let taken = all.iter().filter(|f| takes(f.as_ref(), data_type));
        taken
            .map(|f| f.name().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let all = "sum min max mean var std corr median quantile top_k bottom_k count len n_unique first last";
    for data_type in types() {
        let want = match &data_type {
            t if t.is_numeric() => all,
            DataType::List(_) => "count len first last",
            DataType::Null => "count len n_unique first last",
            _ => "min max top_k bottom_k count len n_unique first last",
        };
        assert_eq!(names(&data_type), want, "{data_type}");
    }
}

#[test]
fn results_have_the_type_of_their_kind() {
    use DataType as T;
    let check = |name: &str, data_type: T, want: T| {
        let all = functions();
        let function = all.iter().find(|f| f.name() == name).unwrap();
        assert_eq!(function.return_type(&[data_type]).unwrap(), want, "{name}");
    };
    let coded = T::Dictionary(Box::new(T::Int32), Box::new(T::Utf8));
    check("sum", T::Int8, T::Int64);
    check("sum", T::UInt16, T::UInt64);
    check("sum", T::Float32, T::Float64);
    check("sum", T::Decimal32(9, 2), T::Decimal128(38, 2));
    check("sum", T::Decimal256(40, 2), T::Decimal256(76, 2));
    check("mean", T::Decimal64(9, 2), T::Float64);
    check("min", T::Int8, T::Int8);
    check("max", coded.clone(), T::Utf8View);
    check("first", T::Binary, T::BinaryView);
    check("count", coded, T::Int64);
    let nullable = |function: &dyn AggregateFunction| function.properties().nullable;
    let never: Vec<String> = functions()
        .iter()
        .filter(|f| !nullable(f.as_ref()))
        .map(|f| f.name().to_owned())
        .collect();
    assert_eq!(never, ["count", "len", "n_unique"]);
    let error = min::Min.return_type(&[T::new_list(T::Int8, true)]);
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("min() takes values that have an order, not List"));
}

/// The result of all rows in one group.
fn total(function: &dyn AggregateFunction, batches: &[ArrayRef]) -> Result<Column> {
    let data_type = batches[0].data_type().clone();
    let mut groups = function.accumulator(&[data_type])?;
    for batch in batches {
        let selection = Selection::all(batch.len());
        let owners = vec![0; batch.len()];
        let values = [Column::flat(Arc::clone(batch))];
        groups.update(&owners, 1, &values, &selection, &mut Buffers::default())?;
    }
    groups.finish(0..1)
}

#[test]
fn sums_that_cannot_overflow() {
    use DataType as T;
    let sums =
        |data_type: &DataType, rows: u64| sum::Sum.bounds(&[Interval::unknown(data_type)], rows);
    let check = |data_type: T, rows: u64, safe: bool| {
        assert_eq!(
            sums(&data_type, rows).is_some(),
            safe,
            "{rows} of {data_type}"
        );
    };
    check(T::Int32, 1 << 32, true);
    check(T::Int32, (1 << 32) + 1, false);
    check(T::UInt32, 1 << 32, true);
    check(T::Int64, 1, true);
    check(T::Int64, 2, false);
    check(T::Decimal64(18, 2), i64::MAX as u64, true);
    check(T::Decimal128(19, 2), i64::MAX as u64, true);
    check(T::Decimal128(20, 2), i64::MAX as u64, false);
    check(T::Decimal256(40, 2), 1, false);
    check(T::Float32, i64::MAX as u64, true);
    let positive = Interval::between(&T::Int64, Some(1i64.into()), Some(50i64.into()));
    let bounds = sum::Sum.bounds(&[positive], 1_000).unwrap();
    assert!(bounds.contains(&0i64.into()) && bounds.contains(&50_000i64.into()));
    assert!(!bounds.contains(&(-1i64).into()) && !bounds.contains(&50_001i64.into()));
    assert!(bounds.may_be_null(), "the sum of no values");
    // The mean of what no sum holds is a float all the same.
    assert!(
        mean::Mean
            .bounds(&[Interval::unknown(&T::Int64)], u64::MAX)
            .is_some()
    );
}

#[test]
fn sums_are_checked_at_the_end() {
    let check = |values: &[i64], want: Result<i64, &str>| {
        let batches: Vec<ArrayRef> = values
            .iter()
            .map(|&v| Arc::new(Int64Array::from(vec![v])) as ArrayRef)
            .collect();
        for batches in [batches, vec![Arc::new(Int64Array::from(values.to_vec()))]] {
            let found = total(&sum::Sum, &batches).map(|c| c.value(0).unwrap().as_i128().unwrap());
            let found = found.map_err(|e| e.to_string());
            assert_eq!(found, want.map(i128::from).map_err(str::to_owned));
        }
    };
    let error = Err("overflow: the sum does not fit Int64");
    check(&[i64::MAX, 1, -1], Ok(i64::MAX));
    check(&[i64::MAX, i64::MAX, i64::MIN, i64::MIN, 2], Ok(0));
    check(&[i64::MAX, 1], error);
    check(&[i64::MIN, -1], error);
    check(&[i64::MIN, i64::MIN, 1], error);
}

#[test]
fn means_are_of_exact_sums() {
    let batch: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX; 4]));
    let found = total(&mean::Mean, &[batch]).unwrap().value(0).unwrap();
    assert_eq!(found.as_f64(), Some(i64::MAX as f64));
}

#[test]
fn nan_is_the_greatest() {
    let check = |values: &[f64], least: f64, greatest: f64| {
        let batch: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
        let of = |function: &dyn AggregateFunction| {
            let found = total(function, std::slice::from_ref(&batch)).unwrap();
            found.value(0).unwrap().as_f64().unwrap()
        };
        for (found, want) in [(of(&min::Min), least), (of(&max::Max), greatest)] {
            assert!(
                found == want || (found.is_nan() && want.is_nan()),
                "{values:?}: {found}"
            );
        }
    };
    check(&[f64::NAN, 1.0], 1.0, f64::NAN);
    check(&[-f64::NAN, f64::INFINITY], f64::INFINITY, f64::NAN);
    check(&[-f64::NAN, f64::NAN], f64::NAN, f64::NAN);
    check(&[f64::NEG_INFINITY], f64::NEG_INFINITY, f64::NEG_INFINITY);
}

#[test]
fn many_distinct_values() {
    const ROWS: u64 = 100_000;
    const GROUPS: u64 = 1000;
    let numbers: ArrayRef = Arc::new(UInt64Array::from_iter_values(
        (0..ROWS).map(|row| row * 7919 % 30_011),
    ));
    let texts: ArrayRef = Arc::new(
        (0..ROWS)
            .map(|row| Some(format!("value number {}", row * 7919 % 30_011)))
            .collect::<StringArray>(),
    );
    for values in [numbers, texts] {
        let function = NUnique::new();
        let owners: Vec<u32> = (0..ROWS).map(|row| (row % GROUPS) as u32).collect();
        let mut groups = function.accumulator(&[values.data_type().clone()]).unwrap();
        let selection = Selection::all(values.len());
        let columns = [Column::flat(values)];
        for _ in 0..2 {
            let n_groups = GROUPS as usize;
            groups
                .update(
                    &owners,
                    n_groups,
                    &columns,
                    &selection,
                    &mut Buffers::default(),
                )
                .unwrap();
        }
        let mut sets = vec![std::collections::BTreeSet::new(); GROUPS as usize];
        for row in 0..ROWS {
            sets[(row % GROUPS) as usize].insert(row * 7919 % 30_011);
        }
        let found = groups.finish(0..GROUPS as usize).unwrap();
        for (group, set) in sets.iter().enumerate() {
            assert_eq!(
                found.value(group).unwrap().as_i128(),
                Some(set.len() as i128)
            );
        }
    }
}

/// Pairs of group and value as they come, in batches: the counts, directly and merged of two halves
/// in either order, against sets of the standard library.
fn check_pairs(n_groups: u32, pairs: &[(u32, i64)], value: impl Fn(&[i64]) -> ArrayRef) {
    let mut sets = vec![std::collections::BTreeSet::new(); n_groups as usize];
    for &(group, number) in pairs {
        sets[group as usize].insert(number);
    }
    let want: Vec<i64> = sets.iter().map(|set| set.len() as i64).collect();
    let accumulator = || {
        let data_type = value(&[0]).data_type().clone();
        NUnique::new().accumulator(&[data_type]).unwrap()
    };
    let built = |pairs: &[(u32, i64)]| {
        let mut groups = accumulator();
        for batch in pairs.chunks(1000) {
            let owners: Vec<u32> = batch.iter().map(|pair| pair.0).collect();
            let numbers: Vec<i64> = batch.iter().map(|pair| pair.1).collect();
            let values = [Column::flat(value(&numbers))];
            let all = Selection::all(batch.len());
            let buffers = &mut Buffers::default();
            groups
                .update(&owners, n_groups as usize, &values, &all, buffers)
                .unwrap();
        }
        groups
    };
    let counts = |groups: &dyn GroupsAccumulator| {
        let counts = groups.finish(0..n_groups as usize).unwrap().to_flat();
        counts
            .as_primitive::<arrow::datatypes::Int64Type>()
            .values()
            .to_vec()
    };
    assert_eq!(counts(built(pairs).as_ref()), want);
    let (first, second) = pairs.split_at(pairs.len() / 3);
    for halves in [[first, second], [second, first]] {
        let mut merged = accumulator();
        for half in halves {
            let half = built(half);
            // In slices, as parts of cut states come.
            let state = half.state(0..n_groups as usize).unwrap();
            for range in pieces(n_groups as usize) {
                let numbers: Vec<u32> = (range.start as u32..range.end as u32).collect();
                let slice = |column: &Column| column.slice(range.start, range.len());
                let slices: Vec<Column> = state.iter().map(slice).collect();
                merged.merge(&numbers, n_groups as usize, &slices).unwrap();
            }
        }
        assert_eq!(counts(merged.as_ref()), want);
    }
}

#[test]
fn sets_of_all_shapes() {
    let mix = |n: u64| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as i64;
    let clustered: Vec<(u32, i64)> = (0..6000).map(|n| (n as u32 / 4, mix(n) % 3)).collect();
    let scattered: Vec<(u32, i64)> = (0..6000)
        .map(|n| ((mix(n) % 50) as u32, mix(n + 7) % 200 - 100))
        .collect();
    // One group outgrows its list, then others do; the last values do not fit 32 bits.
    let wide: Vec<(u32, i64)> = (0..6000u64)
        .map(|n| match n {
            0..3000 => (0, n as i64 % 2000),
            3000..5990 => (1 + n as u32 % 9, -mix(n) % 40),
            _ => (n as u32 % 10, i64::MIN >> (n % 5 * 8)),
        })
        .collect();
    let ints = |numbers: &[i64]| Arc::new(Int64Array::from(numbers.to_vec())) as ArrayRef;
    let floats = |numbers: &[i64]| {
        // Zeros and NaNs of both signs.
        let float = |(at, &n): (usize, &i64)| match (n, at % 2) {
            (0, 0) => -0.0,
            (1, 0) => -f64::NAN,
            (1, _) => f64::NAN,
            _ => n as f64,
        };
        let floats = numbers.iter().enumerate().map(float);
        Arc::new(Float64Array::from_iter_values(floats)) as ArrayRef
    };
    let decimals = |numbers: &[i64]| {
        let values = numbers.iter().map(|&n| i128::from(n) << 40);
        Arc::new(arrow::array::Decimal128Array::from_iter_values(values)) as ArrayRef
    };
    let texts = |numbers: &[i64]| {
        let texts = numbers.iter().map(|n| format!("{n:0>width$}", width = 3));
        Arc::new(StringArray::from_iter_values(texts)) as ArrayRef
    };
    for (n_groups, pairs) in [(1500, &clustered), (50, &scattered), (10, &wide)] {
        check_pairs(n_groups, pairs, ints);
        check_pairs(n_groups, pairs, decimals);
        check_pairs(n_groups, pairs, texts);
    }
    for (n_groups, pairs) in [(1500, &clustered), (50, &scattered)] {
        check_pairs(n_groups, pairs, floats);
    }
}

#[test]
fn states_of_encoded_columns() {
    // The same rows as constants, dictionaries and flat: one group, then several.
    let names: ArrayRef = Arc::new(StringArray::from(vec![
        Some("a text longer than a view"),
        None,
        Some(""),
        Some("a text longer than a view"),
    ]));
    let codes = UInt32Array::from(vec![Some(0), Some(3), None, Some(1), Some(2), Some(2)]);
    let dictionary = Column::dictionary(codes, names);
    let flat = Column::flat(dictionary.to_flat());
    let constant = Column::constant(dictionary.value(0).unwrap(), 6);
    for (owners, n_groups, want) in [([0; 6], 1, vec![3]), ([0, 1, 2, 2, 1, 0], 3, vec![2, 2, 2])] {
        let function = NUnique::new().nulls(true);
        let mut groups = function.accumulator(&[DataType::Utf8]).unwrap();
        for column in [&dictionary, &flat, &constant] {
            let values = std::slice::from_ref(column);
            let buffers = &mut Buffers::default();
            let all = Selection::all(6);
            groups
                .update(&owners, n_groups, values, &all, buffers)
                .unwrap();
        }
        let counts = groups.finish(0..n_groups).unwrap();
        let counts = (0..n_groups).map(|group| counts.value(group).unwrap().as_i128().unwrap());
        assert_eq!(counts.collect::<Vec<_>>(), want);
    }
}

#[test]
fn states_between_updates() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(1)]));
    let values = [Column::flat(values)];
    let mut groups = NUnique::new().accumulator(&[DataType::Int64]).unwrap();
    let buffers = &mut Buffers::default();
    let mut state = |n_groups: usize, owners: &[u32], rows: Vec<u32>| {
        let selection = Selection::from_rows(3, rows);
        groups
            .update(owners, n_groups, &values, &selection, buffers)
            .unwrap();
        let state = groups.state(0..n_groups).unwrap();
        let mut other = NUnique::new().accumulator(&[DataType::Int64]).unwrap();
        let same: Vec<u32> = (0..n_groups as u32).collect();
        other.merge(&same, n_groups, &state).unwrap();
        let counts = other.finish(0..n_groups).unwrap();
        (0..n_groups)
            .map(|group| counts.value(group).unwrap().as_i128().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(state(1, &[0], vec![0]), [1]);
    // A group more, without a value.
    assert_eq!(state(2, &[1], vec![1]), [1, 0]);
    assert_eq!(state(2, &[1], vec![2]), [1, 1]);
}

#[test]
fn rows_can_be_taken_back_from_counts() {
    let values = [Column::flat(Arc::new(BooleanArray::from(vec![
        Some(true),
        None,
        Some(false),
    ])))];
    let mut groups = Count::new().accumulator(&[DataType::Boolean]).unwrap();
    let all = Selection::all(3);
    groups
        .update(&[0, 0, 1], 2, &values, &all, &mut Buffers::default())
        .unwrap();
    groups
        .retract(&[0, 1], &values, &Selection::from_rows(3, vec![0, 1]))
        .unwrap();
    let found = groups.finish(0..2).unwrap();
    assert_eq!(found.value(0).unwrap().as_i128(), Some(0));
    assert_eq!(found.value(1).unwrap().as_i128(), Some(1));
}

#[test]
fn misuse_is_an_error() {
    let check = |found: Result<(), Error>| {
        let error = found.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Internal { .. }),
            "{error}"
        );
    };
    let values = [Column::flat(Arc::new(Int64Array::from(vec![1, 2])))];
    let all = Selection::all(2);
    for function in functions() {
        let args = vec![DataType::Int64; args_of(function.as_ref())];
        let mut groups = function.accumulator(&args).unwrap();
        check(groups.finish(0..1).map(drop));
        check(groups.state(0..1).map(drop));
        check(groups.reset(0..1));
        let buffers = &mut Buffers::default();
        // Too few groups; for `first` and `last` the positions are missing, too.
        let columns = vec![values[0].clone(); args.len()];
        check(groups.update(&[0], 1, &columns, &all, buffers));
        check(groups.merge(&[0], 1, &[]));
    }
    assert!(matches!(len().to_string().as_str(), "LEN()"));
}
