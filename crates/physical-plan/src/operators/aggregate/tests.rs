//! Workers, parts and orders of all sorts, driven by hand: what comes out is what an oracle says,
//! whichever worker had which split and whoever runs the tasks.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, UInt64Array};
use arrow::datatypes::{Int64Type, UInt64Type};
use esker_datatypes::{Buffers, Column, DataType, Field, Order, Schema, Selection};
use esker_logical_expr::Expr;
use esker_logical_expr::function::{
    AggregateFunction, AggregateProperties, GroupsAccumulator, Signature,
};
use proptest::prelude::*;

use super::*;
use crate::expression::Program;
use crate::pipeline::{BEHIND_ALL, SourceStatus};

/// The position of the first row: order-sensitive, and all of it can be seen.
#[derive(Debug)]
struct Earliest;

impl AggregateFunction for Earliest {
    fn name(&self) -> &str {
        "earliest"
    }

    fn signature(&self) -> Signature {
        Signature::any(1..=1)
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    fn properties(&self) -> AggregateProperties {
        let mut properties = AggregateProperties::default();
        properties.order_sensitive = true;
        properties
    }

    fn accumulator(&self, _args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Positions(Vec::new())))
    }
}

struct Positions(Vec<u64>);

impl Positions {
    fn meet(&mut self, groups: &[u32], n_groups: usize, positions: impl Iterator<Item = u64>) {
        self.0.resize(n_groups, u64::MAX);
        for (&group, position) in groups.iter().zip(positions) {
            let first = &mut self.0[group as usize];
            *first = position.min(*first);
        }
    }
}

impl GroupsAccumulator for Positions {
    fn update(
        &mut self,
        groups: &[u32],
        n_groups: usize,
        values: &[Column],
        selection: &Selection,
        _buffers: &mut Buffers,
    ) -> Result<()> {
        assert_eq!(groups.len(), selection.count());
        let [_, positions] = values else {
            panic!("an argument and the positions");
        };
        let positions = positions.to_flat();
        let positions: &UInt64Array = positions.as_primitive::<UInt64Type>();
        let positions = selection.iter().map(|row| positions.value(row));
        self.meet(groups, n_groups, positions);
        Ok(())
    }

    fn merge(&mut self, groups: &[u32], n_groups: usize, state: &[Column]) -> Result<()> {
        let positions = state[0].to_flat();
        let positions: &UInt64Array = positions.as_primitive::<UInt64Type>();
        self.meet(groups, n_groups, positions.values().iter().copied());
        Ok(())
    }

    fn state(&self, groups: Range<usize>) -> Result<Vec<Column>> {
        Ok(vec![self.finish(groups)?])
    }

    fn finish(&self, groups: Range<usize>) -> Result<Column> {
        let positions = UInt64Array::from(self.0[groups].to_vec());
        Ok(Column::flat(Arc::new(positions)))
    }

    fn size(&self) -> usize {
        self.0.capacity() * 8
    }
}

/// The key, the position of the first row, and its value.
type Row = (Option<i64>, u64, i64);

/// A split's batches: a key for each row, and whether it is selected.
type Split = Vec<Vec<(Option<i64>, bool)>>;

/// What is asked for, and what must not matter.
#[derive(Clone, Debug)]
struct Case {
    splits: Vec<Split>,
    /// Which worker has which split.
    workers: Vec<usize>,
    /// When a split comes, among the others: groups do not need them in their order.
    turns: Vec<usize>,
    /// The last split is what one worker has behind all splits.
    behind: bool,
    aggregate: bool,
    options: GroupingOptions,
}

const WORKERS: usize = 3;

fn cases() -> impl Strategy<Value = Case> {
    let keys = prop_oneof![Just(1i64), Just(4), Just(10_000)];
    let splits = keys.prop_flat_map(|keys| {
        let key = prop_oneof![1 => Just(None), 8 => (0..keys).prop_map(Some)];
        let rows = prop::collection::vec((key, prop::bool::weighted(0.7)), 0..40);
        prop::collection::vec(prop::collection::vec(rows, 0..4), 0..7)
    });
    // Sorted by their keys, all of them or but for one row; overlapping here and there.
    let sorted = prop_oneof![
        2 => Just(None),
        2 => Just(Some(None)),
        1 => any::<prop::sample::Index>().prop_map(|row| Some(Some(row))),
    ];
    let splits = (splits, sorted, prop::bool::ANY).prop_map(|(mut splits, sorted, nulls)| {
        if let Some(but) = sorted {
            sort(&mut splits, but, nulls);
        }
        splits
    });
    let any = || prop::bool::ANY;
    let batch_size = prop_oneof![Just(1usize), Just(3), Just(1000)];
    let few = prop_oneof![Just(0usize), Just(1000)];
    let aside = prop_oneof![Just(1usize), Just(3), Just(1 << 18)];
    let workers = prop::collection::vec(0..WORKERS, 7);
    let shuffled = Just((0..7).collect::<Vec<usize>>()).prop_shuffle();
    let turns = prop_oneof![Just((0..7).collect::<Vec<usize>>()), shuffled];
    let flags = (any(), any(), any(), any());
    (splits, workers, turns, batch_size, (few, aside), flags).prop_map(
        |(
            splits,
            workers,
            turns,
            batch_size,
            (few, aside),
            (behind, aggregate, maintain_order, constant),
        )| Case {
            splits,
            workers,
            turns,
            behind,
            aggregate,
            options: GroupingOptions {
                maintain_order,
                constant_hash: constant,
                few,
                aside,
                ..GroupingOptions::new(batch_size)
            },
        },
    )
}

/// Gives the rows their keys in ascending order, but for one row; with or without nulls.
fn sort(splits: &mut [Split], but: Option<prop::sample::Index>, nulls: bool) {
    let rows = || splits.iter().flatten().flatten();
    let mut keys: Vec<_> = rows()
        .map(|(key, _)| key.or((!nulls).then_some(7)))
        .collect();
    keys.sort();
    if let Some(but) = but.filter(|_| !keys.is_empty()) {
        let (row, len) = (but.index(keys.len()), keys.len());
        keys.swap(row, (row * 7 + 3) % len);
    }
    let rows = splits.iter_mut().flatten().flatten();
    rows.zip(keys).for_each(|((key, _), sorted)| *key = sorted);
}

impl Case {
    fn ordinal(&self, split: usize) -> u64 {
        if self.behind && split + 1 == self.splits.len() {
            BEHIND_ALL
        } else {
            split as u64
        }
    }

    fn sink(&self) -> HashAggregateExec {
        let input: Schema = ["k", "v"]
            .map(|name| Field::new(name, DataType::Int64, true))
            .into_iter()
            .collect();
        let columns: Vec<Expr> = input.fields().iter().map(Expr::column).collect();
        let program = Program::compile(&columns.iter().collect::<Vec<_>>(), &input).unwrap();
        let spec = if self.aggregate {
            let call = Expr::aggregate(Arc::new(Earliest), [columns[1].clone()]);
            let schema = ["k", "first"]
                .into_iter()
                .zip([DataType::Int64, DataType::UInt64]);
            let schema = schema.map(|(name, data_type)| Field::new(name, data_type, true));
            let schema = Arc::new(schema.collect());
            Grouping::aggregate(program, 1, &[call], schema, self.options)
        } else {
            Grouping::first_rows(program, 1, vec![0, 1], Arc::new(input), self.options)
        };
        HashAggregateExec::new(spec.unwrap())
    }

    /// The first rows of all groups, in their order; values are numbers of rows.
    fn oracle(&self) -> Vec<Row> {
        let mut firsts = BTreeMap::new();
        let mut value = 0;
        for (split, batches) in self.splits.iter().enumerate() {
            let split = self.ordinal(split).min((1 << 28) - 1) << 36;
            for (row, (key, selected)) in (0u64..).zip(batches.iter().flatten()) {
                if *selected {
                    firsts.entry(*key).or_insert((split + row, value));
                }
                value += 1;
            }
        }
        let row = |(key, (position, value))| (key, position, value);
        let mut rows: Vec<Row> = firsts.into_iter().map(row).collect();
        rows.sort_by_key(|row| row.1);
        rows
    }

    /// Feeds the batches to the workers that have their splits.
    fn consume(&self, sink: &HashAggregateExec, cx: &mut TaskContext) {
        let mut locals: Vec<_> = (0..WORKERS).map(|_| sink.open(cx).unwrap()).collect();
        let numbered = (0i64..).map(Some);
        for &split in &self.turns {
            let Some(batches) = self.splits.get(split) else {
                continue;
            };
            let before = self.splits[..split].iter().flatten().map(Vec::len).sum();
            let mut numbers = numbered.clone().skip(before);
            for (sequence, rows) in (0u32..).zip(batches) {
                let keys: Int64Array = rows.iter().map(|(key, _)| *key).collect();
                let values: Int64Array = numbers.by_ref().take(rows.len()).collect();
                let columns = vec![Column::flat(Arc::new(keys)), Column::flat(Arc::new(values))];
                let mut batch = Batch::new(columns, rows.len()).with_order(Order {
                    ordinal: self.ordinal(split),
                    sequence,
                    last: false,
                });
                batch.selection_mut().retain(|row| rows[row].1);
                let status = locals[self.workers[split]].consume(&mut batch, cx).unwrap();
                assert_eq!(status, SinkStatus::NeedInput);
            }
        }
        for local in locals {
            local.combine(cx).unwrap();
        }
    }

    /// What comes out, by several workers in turn.
    fn rows(&self, sink: &HashAggregateExec, cx: &mut TaskContext) -> Vec<(Option<i64>, u64)> {
        let source = sink.output_source().unwrap();
        let mut sources: Vec<_> = (0..WORKERS).map(|_| source.open(cx).unwrap()).collect();
        let mut batches = Vec::new();
        let mut splits = 0;
        while !sources.is_empty() {
            sources.retain_mut(|source| {
                let mut out = Batch::default();
                match source.next(&mut out, cx).unwrap() {
                    SourceStatus::More => batches.push(out),
                    SourceStatus::Blocked => panic!("there is nothing to wait for"),
                    SourceStatus::Finished { splits: all } => {
                        splits = all;
                        return false;
                    }
                }
                true
            });
        }
        batches.sort_by_key(Batch::order);
        let ends = batches.iter().filter(|batch| batch.order().last);
        let ends: Vec<u64> = ends.map(|batch| batch.order().ordinal).collect();
        assert_eq!(
            ends,
            (0..splits).collect::<Vec<_>>(),
            "each split has an end"
        );
        let mut rows = Vec::new();
        for batch in batches {
            assert!((1..=self.options.batch_size).contains(&batch.rows()));
            let [keys, values] = batch.columns() else {
                panic!("two columns");
            };
            let (keys, values) = (keys.to_flat(), values.to_flat());
            let keys = keys.as_primitive::<Int64Type>();
            for row in 0..batch.rows() {
                let value = if self.aggregate {
                    values.as_primitive::<UInt64Type>().value(row)
                } else {
                    values.as_primitive::<Int64Type>().value(row) as u64
                };
                rows.push((keys.is_valid(row).then(|| keys.value(row)), value));
            }
        }
        rows
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn groups_are_those_of_the_oracle(case in cases(), backwards in prop::bool::ANY) {
        let mut cx = TaskContext::standalone();
        let sink = case.sink();
        case.consume(&sink, &mut cx);
        for stage in 0.. {
            let mut tasks = sink.finalize(stage, &mut cx).unwrap();
            if tasks.is_empty() {
                break;
            }
            if backwards {
                tasks.reverse();
            }
            for task in tasks {
                task(&mut cx).unwrap();
            }
        }
        let (held, used) = (sink.held(), cx.query.memory().used());
        assert_eq!(held > 0, !case.oracle().is_empty());
        assert_eq!(held, used);
        let found = case.rows(&sink, &mut cx);
        assert_eq!(cx.query.memory().used(), 0, "all memory is given back");
        let value = |row: Row| (row.0, if case.aggregate { row.1 } else { row.2 as u64 });
        let mut want: Vec<_> = case.oracle().into_iter().map(value).collect();
        let mut found = found;
        if !case.options.maintain_order {
            found.sort();
            want.sort();
        }
        assert_eq!(found, want);
    }
}

#[test]
fn kept_columns_are_reserved_while_they_are_copied() {
    let batch = (0..2000).map(|key| (Some(key), true)).collect::<Vec<_>>();
    let more = (2000..4000).map(|key| (Some(key), true)).collect();
    let case = Case {
        splits: vec![vec![batch, more]],
        workers: vec![0],
        turns: vec![0],
        behind: false,
        aggregate: false,
        options: GroupingOptions::new(1000),
    };
    let (mut cx, sink) = (TaskContext::standalone(), case.sink());
    case.consume(&sink, &mut cx);
    let before = cx.query.memory().used();
    let tasks = sink.finalize(0, &mut cx).unwrap();
    tasks.into_iter().for_each(|task| task(&mut cx).unwrap());
    // The value of each group's first row, twice.
    let copied = cx.query.memory().peak() - before;
    assert!(copied >= 4000 * 8, "{copied}");
    assert!(sink.finalize(1, &mut cx).unwrap().is_empty());
    assert!(cx.query.memory().used() < before + 4000);
    assert_eq!(sink.held(), cx.query.memory().used());
}

#[test]
fn keys_that_cease_to_ascend_are_hashed_when_there_is_room() {
    let ascending = || (0..5000).map(|key| (Some(key * 100_000), true)).collect();
    for (end, ascends) in [(7_000_000_000, true), (700_000, false)] {
        let case = Case {
            splits: vec![vec![ascending(), vec![(Some(end), true)]]],
            workers: vec![0],
            turns: vec![0],
            behind: false,
            aggregate: true,
            options: GroupingOptions::new(1000),
        };
        let (mut cx, sink) = (TaskContext::standalone(), case.sink());
        case.consume(&sink, &mut cx);
        let memory = cx.query.memory();
        // The columns that the keys are hashed as are gone by now.
        let gone = memory.peak() - memory.used();
        assert_eq!(gone >= 5000 * 8, !ascends, "{gone}");
    }
}

/// Workers take turns at splits of sorted keys: each table ascends, none is merged, and what two of
/// them have met at the end of a split comes out once.
#[test]
fn tables_of_sorted_input_stay_where_they_are() {
    // Each split begins with the key that the one before ends with.
    let split = |number: i64| {
        let rows = (0..1000).map(|row| (Some((number * 999 + row) * 100_000), true));
        let rows: Vec<_> = rows.collect();
        rows.chunks(300).map(<[_]>::to_vec).collect::<Split>()
    };
    for (aggregate, maintain_order) in [(true, false), (true, true), (false, false), (false, true)]
    {
        let case = Case {
            splits: (0..30).map(split).collect(),
            workers: (0..30).map(|split| split * split % WORKERS).collect(),
            turns: (0..30).collect(),
            behind: false,
            aggregate,
            options: GroupingOptions {
                maintain_order,
                few: 100,
                ..GroupingOptions::new(1000)
            },
        };
        let (mut cx, sink) = (TaskContext::standalone(), case.sink());
        case.consume(&sink, &mut cx);
        let before = cx.query.memory().used();
        let tasks = sink.finalize(0, &mut cx).unwrap();
        tasks.into_iter().for_each(|task| task(&mut cx).unwrap());
        match &*sink.shared.phase.lock().unwrap() {
            Phase::Merging { .. } => {}
            _ => panic!("tables that take turns are cut"),
        }
        assert!(!aggregate || cx.query.memory().peak() < before + before / 10);
        for stage in 1.. {
            let tasks = sink.finalize(stage, &mut cx).unwrap();
            if tasks.is_empty() {
                break;
            }
            tasks.into_iter().for_each(|task| task(&mut cx).unwrap());
        }
        assert_eq!(sink.held(), cx.query.memory().used());
        let mut found = case.rows(&sink, &mut cx);
        let value = |row: Row| (row.0, if aggregate { row.1 } else { row.2 as u64 });
        let want: Vec<_> = case.oracle().into_iter().map(value).collect();
        if !maintain_order {
            found.sort();
        }
        assert_eq!(found, want);
        assert_eq!(found.len(), 30 * 999 + 1);
    }
}
