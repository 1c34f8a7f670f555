//! A sort that spills its runs when memory is short, and merges them from disk.

use std::io::{BufReader, BufWriter, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use esker_datatypes::{Batch, Error, Order, Result};
use esker_physical_plan::pipeline::{
    FinalizeTask, LocalSink, LocalSource, Sink, SinkStatus, Source, SourceStatus,
};
use esker_physical_plan::{PhysicalPlan, Role};
use esker_runtime::{MemoryBudget, Reservation, TaskContext};

use crate::{Row, Runner, batch, rows_of, scan};

#[derive(Debug, Default)]
struct Sort {
    runs: Mutex<Vec<Run>>,
    sorted: Mutex<Option<Vec<i64>>>,
    spilled: AtomicU64,
    reclaimed: AtomicU64,
}

#[derive(Debug)]
enum Run {
    Memory(
        Vec<i64>,
        #[expect(dead_code, reason = "held, not read")] Reservation,
    ),
    Disk(tempfile::NamedTempFile),
}

#[derive(Debug)]
struct SortSink(Arc<Sort>);

impl Sink for SortSink {
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn LocalSink>> {
        let reservation = cx.query.memory().reserve("sort");
        Ok(Box::new(LocalSort {
            sort: Arc::clone(&self.0),
            values: Vec::new(),
            reservation,
        }))
    }

    fn finalize(&self, stage: usize, _cx: &mut TaskContext) -> Result<Vec<FinalizeTask>> {
        if stage > 0 {
            return Ok(Vec::new());
        }
        let sort = Arc::clone(&self.0);
        Ok(vec![Box::new(move |_| {
            let mut all = Vec::new();
            for run in std::mem::take(&mut *sort.runs.lock().unwrap()) {
                match run {
                    Run::Memory(values, _) => all.extend(values),
                    Run::Disk(file) => {
                        let mut bytes = Vec::new();
                        let opened = file.reopen().map_err(|e| Error::io(file.path(), e))?;
                        BufReader::new(opened)
                            .read_to_end(&mut bytes)
                            .map_err(|e| Error::io(file.path(), e))?;
                        let values = bytes.chunks_exact(8);
                        all.extend(values.map(|b| i64::from_le_bytes(b.try_into().unwrap())));
                    }
                }
            }
            all.sort_unstable();
            *sort.sorted.lock().unwrap() = Some(all);
            Ok(())
        })])
    }

    fn output_source(&self) -> Option<Arc<dyn Source>> {
        Some(Arc::new(Sorted(Arc::clone(&self.0))))
    }
}

struct LocalSort {
    sort: Arc<Sort>,
    values: Vec<i64>,
    reservation: Reservation,
}

impl LocalSort {
    fn spill(&mut self) -> Result<u64> {
        let freed = self.reservation.size();
        if freed == 0 {
            return Ok(0);
        }
        self.values.sort_unstable();
        let file = tempfile::NamedTempFile::new().map_err(|e| Error::io("run", e))?;
        let mut out = BufWriter::new(file.as_file());
        for value in self.values.drain(..) {
            out.write_all(&value.to_le_bytes())
                .map_err(|e| Error::io(file.path(), e))?;
        }
        out.flush().map_err(|e| Error::io(file.path(), e))?;
        drop(out);
        self.sort.runs.lock().unwrap().push(Run::Disk(file));
        self.sort.spilled.fetch_add(1, Ordering::Relaxed);
        self.reservation.free();
        Ok(freed)
    }
}

impl LocalSink for LocalSort {
    fn consume(&mut self, input: &mut Batch, _cx: &mut TaskContext) -> Result<SinkStatus> {
        let bytes = 8 * input.selected() as u64;
        if self.reservation.try_grow(bytes).is_err() {
            self.spill()?;
            // Whoever else holds memory is asked to spill; until then there may be too little.
            if self.reservation.try_grow(bytes).is_err() {
                return Ok(SinkStatus::Blocked);
            }
        }
        self.values
            .extend(rows_of(input).into_iter().filter_map(|row| row[0]));
        Ok(SinkStatus::NeedInput)
    }

    fn reclaim(&mut self, _bytes: u64, _cx: &mut TaskContext) -> Result<u64> {
        let freed = self.spill()?;
        self.sort.reclaimed.fetch_add(freed, Ordering::Relaxed);
        Ok(freed)
    }

    fn combine(self: Box<Self>, _cx: &mut TaskContext) -> Result<()> {
        let Self {
            sort,
            mut values,
            reservation,
        } = *self;
        values.sort_unstable();
        sort.runs
            .lock()
            .unwrap()
            .push(Run::Memory(values, reservation));
        Ok(())
    }
}

#[derive(Debug)]
struct Sorted(Arc<Sort>);

impl Source for Sorted {
    fn open(&self, _cx: &mut TaskContext) -> Result<Box<dyn LocalSource>> {
        Ok(Box::new(Self(Arc::clone(&self.0))))
    }
}

impl LocalSource for Sorted {
    fn next(&mut self, out: &mut Batch, _cx: &mut TaskContext) -> Result<SourceStatus> {
        let Some(sorted) = self.0.sorted.lock().unwrap().take() else {
            return Ok(SourceStatus::Finished { splits: 1 });
        };
        let rows: Vec<Row> = sorted.into_iter().map(|value| vec![Some(value)]).collect();
        *out = batch(1, &rows).with_order(Order {
            ordinal: 0,
            sequence: 0,
            last: true,
        });
        Ok(SourceStatus::More)
    }
}

fn sort(input: PhysicalPlan) -> (PhysicalPlan, Arc<Sort>) {
    let sort = Arc::new(Sort::default());
    let schema = Arc::clone(input.schema());
    let role = Role::Breaker(Arc::new(SortSink(Arc::clone(&sort))));
    (
        PhysicalPlan::new(1, "SortExec", "", role, [input], schema),
        sort,
    )
}

fn input() -> Vec<Vec<Row>> {
    let value = |i: i64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64) >> 20;
    (0..20)
        .map(|s| (0..100).map(|i| vec![Some(value(s * 100 + i))]).collect())
        .collect()
}

#[test]
fn it_spills_under_a_small_limit_and_sorts_all_the_same() {
    let mut want = input().concat();
    want.sort();
    for limit in [None, Some(4000)] {
        // One worker: with more, each would have to wait for the memory of the others.
        let (plan, sort) = sort(scan(0, &["a"], &input(), 64));
        let memory = limit.map_or_else(MemoryBudget::unlimited, MemoryBudget::with_limit);
        // The result is larger than what the sort may hold: it is asked for as a stream.
        let runner = Runner::new(1, 64, Arc::clone(&memory));
        let mut got = Vec::new();
        let running = runner.start(&plan, esker_physical_plan::Delivery::Stream);
        match running.next_batch() {
            Ok(mut next) => {
                while let Some(batch) = next {
                    got.extend(crate::rows_of_arrow(&batch));
                    next = running.next_batch().unwrap();
                }
                assert_eq!(got, want);
            }
            // Runs in memory and the result together may be too much: said clearly.
            Err(error) => assert!(error.to_string().contains("result"), "{error}"),
        }
        let spilled = sort.spilled.load(Ordering::Relaxed);
        assert_eq!(spilled > 0, limit.is_some(), "{spilled} runs on disk");
    }
}

#[test]
fn it_is_asked_to_spill_for_others() {
    let (plan, sort) = sort(scan(0, &["a"], &input(), 64));
    let memory = MemoryBudget::with_limit(1 << 20);
    let runner = Runner::new(1, 64, Arc::clone(&memory));
    // Somebody else wants all but a little: refused, which asks the workers to reclaim.
    let mut other = memory.reserve("somebody else");
    let mut first = memory.reserve("the sort's share");
    first.try_grow(1000).unwrap();
    assert!(other.try_grow(1 << 20).is_err());
    assert!(memory.reclaim_requested().is_some());
    let running = runner.start(&plan, esker_physical_plan::Delivery::Stream);
    while let Ok(Some(_)) = running.next_batch() {}
    assert!(
        sort.reclaimed.load(Ordering::Relaxed) > 0,
        "the sink was asked"
    );
}
