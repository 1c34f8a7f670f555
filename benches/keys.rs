//! Keys of groups, joins and sorts, and distinct values, by kind: nanoseconds a row.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark fails by panicking"
)]

mod data;

use std::cell::LazyCell;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use esker_datatypes::{Buffers, Column, DataType, Selection};
use esker_functions::NUnique;
use esker_kernels::hash::hash_rows;
use esker_kernels::hash_table::{GroupTable, JoinKeys, JoinTable, Matches, ProbeState};
use esker_kernels::sort_key::{Run, SortKeys, SortOptions};
use esker_logical_expr::function::AggregateFunction;

/// Rows of a key, and of the build side of a join.
const ROWS: usize = 1 << 18;
/// Rows of a batch, and of a chunk of those that are kept.
const BATCH: usize = 8192;
const CHUNK: usize = 1 << 16;

/// The columns of each key.
const KEYS: [&[&str]; 9] = [
    &["i64 dense"],
    &["i64"],
    &["f64"],
    &["date"],
    &["decimal(12)"],
    &["decimal(38)"],
    &["text"],
    &["long text"],
    &["i64", "text"],
];

/// The columns of a key.
struct Rows {
    types: Vec<DataType>,
    /// Slices of the columns, each with its number of rows.
    batches: Vec<(Vec<Column>, usize)>,
}

impl Rows {
    /// Each column has these numbers.
    fn new(kinds: &[&str], numbers: &[Option<u64>], step: usize) -> Self {
        let columns = kinds.iter().map(|kind| data::array(kind, numbers));
        let columns: Vec<Column> = columns.map(Column::flat).collect();
        let batch = |start| {
            let len = step.min(numbers.len() - start);
            let slices = columns.iter().map(|column| column.slice(start, len));
            (slices.collect(), len)
        };
        Self {
            types: columns.iter().map(|c| c.value_type().clone()).collect(),
            batches: (0..numbers.len()).step_by(step).map(batch).collect(),
        }
    }

    /// The batches, each with its number of rows.
    fn each(&self) -> impl Iterator<Item = (Vec<&Column>, usize)> {
        let batches = self.batches.iter();
        batches.map(|(columns, rows)| (columns.iter().collect(), *rows))
    }

    /// The table of a join whose build side these rows are.
    fn build(&self, buffers: &mut Buffers) -> JoinTable {
        let keys = Arc::new(JoinKeys::new(&self.types, false, false).unwrap());
        let chunks = self
            .each()
            .map(|(columns, rows)| keys.prepare(&columns, rows, buffers));
        let chunks: Vec<_> = chunks.collect::<Result<_, _>>().unwrap();
        let part = JoinTable::build_part(&keys, &chunks, 0, 1).unwrap();
        JoinTable::assemble(keys, vec![part])
    }
}

/// Measures what is run on what is made for each key.
fn each_key<T>(c: &mut Criterion, title: &str, make: impl Fn(&[&str]) -> T, run: impl FnMut(&T)) {
    each_of(&KEYS, c, title, make, run);
}

fn each_of<T>(
    keys: &[&[&str]],
    c: &mut Criterion,
    title: &str,
    make: impl Fn(&[&str]) -> T,
    mut run: impl FnMut(&T),
) {
    let mut group = c.benchmark_group(title);
    group.throughput(Throughput::Elements(ROWS as u64));
    for kinds in keys {
        // Made when the case is among those that are measured.
        let made = LazyCell::new(|| make(kinds));
        group.bench_function(kinds.join(", "), |b| {
            let made = &*made;
            b.iter(|| run(made));
        });
    }
    group.finish();
}

fn hash(c: &mut Criterion) {
    let rows = |kinds: &[&str]| Rows::new(kinds, &data::numbers(ROWS, 1 << 24, 1), BATCH);
    let mut hashes = Vec::new();
    each_key(c, "hash", rows, |rows| {
        for (columns, count) in rows.each() {
            hash_rows(&columns, &Selection::all(count), 0, &mut hashes).unwrap();
            black_box(&hashes);
        }
    });
}

fn group_by(c: &mut Criterion) {
    let (mut buffers, mut groups) = (Buffers::default(), Vec::new());
    let scattered = [16, 1 << 12, 1 << 20].map(|distinct| {
        let title = format!("group by/{distinct} values");
        (title, data::numbers(ROWS, distinct, 1))
    });
    let sorted = (0..ROWS as u64).map(|row| Some(row / 4)).collect();
    let sorted = ("group by/sorted values".to_owned(), sorted);
    for (title, numbers) in scattered.into_iter().chain([sorted]) {
        let rows = |kinds: &[&str]| Rows::new(kinds, &numbers, BATCH);
        each_key(c, &title, rows, |rows| {
            let mut table = GroupTable::new(&rows.types).unwrap();
            for (columns, count) in rows.each() {
                let all = Selection::all(count);
                table
                    .intern(&columns, &all, &mut buffers, &mut groups)
                    .unwrap();
            }
            black_box(table.len());
        });
    }
}

/// Distinct values of groups whose rows lie beside each other, of scattered ones, and of all rows.
fn n_unique(c: &mut Criterion) {
    let numbers = data::numbers(ROWS, 1 << 14, 1);
    let clustered = (0..ROWS as u32).map(|row| row / 4).collect();
    let scattered = data::numbers(ROWS, 1 << 14, 0).into_iter().rev();
    let scattered = scattered.map(|n| n.unwrap_or(0) as u32).collect();
    let groups: [(&str, Vec<u32>); 3] = [
        ("groups of 4 rows", clustered),
        ("scattered groups", scattered),
        ("one group", vec![0; ROWS]),
    ];
    let mut buffers = Buffers::default();
    for (title, groups) in groups {
        let n_groups = groups.iter().max().map_or(0, |&group| group as usize + 1);
        let rows = |kinds: &[&str]| Rows::new(kinds, &numbers, BATCH);
        let title = format!("n_unique/{title}");
        // One column each.
        each_of(&KEYS[..KEYS.len() - 1], c, &title, rows, |rows| {
            let mut sets = NUnique::new().accumulator(&rows.types).unwrap();
            for ((columns, count), groups) in rows.each().zip(groups.chunks(BATCH)) {
                let (values, all) = ([columns[0].clone()], Selection::all(count));
                sets.update(groups, n_groups, &values, &all, &mut buffers)
                    .unwrap();
            }
            black_box(sets.finish(0..n_groups).unwrap());
        });
    }
}

/// Numbers that are all different, in no order.
fn unique() -> Vec<Option<u64>> {
    // An odd factor permutes the numbers below a power of two.
    let number = |row| row * 0x9e37_79b1 % ROWS as u64;
    (0..ROWS as u64).map(|row| Some(number(row))).collect()
}

fn join(c: &mut Criterion) {
    let mut buffers = Buffers::default();
    let build = |kinds: &[&str]| Rows::new(kinds, &unique(), CHUNK);
    each_key(c, "join build", build, |rows| {
        black_box(rows.build(&mut buffers).rows());
    });
    // Half of the rows find one.
    let numbers = data::numbers(ROWS, 2 * ROWS as u64, 0);
    let probe = |kinds: &[&str]| {
        let table = build(kinds).build(&mut Buffers::default());
        (table, Rows::new(kinds, &numbers, BATCH))
    };
    let (mut state, mut found) = (ProbeState::default(), Matches::default());
    each_key(c, "join probe", probe, |(table, rows)| {
        for (columns, count) in rows.each() {
            let all = Selection::all(count);
            table
                .probe(&columns, &all, &mut state, &mut buffers, &mut found)
                .unwrap();
            black_box(&found);
        }
    });
}

fn sort(c: &mut Criterion) {
    let options = SortOptions {
        descending: false,
        nulls_first: false,
    };
    let mut buffers = Buffers::default();
    for distinct in [16, 1 << 24] {
        let rows = |kinds: &[&str]| Rows::new(kinds, &data::numbers(ROWS, distinct, 1), CHUNK);
        each_key(c, &format!("sort/{distinct} values"), rows, |rows| {
            let types = rows
                .types
                .iter()
                .map(|data_type| (data_type.clone(), options));
            let keys = SortKeys::new(&types.collect::<Vec<_>>()).unwrap();
            let encoded = rows
                .each()
                .map(|(columns, count)| keys.encode(&columns, count, &mut buffers));
            let encoded: Vec<_> = encoded.collect::<Result<_, _>>().unwrap();
            black_box(Run::sort(&encoded, 0..encoded.len()).ids());
        });
    }
}

criterion_group! { name = benches; config = data::short(); targets = hash, group_by, n_unique, join, sort }
criterion_main!(benches);
